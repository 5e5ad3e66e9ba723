#!/bin/sh
# podium parity on golden cases of fine-tuned models: they agree, by the mode's own rule of what is
# frozen as well as by the case's list, and a wrong one is noticed.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
golden=tests/golden/models
for name in phm_full phm_rank1 phm_factorized_rule phm_adapter_shared_rule bert_encoder_cls_types \
    compacter_bert compacter_plusplus_t5 adapter_bert low_rank_adapter_bert lora_bert bitfit_bert; do
    case=$golden/$name.json
    check 0 "$name holds to 1e-9 on ref" "$podium" parity --device ref "$case"
    check 0 "$name holds to 2e-4 on cpu" "$podium" parity --device cpu "$case"
    cp "$golden/$name.safetensors" "$tmp/"
    sed 's/^ *"frozen": \[.*\],$//; s/"frozen": \[/"thawed": [/' "$case" >"$tmp/$name.json"
    check 0 "$name freezes the same by its mode alone" "$podium" parity --device ref \
        "$tmp/$name.json"
done
wrong() { # CASE SED WHAT
    sed "$2" "$golden/$1.json" >"$tmp/wrong.json"
    check "$4" "$3" "$podium" parity --device ref "$tmp/wrong.json"
}
wrong compacter_bert 's/"activation": "gelu_tanh"/"activation": "gelu_erf"/' \
    "another activation of the adapters fails" 1
wrong lora_bert 's/"alpha": 4.0/"alpha": 4.1/' "another scale of the low-rank updates fails" 1
wrong compacter_plusplus_t5 's/"relative_max_distance": 20/"relative_max_distance": 4/' \
    "other relative positions fail" 1
wrong bert_encoder_cls_types 's/"first token (no tanh pooler)"/"mean over unmasked tokens"/' \
    "another pooling fails" 1
wrong adapter_bert 's/"kind": "adapter"/"kind": "unheard of"/' "an unknown kind is an input error" 2
wrong phm_rank1 's/"phm_dim": 4/"phm_dim": 5/' "a dimension that does not divide is an input error" 2
sed 's/"schema"/"weights": {"stored": false}, "schema"/' "$golden/bert_encoder_cls_types.json" \
    >"$tmp/published.json"
cp "$golden/bert_encoder_cls_types.safetensors" "$tmp/"
check 2 "a case of published weights without them is an input error" \
    env -u PODIUM_WEIGHTS "$podium" parity --device ref "$tmp/published.json"
grep -q "PODIUM_WEIGHTS" "$tmp/out"
check 0 "and the message says what it needs" test $? = 0
check 2 "so is a folder without them" "$podium" parity --weights "$tmp" "$tmp/published.json"
mkdir "$tmp/cola" "$tmp/bad"
for f in train dev; do printf 'a\t1\t\tThey slept.\nb\t0\t*\tThem slept.\n' >"$tmp/cola/$f.tsv"; done
printf 'x\tone\n' >"$tmp/bad/train.tsv"
printf 'y\tother\n' >"$tmp/bad/valid.tsv"
glue() { # SET FORMAT
    printf '%s\n' 'workload: compacter' \
        'model: {width: 16, depth: 1, heads: 2, mlp: 32, positions: 24, tokens: 24, mode: bitfit}' \
        'training: {batch: 2, steps: 3}' "tasks: {one: {set: $1, format: $2}}" >"$tmp/glue.yaml"
    "$podium" task train "$tmp/glue.yaml" --data "$tmp" --dir "$tmp" --threads 1
}
check 0 "a task in GLUE's layout is read" glue cola cola
check 2 "a layout of another task is refused" glue cola boolq
check 2 "a class that training lacks is refused" glue bad tsv
text=$tmp/text
i=0; while [ $i -lt 200 ]; do echo "package $((i * 7919 % 997)). says little of $((i * 7919 % 997)), but says it again"; \
    i=$((i + 1)); done >"$text"
recipe() { # STAGES...
    printf '%s\n' 'model: {width: 16, depth: 1, heads: 2, mlp: 32, positions: 24}' 'eval_every: 4' 'save_every: 5' 'stages:' "$@" \
        >"$tmp/recipe.yaml"
}
backbone() { "$podium" data backbone --recipe "$tmp/recipe.yaml" --text "$text" --threads 1 "$@"; }
masked='  - {objective: masked, mask_share: 0.2, tokens: 16, batch: 4, steps: 8, warmup: 2, learning_rate: 0.01}'
pairs='{objective: contrastive, tokens: 24, batch: 4, steps: 8, warmup: 2, learning_rate: 0.01'
recipe "$masked" "  - $pairs}"
check 0 "a backbone is pretrained in one go" backbone --out "$tmp/a"
check 0 "in stages" test "$(grep -c masked "$tmp/a.log") $(grep -c contrastive "$tmp/a.log")" = "2 2"
check 1 "another stops on the way" backbone --out "$tmp/b" --stop-after 7
check 1 "and where a stage ends" backbone --out "$tmp/b" --stop-after 1
check 1 "and in the next" backbone --out "$tmp/b" --stop-after 3
check 0 "and goes on" backbone --out "$tmp/b"
check 0 "to the same bytes" cmp "$tmp/a" "$tmp/b"
echo "merges: 30" >>"$tmp/recipe.yaml"
check 0 "with merges of its own" backbone --out "$tmp/c"
check 0 "that lie beside it" grep -q "^podium-bpe 1 30 " "$tmp/c.bpe"
sed -i 's/merges: 30/merges: 20/' "$tmp/recipe.yaml"
cp "$tmp/c" "$tmp/c.kept"
rm -f "$tmp/c" "$tmp/c.checkpoint"
check 2 "those of another recipe are not taken" backbone --out "$tmp/c"
check 0 "nor replaced" grep -q "^podium-bpe 1 30 " "$tmp/c.bpe"
sed -i 's/merges: 20/merges: 30/' "$tmp/recipe.yaml"
check 0 "the same ones are" backbone --out "$tmp/c"
check 0 "and lead to the same bytes" cmp "$tmp/c" "$tmp/c.kept"
check 2 "a checkpoint of another recipe is refused" backbone --out "$tmp/b"
recipe "$masked" "  - $pairs}"
cp "$text" "$tmp/text.kept"
echo "one more line" >>"$text"
check 2 "a checkpoint of another text is refused" backbone --out "$tmp/b"
cp "$tmp/text.kept" "$text"
recipe "  - $pairs, temperature: 1000000}"
check 0 "where all cosines count the same" backbone --out "$tmp/even"
check 0 "the contrastive loss is the logarithm of the batch" grep -q '"loss": 1.38629[34], "held_out": 1.38629[34]' "$tmp/even.log"
recipe "  - $(echo "$pairs" | sed 's/steps: 8/steps: 120/')}"
check 0 "pairs are learnt" backbone --out "$tmp/learnt"
check 0 "of texts that training has not seen too" awk -F'[:}]' 'END { exit !($5 < 1.0) }' "$tmp/learnt.log"
recipe "  - $pairs, mask_share: 0.2}"
check 2 "a key of another objective is refused" backbone --out "$tmp/d"
recipe "$masked" '  - {objective: causal, tokens: 16, batch: 4, steps: 8, warmup: 2, learning_rate: 0.01}'
check 2 "so is a network that shall be causal and masked" backbone --out "$tmp/d"
recipe "  - $(echo "$pairs" | sed 's/batch: 4/batch: 5/')}"
check 2 "and a text with too few pairs to hold a batch out" backbone --out "$tmp/d"
recipe
check 2 "and a recipe without stages" backbone --out "$tmp/d"
check 0 "with nothing written" test ! -e "$tmp/d"
for variant in plusplus low_rank; do
    check 0 "held-out variant $variant trains" "$podium" run nadamw --workload compacter --suite test --held-out "$variant" \
        --max-steps 12 --threads 1 --quiet --results "$tmp/$variant"
done
tap_done

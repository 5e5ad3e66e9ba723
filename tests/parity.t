#!/bin/sh
# podium parity: golden cases agree, and a wrong one is noticed.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
golden=tests/golden/models
for case in "$golden"/*.json; do
    check 0 "$(basename "$case" .json) holds to 1e-9 on ref" "$podium" parity --device ref "$case"
done
for case in "$golden"/*.json; do
    check 0 "$(basename "$case" .json) holds to 2e-4 on cpu" "$podium" parity "$case"
done
for case in "$golden"/*.json; do
    what="$(basename "$case" .json) holds to 3e-2 on cpu in bf16"
    "$podium" parity --precision bf16 "$case" >"$tmp/out" 2>&1
    if grep -q "has no bf16 on this machine" "$tmp/out"; then
        skip "$what" "this CPU has no bf16 matrix products"
    else
        check 0 "$what" "$podium" parity --precision bf16 "$case"
    fi
done
check 1 "a tolerance below the noise fails" "$podium" parity --device ref --tolerance 1e-18 \
    "$golden/vit_glu.json"
sed 's/"layer_norm_eps": 1e-06/"layer_norm_eps": 0.01/' "$golden/vit_glu.json" >"$tmp/vit_eps.json"
cp "$golden/vit_glu.safetensors" "$tmp/"
check 1 "another epsilon fails" "$podium" parity --device ref "$tmp/vit_eps.json"
sed 's/"model": "vit"/"model": "nothing"/' "$golden/vit_glu.json" >"$tmp/vit_none.json"
check 2 "an unknown model is an input error" "$podium" parity --device ref "$tmp/vit_none.json"
sed 's/vit_glu.safetensors/absent.safetensors/' "$golden/vit_glu.json" >"$tmp/vit_absent.json"
check 2 "a missing tensor file is an input error" "$podium" parity --device ref "$tmp/vit_absent.json"
head -c 5000 "$golden/vit_glu.safetensors" >"$tmp/vit_glu.safetensors"
cp "$golden/vit_glu.json" "$tmp/vit_cut.json"
check 2 "a cut tensor file is an input error" "$podium" parity --device ref "$tmp/vit_cut.json"
cp "$golden"/transformer_pre_ln.* "$golden"/gpt_gqa.safetensors "$tmp/"
# A tensor that is listed and not there is no default.
cp "$golden/transformer_post_ln.safetensors" "$tmp/"
sed 's/"logits_mask": "[a-z_./]*"/"logits_mask": "nothing"/' "$golden/transformer_post_ln.json" >"$tmp/no_mask.json"
check 2 "a mask that is not there is an input error" "$podium" parity --device ref "$tmp/no_mask.json"
sed 's/"logits_mask": "[a-z_./]*"/"logits_mask": "embedding.weight"/' "$golden/transformer_post_ln.json" >"$tmp/mask.json"
check 2 "so is one of other rows" "$podium" parity --device ref "$tmp/mask.json"
cp "$tmp/out" "$tmp/mask"
check 0 "which says so" grep -q "rows of 'embedding.weight'" "$tmp/mask"
python3 - "$golden/transformer_post_ln.safetensors" "$tmp/renamed.safetensors" <<'P'
import sys
data = open(sys.argv[1], "rb").read()
assert b'"weights"' in data
open(sys.argv[2], "wb").write(data.replace(b'"weights"', b'"waights"', 1))
P
sed '/logits_mask/d; s/transformer_post_ln.safetensors/renamed.safetensors/' "$golden/transformer_post_ln.json" >"$tmp/weightless.json"
check 2 "nor do ones stand in for weights that the case lists" "$podium" parity --device ref "$tmp/weightless.json"
sed 's/"alpha": 0.6/"alpha": 0.7/' "$golden/transformer_beam.json" >"$tmp/beam_alpha.json"
check 1 "another length penalty fails" "$podium" parity --device ref "$tmp/beam_alpha.json"
sed 's/"inputs": \[\[19, 19/"inputs": [[19/' "$golden/transformer_beam.json" >"$tmp/beam_ragged.json"
check 2 "sources of different lengths are an input error" "$podium" parity --device ref "$tmp/beam_ragged.json"
sed 's/"parameters_of": "/"parameters_of": "..\//' "$golden/transformer_beam.json" >"$tmp/beam_away.json"
check 2 "parameters elsewhere are an input error" "$podium" parity --device ref "$tmp/beam_away.json"
sed 's/"attention_temperature": 1.0/"attention_temperature": 4.0/' "$golden/transformer_pre_ln.json" >"$tmp/hot.json"
check 1 "another attention temperature fails" "$podium" parity --device ref "$tmp/hot.json"
sed 's/"rope_theta": 10000.0/"rope_theta": 500.0/' "$golden/gpt_gqa.json" >"$tmp/theta.json"
check 1 "other rotary frequencies fail" "$podium" parity --device ref "$tmp/theta.json"
sed 's/"num_kv_heads": 2/"num_kv_heads": 3/' "$golden/gpt_gqa.json" >"$tmp/uneven.json"
check 2 "key heads that do not divide are an input error" "$podium" parity --device ref "$tmp/uneven.json"
check 0 "sacreBLEU's edge cases hold to 1e-9" "$podium" parity "$golden/bleu_edge.json"
sed 's/"sentence_bleu": 100.00000000000004/"sentence_bleu": 100.00001/' "$golden/bleu_edge.json" \
    >"$tmp/bleu.json"
check 1 "another score fails" "$podium" parity "$tmp/bleu.json"
sed 's/"hypothesis_13a": "a b c"/"hypothesis_13a": "a bc"/' "$golden/bleu_edge.json" >"$tmp/bleu.json"
check 1 "another token string fails" "$podium" parity "$tmp/bleu.json"
sed 's/"corpus": {/"corpora": {/' "$golden/bleu_edge.json" >"$tmp/bleu.json"
check 2 "a missing field is an input error" "$podium" parity "$tmp/bleu.json"
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n' >"$tmp/vocab.txt"
sum=$(sha256sum <"$tmp/vocab.txt" | cut -d' ' -f1)
wordpiece() { # IDS SUM
    printf '{"schema": "wordpiece-case/1", "vocab_sha256": "%s", "cases": [{"text": "AB\\u0000b x", "ids": [%s]}]}' \
        "$2" "$1" >"$tmp/wordpiece.json"
}
unset PODIUM_WEIGHTS
wordpiece "2, 5, 6, 6, 1, 3" "$sum"
check 0 "WordPiece ids agree" "$podium" parity --weights "$tmp" "$tmp/wordpiece.json"
check 0 "the folder may come from the environment" env PODIUM_WEIGHTS="$tmp" "$podium" parity \
    "$tmp/wordpiece.json"
check 2 "without a tokenizer there is no answer" "$podium" parity "$tmp/wordpiece.json"
wordpiece "2, 5, 6, 1, 3" "$sum"
check 1 "other ids fail" "$podium" parity --weights "$tmp" "$tmp/wordpiece.json"
wordpiece "2, 5, 6, 6, 1, 3" "0$sum"
check 2 "another vocabulary is an input error" "$podium" parity --weights "$tmp" "$tmp/wordpiece.json"
tap_done

#!/bin/bash
# Models of tokens race from outside, on a made-up language whose translation shifts every word.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
set=$tmp/data/debian-text
mkdir -p "$set"
for split in train valid test; do
    awk -v split_name=$split -v dir="$set" -v lines=$([ $split = train ] && echo 2000 || echo 200) '
    BEGIN {
        srand(length(split_name))
        for (i = 0; i < lines; i++) {
            source = target = ""
            m = 3 + int(rand() * 6)
            for (k = 0; k < m; k++) {
                letter = int(26 * rand() * rand())
                source = source (k ? " " : "") sprintf("%c", 97 + letter)
                target = target (k ? " " : "") sprintf("%c", 65 + (letter + 5) % 26)
            }
            print source > (dir "/" split_name ".de")
            print target > (dir "/" split_name ".en")
        }
    }'
done
# race STATUS WORKLOAD ARGUMENTS...
race() {
    local want=$1 workload=$2
    shift 2
    PODIUM_DATA="$tmp/data" "$podium" run nadamw --suite test --threads 1 --workload "$workload" \
        --set schedule=constant --set warmup=0 --set lr=1e-2 "$@" > "$tmp/out" 2>&1
    [ $? = "$want" ]
}
record() { find "$1" -name trial.jsonl; }
points() { grep '"event":"evaluation"' "$(record "$1")" | grep -oE '"(step|loss|hash)":[^,}]*'; }
key=000102030405060708090a0b0c0d0e0f

race 0 transformer --key $key --results "$tmp/a" && grep -q '"reached":true' "$(record "$tmp/a")"
ok $? "a transformer learns to translate to its target"
grep -q '"data_id":"debian-text:[0-9a-f]\{64\}"' "$(record "$tmp/a")"
ok $? "its record names the data by their hash"
race 0 transformer --key $key --results "$tmp/b" && [ "$(points "$tmp/a")" = "$(points "$tmp/b")" ]
ok $? "the same key and seed give the same run"
race 0 transformer --key ${key//0/1} --results "$tmp/c" && [ "$(points "$tmp/a")" != "$(points "$tmp/c")" ]
ok $? "another key gives the tokens other ids"
race 0 transformer --suite test_bleu --results "$tmp/bleu" && grep -q '"reached":true' "$(record "$tmp/bleu")" &&
    grep -q '"bleu":[2-9][0-9]' "$(record "$tmp/bleu")"
ok $? "translations reach a BLEU that is the target"
"$podium" score "$tmp/bleu" > "$tmp/out" 2>&1
ok $? "records of BLEU are scored"
# The same sentences as ids of another tokenizer, which ends them with 1 as T5's does.
python3 - "$set" <<'P'
import sys
folder = sys.argv[1]
pieces = ["<pad>", "</s>", "<unk>"] + ["\u2581" + chr(first + i) for first in (97, 65) for i in range(26)]
open(folder + "/pieces.vocab", "w").write("".join("%s\t0\n" % p for p in pieces))
for split in ("train", "valid", "test"):
    for language in ("de", "en"):
        with open("%s/%s.%s.ids" % (folder, split, language), "w") as out:
            for line in open("%s/%s.%s" % (folder, split, language)):
                print(*(pieces.index("\u2581" + w) for w in line.split()), file=out)
P
printf '{"name": "ids", "data": {"tokenizer": "ids", "end": 1}, "target": {"metric": "bleu", "value": 40}}' > "$tmp/variant.yaml"
race 0 transformer --suite test_bleu --variant "$tmp/variant.yaml" --results "$tmp/ids" && grep -q '"reached":true' "$(record "$tmp/ids")"
ok $? "ids of another tokenizer reach a BLEU, with an end of their own"
printf '{"name": "packed", "data": {"tokenizer": "ids", "packed": true, "source_length": 24, "target_length": 24}, "target": {"metric": "loss", "value": 1.0}}' > "$tmp/variant.yaml"
race 0 transformer --variant "$tmp/variant.yaml" --results "$tmp/packed" && grep -q '"reached":true' "$(record "$tmp/packed")"
ok $? "so do rows of several sentences their loss"
for variant in post_ln attention_temperature glu_tanh; do
    race 0 transformer --held-out $variant --max-steps 5 --results "$tmp/$variant"
    ok $? "held-out variant $variant trains"
done
race 0 gpt --results "$tmp/gpt" && grep -q '"reached":true' "$(record "$tmp/gpt")"
ok $? "a language model reaches its target"
python3 - "$(record "$tmp/gpt")" <<'P'
import json, math, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
lines = [l for l in lines if l["event"] == "evaluation"]
sys.exit(not lines or any(abs(l["perplexity"] / math.exp(l["loss"]) - 1) > 1e-12 for l in lines))
P
ok $? "its record has the perplexity"
printf '{"name": "perplexity", "target": {"metric": "perplexity", "value": 40}}' > "$tmp/variant.yaml"
race 0 gpt --variant "$tmp/variant.yaml" --results "$tmp/perplexity" && grep -q 'target 3.6889 ' "$tmp/out" &&
    grep -q '"reached":true' "$(record "$tmp/perplexity")"
ok $? "and a target may be one: of 40, a loss of 3.6889"
race 2 transformer --variant "$tmp/variant.yaml" --results "$tmp/perplexity2"
ok $? "a translation's may not"
# A checkpoint of Llama's names, all zero but for the norms: every token is as likely as any.
python3 - "$tmp/model.safetensors" <<'P'
import json, struct, sys
w, mlp, vocabulary = 32, 64, 269
shapes = {"model.embed_tokens.weight": [vocabulary, w], "model.norm.weight": [w], "input_layernorm.weight": [w],
          "post_attention_layernorm.weight": [w], "self_attn.q_proj.weight": [w, w], "self_attn.k_proj.weight": [w // 2, w],
          "self_attn.v_proj.weight": [w // 2, w], "self_attn.o_proj.weight": [w, w], "mlp.gate_proj.weight": [mlp, w],
          "mlp.up_proj.weight": [mlp, w], "mlp.down_proj.weight": [w, mlp]}
header, data = {}, b""
for name, shape in shapes.items():
    n = shape[0] * (shape[1] if len(shape) > 1 else 1)
    name = name if name.startswith("model.") else "model.layers.0." + name
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * n]}
    data += struct.pack("<%df" % n, *[float("norm" in name)] * n)
text = json.dumps(header).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data)
P
printf '{"name": "own", "model": {"weights": "%s", "norm_eps": 1e-6}, "target": {"metric": "loss", "value": 1}}' \
    "$tmp/model.safetensors" > "$tmp/variant.yaml"
race 0 gpt --variant "$tmp/variant.yaml" --max-steps 1 --results "$tmp/own" &&
    grep '"event":"evaluation","step":0' "$(record "$tmp/own")" | grep -q '"loss":5.5947[0-9]*,'
ok $? "a published checkpoint is where training begins"
sed -i 's/"norm_eps"/"attention_bias": true, "norm_eps"/' "$tmp/variant.yaml"
race 2 gpt --variant "$tmp/variant.yaml" --max-steps 1 --results "$tmp/own2" && grep -q "no parameter 'blocks.0.attn.q.bias'" "$tmp/out"
ok $? "one that lacks a parameter of the model is refused"
mkdir "$tmp/data/mine" && cat "$set/train.en" "$set/valid.en" > "$tmp/data/mine/book.txt"
printf '{"name": "mine", "data": {"set": "mine", "text": "book.txt"}, "target": {"metric": "loss", "value": 3.1}}' > "$tmp/variant.yaml"
race 0 gpt --variant "$tmp/variant.yaml" --results "$tmp/mine" && grep -q '"reached":true' "$(record "$tmp/mine")" &&
    grep -q '"data_id":"mine:'$(sha256sum < "$tmp/data/mine/book.txt" | cut -c1-64) "$(record "$tmp/mine")"
ok $? "a user's own text is trained on, its sum in the data id"
race 0 gpt --held-out gpt2 --max-steps 5 --results "$tmp/gpt2"
ok $? "GPT-2's layout trains"
echo "one line more" >> "$set/train.de"
race 2 transformer --results "$tmp/d" && grep -q "train: 2001 lines of de and 2000 of en" "$tmp/out"
ok $? "sides of different length are refused"
rm "$set/valid.en"
race 2 gpt --results "$tmp/e" && grep -q "valid.en" "$tmp/out"
ok $? "a missing file is named"
tap_done

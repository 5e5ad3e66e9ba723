#!/bin/sh
# podium task: task files hold the trained parameters alone, and serve the same answers from one
# resident backbone; wrong files are refused.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
list() { # SEED
    cat <<L
workload: compacter
model: {width: 16, depth: 1, heads: 2, mlp: 32, positions: 48, tokens: 48, mode: compacter, reduction: 2, phm_dim: 2}
training: {batch: 16, steps: 30, learning_rate: 0.02, seed: $1}
tasks:
  all: {set: sentences}
  few: {set: sentences, examples: 40}
L
}
list 3 >"$tmp/list.yaml"
task() { "$podium" task "$1" "$tmp/list.yaml" --data data --dir "$tmp" --threads 1; }
check 0 "two tasks are trained" task train
cp "$tmp/out" "$tmp/trained"
check 0 "and served" task serve
cp "$tmp/out" "$tmp/served"
check 0 "with the same answers" cmp "$tmp/served" "$tmp/trained"
check 0 "sizes are printed" grep -q "^2 tasks in [0-9]* bytes on one backbone of [0-9]* parameters" \
    "$tmp/trained"
a=$(wc -c <"$tmp/all.safetensors")
backbone=$(sed -n 's/.*parameters, \([0-9]*\) bytes; a network.*/\1/p' "$tmp/trained")
check 0 "a task file is smaller than the backbone" test "$((a * 2))" -lt "$backbone"
cp "$tmp/few.safetensors" "$tmp/kept"
head -c $((a - 4)) "$tmp/all.safetensors" >"$tmp/few.safetensors"
check 2 "a cut file is refused" task serve
cp "$tmp/kept" "$tmp/few.safetensors"
list 4 >"$tmp/list.yaml"
check 2 "a file of another backbone is refused" task serve
check 2 "so is an unknown task" "$podium" task serve "$tmp/list.yaml" nothing --data data
sed -i 's/steps: 30/stepps: 30/' "$tmp/list.yaml"
check 2 "and an unknown key" task train

list 3 >"$tmp/list.yaml"
check 0 "the first files once more" task train
sed '/^ *few/d' "$tmp/list.yaml" >"$tmp/one.yaml"
mkdir -p "$tmp/data/sentences"
cp data/sentences/*.tsv "$tmp/data/sentences/"
tac data/sentences/train.tsv >"$tmp/data/sentences/train.tsv"
check 2 "a file of other data is refused: its classes may have other numbers" \
    "$podium" task serve "$tmp/one.yaml" --data "$tmp/data" --dir "$tmp" --threads 1
cp "$tmp/out" "$tmp/refused"
check 0 "and the file's own is named" grep -q 'trained on data sentences:' "$tmp/refused"
sed -i 's/ all:/ a\/ll:/' "$tmp/one.yaml"
check 2 "a task's name is no path" "$podium" task train "$tmp/one.yaml" --data data --dir "$tmp"
python3 - "$tmp/data/text-to-text" <<'P'
import os, random, sys
os.makedirs(sys.argv[1])
r = random.Random(5)
open(sys.argv[1] + "/pieces.vocab", "w").write("".join("p%d\t0\n" % i for i in range(32)))
for split, n in (("train", 200), ("valid", 150), ("test", 10)):
    with open("%s/%s.source.ids" % (sys.argv[1], split), "w") as s, open("%s/%s.target.ids" % (sys.argv[1], split), "w") as t:
        for _ in range(n):
            kind = r.randrange(2)
            s.write(" ".join(str(r.randrange(3, 17) + 14 * kind) for _ in range(6)) + "\n")
            t.write("%d\n" % (5 + kind))
P
cat >"$tmp/t5.yaml" <<'L'
workload: compacter
model: {network: t5, vocabulary: 32, width: 16, depth: 1, heads: 2, head_width: 8, mlp: 32, mode: compacter_plusplus, reduction: 2, phm_dim: 2}
training: {batch: 16, steps: 300, learning_rate: 0.02, dropout: 0.1}
tasks: {parity: {set: text-to-text, source: source, target: target, tokenizer: ids, end: 1, source_length: 12, target_length: 4}}
L
check 0 "a task of T5 is trained, into a folder that was not there" \
    "$podium" task train "$tmp/t5.yaml" --data "$tmp/data" --dir "$tmp/new/folder" --threads 1
cp "$tmp/out" "$tmp/trained"
awk 'BEGIN { bad = 1 } /^parity:/ { bad = $NF < 0.9 } END { exit bad }' "$tmp/trained"
ok $? "and has learnt something"
check 0 "and served" "$podium" task serve "$tmp/t5.yaml" --data "$tmp/data" --dir "$tmp/new/folder" --threads 1
cp "$tmp/out" "$tmp/served"
check 0 "with the same answers" cmp "$tmp/served" "$tmp/trained"
mkdir -p "$tmp/data/stsb"
for split in train dev; do
    awk 'BEGIN { print "index\tsentence1\tsentence2\tscore"; for (i = 0; i < 60; i++) printf "%d\ta cat\t%s\t%d\n", i, substr("zzzzzzzzzz", 1, 1 + 3 * (i % 3)), i % 3 }' \
        >"$tmp/data/stsb/$split.tsv"
done
sed '/^tasks:/,$d' "$tmp/list.yaml" >"$tmp/scores.yaml"
echo 'tasks: {likeness: {set: stsb, format: stsb}}' >>"$tmp/scores.yaml"
check 0 "a task of scores is trained" "$podium" task train "$tmp/scores.yaml" --data "$tmp/data" --dir "$tmp" --threads 1
cp "$tmp/out" "$tmp/trained"
check 0 "and has a loss alone" grep -Eq '^likeness: [0-9]+ parameters, [0-9]+ bytes; valid loss 0\.[0-9]+$' "$tmp/trained"
tap_done

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
tap_done

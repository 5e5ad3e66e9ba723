#!/bin/sh
# podium task: task files hold the trained parameters alone, and serve the same answers from one
# resident backbone; wrong files are refused.
podium=${PODIUM_BUILD:-build}/podium
n=0
check() { # STATUS WHAT COMMAND...
    n=$((n + 1)); want=$1; what=$2; shift 2
    "$@" >"$dir/out" 2>&1; got=$?
    if [ "$got" = "$want" ]; then echo "ok $n - $what"; else
        echo "not ok $n - $what (exit $got, expected $want)"; sed 's/^/# /' "$dir/out" | tail -5
    fi
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
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
list 3 >"$dir/list.yaml"
task() { "$podium" task "$1" "$dir/list.yaml" --data data --dir "$dir" --threads 1; }
check 0 "two tasks are trained" task train
cp "$dir/out" "$dir/trained"
check 0 "and served" task serve
cp "$dir/out" "$dir/served"
check 0 "with the same answers" cmp "$dir/served" "$dir/trained"
check 0 "sizes are printed" grep -q "^2 tasks in [0-9]* bytes on one backbone of [0-9]* parameters" \
    "$dir/trained"
a=$(wc -c <"$dir/all.safetensors")
backbone=$(sed -n 's/.*parameters, \([0-9]*\) bytes; a network.*/\1/p' "$dir/trained")
check 0 "a task file is smaller than the backbone" test "$((a * 2))" -lt "$backbone"
cp "$dir/few.safetensors" "$dir/kept"
head -c $((a - 4)) "$dir/all.safetensors" >"$dir/few.safetensors"
check 2 "a cut file is refused" task serve
cp "$dir/kept" "$dir/few.safetensors"
list 4 >"$dir/list.yaml"
check 2 "a file of another backbone is refused" task serve
check 2 "so is an unknown task" "$podium" task serve "$dir/list.yaml" nothing --data data
sed -i 's/steps: 30/stepps: 30/' "$dir/list.yaml"
check 2 "and an unknown key" task train
echo "1..$n"

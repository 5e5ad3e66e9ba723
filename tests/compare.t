#!/bin/bash
# `podium compare`: pairs until the answer is known, one sentence, records that are kept.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
# compare STATUS ARGUMENTS...
compare() {
    local want=$1
    shift
    "$podium" compare --suite test --threads 1 --key 000102030405060708090a0b0c0d0e0f "$@" > "$tmp/out" 2> "$tmp/err"
    local got=$?
    echo "exit status $got" >> "$tmp/err"
    [ $got = "$want" ]
}
submission() { # NAME LR
    mkdir -p "$tmp/$1"
    printf 'name: %s\noptimizer: nadamw\nhyperparameters: {lr: %s, schedule: constant}\n' "$1" "$2" > "$tmp/$1/submission.yaml"
}
submission fast 0.006
submission slow 0.002
submission twin 0.006
submission never 0.0000001

compare 0 "$tmp/slow" "$tmp/fast" --workload vit --pairs 3 --clock steps --results "$tmp/r" &&
    grep -q '^slow and fast cannot be told apart on vit-test after 3 pairs: fast is [0-9.]*x faster (no interval yet)$' "$tmp/out"
ok $? "three pairs are never enough"
find "$tmp/r" -name trial.jsonl -exec md5sum {} + | sort > "$tmp/before"
compare 0 "$tmp/slow" "$tmp/fast" --workload vit --clock steps --results "$tmp/r" &&
    grep -Eq '^fast is [0-9.]+x faster than slow \(95 % ([1-9][0-9.]* to|at least) [0-9.]+\) \[vit-test, [6-9] pairs, steps clock\]$' "$tmp/out"
ok $? "the same command goes on and ends when it knows"
[ "$(wc -l < "$tmp/before")" = 6 ] && find "$tmp/r" -name trial.jsonl -exec md5sum {} + | sort | grep -qFf "$tmp/before" &&
    [ "$(find "$tmp/r" -name trial.jsonl -exec md5sum {} + | grep -cFf "$tmp/before")" = 6 ]
ok $? "records that were there are as they were"
compare 0 "$tmp/slow" "$tmp/fast" --workload vit --quiet --results "$tmp/r" &&
    [ "$(wc -l < "$tmp/out")" = 1 ] && grep -Eq '^fast is .*, from fewer steps(,| and)' "$tmp/out"
ok $? "one sentence, with the cause: $(cat "$tmp/out")"
grep -q '"update_norm":[0-9]' "$tmp"/r/fast/vit-test/study-0/trial-0/trial.jsonl &&
    grep -q '"search":"compare"' "$tmp"/r/fast/vit-test/study-0/trial-0/trial.jsonl
ok $? "records hold norms of updates, and what they are a part of"
compare 0 "$tmp/fast" "$tmp/twin" --workload vit --pairs 8 --clock steps --results "$tmp/twins" &&
    grep -q '^fast and twin cannot be told apart on vit-test after 8 pairs' "$tmp/out" &&
    grep -Eq 'steps to target +1x \(95 % 0.9[0-9]* to 1.0[0-9]*\), 8 pairs' "$tmp/out" && grep -Eq 'net update a step / norm +- +[0-9.e-]+ +[0-9.e-]+ ' "$tmp/out"
ok $? "twins cannot be told apart; the diagnosis has norms of updates"
compare 0 "$tmp/fast" "$tmp/never" --workload vit --max-steps 60 --clock steps --results "$tmp/miss" &&
    grep -q '^fast reaches the target where never does not (95 % infinite)' "$tmp/out"
ok $? "a target that is missed loses the pair"
# Plain SGD at a constant rate: a step is as long as rate times gradient, whatever the batch.
mkdir -p "$tmp/plain"
printf 'name: plain\noptimizer: sgd\nhyperparameters: {lr: 0.25, schedule: constant}\n' > "$tmp/plain/submission.yaml"
compare 0 "$tmp/plain" "$tmp/fast" --workload vit --max-steps 40 --pairs 3 --clock steps --results "$tmp/rate" &&
    awk '/^  plain /{at = 1} /^  fast /{at = 0} at && /effective learning rate/ {for (i = 5; i < 8; i++) if ($i > 0.18 && $i < 0.35) good++}
         at && /gradient noise, examples/ && $(NF - 2) > 1 {good++} END {exit good != 4}' "$tmp/out"
ok $? "the diagnosis finds the learning rate of plain SGD, and the gradient's noise"
refused() { # WORDS ARGUMENTS...
    local words=$1
    shift
    compare 2 "$@" && grep -Eq -- "$words" "$tmp/err"
    ok $? "refused: $words"
}
refused "were begun with b .*now it is" "$tmp/slow" "$tmp/never" --workload vit --results "$tmp/r"
refused "were begun with seed 0, now it is 1" "$tmp/slow" "$tmp/fast" --workload vit --seed 1 --results "$tmp/r"
refused "both submissions are named 'fast'" "$tmp/fast" "$tmp/fast" --workload vit
refused "expected two submissions" "$tmp/fast" --workload vit
refused "is one submission too many" a b c --workload vit
refused "expected --workload" "$tmp/fast" "$tmp/slow"
refused "unknown workload 'vat'" "$tmp/fast" "$tmp/slow" --workload vat
refused "--pairs '0': expected an integer from 1 to 1000" a b --pairs 0
refused "--clock 'moon': expected one of" a b --workload vit --clock moon
refused "unknown option '--nonsense'" a b --nonsense
"$podium" score "$tmp/r" > "$tmp/out" 2> "$tmp/err"
grep -q "part of a search" "$tmp/err" "$tmp/out"
ok $? "such records are no race: the score leaves them out"
tap_done

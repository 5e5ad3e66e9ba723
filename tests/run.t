#!/bin/bash
# `podium run` from outside: exit statuses, failing submissions, the same run twice.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
podium=$build/podium
bad=$build/tests/bad_submissions
key=000102030405060708090a0b0c0d0e0f
# run STATUS ARGUMENTS...: `podium run` of the small size ends with this exit status
run() {
    local want=$1
    shift
    "$podium" run --workload vit --suite test --threads 1 "$@" > "$tmp/out" 2> "$tmp/err"
    local got=$?
    [ $got = "$want" ] || echo "exit status $got, expected $want" >> "$tmp/err"
    [ $got = "$want" ]
}
tuned=(nadamw --set schedule=constant --set warmup=0 --set lr=3e-3)
record() { find "$1" -name trial.jsonl; }
# What two identical runs share: everything of the evaluations but the time.
points() {
    grep '"event":"evaluation"' "$(record "$1")" |
        grep -oE '"(step|examples|gradient_evaluations|loss|accuracy|train_loss|hash)":[^,}]*'
}

run 0 "${tuned[@]}" --key $key --results "$tmp/a"
ok $? "a submission reaches the target: exit status 0"
tail -n 1 "$(record "$tmp/a")" | grep -q '"status":"VALID","reached":true'
ok $? "and the record says so"
[ "$(stat -c %a "$tmp/a/key")" = 600 ]
ok $? "the key of the folder is its owner's alone"
run 0 "${tuned[@]}" --key $key --results "$tmp/b"
points "$tmp/a" > "$tmp/pa"
points "$tmp/b" > "$tmp/pb"
[ "$(wc -l < "$tmp/pa")" -gt 20 ] && cmp -s "$tmp/pa" "$tmp/pb"
ok $? "the same seed and key give the same hashes and metrics"
run 0 "${tuned[@]}" --key $key --seed 1 --results "$tmp/c"
[ -z "$(points "$tmp/c" | grep hash | grep -Fxf <(grep hash "$tmp/pa"))" ]
ok $? "another seed gives other hashes"
run 0 "${tuned[@]}" --key ${key/0/f} --results "$tmp/d"
[ -z "$(points "$tmp/d" | grep hash | sed 1d | grep -Fxf <(grep hash "$tmp/pa"))" ]
ok $? "another key gives other hashes once it trains"

cp "$(record "$tmp/a")" "$tmp/before"
run 2 "${tuned[@]}" --key $key --results "$tmp/a" && grep -q 'is there already; --resume' "$tmp/err"
ok $? "a record that is there is not run over"
cmp -s "$(record "$tmp/a")" "$tmp/before"
ok $? "and stays as it was"
run 0 "${tuned[@]}" --key $key --results "$tmp/a" --resume && grep -q 'finished before' "$tmp/out"
ok $? "--resume of a finished trial reads its end"
cmp -s "$(record "$tmp/a")" "$tmp/before"
ok $? "and leaves the record as it was"
run 2 "${tuned[@]}" --key ${key/0/f} --results "$tmp/a" --seed 5 && grep -q 'another key' "$tmp/err"
ok $? "a folder has one key"

# refused WORDS ARGUMENTS...: exit status 2, the words on the terminal, no record
refused() {
    local words=$1
    shift
    run 2 "$@" --results "$tmp/refused" && grep -Eq -- "$words" "$tmp/err" &&
        [ -z "$(record "$tmp/refused" 2> /dev/null)" ]
    ok $? "refused: $words"
}
refused "unknown workload 'vat'" nadamw --workload vat
refused "no size 'tiny', expected one of: mini, base, full, test" nadamw --suite tiny
run 0 "${tuned[@]}" --key $key --held-out glu --results "$tmp/glu" && grep -q '"held_out":"glu"' "$(record "$tmp/glu")"
ok $? "a held-out variant is raced, and the record says which"
refused "no held-out variant 'x', expected one of: glu" nadamw --held-out x
refused "unknown option '--nonsense'" nadamw --nonsense 1
refused "--seed 'one': expected an integer" nadamw --seed one
refused "expected a submission" --quiet
refused "key 'abc': expected 32" nadamw --key abc
refused "--set lr: 'lr' expects a number" nadamw --set lr=fast
refused "learning_rat" nadamw --set learning_rat=1
refused "nobody" nobody
refused "podium_get_submission" "$bad/missing_symbol.so"
mkdir "$tmp/mine"
printf 'name: mine\noptimizer: sgd\nhyperparameters:\n  lr: 0.1\nhyperparameter:\n  lr: 0.1\n' \
    > "$tmp/mine/submission.yaml"
refused "mine/submission.yaml:5:.*hyperparameter" "$tmp/mine"
printf 'name: mine\noptimizer: sgd\nhyperparameters:\n  lr: 0.1\n  rate: 0.1\n' \
    > "$tmp/mine/submission.yaml"
refused "mine/submission.yaml:5:.*rate" "$tmp/mine"

# Rulesets and presets.
refused "has no search_space, which ruleset external draws from" "$build/optimizers/sgd.so" --ruleset external
refused "unknown preset 'nope', expected one of: algoperf-v0.5-external" nadamw --preset nope
refused "sets ruleset, studies and trials; leave out --studies" nadamw --preset quick --studies 2
mkdir "$tmp/space"
cat > "$tmp/space/submission.yaml" <<'END'
name: space
optimizer: adamw
url: https://example.org/space?a=1&b=2
hyperparameters: {lr: 0.5, weight_decay: 0.25}
search_space:
  lr: {min: 0.001, max: 0.002, scaling: log}
  beta2: {feasible_points: [0.9, 0.99]}
END
run 0 "$tmp/space" --ruleset external --studies 2 --trials 2 --key $key --results "$tmp/ext" --quiet
ok $? "ruleset external runs studies x trials"
cat "$tmp"/ext/space/*/*/*/trial.jsonl | grep '"event":"header"' > "$tmp/headers"
[ "$(grep -o '"point":[0-9]*' "$tmp/headers" | sort -u | wc -l)" = 4 ] &&
    [ "$(grep -o '"lr":[0-9.e-]*' "$tmp/headers" | sort -u | wc -l)" = 4 ]
ok $? "each trial has a point of its own"
[ "$(grep -c '"lr":0.001[0-9]*,.*"weight_decay":0.25' "$tmp/headers")" = 4 ]
ok $? "inside the space, over the values that are fixed"
"$podium" leaderboard "$tmp/ext" --out "$tmp/page" > "$tmp/out" 2> "$tmp/err" &&
    grep -q '"url":"https://arxiv.org/abs/1711.05101","source":"https://example.org/space?a=1&b=2"' "$tmp/headers" &&
    grep -q 'href="https://example.org/space?a=1&amp;b=2"' "$tmp"/page/submissions/*.html &&
    grep -q 'href="https://arxiv.org/abs/1711.05101"' "$tmp"/page/submissions/*.html
ok $? "where its source is and what describes it are in the record, and links on its page"
run 0 "$tmp/space" --ruleset external --studies 2 --trials 2 --key $key --seed 0 --results "$tmp/ext2" --quiet &&
    cat "$tmp"/ext2/space/*/*/*/trial.jsonl | grep -o '"lr":[0-9.e-]*' | cmp -s - <(grep -o '"lr":[0-9.e-]*' "$tmp/headers")
ok $? "the same seed draws the same points"
run 0 "$tmp/space" --ruleset free --studies 3 --study 2 --max-steps 5 --key $key --results "$tmp/one" --quiet &&
    [ "$(find "$tmp/one" -name trial.jsonl | sed 's|.*/vit-test/||')" = study-2/trial-0/trial.jsonl ]
ok $? "--study runs that study alone"
refused "--study 3: expected one of 0 to 2" nadamw --ruleset free --study 3
run 0 "$tmp/space" --ruleset free --studies 3 --resume --dry-run --results "$tmp/one" &&
    grep -Eq '^vit-test: 2 of 3 trials to run, each at most 2000 reference steps of .* hours$' "$tmp/out" &&
    grep -q '^together at most' "$tmp/out" && [ "$(find "$tmp/one" -name trial.jsonl | wc -l)" = 1 ]
ok $? "--dry-run tells the trials that are left and their hours, and runs nothing"
run 0 "$tmp/space" --dry-run --results "$tmp/none" && [ ! -e "$tmp/none" ]
ok $? "and makes no folder"
run 0 nadamw --preset quick --key $key --results "$tmp/quick" --quiet &&
    grep -q '"preset":"quick"' "$(record "$tmp/quick")" && grep -q '"ruleset":"free"' "$(record "$tmp/quick")"
ok $? "a preset is in the record by name"

run 0 nadamw --max-steps 7 --key $key --results "$tmp/few" && grep -q 'target not reached after 7 steps' "$tmp/out"
ok $? "--max-steps ends a trial, VALID"

# fails NAME ENDED WORDS: a trial that failed, with the reason on the terminal and in the record
fails() {
    run 1 "$bad/$1.so" --key $key --results "$tmp/bad" && grep -Eq "$3" "$tmp/err" &&
        tail -n 1 "$tmp/bad/$1/vit-test/study-0/trial-0/trial.jsonl" > "$tmp/end" &&
        grep -q '"status":"INVALID"' "$tmp/end" && grep -q "\"ended\":\"$2\"" "$tmp/end" &&
        grep -Eq "\"reason\":\"[^\"]*$3" "$tmp/end"
    ok $? "$1: $2, $3"
}
fails crash crashed "crashed in step 3: SIGSEGV"
fails abort crashed "crashed in create: SIGABRT"
fails hang hung "did not return from step 2"
fails exit exited "called exit\(0\) in step 5"
fails nan diverged "the loss is not finite in step 8"
fails fails_with_text failed "needs a bigger boat"
[ -z "$(find "$tmp" -name 'checkpoint.bin*')" ]
ok $? "ended trials leave no checkpoint"
tap_done

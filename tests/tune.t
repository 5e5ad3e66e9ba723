#!/bin/bash
# `podium tune` and `podium calibrate`: points, records that are the state, the winner written down.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
# search STATUS COMMAND ARGUMENTS...
search() {
    local want=$1 command=$2
    shift 2
    "$podium" "$command" --suite test --threads 1 --key 000102030405060708090a0b0c0d0e0f "$@" > "$tmp/out" 2> "$tmp/err"
    local got=$?
    echo "exit status $got" >> "$tmp/err"
    [ $got = "$want" ]
}
records() { find "$1" -name trial.jsonl -exec md5sum {} + | sort; }
mkdir "$tmp/mine"
cat > "$tmp/mine/submission.yaml" <<'END'
# what I know
name: mine
optimizer: adamw
hyperparameters:
  lr: 0.5     # much too high
  schedule: constant # no decay
  # a remark
search_space: # of the paper
  lr: {min: 2.0e-3, max: 1.0e-2, scale: log}
  beta2: {feasible_points: [0.9, 0.99]}
END
cp "$tmp/mine/submission.yaml" "$tmp/before.yaml"

search 0 tune "$tmp/mine" --workload vit --points 4 --dry-run --results "$tmp/dry" &&
    grep -Eq 'tune mine: 4 points, the best 3 again on 3 fresh seeds; 13 of 13 trials to run, at most .* \([0-9.e-]+ h\)' "$tmp/out" &&
    [ "$(grep -c '  point [0-3]: lr 0.00[0-9]*, beta2 0.9' "$tmp/out")" = 4 ] && [ ! -e "$tmp/dry" ]
ok $? "--dry-run tells points and hours, and runs nothing"
tune=(tune "$tmp/mine" --workload vit --max-steps 120 --best 2 --seeds 2 --results "$tmp/r")
search 0 "${tune[@]}" --points 3
ok $? "a small search"
[ "$(records "$tmp/r" | wc -l)" = 7 ] && [ "$(grep -c '^trial' "$tmp/out")" = 7 ]
ok $? "3 points, 2 of them on 2 fresh seeds: 7 trials"
cat "$tmp"/r/point-*/mine/vit-test/study-0/trial-0/trial.jsonl | grep '"event":"header"' > "$tmp/headers"
[ "$(grep -o '"point":[0-2],' "$tmp/headers" | sort -u | wc -l)" = 3 ] &&
    [ "$(grep -c '"schedule":"constant"' "$tmp/headers")" = 3 ] && [ "$(grep -c '"search":"tune"' "$tmp/headers")" = 3 ]
ok $? "records name point and search; what is fixed stays"
# the first of the second table has the fewest steps on its fresh seeds
awk '/^the best again/ {on = 1} on && /^ +[0-9]+ +2\/2/ {steps[++k] = $3} END {exit !(k == 2 && steps[1] + 0 <= steps[2] + 0)}' "$tmp/out"
ok $? "the table is in order"
records "$tmp/r" > "$tmp/records"
search 0 "${tune[@]}" --points 3 && records "$tmp/r" | cmp -s - "$tmp/records" &&
    grep -q '; 0 of 7 trials to run' "$tmp/out"
ok $? "again: nothing is run, the same answer"
winner=$(sed -n 's/^best on fresh seeds: //p' "$tmp/out")
rm -r "$(dirname "$(find "$tmp/r" -path '*study-2*' -name trial.jsonl | head -n 1)")"
search 0 "${tune[@]}" --points 3 && grep -q '; 1 of 7 trials to run' "$tmp/out" &&
    [ "$(records "$tmp/r" | grep -cFf "$tmp/records")" = 6 ] && [ "$(sed -n 's/^best on fresh seeds: //p' "$tmp/out")" = "$winner" ]
ok $? "what is missing is run, the rest is as it was: $winner"
search 0 "${tune[@]}" --points 4 && [ "$(records "$tmp/r" | grep -cFf "$tmp/records")" -ge 6 ] &&
    [ "$(find "$tmp/r" -path '*study-0*' -name trial.jsonl | wc -l)" = 4 ]
ok $? "more points add to the search"

search 0 "${tune[@]}" --points 3 --write
diff "$tmp/before.yaml" "$tmp/mine/submission.yaml" > "$tmp/diff"
[ "$(grep -c '^<' "$tmp/diff")" = 1 ] && grep -Eq '^>   lr: 0\.00[0-9]+ +# much too high$' "$tmp/diff" &&
    grep -Eq '^>   beta2: 0\.99?$' "$tmp/diff" && [ "$(grep -c '^>' "$tmp/diff")" = 2 ]
ok $? "--write: the winner's values, every comment kept"
point=$(sed -n 's/^best on fresh seeds: point \([0-9]*\):.*/\1/p' "$tmp/out")
values() { grep -o '"hyperparameters":{[^}]*}' "$1/mine/vit-test/study-0/trial-0/trial.jsonl"; }
"$podium" run "$tmp/mine" --workload vit --suite test --threads 1 --max-steps 1 --results "$tmp/run" > "$tmp/out" 2>&1 &&
    [ "$(values "$tmp/run")" = "$(values "$tmp/r/point-000$point")" ]
ok $? "which races as it ran"
for form in '{lr: 0.5, schedule: constant}' ''; do
    printf 'name: mine\noptimizer: adamw\nhyperparameters: %s\nsearch_space: {lr: {feasible_points: [0.003]}}\n' "$form" |
        sed '/^hyperparameters: $/d' > "$tmp/mine/submission.yaml"
    search 0 tune "$tmp/mine" --workload vit --points 1 --seeds 1 --max-steps 120 --write --results "$tmp/form${#form}" &&
        grep -q '^  lr: 0.003$' "$tmp/mine/submission.yaml" && [ "$(grep -c schedule "$tmp/mine/submission.yaml")" = "$(grep -c . <<< "$form")" ]
    ok $? "--write into '$form'"
done

cp "$tmp/before.yaml" "$tmp/mine/submission.yaml"
sed -i '/^search_space/,$d' "$tmp/mine/submission.yaml"
cat >> "$tmp/mine/submission.yaml" <<'END'
search_space: [{lr: 0.004}, {lr: 0.000001}, {lr: 0.003}, {lr: 0.0000001}]
END
search 0 tune "$tmp/mine" --workload vit --halving --max-steps 120 --best 1 --seeds 1 --results "$tmp/half"
ok $? "halving, all points of a list"
grep -l 'halved: not in the best 1/3 of' "$tmp"/half/point-*/mine/*/study-0/*/trial.jsonl | grep -o 'point-[0-9]*' > "$tmp/halved"
grep -q . "$tmp/halved" && ! grep -q 'point-0000' "$tmp/halved" &&
    grep -q '"search":"tune, asynchronous successive halving: the best 1/3 at steps 6, 20, 60"' "$tmp"/half/point-0001/mine/*/study-0/*/trial.jsonl
ok $? "hopeless points end early, and records say why: $(tr '\n' ' ' < "$tmp/halved")"
grep -q 'lr 0.00[34]$' "$tmp/out"
ok $? "the winner is one of the good ones"
cat > "$tmp/halving.py" <<'PY'
# Each record of the halved search names the rule in its header; one that it ended, the rung in its end.
import glob, json, re, sys
folder, command, halved = sys.argv[1], sys.argv[2], 0
rule = command + r", asynchronous successive halving: the best 1/3 at steps (\d+), (\d+), (\d+)"
for f in glob.glob(folder + "/point-*/mine/*/study-*/trial-*/trial.jsonl"):
    lines = [json.loads(l) for l in open(f)]
    header, last, end = lines[0], lines[-2], lines[-1]
    fresh = header["study"] > 0
    assert end["event"] == "end" and end["status"] == "VALID", f
    if fresh:
        assert header["search"] == command + ", fresh seed", (f, header["search"])
    rungs = re.fullmatch(rule, header["search"])
    assert bool(rungs) != fresh, (f, header["search"])
    why = re.fullmatch(r"halved: not in the best 1/3 of (\d+) at step (\d+)", end["reason"])
    assert not (fresh and why) and not (why and end["reached"]), (f, end["reason"])
    if why:
        halved += 1
        assert why[2] in rungs.groups() and last["step"] >= int(why[2]), (f, end["reason"], rungs.groups())
    else:
        assert end["reached"] or last["step"] >= header["max_steps"], (f, "ended early without a word")
assert halved, "no trial was halved"
PY
python3 "$tmp/halving.py" "$tmp/half" tune 2>> "$tmp/err"
ok $? "header and end of every record name the rule that was used, and the rung that ended the trial"
record=$(ls "$tmp/half/$(head -n 1 "$tmp/halved")"/mine/*/study-0/*/trial.jsonl)
"$podium" verify "$record" --submission "$tmp/mine" > "$tmp/out" 2> "$tmp/err"
ok $? "podium verify takes a halved record for as far as it goes"
sed -i '$s/halved: [^"]*/lost/' "$record"
"$podium" verify "$record" --submission "$tmp/mine" > "$tmp/out" 2> "$tmp/err"
[ $? = 1 ] && grep -q 'end: [0-9]* evaluations in the record' "$tmp/out"
ok $? "but not one that ends early without the rule's word"
search 0 calibrate "$tmp/mine" --workload vit --halving --max-steps 120 --best 1 --seeds 1 --results "$tmp/halfcal" &&
    python3 "$tmp/halving.py" "$tmp/halfcal" calibrate 2>> "$tmp/err"
ok $? "so does calibrate"

search 0 calibrate "$tmp/mine" --workload vit --workload widenet --max-steps 120 --best 2 --seeds 1 --results "$tmp/cal" &&
    [ "$(records "$tmp/cal" | wc -l)" = 12 ] && grep -Eq '^ +point +reached +worst +mean +vit +widenet +values$' "$tmp/out" &&
    grep -Eq '^ +[02] +2/2 +1\.?[0-9]* +1\.?[0-9]* ' "$tmp/out" && grep -q '^best on fresh seeds: point [02]: lr 0.00[34]$' "$tmp/out"
ok $? "calibrate: one setting for two workloads, by the worst ratio"
sed -i 's/^search_space.*/search_space: [{lr: 0.0000001}]/' "$tmp/mine/submission.yaml"
search 1 tune "$tmp/mine" --workload vit --max-steps 20 --results "$tmp/none" && grep -q 'no point reached a target' "$tmp/err"
ok $? "no point reaches the target: exit status 1"

refused() { # WORDS ARGUMENTS...
    local words=$1
    shift
    search 2 "$@" && grep -Eq -- "$words" "$tmp/err"
    ok $? "refused: $words"
}
refused "were begun with search_space" "${tune[@]}" --points 1
cp "$tmp/before.yaml" "$tmp/mine/submission.yaml"
refused "were begun with halving false, now it is true" "${tune[@]}" --halving --points 3
refused "expected one --workload; .podium calibrate. takes several" tune "$tmp/mine" --workload vit --workload widenet
refused "expected one --workload" tune "$tmp/mine"
refused "expected a submission" tune --workload vit
refused "has no search_space to tune in" tune "${PODIUM_BUILD:-build}/optimizers/sgd.so" --workload vit
refused "has no submission.yaml" calibrate "${PODIUM_BUILD:-build}/optimizers/sgd.so" --write
refused "unknown option '--select'" tune "$tmp/mine" --select mean --workload vit
refused "--select 'x': expected one of worst, mean" calibrate "$tmp/mine" --select x
refused "--points '0': expected an integer" calibrate "$tmp/mine" --points 0
tap_done

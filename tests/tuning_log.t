#!/bin/bash
# tools/tune.py: stages run and are not run again, a metric that grows and a variant of one's own; every log of
# results/tuning makes a table.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
[ "${PODIUM_BUILD:-build}" = build ] || skip_all "the tool runs ./podium, not ${PODIUM_BUILD}"
cat > "$tmp/tuning.json" <<'J'
{"workload": "vit", "suite": "test", "max_steps": 20, "target": 4.0, "points": 1, "repeat": 1,
 "seeds": {"search": 1, "repeat": [2], "fresh": [3, 4]},
 "optimizers": [{"name": "nadamw", "optimizer": "nadamw", "fixed": {"schedule": "constant", "warmup": 0},
                 "space": {"lr": {"min": 1e-12, "max": 2e-12}}, "also": [{"lr": 0.003}]}]}
J
tune() { tools/tune.py "$tmp/tuning.json" --log "$tmp/log.jsonl" "$@" > "$tmp/out" 2>&1; }
trials() { grep -c ' seed [0-9]*: ' "$tmp/out"; }
tune --jobs 2 && [ "$(trials)" = 5 ] && grep -Eq '^\| nadamw \| lr 0.003, .* \| 2 \| fresh \| [0-9]+ [0-9]+ \| 2 of 2 \|' "$tmp/out"
ok $? "two points, the better one again on another seed, then on fresh ones"
tune && [ "$(trials)" = 0 ]
ok $? "a trial in the log is not run again"
tune --report --at 10 && grep -Eq '^nadamw at step 10: median [34]\.[0-9]+ of( [34]\.[0-9]+){3,4}$' "$tmp/out"
ok $? "values at a step"
# Diverged behind step 5, as records spell it.
sed -E '/"lr": 0\.003/ s/(\[1[05], )[^,]+/\1"nan"/g' "$tmp/log.jsonl" > "$tmp/nan.jsonl"
tools/tune.py "$tmp/tuning.json" --log "$tmp/nan.jsonl" --report --at 10 > "$tmp/out" 2>&1 && [ "$(grep -c '"nan"' "$tmp/nan.jsonl")" = 4 ] &&
    grep -Eq '^nadamw at step 10: median inf of( inf){4}$' "$tmp/out"
ok $? "a loss that is not finite counts as none"
python3 - "$tmp/tuning.json" <<'P'
import json, sys
t = json.load(open(sys.argv[1]))
t.update(metric="accuracy", target=0.04, variant={"name": "mine", "target": {"metric": "accuracy", "value": 2}})
json.dump(t, open(sys.argv[1], "w"))
P
rm "$tmp/log.jsonl"
tune --jobs 2 && grep -q '^target: accuracy >= 0.04; 5 trials' "$tmp/out" && grep -q '^| nadamw | lr 0.003, ' "$tmp/out" &&
    awk -F'|' '/^\| nadamw/ {exit !($8 > 0.04 && $8 < 1)}' "$tmp/out"
ok $? "on a metric that grows, in a variant of one's own, the same point is better"
sed -i 's/"nadamw", "fixed"/"none_such", "fixed"/' "$tmp/tuning.json"
rm "$tmp/log.jsonl"
! tune && grep -q '^tune: .*none_such' "$tmp/out" && [ ! -s "$tmp/log.jsonl" ]
ok $? "an optimizer that is not there ends it, and the log holds nothing"
for log in results/tuning/*.jsonl; do
    name=$(basename "$log" .jsonl)
    tools/tune.py "tools/tuning/$name.json" --log "$log" --report > "$tmp/out" 2>&1 && grep -Eq '^\| (nadamw|sam) .* [0-9]+ of [0-9]+ \|' "$tmp/out"
    ok $? "$name: a table"
done
tap_done

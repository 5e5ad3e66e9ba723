#!/bin/bash
# tools/claim.py: a study of a few steps runs, is not run again, goes on where a record is missing, makes its tables
# and verdicts; studies of steps to the target; every study of tools/studies is sound.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
[ "${PODIUM_BUILD:-build}" = build ] || skip_all "the tool runs ./podium, not ${PODIUM_BUILD}"
cat > "$tmp/study.json" <<'J'
{"name": "s", "workload": "compacter", "suite": "test", "optimizer": "nadamw", "steps": 4, "batch": 8, "evaluations": 2,
 "search_seed": 9, "seeds": [1, 2], "seconds_a_step": 0.01, "choose_by": "score", "memory": true, "variant": {},
 "set": {"weight_decay": 0}, "settings": [{"lr": 0.003}, {"lr": 1e-30}],
 "tasks": [{"name": "T", "variant": {"target": {"metric": "matthews", "value": 2}}}],
 "amounts": [{"name": "all"}, {"name": "24", "variant": {"data": {"examples": 24}}, "settings_of": "all"}],
 "models": [{"name": "A", "variant": {"model": {"mode": "full"}}}, {"name": "B b", "variant": {"model": {"mode": "head"}}},
            {"name": "C", "variant": {"model": {"mode": "bitfit"}}, "only": {"amounts": ["all"]}}],
 "claims": [{"text": "A is not far below B", "better": "A", "than": "B b", "by": -1000},
            {"text": "A is far above B", "better": "A", "than": "B b", "by": 1000, "amounts": ["24"]}]}
J
claim() { tools/claim.py "$tmp/study.json" --results "$tmp/r" "$@" > "$tmp/out" 2>&1; }
trials() { grep -c 'seed-[0-9]*: loss' "$tmp/out"; }
claim --hours && grep -q '^s: 0 trials finished, 16 left: about 0.00 core hours' "$tmp/out"
ok $? "it predicts before it runs"
! claim --table && grep -q "no model of 's' has all its seeds" "$tmp/out"
ok $? "without records there is no table"
claim --only A --only 24 --jobs 2; [ $? = 2 ] && grep -q "a setting is chosen from cells that are left out" "$tmp/out"
ok $? "cells whose setting nobody searched for cannot run"
sed 's/"name": "C"/"name": "b-B"/' "$tmp/study.json" > "$tmp/twins.json"
tools/claim.py "$tmp/twins.json" --results "$tmp/r" --hours > "$tmp/out" 2>&1; [ $? = 2 ] &&
    grep -q "models: the records of 'B b' would have another's name" "$tmp/out" &&
    sed 's/"name": "C"/"name": "B b++"/' "$tmp/study.json" > "$tmp/plus.json" &&
    tools/claim.py "$tmp/plus.json" --results "$tmp/r" --hours > "$tmp/out" 2>&1
ok $? "two models whose records would have one name are refused; a plus is a difference"
claim --jobs 2 && [ "$(trials)" = 16 ] && grep -q '^s: 16 trials finished, 0 left' "$tmp/out"
ok $? "search and fresh seeds of all cells run, two at once"
claim && [ "$(trials)" = 0 ]
ok $? "finished trials are not run again"
[ "$(wc -l < "$tmp/r/s.jsonl")" = 16 ] && [ -z "$(find "$tmp/r/s" -name trial.jsonl)" ]
ok $? "their records are lines of one file"
grep '"trial":"t/24/a/lr=[^"]*/seed-1"' "$tmp/r/s.jsonl" > "$tmp/out" &&
    grep -q '"data":{"examples":24}' "$tmp/out" && grep -q '"weight_decay":0.0' "$tmp/out" &&
    grep -q '"matthews":' "$tmp/out" && grep -q '"step":4,' "$tmp/out" && grep -q '"step_hint":4' "$tmp/out"
ok $? "a record has the cell's variant, hyperparameters, metric and steps"
head -c -100 "$tmp/r/s.jsonl" > "$tmp/cut" && mv "$tmp/cut" "$tmp/r/s.jsonl" && claim && [ "$(trials)" = 1 ] &&
    [ "$(wc -l < "$tmp/r/s.jsonl")" = 16 ]
ok $? "what a kill cut off is run again"
sed -i '/"t\/all\/b-b\/lr=[^"]*seed-2"/d' "$tmp/r/s.jsonl" && claim --only B\ b && [ "$(trials)" = 1 ] &&
    grep -q 't/all/b-b/.*seed-2' "$tmp/out"
ok $? "so is what is missing, and nothing else"
claim --table && grep -Eq '^\| A \| [0-9,]+ \| [0-9.]+ \| [0-9.]+ \| [0-9]+ \| [0-9]+ \| lr [^|]+\| [-0-9.]+ ± [0-9.]+ \| [-0-9.]+ ± [0-9.]+ \|$' "$tmp/out" &&
    grep -Eq '^\| B b \| [0-9,]+ \([0-9.]+ %\) \|' "$tmp/out" && grep -Eq '^\| C \|.*\| - \|$' "$tmp/out"
ok $? "the table has counts, costs and intervals"
grep -Eq '^- A is not far below B: \*\*confirmed\*\*. A minus B b: [-+][0-9.]+ points' "$tmp/out" &&
    grep -Eq '^- A is far above B: \*\*refuted\*\*' "$tmp/out"
ok $? "claims are confirmed or refuted"
sed -i 's/"trial":"t/"trail":"t/' "$tmp/r/s.jsonl"; claim --table; [ $? = 2 ] && grep -q 's.jsonl:1: no record' "$tmp/out"
ok $? "a damaged line is named"

cat > "$tmp/study.json" <<'J'
{"name": "p", "kind": "steps", "suite": "test", "optimizer": "nadamw", "search_seed": 9, "seeds": [1, 2], "seconds_a_step": 1,
 "set": {"lr": 0.003, "schedule": "constant", "warmup": 0},
 "tasks": [{"name": "vit", "workload": "vit"}],
 "models": [{"name": "one", "precision": "f32"}, {"name": "two", "precision": "f32"}]}
J
claim --jobs 2 && grep -q 'target at step [0-9]' "$tmp/out" && claim --table &&
    grep -Eq '^\| vit \| ([0-9]+), ([0-9]+) \| \1, \2 \| \+0.0 ± 0.0 \| [0-9.]+ \(evaluated every [0-9]+\) \| the same' "$tmp/out"
ok $? "steps to the target are compared by seeds"
for study in tools/studies/*.json; do
    tools/claim.py "$study" --hours --results "$tmp/r" > "$tmp/out" 2>&1 && grep -Eq '[1-9][0-9]* left: about [0-9.]+ core hours' "$tmp/out"
    ok $? "$study predicts its hours"
done
tools/claim.py tools/studies/widenet.json --quick 1 --only ViT --jobs 2 --results "$tmp/r" > "$tmp/out" 2>&1 &&
    tools/claim.py tools/studies/widenet.json --quick 1 --results "$tmp/r" --table > "$tmp/out" 2>&1 &&
    grep -q '^| ViT | ' "$tmp/out" && grep -q 'not measured yet' "$tmp/out"
ok $? "a study can be tried in one step"
tap_done

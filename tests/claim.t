#!/bin/bash
# tools/claim.py: a study of a few steps runs, is not run again, goes on where a record is missing, makes its tables
# and verdicts; studies of steps to the target; every study of tools/studies is sound.
set -u
cd "$(dirname "$0")/.." || exit 2
if [ "${PODIUM_BUILD:-build}" != build ]; then
    echo "1..0 # SKIP the tool runs ./podium, not ${PODIUM_BUILD}"
    exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
ok() { # STATUS WORDS
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' "$dir/out"
    fi
}
cat > "$dir/study.json" <<'J'
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
claim() { tools/claim.py "$dir/study.json" --results "$dir/r" "$@" > "$dir/out" 2>&1; }
trials() { grep -c 'seed-[0-9]*: loss' "$dir/out"; }
claim --hours && grep -q '^s: 0 trials finished, 16 left: about 0.00 core hours' "$dir/out"
ok $? "it predicts before it runs"
! claim --table && grep -q "no model of 's' has all its seeds" "$dir/out"
ok $? "without records there is no table"
claim --only A --only 24 --jobs 2; [ $? = 2 ] && grep -q "a setting is chosen from cells that are left out" "$dir/out"
ok $? "cells whose setting nobody searched for cannot run"
sed 's/"name": "C"/"name": "b-B"/' "$dir/study.json" > "$dir/twins.json"
tools/claim.py "$dir/twins.json" --results "$dir/r" --hours > "$dir/out" 2>&1; [ $? = 2 ] &&
    grep -q "models: the records of 'B b' would have another's name" "$dir/out" &&
    sed 's/"name": "C"/"name": "B b++"/' "$dir/study.json" > "$dir/plus.json" &&
    tools/claim.py "$dir/plus.json" --results "$dir/r" --hours > "$dir/out" 2>&1
ok $? "two models whose records would have one name are refused; a plus is a difference"
claim --jobs 2 && [ "$(trials)" = 16 ] && grep -q '^s: 16 trials finished, 0 left' "$dir/out"
ok $? "search and fresh seeds of all cells run, two at once"
claim && [ "$(trials)" = 0 ]
ok $? "finished trials are not run again"
[ "$(wc -l < "$dir/r/s.jsonl")" = 16 ] && [ -z "$(find "$dir/r/s" -name trial.jsonl)" ]
ok $? "their records are lines of one file"
grep '"trial":"t/24/a/lr=[^"]*/seed-1"' "$dir/r/s.jsonl" > "$dir/out" &&
    grep -q '"data":{"examples":24}' "$dir/out" && grep -q '"weight_decay":0.0' "$dir/out" &&
    grep -q '"matthews":' "$dir/out" && grep -q '"step":4,' "$dir/out" && grep -q '"step_hint":4' "$dir/out"
ok $? "a record has the cell's variant, hyperparameters, metric and steps"
head -c -100 "$dir/r/s.jsonl" > "$dir/cut" && mv "$dir/cut" "$dir/r/s.jsonl" && claim && [ "$(trials)" = 1 ] &&
    [ "$(wc -l < "$dir/r/s.jsonl")" = 16 ]
ok $? "what a kill cut off is run again"
sed -i '/"t\/all\/b-b\/lr=[^"]*seed-2"/d' "$dir/r/s.jsonl" && claim --only B\ b && [ "$(trials)" = 1 ] &&
    grep -q 't/all/b-b/.*seed-2' "$dir/out"
ok $? "so is what is missing, and nothing else"
claim --table && grep -Eq '^\| A \| [0-9,]+ \| [0-9.]+ \| [0-9.]+ \| [0-9]+ \| [0-9]+ \| lr [^|]+\| [-0-9.]+ ± [0-9.]+ \| [-0-9.]+ ± [0-9.]+ \|$' "$dir/out" &&
    grep -Eq '^\| B b \| [0-9,]+ \([0-9.]+ %\) \|' "$dir/out" && grep -Eq '^\| C \|.*\| - \|$' "$dir/out"
ok $? "the table has counts, costs and intervals"
grep -Eq '^- A is not far below B: \*\*confirmed\*\*. A minus B b: [-+][0-9.]+ points' "$dir/out" &&
    grep -Eq '^- A is far above B: \*\*refuted\*\*' "$dir/out"
ok $? "claims are confirmed or refuted"
sed -i 's/"trial":"t/"trail":"t/' "$dir/r/s.jsonl"; claim --table; [ $? = 2 ] && grep -q 's.jsonl:1: no record' "$dir/out"
ok $? "a damaged line is named"

cat > "$dir/study.json" <<'J'
{"name": "p", "kind": "steps", "suite": "test", "optimizer": "nadamw", "search_seed": 9, "seeds": [1, 2], "seconds_a_step": 1,
 "set": {"lr": 0.003, "schedule": "constant", "warmup": 0},
 "tasks": [{"name": "vit", "workload": "vit"}],
 "models": [{"name": "one", "precision": "f32"}, {"name": "two", "precision": "f32"}]}
J
claim --jobs 2 && grep -q 'target at step [0-9]' "$dir/out" && claim --table &&
    grep -Eq '^\| vit \| ([0-9]+), ([0-9]+) \| \1, \2 \| \+0.0 ± 0.0 \| [0-9.]+ \(evaluated every [0-9]+\) \| the same' "$dir/out"
ok $? "steps to the target are compared by seeds"
for study in tools/studies/*.json; do
    tools/claim.py "$study" --hours --results "$dir/r" > "$dir/out" 2>&1 && grep -Eq '[1-9][0-9]* left: about [0-9.]+ core hours' "$dir/out"
    ok $? "$study predicts its hours"
done
tools/claim.py tools/studies/widenet.json --quick 1 --only ViT --jobs 2 --results "$dir/r" > "$dir/out" 2>&1 &&
    tools/claim.py tools/studies/widenet.json --quick 1 --results "$dir/r" --table > "$dir/out" 2>&1 &&
    grep -q '^| ViT | ' "$dir/out" && grep -q 'not measured yet' "$dir/out"
ok $? "a study can be tried in one step"
echo "1..$n"

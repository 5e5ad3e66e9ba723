#!/bin/bash
# tools/first_results.py: predicts, races defaults, goes on where a record is missing, makes its table and picture, and
# leaves the machine to who locks it.
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
first() {
    tools/first_results.py --suite test --workload vit --optimizer nadamw --optimizer sam --optimizer sgd \
        --studies 2 --results "$dir/r" "$@" > "$dir/out" 2>&1
}
trials() { grep -c ' study [0-9]*: ' "$dir/out"; }
first --hours && grep -q '^vit-test: 6 of 6 trials to run, at most' "$dir/out" && [ ! -e "$dir/r" ]
ok $? "it predicts before it runs, and writes nothing"
! first --table && grep -q "no finished record of size 'test'" "$dir/out"
ok $? "without records there is no table"
first --jobs 2 --lock "$dir/lock" && [ "$(trials)" = 6 ]
ok $? "all optimizers run, two at once"
[ "$(grep -l '"defaults_only":true' "$dir"/r/*/vit-test/study-[01]/trial-0/trial.jsonl | wc -l)" = 6 ]
ok $? "at their defaults"
first && [ "$(trials)" = 0 ] && grep -q '^vit-test: 0 of 6' "$dir/out"
ok $? "finished trials are not run again"
rm -r "$dir/r/sam/vit-test/study-1" && first && [ "$(trials)" = 1 ] && grep -q '^sam vit study 1: VALID' "$dir/out"
ok $? "only the missing one is"
# Begun with two threads: its checkpoint fits no trial of one.
rm -r "$dir/r/sgd/vit-test/study-0"
{ timeout -s KILL 1.5 ./podium run build/optimizers/sgd.so --suite test --workload vit --ruleset free --studies 2 --study 0 \
    --threads 2 --results "$dir/r"; } > "$dir/killed" 2>&1
[ -f "$dir/r/sgd/vit-test/study-0/trial-0/trial.jsonl" ] && first && [ "$(trials)" = 1 ] &&
    grep -q '^sgd vit study 0: VALID' "$dir/out" && grep -q '"threads":1' "$dir/r/sgd/vit-test/study-0/trial-0/trial.jsonl"
ok $? "a trial that was killed, and that cannot go on, is begun anew"
first --table && grep -Eq '^\| 1 \| [a-z]+ \| [0-9.]+ \| [0-9]+, [0-9]+ steps, [12] of 2 \|' "$dir/out" &&
    grep -q '^- \*\*vit\*\* (loss at most 3.6): reached on every seed by ' "$dir/out" &&
    grep -q '^- At their defaults these reach no target: .*sgd' "$dir/out" && grep -q 'sam(adamw)' "$dir/out"
ok $? "the table says who reached what, and who nothing"
./podium score "$dir/r" --format svg > "$dir/out" && python3 - "$dir/out" <<'P'
import sys, xml.etree.ElementTree as E
root = E.parse(sys.argv[1]).getroot()
space = "{http://www.w3.org/2000/svg}"
lines = root.findall(space + "polyline")
names = [t.text for t in root.findall(space + "text")]
assert root.tag == space + "svg" and 1 <= len(lines) <= 2, lines
assert any(t.startswith("nadamw ") for t in names) and any(t.endswith("score 0") for t in names), names
P
ok $? "the picture draws who scores, and counts who does not"
rm -r "$dir"/r/*/vit-test/study-1
flock "$dir/lock" sh -c 'sleep 2; ls -d "$1"/r/*/vit-test/study-1 2> /dev/null | wc -l > "$1/seen"' sh "$dir" &
sleep 0.3
first --lock "$dir/lock" && [ "$(cat "$dir/seen")" = 0 ] && [ "$(trials)" = 3 ]
ok $? "while another holds the lock alone, no trial starts"
first --optimizer nothing
[ $? = 2 ] && grep -q 'no build/optimizers/nothing.so' "$dir/out"
ok $? "an unknown optimizer is refused"
echo "1..$n"

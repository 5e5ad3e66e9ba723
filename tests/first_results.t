#!/bin/bash
# tools/first_results.py: predicts, races defaults, goes on where a record is missing, makes its table and picture, and
# leaves the machine to who locks it.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
[ "${PODIUM_BUILD:-build}" = build ] || skip_all "the tool runs ./podium, not ${PODIUM_BUILD}"
first() {
    tools/first_results.py --suite test --workload vit --optimizer nadamw --optimizer sam --optimizer sgd \
        --studies 2 --results "$tmp/r" "$@" > "$tmp/out" 2>&1
}
trials() { grep -c ' study [0-9]*: ' "$tmp/out"; }
first --hours && grep -q '^vit-test: 6 of 6 trials to run, at most' "$tmp/out" && [ ! -e "$tmp/r" ]
ok $? "it predicts before it runs, and writes nothing"
! first --table && grep -q "no finished record of size 'test'" "$tmp/out"
ok $? "without records there is no table"
first --jobs 2 --lock "$tmp/lock" && [ "$(trials)" = 6 ]
ok $? "all optimizers run, two at once"
[ "$(grep -l '"defaults_only":true' "$tmp"/r/*/vit-test/study-[01]/trial-0/trial.jsonl | wc -l)" = 6 ]
ok $? "at their defaults"
first && [ "$(trials)" = 0 ] && grep -q '^vit-test: 0 of 6' "$tmp/out"
ok $? "finished trials are not run again"
rm -r "$tmp/r/sam/vit-test/study-1" && first && [ "$(trials)" = 1 ] && grep -q '^sam vit study 1: VALID' "$tmp/out"
ok $? "only the missing one is"
# Begun with two threads: its checkpoint fits no trial of one.
rm -r "$tmp/r/sgd/vit-test/study-0"
{ timeout -s KILL 1.5 ./podium run build/optimizers/sgd.so --suite test --workload vit --ruleset free --studies 2 --study 0 \
    --threads 2 --results "$tmp/r"; } > "$tmp/killed" 2>&1
[ -f "$tmp/r/sgd/vit-test/study-0/trial-0/trial.jsonl" ] && first && [ "$(trials)" = 1 ] &&
    grep -q '^sgd vit study 0: VALID' "$tmp/out" && grep -q '"threads":1' "$tmp/r/sgd/vit-test/study-0/trial-0/trial.jsonl"
ok $? "a trial that was killed, and that cannot go on, is begun anew"
first --table && grep -Eq '^\| 1 \| [a-z]+ \| [0-9.]+ \| [0-9]+, [0-9]+ steps, [12] of 2 \|' "$tmp/out" &&
    grep -q '^- \*\*vit\*\* (loss at most 3.6): reached on every seed by ' "$tmp/out" &&
    grep -q '^- At their defaults these reach no target: .*sgd' "$tmp/out" && grep -q 'sam(adamw)' "$tmp/out"
ok $? "the table says who reached what, and who nothing"
cp -r "$tmp/r" "$tmp/other"
sed -i '1s/"sha256":"[0-9a-f]\{8\}/"sha256":"00000000/' "$tmp/other/sgd/vit-test/study-1/trial-0/trial.jsonl"
tools/first_results.py --suite test --table --results "$tmp/other" > "$tmp/out" 2>&1 &&
    grep -q 'are not in this table: sgd/vit-test/study-1/trial-0/trial.jsonl: another .so' "$tmp/out"
ok $? "a record that is left out is named by its place in the folder"
./podium score "$tmp/r" --format svg > "$tmp/out" && python3 - "$tmp/out" <<'P'
import sys, xml.etree.ElementTree as E
root = E.parse(sys.argv[1]).getroot()
space = "{http://www.w3.org/2000/svg}"
lines = root.findall(space + "polyline")
names = [t.text for t in root.findall(space + "text")]
assert root.tag == space + "svg" and 1 <= len(lines) <= 2, lines
assert any(t.startswith("nadamw ") for t in names) and any(t.endswith("score 0") for t in names), names
P
ok $? "the picture draws who scores, and counts who does not"
rm -r "$tmp"/r/*/vit-test/study-1
flock "$tmp/lock" sh -c 'sleep 2; ls -d "$1"/r/*/vit-test/study-1 2> /dev/null | wc -l > "$1/seen"' sh "$tmp" &
sleep 0.3
first --lock "$tmp/lock" && [ "$(cat "$tmp/seen")" = 0 ] && [ "$(trials)" = 3 ]
ok $? "while another holds the lock alone, no trial starts"
first --optimizer nothing
[ $? = 2 ] && grep -q 'no build/optimizers/nothing.so' "$tmp/out"
ok $? "an unknown optimizer is refused"
tap_done

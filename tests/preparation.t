#!/bin/bash
# A race of all workloads leaves out those whose data are not there, and says what prepares them.
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/tap.sh"
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
unset PODIUM_DATA
run() { # WANTED-STATUS ARGUMENTS...
    local want=$1
    shift
    "$build/podium" "$@" >"$tmp/out" 2>"$tmp/err"
    [ $? -eq "$want" ]
}
race() { run "$1" run nadamw --no-prepare --suite "$2" --max-steps 1 --threads 1 --quiet --results "$tmp/results" --data "$tmp/sets"; }
records() { find "$tmp/results" -name '*.json*' 2>/dev/null | wc -l; }

mkdir "$tmp/sets"
race 2 mini && [ "$(records)" = 0 ]
ok $? "without any data there is no race"
grep -q "leaves out transformer, not prepared: debian-text: .podium data debian-text --dir $tmp/sets.$" "$tmp/err"
ok $? "a workload that is left out is named with the command that prepares it"
grep -q "leaves out compacter, not prepared: sections, backbone.safetensors: .podium data debian-text --dir $tmp/sets && podium data backbone --dir $tmp/sets.$" "$tmp/err"
ok $? "several commands go in their order"
grep -q "leaves out vit, not prepared: glyphs: place glyphs by hand$" "$tmp/err"
ok $? "a set that no command brings is named all the same"
grep -q "leaves out gpt, which ranks nothing: --workload gpt$" "$tmp/err"
ok $? "and so is what is only raced by name"
grep -q "no workload of size 'mini' is prepared" "$tmp/err"
ok $? "the error is that none is left"

cp -r "$root/data/sentences" "$tmp/sets/"
race 0 test && ! grep -q "leaves out compacter" "$tmp/err" && grep -q "leaves out vit" "$tmp/err"
ok $? "those that are prepared are raced"
find "$tmp/results" -path '*compacter*' | grep -q . && ! find "$tmp/results" -path '*vit*' | grep -q .
ok $? "and no others"

PODIUM_DATA=$tmp/sets run 0 list workloads
ok $? "the list needs no data"
grep -A1 '^  compacter ' "$tmp/out" | grep -q '^ *prepared: test$' &&
    grep -A3 '^  compacter ' "$tmp/out" |
    grep -q '^ *not prepared: mini, needs sections, backbone.safetensors: .podium data debian-text && podium data backbone.$'
ok $? "and says which sizes are prepared and what the others need"
mkdir "$tmp/sets/debian-text"
echo a >"$tmp/sets/debian-text/train.en"
PODIUM_DATA=$tmp/sets run 0 list workloads
grep -A1 '^  transformer ' "$tmp/out" | grep -q '^ *prepared: mini, test, test_bleu$'
ok $? "what has come since counts"
grep -A3 '^  compacter ' "$tmp/out" | grep -q 'base, .*: .podium data debian-text., then place minilm/model.safetensors by hand$'
ok $? "a network that only the user can bring is named beside the command"
grep -A3 '^  transformer ' "$tmp/out" | grep -q 'not prepared: base, needs multi30k: .podium data multi30k --fetch.$'
ok $? "a set that is fetched names the fetch"
# On first use: apt makes what it can, or the race ends before it begins.
mkdir "$tmp/bin" "$tmp/fresh"
printf '#!/bin/sh\necho "no mirror" >&2\nexit 100\n' >"$tmp/bin/apt-get"
chmod +x "$tmp/bin/apt-get"
PATH=$tmp/bin:$PATH run 2 run nadamw --workload transformer --suite mini --max-steps 1 --results "$tmp/results2" --data "$tmp/fresh"
grep -q "transformer needs debian-text, which apt makes" "$tmp/err" && grep -q "debian-text could not be prepared: it needs apt" "$tmp/err"
ok $? "without a mirror it says what it wanted, and that"
! find "$tmp/fresh" "$tmp/results2" -type f 2>/dev/null | grep -q .
ok $? "and leaves no half of a set, and no record"
if command -v apt-get >/dev/null && timeout 200 "$build/podium" run nadamw --workload transformer --suite mini --max-steps 1 \
    --threads 1 --results "$tmp/results3" --data "$tmp/fresh" >"$tmp/out" 2>"$tmp/err"; then
    [ -s "$tmp/fresh/debian-text/train.en" ] && find "$tmp/results3" -name trial.jsonl | grep -q .
    ok $? "with one the set is made and the race begins"
else
    grep -q "could not be prepared" "$tmp/err"
    ok $? "# SKIP no apt mirror can be reached"
fi
tap_done

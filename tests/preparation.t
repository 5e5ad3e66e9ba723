#!/bin/bash
# A race of all workloads leaves out those whose data are not there, and says what prepares them.
root=$(cd "$(dirname "$0")/.." && pwd)
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
unset PODIUM_DATA
n=0
ok() { # STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$temp/out" "$temp/err"; fi
}
run() { # WANTED-STATUS ARGUMENTS...
    local want=$1
    shift
    "$build/podium" "$@" >"$temp/out" 2>"$temp/err"
    [ $? -eq "$want" ]
}
race() { run "$1" run nadamw --no-prepare --suite "$2" --max-steps 1 --threads 1 --quiet --results "$temp/results" --data "$temp/sets"; }
records() { find "$temp/results" -name '*.json*' 2>/dev/null | wc -l; }

mkdir "$temp/sets"
race 2 mini && [ "$(records)" = 0 ]
ok $? "without any data there is no race"
grep -q "leaves out transformer, not prepared: debian-text: .podium data debian-text --dir $temp/sets.$" "$temp/err"
ok $? "a workload that is left out is named with the command that prepares it"
grep -q "leaves out compacter, not prepared: sections, backbone.safetensors: .podium data debian-text --dir $temp/sets && podium data backbone --dir $temp/sets.$" "$temp/err"
ok $? "several commands go in their order"
grep -q "leaves out vit, not prepared: glyphs: place glyphs by hand$" "$temp/err"
ok $? "a set that no command brings is named all the same"
grep -q "leaves out gpt, which ranks nothing: --workload gpt$" "$temp/err"
ok $? "and so is what is only raced by name"
grep -q "no workload of size 'mini' is prepared" "$temp/err"
ok $? "the error is that none is left"

cp -r "$root/data/sentences" "$temp/sets/"
race 0 test && ! grep -q "leaves out compacter" "$temp/err" && grep -q "leaves out vit" "$temp/err"
ok $? "those that are prepared are raced"
find "$temp/results" -path '*compacter*' | grep -q . && ! find "$temp/results" -path '*vit*' | grep -q .
ok $? "and no others"

PODIUM_DATA=$temp/sets run 0 list workloads
ok $? "the list needs no data"
grep -A1 '^  compacter ' "$temp/out" | grep -q '^ *prepared: test$' &&
    grep -A3 '^  compacter ' "$temp/out" |
    grep -q '^ *not prepared: mini, needs sections, backbone.safetensors: .podium data debian-text && podium data backbone.$'
ok $? "and says which sizes are prepared and what the others need"
mkdir "$temp/sets/debian-text"
echo a >"$temp/sets/debian-text/train.en"
PODIUM_DATA=$temp/sets run 0 list workloads
grep -A1 '^  transformer ' "$temp/out" | grep -q '^ *prepared: mini, test, test_bleu$'
ok $? "what has come since counts"
grep -A3 '^  compacter ' "$temp/out" | grep -q 'base, .*: .podium data debian-text., then place minilm/model.safetensors by hand$'
ok $? "a network that only the user can bring is named beside the command"
grep -A3 '^  transformer ' "$temp/out" | grep -q 'not prepared: base, needs multi30k: .podium data multi30k --fetch.$'
ok $? "a set that is fetched names the fetch"
# On first use: apt makes what it can, or the race ends before it begins.
mkdir "$temp/bin" "$temp/fresh"
printf '#!/bin/sh\necho "no mirror" >&2\nexit 100\n' >"$temp/bin/apt-get"
chmod +x "$temp/bin/apt-get"
PATH=$temp/bin:$PATH run 2 run nadamw --workload transformer --suite mini --max-steps 1 --results "$temp/results2" --data "$temp/fresh"
grep -q "transformer needs debian-text, which apt makes" "$temp/err" && grep -q "debian-text could not be prepared: it needs apt" "$temp/err"
ok $? "without a mirror it says what it wanted, and that"
! find "$temp/fresh" "$temp/results2" -type f 2>/dev/null | grep -q .
ok $? "and leaves no half of a set, and no record"
if command -v apt-get >/dev/null && timeout 200 "$build/podium" run nadamw --workload transformer --suite mini --max-steps 1 \
    --threads 1 --results "$temp/results3" --data "$temp/fresh" >"$temp/out" 2>"$temp/err"; then
    [ -s "$temp/fresh/debian-text/train.en" ] && find "$temp/results3" -name trial.jsonl | grep -q .
    ok $? "with one the set is made and the race begins"
else
    grep -q "could not be prepared" "$temp/err"
    ok $? "# SKIP no apt mirror can be reached"
fi
echo "1..$n"

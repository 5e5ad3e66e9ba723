#!/bin/bash
# tools/claim.py: a study of a few steps runs, is not run again, goes on where a record is missing, makes its table.
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
{"name": "s", "workload": "widenet", "suite": "test", "optimizer": "nadamw", "steps": 3, "search_seed": 9, "seeds": [1, 2],
 "key": "00000000000000000000000000000000", "settings": [{"lr": 0.003}], "seconds_guess": 1,
 "models": [{"name": "A", "variant": ""}, {"name": "B", "variant": "vit"}]}
J
claim() { tools/claim.py "$dir/study.json" --results "$dir/r" "$@" > "$dir/out" 2>&1; }
trials() { grep -c ' seed ' "$dir/out"; }
claim --hours && grep -q '^0 trials finished, 6 left' "$dir/out"
ok $? "it predicts before it runs"
! claim --table && grep -q "no model of 's' has all its seeds" "$dir/out"
ok $? "without records there is no table"
claim && [ "$(trials)" = 6 ] && grep -q '^6 trials finished, 0 left' "$dir/out"
ok $? "search and fresh seeds of both models run"
claim && [ "$(trials)" = 0 ]
ok $? "finished trials are not run again"
rm -r "$dir/r/s/B/lr=0.003/seed-2" && claim && [ "$(trials)" = 1 ] && grep -q 'B .* seed 2' "$dir/out"
ok $? "only the missing one is"
claim --table && grep -Eq '^\| A \| [0-9,]+ \| [0-9.]+ \| lr 0.003 \| [0-9.]+ ± [0-9.]+ \|' "$dir/out" &&
    grep -Eq '^- A is (ahead of|behind|not told apart from) B: [+-][0-9.]+ points' "$dir/out"
ok $? "the table has counts, intervals and a verdict"
echo "1..$n"

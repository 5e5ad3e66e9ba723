#!/bin/sh
# Every fuzz target takes its seed files, and its own source, without a crash.
build=${PODIUM_BUILD:-build}
n=0 bad=0
for target in tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    n=$((n + 1))
    if out=$(find tests/golden/fuzz/"$name" "$target" -type f -print0 2>/dev/null |
        xargs -0 "$build/tests/replay_$name" 2>&1); then
        echo "ok $n - $name: $out"
    else
        echo "not ok $n - $name"
        echo "$out" | tail -5 | sed 's/^/# /'
        bad=1
    fi
done
echo "1..$n"
exit $bad

#!/bin/sh
# Every fuzz target takes its seed files, and its own source, without a crash.
. tests/tap.sh
build=${PODIUM_BUILD:-build}
bad=0
for target in tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    find tests/golden/fuzz/"$name" "$target" -type f -print0 2>/dev/null |
        xargs -0 "$build/tests/replay_$name" >"$tmp/out" 2>&1
    ok $? "$name: $(tail -n 1 "$tmp/out")" || bad=1
done
tap_done
exit $bad

#!/bin/bash
# Runs test programs under prove, a line each, and closes with a line that counts test points:
# `podium check: N passed, N failed, N skipped`.  Usage: prove.sh TEST...
set -u
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000} # as cli/main.c: tests share their cores
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Verbose into a file, to count points and to show what surrounds a failure.
prove --nocolor -v "$@" >"$log" 2>&1
status=$?
awk '
    /^[^ ]+ \.\.+ *$/ { name = $1; points = 0; next }
    /^[^ ]+ \.\.+ skipped/ { print; next }
    /^ok [0-9]/ { points++ }
    /^not ok [0-9]/ { points++; print "  " $0; next }
    /^ok$/ { printf "%-34s ok, %d points\n", name, points }
    /^(Failed|Dubious)/ { print name ": " $0 }
    /^(Files=|Result:|  Parse errors)/ { print }
' "$log"
if [ $status != 0 ]; then
    echo "--- around the failures"
    grep -nE -B2 -A8 '^not ok |^Dubious|Segmentation|ERROR: |runtime error' "$log" | head -200
fi
skipped=$(grep -cE '^ok [0-9]+.*# SKIP' "$log")
passed=$(($(grep -cE '^ok [0-9]+' "$log") - skipped))
failed=$(grep -cE '^not ok [0-9]+' "$log")
[ $status != 0 ] && [ "$failed" = 0 ] && failed=1
[ "$passed" -gt 0 ] || { echo "no test point ran"; status=1; }
echo "podium check: $passed passed, $failed failed, $skipped skipped"
exit $status

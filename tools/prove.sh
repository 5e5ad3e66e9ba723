#!/bin/bash
# Runs test programs under prove and closes with a line that counts test points:
# `podium check: N passed, N failed, N skipped`.  Usage: prove.sh TEST...
set -u
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# -v into a file to count points, the summary to the reader.
prove --nocolor -v "$@" >"$out/log" 2>&1
status=$?
grep -E '^(not ok |#   Failed|.*(Failed test|Dubious|Bad plan|Parse errors|skipped:))|^[^ ]+ \.\. $|^(ok|All tests|Result:|Files=|Test Summary)' "$out/log" |
    grep -vE '^ok [0-9]+' 
if [ $status != 0 ]; then
    echo "--- output around failures"
    grep -nE -A8 '^not ok |Dubious|Segmentation|ERROR: |runtime error' "$out/log" | head -200
fi
passed=$(grep -cE '^ok [0-9]+' "$out/log")
skipped=$(grep -cE '^ok [0-9]+.*# SKIP' "$out/log")
failed=$(grep -cE '^not ok [0-9]+' "$out/log")
[ $status != 0 ] && [ "$failed" = 0 ] && failed=1
[ "$passed" -gt 0 ] || { echo "no test point ran"; status=1; }
echo "podium check: $((passed - skipped)) passed, $failed failed, $skipped skipped"
exit $status

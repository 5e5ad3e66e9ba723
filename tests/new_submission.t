#!/bin/sh
# A new submission builds without a warning and is a good citizen.
build=${PODIUM_BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
echo "1..5"
"$build/podium" new-submission "$dir/mine" >/dev/null && echo "ok 1 - the folder is written" ||
    echo "not ok 1 - the folder is written"
make -s -C "$dir/mine" CFLAGS="-O2 -Wall -Wextra -Werror" && echo "ok 2 - it builds" ||
    echo "not ok 2 - it builds"
"$build/podium" check "$dir/mine" >/dev/null && echo "ok 3 - it passes check" ||
    echo "not ok 3 - it passes check"
[ "$(nm -D --defined-only "$dir/mine/submission.so" | awk '{print $3}')" = podium_get_submission ] &&
    echo "ok 4 - one symbol is exported" || echo "not ok 4 - one symbol is exported"
"$build/podium" new-submission "$dir/mine" 2>/dev/null
[ $? -eq 2 ] && echo "ok 5 - an existing folder is left alone" ||
    echo "not ok 5 - an existing folder is left alone"

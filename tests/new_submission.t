#!/bin/sh
# A new submission builds without a warning and is a good citizen.
. tests/tap.sh
build=${PODIUM_BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
check 0 "the folder is written" "$build/podium" new-submission "$tmp/mine"
check 0 "it builds" make -s -C "$tmp/mine" CFLAGS="-O2 -Wall -Wextra -Werror"
check 0 "it passes check" "$build/podium" check "$tmp/mine"
nm -D --defined-only "$tmp/mine/submission.so" | awk '{print $3}' >"$tmp/out"
[ "$(cat "$tmp/out")" = podium_get_submission ]
ok $? "one symbol is exported"
check 2 "an existing folder is left alone" "$build/podium" new-submission "$tmp/mine"
tap_done

#!/bin/bash
# Runs the shell blocks of CONTRIBUTING.md in a copy of the tree, and looks that each one of the four
# roles has a block.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
# With the build folder (times kept), so that make only compiles what the steps add.
mkdir -p "$tmp/tree"
git ls-files -z | while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
    xargs -0 cp -a --parents -t "$tmp/tree"
build=${build#"$PWD"/}
cp -a --parents "$build" -t "$tmp/tree"
# The Makefile names a build with sanitizers by what it is given; make it name the same folder again.
unset MAKEFLAGS MAKELEVEL SANITIZE
export BUILD="${build%/sanitize-*}"
if [ "$BUILD" != "$build" ]; then
    sanitizers=${build##*/sanitize-}
    export SANITIZE="${sanitizers//-/,}"
fi
for block in submission optimizer workload backend; do
    awk -v tag="test=$block" '/^```sh/ {on = index($0, tag) > 0; next} /^```/ {on = 0} on' \
        CONTRIBUTING.md > "$tmp/$block.sh"
    [ -s "$tmp/$block.sh" ] && (cd "$tmp/tree" && bash -e "$tmp/$block.sh") > "$tmp/log" 2>&1
    ok $? "the steps of the block $block work"
done
tap_done

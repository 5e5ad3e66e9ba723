#!/bin/bash
# Runs the shell blocks of CONTRIBUTING.md in a copy of the tree, and looks that each one of the four
# roles has a block.
set -u
cd "$(dirname "$0")/.." || exit 2
build=${PODIUM_BUILD:-build}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# With the build folder (times kept), so that make only compiles what the steps add.
mkdir -p "$copy/tree"
git ls-files -z | while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
    xargs -0 cp -a --parents -t "$copy/tree"
build=${build#"$PWD"/}
cp -a --parents "$build" -t "$copy/tree"
# The Makefile names a build with sanitizers by what it is given; make it name the same folder again.
unset MAKEFLAGS MAKELEVEL SANITIZE
export BUILD="${build%/sanitize-*}"
if [ "$BUILD" != "$build" ]; then
    sanitizers=${build##*/sanitize-}
    export SANITIZE="${sanitizers//-/,}"
fi
n=0
for block in submission optimizer workload backend; do
    n=$((n + 1))
    awk -v tag="test=$block" '/^```sh/ {on = index($0, tag) > 0; next} /^```/ {on = 0} on' \
        CONTRIBUTING.md > "$copy/$block.sh"
    if [ -s "$copy/$block.sh" ] && (cd "$copy/tree" && bash -e "$copy/$block.sh") > "$copy/log" 2>&1; then
        echo "ok $n - the steps of the block $block work"
    else
        echo "not ok $n - the steps of the block $block work"
        sed 's/^/# /' "$copy/log" | tail -n 20
    fi
done
echo "1..$n"

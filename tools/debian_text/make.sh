#!/bin/sh
# Makes data/debian-text/manifest.gz again from two releases: what both have, so that either gives the
# same set.  Fetches the indices with apt into a temporary folder; needs build/libpodium.a.
# usage: tools/debian_text/make.sh OLDER NEWER MIRROR   (bookworm trixie, and the address of a mirror)
set -eu
: "${3:?usage: make.sh OLDER NEWER MIRROR}"
older=$1 newer=$2 mirror=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cc -D_GNU_SOURCE -std=c17 -O2 -I"$root" -I"$root/include" -o "$temp/candidates" \
    "$root/tools/debian_text/candidates.c" "$root/build/libpodium.a" \
    -lyaml -ljansson -lunistring -lz -lm -fopenmp
for release in "$older" "$newer"; do
    mkdir -p "$temp/$release/lists/partial" "$temp/$release/cache/archives/partial"
    echo "deb $mirror $release main" >"$temp/$release/sources.list"
    apt-get update -qq -o Dir::Etc::sourcelist="$temp/$release/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$temp/$release/lists" \
        -o Dir::Cache="$temp/$release/cache" -o APT::Sandbox::User= -o Acquire::Languages=en,de \
        -o Acquire::Languages::=en -o Acquire::Languages::=de
    for kind in Translation-en Translation-de Packages; do
        /usr/lib/apt/apt-helper cat-file "$temp/$release/lists"/*_"$kind"* >"$temp/$release/$kind"
    done
    "$temp/candidates" "$temp/$release/Translation-en" "$temp/$release/Translation-de" |
        LC_ALL=C sort >"$temp/$release/candidates"
done
"$root/tools/debian_text/choose.sh" "$temp/$older" "$temp/$newer" |
    gzip -9n >"$root/data/debian-text/manifest.gz"

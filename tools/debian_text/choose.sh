#!/bin/sh
# Chooses the sentences and descriptions of the manifest.  usage: choose.sh OLDER NEWER, folders with
# `candidates` (sorted) and `Packages`.  Splits are by source package: 4 of 64 residues of its hash are
# for validation, 4 for the test; a sentence or short line occurs once.
set -eu
export LC_ALL=C
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
# md5 TAB source TAB section TAB short line, of the older release
awk '/^Package: /{p = $2; s = p} /^Source: /{s = $2} /^Section: /{c = $2; sub(/.*\//, "", c)}
     /^Description: /{d = tolower(substr($0, 14))} /^Description-md5: /{m = $2}
     /^$/{if (m) print m "\t" s "\t" c "\t" d; m = ""}' "$1/Packages" | sort -u -k1,1 >"$temp/packages"
# source TAB number TAB split: the first four digits of its SHA-256 decide
cut -f2 "$temp/packages" | sort -u >"$temp/sources"
awk '{printf "%s%c", $0, 0}' "$temp/sources" |
    xargs -0 -n1 sh -c 'printf %s "$1" | sha256sum' sh |
    paste "$temp/sources" - |
    awk -F'\t' 'function hex(c) {return index("0123456789abcdef", c) - 1}
        {r = (hex(substr($2, 1, 1)) * 16 + hex(substr($2, 2, 1))) % 64
         print $1 "\t" NR "\t" (r < 4 ? "v" : r < 8 ? "e" : "t")}' >"$temp/splits"
comm -12 "$1/candidates" "$2/candidates" >"$temp/common"
awk -F'\t' -v splits="$temp/splits" -v packages="$temp/packages" '
    BEGIN {
        while ((getline < splits) > 0) {number[$1] = $2; part[$1] = $3}
        while ((getline < packages) > 0) {source[$1] = $2; section[$1] = $3; short[$1] = $4}
    }
    {
        n = split($0, f, " ")
        if (f[1] == "d") {
            m = f[2]
            if (m in source && !(short[m] in seen) && !(substr(m, 1, 12) in used)) {
                seen[short[m]] = used[substr(m, 1, 12)] = 1
                print "d " part[source[m]] " " substr(m, 1, 12) " " section[m] " " number[source[m]]
            }
        } else if (f[3] in source) {
            english = substr($0, 50)
            if (!(english in pair) && !(f[2] in taken)) {
                pair[english] = taken[f[2]] = 1
                print "p " part[source[f[3]]] " " f[2]
            }
        }
    }' "$temp/common" | sort -r -k1,1 -k3,3

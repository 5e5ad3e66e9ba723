#!/bin/sh
# The glyph images in data/glyphs are what their sums, headers and sizes say, and can be rebuilt.
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/tap.sh"
data=$root/data/glyphs
table=$root/tools/glyphs/families.tsv

# The big-endian 32-bit word number $2 (from 0) of a compressed file.
word() {
    gzip -dc "$1" 2>/dev/null | od -An -tu1 -j $((4 * $2)) -N 4 |
        awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }'
}

length() { gzip -dc "$1" 2>/dev/null | wc -c; }

idx_sound() { # all IDX files of a split; images must be as many as labels
    labels=$data/$1-labels-idx1-ubyte.gz
    [ "$(word "$labels" 0)" -eq 2049 ] || return 1
    count=$(word "$labels" 1)
    [ "$(length "$labels")" -eq $((8 + count)) ] || return 1
    gzip -dc "$labels" | tail -c +9 | od -An -v -tu1 -w1 | sort -un | awk '
        $1 > 61 { bad = 1 } END { exit bad || NR != 62 }' || return 1
    total=0
    for f in "$data/$1"-images-idx3-ubyte*.gz; do
        part=$(word "$f" 1)
        [ "$(word "$f" 0) $(word "$f" 2) $(word "$f" 3)" = "2051 28 28" ] || return 1
        [ "$(length "$f")" -eq $((16 + 784 * part)) ] || return 1
        total=$((total + part))
    done
    [ "$total" -eq "$count" ]
}

families_in() { awk -F'\t' -v s="$1" '$1 !~ /^#/ && $3 == s' "$table" | wc -l; }

payload() {
    for split in train valid test; do
        for f in "$data/$split"-images-idx3-ubyte*.gz "$data/$split-labels-idx1-ubyte.gz"; do
            gzip -dc "$f"
        done
    done | sha256sum | cut -d' ' -f1
}

(cd "$data" && sha256sum --quiet -c SHA256SUMS >/dev/null)
ok $? "the files have their committed sums"
[ "$(cat "$data"/*.gz | wc -c)" -le 4000000 ]
ok $? "all files together are at most 4 MB"
[ -z "$(find "$data" -size +1048575c)" ]
ok $? "every file is below 1 MiB"
for split in train valid test; do
    idx_sound "$split"
    ok $? "$split: headers, lengths, 62 labels, as many images as labels"
done
grep -q "^Payload id: \`$(payload)\`" "$data/README.md"
ok $? "the uncompressed bytes have the documented payload id"
[ "$(families_in valid)" -ge 25 ] && [ "$(families_in test)" -ge 25 ]
ok $? "at least 25 families each in valid and in test"
! grep -v '^#' "$table" | cut -f1 | sort -u | while read -r p; do
    grep -q "^| $p " "$data/FONTS.md" || echo "$p"
done | grep .
ok $? "every font package is listed with its licence"

what="a rebuild from the fonts gives byte-identical images"
if [ -z "${GLYPH_FONTS:-}" ]; then
    skip "$what" "GLYPH_FONTS does not name a folder of unpacked font packages"
elif ! pkg-config --exists freetype2; then
    skip "$what" "no FreeType headers (libfreetype-dev)"
else
    check 0 "$what" "$root/tools/glyphs/build.sh" "$tmp/images"
fi
tap_done

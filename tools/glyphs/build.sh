#!/bin/sh
# Rebuilds the glyph image set from the font packages and compares it with data/glyphs.
#   build.sh [OUT_DIR]      writes OUT_DIR (default build/glyphs); data/glyphs is only read
# GLYPH_FONTS names a folder of packages that are unpacked already (one folder each); otherwise
# they are fetched with `apt-get download` into a temporary folder and unpacked; none is installed.
# Exit status: 0 same images; 1 they differ, or a step failed.
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../.." && pwd)
table=$root/tools/glyphs/families.tsv
want=$root/data/glyphs
mkdir -p "${1:-$root/build/glyphs}"
out=$(cd "${1:-$root/build/glyphs}" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM

fonts=${GLYPH_FONTS:-$temp/fonts}
if [ -z "${GLYPH_FONTS:-}" ]; then
    mkdir -p "$temp/debs" "$fonts"
    grep -v '^#' "$table" | cut -f1,5 | sort -u >"$temp/packages"
    (cd "$temp/debs" && cut -f1 "$temp/packages" | xargs apt-get -qq -o APT::Sandbox::User=root download)
    while read -r package version; do
        deb=$(echo "$temp/debs/${package}_"*.deb)
        have=$(dpkg-deb -f "$deb" Version)
        [ "$have" = "$version" ] ||
            echo "glyphs: $package is version $have here, the table has $version" >&2
        dpkg -x "$deb" "$fonts/$package"
    done <"$temp/packages"
fi

make -s -C "$root" -f tools/glyphs/glyphs.mk build/tools/glyphs
rm -f "$out"/*-ubyte* "$out/PAYLOAD"
"$root/build/tools/glyphs" "$table" "$fonts" "$out"

# The payload: images (parts in number order), then labels, of train, valid, test; uncompressed.
for split in train valid test; do
    cat "$out/$split"-images-idx3-ubyte* "$out/$split-labels-idx1-ubyte"
done | sha256sum | cut -d' ' -f1 >"$out/PAYLOAD"
gzip -n -9 "$out"/*-ubyte*
echo "payload $(cat "$out/PAYLOAD")"

expected=$(sed -n 's/^Payload id: `\([0-9a-f]*\)`.*/\1/p' "$want/README.md")
if [ "$(cat "$out/PAYLOAD")" != "$expected" ]; then
    echo "glyphs: the images DIFFER from data/glyphs (payload $expected)" >&2
    echo "glyphs: FreeType here is $(pkg-config --modversion freetype2) (libtool number)," \
        "the committed set was made with 24.3.18 (2.12.1); check package versions too" >&2
    exit 1
fi
if (cd "$out" && sha256sum --quiet -c "$want/SHA256SUMS" >/dev/null 2>&1); then
    echo "byte-identical to data/glyphs"
else
    echo "same images as data/glyphs; the compressed files differ (another gzip)"
fi

#!/bin/sh
# podium data verifies files, names what is missing or corrupt, and fetches (from file:// here).
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/tap.sh"
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
unset PODIUM_DATA

data() { # WANTED-STATUS ARGUMENTS...
    want=$1
    shift
    "$tmp/build/podium" data "$@" >"$tmp/out" 2>&1
    [ $? -eq "$want" ]
}

# A tree of its own: the command finds data/ beside the folder of the executable.
mkdir -p "$tmp/build" "$tmp/data" "$tmp/site/sub" "$tmp/sets"
cp "$build/podium" "$tmp/build/podium"
cp -r "$root/data/glyphs" "$tmp/sets/"
awk 'BEGIN { for (i = 0; i < 5000; i++) print "row", i }' >"$tmp/site/a"
gzip -nc "$tmp/site/a" >"$tmp/site/a.gz"
cp "$tmp/site/a" "$tmp/site/sub/x.bin"
tar -C "$tmp/site" -czf "$tmp/site/x.tar.gz" sub
sha=$(sha256sum <"$tmp/site/a" | cut -d' ' -f1)
md5=$(md5sum <"$tmp/site/a.gz" | cut -d' ' -f1)
tarsum=$(md5sum <"$tmp/site/x.tar.gz" | cut -d' ' -f1)
size=$(wc -c <"$tmp/site/a")
none=00000000000000000000000000000000
cat >"$tmp/data/sources.yaml" <<END
glyphs: {origin: here, licence: CC0-1.0, sums: SHA256SUMS}
plain: {origin: o, licence: l, url: "file://$tmp/site/", files: [{name: a, bytes: $size, sha256: $sha}]}
packed: {origin: o, licence: l, url: "file://$tmp/site/", files: [{name: a, packed_md5: $md5}]}
wrong: {origin: o, licence: l, url: "file://$tmp/site/", files: [{name: a, packed_md5: $none}]}
tarred: {origin: o, licence: l, url: "file://$tmp/site/", archive: x.tar.gz, packed_md5: $tarsum,
  files: [{name: x.bin, bytes: $size}]}
unpacked: {origin: o, licence: l, url: "file://$tmp/site/", plain: true, files: [{name: a, bytes: $size, sha256: $sha}]}
END

data 0 glyphs --dir "$tmp/sets" && grep -q '9 files' "$tmp/out"
ok $? "the glyph files have their sums"
printf x >>"$tmp/sets/glyphs/valid-labels-idx1-ubyte.gz"
data 2 glyphs --dir "$tmp/sets" &&
    grep -q "valid-labels-idx1-ubyte.gz' is corrupt: expected sha256 b236.*, got [0-9a-f]*$" "$tmp/out"
ok $? "a corrupt glyph file is named, with the expected and the found sum"
rm "$tmp/sets/glyphs/test-images-idx3-ubyte.gz"
data 2 glyphs --dir "$tmp/sets" && grep -q "test-images-idx3-ubyte.gz' is missing" "$tmp/out"
ok $? "a missing glyph file is named"
data 2 plain --dir "$tmp/sets" && grep -q "from file://$tmp/site/" "$tmp/out"
ok $? "a missing set exits 2 and says where it comes from"
mkdir "$tmp/sets/plain" && gzip -1c "$tmp/site/a" >"$tmp/sets/plain/a.gz"
data 0 plain --dir "$tmp/sets"
ok $? "a sum of the unpacked bytes holds however they are packed"
sed 's/row 77$/row 78/' "$tmp/site/a" >"$tmp/sets/plain/a"
data 2 plain --dir "$tmp/sets" && grep -q "plain/a' is corrupt: expected sha256 $sha" "$tmp/out"
ok $? "one changed byte is found"
head -c 100 "$tmp/site/a" >"$tmp/sets/plain/a"
data 2 plain --dir "$tmp/sets" && grep -q "expected $size bytes unpacked, got 100" "$tmp/out"
ok $? "a short file is found by its size"
data 2 nothing && grep -q "unknown data set 'nothing'" "$tmp/out"
ok $? "an unknown data set is an input error"

# All sets: what is not here is described and no failure; what is here and damaged is one.
all=$tmp/all
mkdir "$all" && cp -r "$root/data/glyphs" "$all/"
data 0 all --dir "$all" && grep -q '^complete glyphs$' "$tmp/out" &&
    grep -q '^not here plain, packed, wrong, tarred, unpacked$' "$tmp/out"
ok $? "sets that only the user can bring are no failure of all"
grep -q "place these files, plain or as .gz, in $all/plain:" "$tmp/out" &&
    grep -q "^    a ($size bytes)$" "$tmp/out" && grep -q "^  from file://$tmp/site/: " "$tmp/out"
ok $? "for each it is said which file goes where and where it comes from"
mkdir "$all/plain" && head -c 100 "$tmp/site/a" >"$all/plain/a"
data 2 all --dir "$all" && grep -q "expected $size bytes unpacked, got 100" "$tmp/out" &&
    grep -q '^damaged or not fetched plain$' "$tmp/out"
ok $? "a damaged file is a failure of all"
rm -r "$all/plain" "$all/glyphs/test-images-idx3-ubyte.gz"
data 2 all --dir "$all" && grep -q '^damaged or not fetched glyphs$' "$tmp/out"
ok $? "so is a file of the repository that is gone"
rm -r "$all/glyphs"
data 0 all --dir "$all" && grep -q "copy the folder data/glyphs of the source tree" "$tmp/out"
ok $? "a folder without the glyphs is told where they are"

cp "$tmp/data/sources.yaml" "$tmp/sources.yaml"
echo 'x: {origin: o, licence: l, plain: true, archive: a.tar.gz, files: [{name: a}]}' >"$tmp/data/sources.yaml"
data 2 x && grep -q "sources.yaml:1.*without 'archive'" "$tmp/out"
ok $? "files that are plain and in an archive are refused"
cp "$tmp/sources.yaml" "$tmp/data/sources.yaml"

if ! command -v curl >/dev/null 2>&1; then
    for i in 1 2 3 4 5 6; do skip "download $i" "curl is not installed"; done
    tap_done
    exit 0
fi
mkdir "$tmp/sets/packed" && head -c 50 "$tmp/site/a.gz" >"$tmp/sets/packed/a.gz.part"
data 0 packed --dir "$tmp/sets" --fetch && cmp -s "$tmp/site/a.gz" "$tmp/sets/packed/a.gz" &&
    grep -q 'md5 of the .gz' "$tmp/out"
ok $? "a broken download is resumed and checked by the publisher's MD5"
data 2 wrong --dir "$tmp/sets" --fetch && grep -q "expected md5 $none, got $md5" "$tmp/out"
ok $? "a download with another sum is refused"
[ -z "$(ls "$tmp/sets/wrong")" ]
ok $? "and nothing of it stays"
data 0 tarred --dir "$tmp/sets" --fetch && cmp -s "$tmp/site/a" "$tmp/sets/tarred/x.bin"
ok $? "an archive is fetched, checked and unpacked"
data 0 unpacked --dir "$tmp/sets" --fetch && cmp -s "$tmp/site/a" "$tmp/sets/unpacked/a" &&
    [ ! -e "$tmp/sets/unpacked/a.gz" ]
ok $? "a file that is published unpacked is fetched and checked"
data 2 all --dir "$tmp/fetched" --fetch && grep -q '^complete plain, packed, tarred, unpacked$' "$tmp/out" &&
    grep -q '^damaged or not fetched wrong$' "$tmp/out"
ok $? "all fetches what it can and fails for the one that it cannot"
tap_done

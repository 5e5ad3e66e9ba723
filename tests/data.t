#!/bin/sh
# podium data verifies files, names what is missing or corrupt, and fetches (from file:// here).
root=$(cd "$(dirname "$0")/.." && pwd)
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
unset PODIUM_DATA
n=0

ok() { # ok STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$temp/out"; fi
}
data() { # data WANTED-STATUS ARGUMENTS
    want=$1
    shift
    "$temp/build/podium" data "$@" >"$temp/out" 2>&1
    [ $? -eq "$want" ]
}

# A tree of its own: the command finds data/ beside the folder of the executable.
mkdir -p "$temp/build" "$temp/data" "$temp/site/sub" "$temp/sets"
cp "$build/podium" "$temp/build/podium"
cp -r "$root/data/glyphs" "$temp/sets/"
awk 'BEGIN { for (i = 0; i < 5000; i++) print "row", i }' >"$temp/site/a"
gzip -nc "$temp/site/a" >"$temp/site/a.gz"
cp "$temp/site/a" "$temp/site/sub/x.bin"
tar -C "$temp/site" -czf "$temp/site/x.tar.gz" sub
sha=$(sha256sum <"$temp/site/a" | cut -d' ' -f1)
md5=$(md5sum <"$temp/site/a.gz" | cut -d' ' -f1)
tarsum=$(md5sum <"$temp/site/x.tar.gz" | cut -d' ' -f1)
size=$(wc -c <"$temp/site/a")
none=00000000000000000000000000000000
cat >"$temp/data/sources.yaml" <<END
glyphs: {origin: here, licence: CC0-1.0, sums: SHA256SUMS}
plain: {origin: o, licence: l, url: "file://$temp/site/", files: [{name: a, bytes: $size, sha256: $sha}]}
packed: {origin: o, licence: l, url: "file://$temp/site/", files: [{name: a, packed_md5: $md5}]}
wrong: {origin: o, licence: l, url: "file://$temp/site/", files: [{name: a, packed_md5: $none}]}
tarred: {origin: o, licence: l, url: "file://$temp/site/", archive: x.tar.gz, packed_md5: $tarsum,
  files: [{name: x.bin, bytes: $size}]}
END

echo 1..18
data 0 glyphs --dir "$temp/sets" && grep -q '9 files' "$temp/out"
ok $? "the glyph files have their sums"
printf x >>"$temp/sets/glyphs/valid-labels-idx1-ubyte.gz"
data 2 glyphs --dir "$temp/sets" &&
    grep -q "valid-labels-idx1-ubyte.gz' is corrupt: expected sha256 b236.*, got [0-9a-f]*$" "$temp/out"
ok $? "a corrupt glyph file is named, with the expected and the found sum"
rm "$temp/sets/glyphs/test-images-idx3-ubyte.gz"
data 2 glyphs --dir "$temp/sets" && grep -q "test-images-idx3-ubyte.gz' is missing" "$temp/out"
ok $? "a missing glyph file is named"
data 2 plain --dir "$temp/sets" && grep -q "from file://$temp/site/" "$temp/out"
ok $? "a missing set exits 2 and says where it comes from"
mkdir "$temp/sets/plain" && gzip -1c "$temp/site/a" >"$temp/sets/plain/a.gz"
data 0 plain --dir "$temp/sets"
ok $? "a sum of the unpacked bytes holds however they are packed"
sed 's/row 77$/row 78/' "$temp/site/a" >"$temp/sets/plain/a"
data 2 plain --dir "$temp/sets" && grep -q "plain/a' is corrupt: expected sha256 $sha" "$temp/out"
ok $? "one changed byte is found"
head -c 100 "$temp/site/a" >"$temp/sets/plain/a"
data 2 plain --dir "$temp/sets" && grep -q "expected $size bytes unpacked, got 100" "$temp/out"
ok $? "a short file is found by its size"
data 2 nothing && grep -q "unknown data set 'nothing'" "$temp/out"
ok $? "an unknown data set is an input error"


# All sets: what is not here is described and no failure; what is here and damaged is one.
all=$temp/all
mkdir "$all" && cp -r "$root/data/glyphs" "$all/"
data 0 all --dir "$all" && grep -q '^complete glyphs$' "$temp/out" &&
    grep -q '^not here plain, packed, wrong, tarred$' "$temp/out"
ok $? "sets that only the user can bring are no failure of all"
grep -q "place these files, plain or as .gz, in $all/plain:" "$temp/out" &&
    grep -q "^    a ($size bytes)$" "$temp/out" && grep -q "^  from file://$temp/site/: " "$temp/out"
ok $? "for each it is said which file goes where and where it comes from"
mkdir "$all/plain" && head -c 100 "$temp/site/a" >"$all/plain/a"
data 2 all --dir "$all" && grep -q "expected $size bytes unpacked, got 100" "$temp/out" &&
    grep -q '^damaged or not fetched plain$' "$temp/out"
ok $? "a damaged file is a failure of all"
rm -r "$all/plain" "$all/glyphs/test-images-idx3-ubyte.gz"
data 2 all --dir "$all" && grep -q '^damaged or not fetched glyphs$' "$temp/out"
ok $? "so is a file of the repository that is gone"
rm -r "$all/glyphs"
data 0 all --dir "$all" && grep -q "copy the folder data/glyphs of the source tree" "$temp/out"
ok $? "a folder without the glyphs is told where they are"

if ! command -v curl >/dev/null 2>&1; then
    for i in 14 15 16 17 18; do echo "ok $i # SKIP curl is not installed"; done
    exit 0
fi
mkdir "$temp/sets/packed" && head -c 50 "$temp/site/a.gz" >"$temp/sets/packed/a.gz.part"
data 0 packed --dir "$temp/sets" --fetch && cmp -s "$temp/site/a.gz" "$temp/sets/packed/a.gz" &&
    grep -q 'md5 of the .gz' "$temp/out"
ok $? "a broken download is resumed and checked by the publisher's MD5"
data 2 wrong --dir "$temp/sets" --fetch && grep -q "expected md5 $none, got $md5" "$temp/out"
ok $? "a download with another sum is refused"
[ -z "$(ls "$temp/sets/wrong")" ]
ok $? "and nothing of it stays"
data 0 tarred --dir "$temp/sets" --fetch && cmp -s "$temp/site/a" "$temp/sets/tarred/x.bin"
ok $? "an archive is fetched, checked and unpacked"
data 2 all --dir "$temp/fetched" --fetch && grep -q '^complete plain, packed, tarred$' "$temp/out" &&
    grep -q '^damaged or not fetched wrong$' "$temp/out"
ok $? "all fetches what it can and fails for the one that it cannot"

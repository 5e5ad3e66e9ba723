#!/bin/bash
# `podium pack` and what `podium leaderboard` makes of packs, whole and tampered with.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=$(cd "${PODIUM_BUILD:-build}" && pwd)
podium=$build/podium
sha=$(sha256sum "$build/optimizers/nadamw.so" | cut -d' ' -f1)
{
    for s in 0 1; do echo "{\"name\": \"nadamw\", \"study\": $s, \"hit\": 40, \"sha256\": \"$sha\"}"; done
    echo '{"name": "other", "study": 0, "hit": 50}'
} | python3 tests/score/make_records.py "$tmp/results"
pack() { "$podium" pack "$@" > "$tmp/out" 2>&1; }
board() { "$podium" leaderboard "$@" --out "$tmp/page" > "$tmp/out" 2>&1; }
pack nadamw "$tmp/results" --out "$tmp/a.tar.gz" && grep -q '2 records' "$tmp/out"
ok $? "a submission and its two records are packed"
mkdir "$tmp/x" && tar -C "$tmp/x" -xzf "$tmp/a.tar.gz" && (cd "$tmp/x/nadamw" && sha256sum -c SHA256SUMS) > "$tmp/out" 2>&1
ok $? "tar unpacks it, and sha256sum agrees"
cmp -s "$tmp/x/nadamw/source/submission.yaml" submissions/nadamw/submission.yaml && cmp -s "$tmp/x/nadamw/source/optimizer.c" optimizers/nadamw.c &&
    cmp -s "$tmp/x/nadamw/submission.so" "$build/optimizers/nadamw.so" && [ "$(find "$tmp/x" -name trial.jsonl | wc -l)" = 2 ]
ok $? "source, .so and records are in it"
pack nadamw "$tmp/results" --out "$tmp/b.tar.gz" && cmp -s "$tmp/a.tar.gz" "$tmp/b.tar.gz"
ok $? "the same files make the same archive"
board "$tmp/a.tar.gz" && cmp -s "$tmp/page/packs/$sha.tar.gz" "$tmp/a.tar.gz" && grep -q "packs/$sha" "$tmp/page/submissions/0.html"
ok $? "a board is made from the pack, which its page links to"
cmp -s "$tmp/page/records/0.jsonl" "$tmp/x/nadamw/records/0/trial.jsonl"
ok $? "with the records to download"
board "$tmp/a.tar.gz" "$tmp/results/other"*
ok $? "packs and results go together"

tar --format=ustar -C "$tmp/x" -czf "$tmp/again.tar.gz" nadamw
board "$tmp/again.tar.gz"
ok $? "packed again by tar it is as good"
# tampered WORDS PATTERN COMMAND: the unpacked folder after COMMAND, packed again by tar
tampered() {
    rm -rf "$tmp/y" && cp -r "$tmp/x" "$tmp/y"
    (cd "$tmp/y/nadamw" && eval "$3") > /dev/null
    tar --format=ustar -C "$tmp/y" -czf "$tmp/bad.tar.gz" nadamw
    board "$tmp/bad.tar.gz"
    [ $? = 2 ] && grep -Eq -- "$2" "$tmp/out"
    ok $? "$1: exit 2"
}
tampered "a changed record" "'records/1/trial.jsonl' was changed" "sed -i 's/\"calibrated\": 40/\"calibrated\": 10/' records/1/trial.jsonl"
tampered "a changed .so" "'submission.so' was changed" "echo >> submission.so"
tampered "a file more" "'source/extra' has no line" "touch source/extra"
tampered "a file less" "lists [0-9]+ files, [0-9]+ are there" "rm source/optimizer.c"
tampered "no checksums" "no SHA256SUMS" "rm SHA256SUMS"
tampered "records of another .so" "is of another .so" "sed -i 's/$sha/$(printf 'a%.0s' {1..64})/' records/*/trial.jsonl; sha256sum \$(cut -c67- SHA256SUMS) > S; mv S SHA256SUMS"
tampered "a link" "no regular file" "ln -s /etc/passwd link"
head -c 2000 "$tmp/a.tar.gz" > "$tmp/cut.tar.gz"
board "$tmp/cut.tar.gz"
[ $? = 2 ] && grep -q 'cut off' "$tmp/out"
ok $? "a pack cut off: exit 2"
python3 - "$tmp/out.tar.gz" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz", format=tarfile.USTAR_FORMAT) as t:
    i = tarfile.TarInfo("a/../../evil"); i.size = 2; t.addfile(i, io.BytesIO(b"hi"))
PY
board "$tmp/out.tar.gz"
[ $? = 2 ] && grep -q 'leads out of the archive' "$tmp/out"
ok $? "a name that leads out: exit 2"
sed "s/$sha/$(printf 'a%.0s' {1..64})/" -i "$tmp"/results/nadamw*/trial.jsonl
pack nadamw "$tmp/results" --out "$tmp/c.tar.gz"
[ $? = 2 ] && grep -q 'another .so' "$tmp/out"
ok $? "records of another .so are not packed: exit 2"
pack nobody
[ $? = 2 ]
ok $? "an unknown submission: exit 2"
tap_done

#!/bin/bash
# podium data makes the set of package descriptions from apt's sources: here a mirror in a folder.
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/tap.sh"
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
if ! command -v apt-get >/dev/null 2>&1 || [ ! -x /usr/lib/apt/apt-helper ]; then
    skip_all "apt is not installed"
fi
chmod 755 "$tmp"
unset PODIUM_DATA
data() { # WANTED-STATUS SOURCES ARGUMENTS...
    local want=$1
    printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "/dev/null";\n' "$2" >"$tmp/apt.conf"
    shift 2
    APT_CONFIG=$tmp/apt.conf "$tmp/build/podium" data "$@" >"$tmp/out" 2>&1
    [ $? -eq "$want" ]
}
pair() { printf '%s\t%s' "$1" "$2" | sha256sum | cut -c1-12; }

mkdir -p "$tmp/build" "$tmp/data/debian-text" "$tmp/mirror/dists/t/main/i18n" "$tmp/sets"
cp "$build/podium" "$tmp/build/podium"
cat >"$tmp/data/sources.yaml" <<END
debian-text: {origin: o, licence: l, manifest: debian-text/manifest.gz, files: [
  {name: train.de}, {name: train.en}, {name: descriptions-train.tsv}]}
END
md5=00112233445566778899aabbccddeeff
i18n=$tmp/mirror/dists/t/main/i18n
printf 'Package: a\nDescription-md5: %s\nDescription-en: small test tool\n It is here. It works well.\n\n' $md5 >"$i18n/Translation-en"
printf 'Package: a\nDescription-md5: %s\nDescription-de: kleines Testwerkzeug\n Es ist da. Es arbeitet gut.\n\n' $md5 >"$i18n/Translation-de"
{
    printf 'Suite: t\nCodename: t\nComponents: main\nArchitectures: amd64\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n'
    for f in en de; do
        printf ' %s %s main/i18n/Translation-%s\n' "$(sha256sum <"$i18n/Translation-$f" | cut -d' ' -f1)" \
            "$(wc -c <"$i18n/Translation-$f")" $f
    done
} >"$tmp/mirror/dists/t/Release"
echo "deb [trusted=yes arch=amd64] file:$tmp/mirror t main" >"$tmp/sources"
{
    echo "p t $(pair 'It works well.' 'Es arbeitet gut.')"
    echo "p v $(pair 'small test tool' 'kleines Testwerkzeug')"
    echo "p t $(pair 'It is here.' 'Es ist da.')"
    echo "d t 001122334455 utils 3"
} | gzip -c >"$tmp/data/debian-text/manifest.gz"

data 2 /dev/null debian-text --dir "$tmp/sets" &&
    grep -q "apt-get brought no translated package descriptions" "$tmp/out"
ok $? "without a mirror the reason is said"
[ ! -e "$tmp/sets/debian-text/apt" ]
ok $? "and nothing of apt's stays"
data 0 "$tmp/sources" debian-text --dir "$tmp/sets" &&
    grep -q "3 of 3 sentence pairs, 1 of 1 descriptions$" "$tmp/out"
ok $? "a mirror's descriptions are found"
printf 'It works well.\nIt is here.\n' | cmp -s - "$tmp/sets/debian-text/train.en" &&
    printf 'kleines Testwerkzeug\n' | cmp -s - "$tmp/sets/debian-text/valid.de"
ok $? "sentences in the manifest's order and splits"
[ "$(wc -l <"$tmp/sets/descriptions/train.target.ids")" = 1 ] && [ -s "$tmp/sets/descriptions/vocabulary.vocab" ]
ok $? "and encoded for the workloads"
[ "$(cat "$tmp/sets/match/train.tsv")" = "$(printf 'yes\tsmall test tool\tIt is here. It works well.')" ] &&
    [ "$(cut -f1 "$tmp/sets/translation/train.tsv" | tr '\n' ' ')" = "yes no " ] &&
    [ -e "$tmp/sets/sections/valid.tsv" ] && [ -e "$tmp/sets/same-source/valid.tsv" ]
ok $? "and made into tasks"
[ "$(cat "$tmp/sets/descriptions/train.txt")" = "small test tool. It is here. It works well." ]
ok $? "and into a text for the backbone"
rm "$tmp/sets/translation/valid.tsv"
data 0 /dev/null debian-text --dir "$tmp/sets"
ok $? "what is there is not fetched again"
[ -e "$tmp/sets/translation/valid.tsv" ]
ok $? "but what is made of it is made again when it is not whole"
data 2 /dev/null backbone --dir "$tmp/nowhere" &&
    grep -q "nowhere/descriptions/train.txt' is not there: .podium data debian-text. makes it" "$tmp/out"
ok $? "a backbone without its text says what makes it"
echo "p t 000000000000" | gzip -c >"$tmp/data/debian-text/manifest.gz"
data 2 "$tmp/sources" debian-text --dir "$tmp/other" && grep -q "none of the 1 sentences" "$tmp/out"
ok $? "another distribution without a sentence of ours is an error"
tap_done

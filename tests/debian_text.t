#!/bin/bash
# podium data makes the set of package descriptions from apt's sources: here a mirror in a folder.
root=$(cd "$(dirname "$0")/.." && pwd)
case ${PODIUM_BUILD:-build} in /*) build=$PODIUM_BUILD ;; *) build=$root/${PODIUM_BUILD:-build} ;; esac
if ! command -v apt-get >/dev/null 2>&1 || [ ! -x /usr/lib/apt/apt-helper ]; then
    echo "1..0 # SKIP apt is not installed"
    exit 0
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
chmod 755 "$temp"
unset PODIUM_DATA
n=0
ok() { # STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$temp/out"; fi
}
data() { # WANTED-STATUS SOURCES ARGUMENTS...
    local want=$1
    printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "/dev/null";\n' "$2" >"$temp/apt.conf"
    shift 2
    APT_CONFIG=$temp/apt.conf "$temp/build/podium" data "$@" >"$temp/out" 2>&1
    [ $? -eq "$want" ]
}
pair() { printf '%s\t%s' "$1" "$2" | sha256sum | cut -c1-12; }

mkdir -p "$temp/build" "$temp/data/debian-text" "$temp/mirror/dists/t/main/i18n" "$temp/sets"
cp "$build/podium" "$temp/build/podium"
cat >"$temp/data/sources.yaml" <<END
debian-text: {origin: o, licence: l, manifest: debian-text/manifest.gz, files: [
  {name: train.de}, {name: train.en}, {name: descriptions-train.tsv}]}
END
md5=00112233445566778899aabbccddeeff
i18n=$temp/mirror/dists/t/main/i18n
printf 'Package: a\nDescription-md5: %s\nDescription-en: small test tool\n It is here. It works well.\n\n' $md5 >"$i18n/Translation-en"
printf 'Package: a\nDescription-md5: %s\nDescription-de: kleines Testwerkzeug\n Es ist da. Es arbeitet gut.\n\n' $md5 >"$i18n/Translation-de"
{
    printf 'Suite: t\nCodename: t\nComponents: main\nArchitectures: amd64\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n'
    for f in en de; do
        printf ' %s %s main/i18n/Translation-%s\n' "$(sha256sum <"$i18n/Translation-$f" | cut -d' ' -f1)" \
            "$(wc -c <"$i18n/Translation-$f")" $f
    done
} >"$temp/mirror/dists/t/Release"
echo "deb [trusted=yes arch=amd64] file:$temp/mirror t main" >"$temp/sources"
{
    echo "p t $(pair 'It works well.' 'Es arbeitet gut.')"
    echo "p v $(pair 'small test tool' 'kleines Testwerkzeug')"
    echo "p t $(pair 'It is here.' 'Es ist da.')"
    echo "d t 001122334455 utils 3"
} | gzip -c >"$temp/data/debian-text/manifest.gz"

data 2 /dev/null debian-text --dir "$temp/sets" &&
    grep -q "apt-get brought no translated package descriptions" "$temp/out"
ok $? "without a mirror the reason is said"
[ ! -e "$temp/sets/debian-text/apt" ]
ok $? "and nothing of apt's stays"
data 0 "$temp/sources" debian-text --dir "$temp/sets" &&
    grep -q "3 of 3 sentence pairs, 1 of 1 descriptions$" "$temp/out"
ok $? "a mirror's descriptions are found"
printf 'It works well.\nIt is here.\n' | cmp -s - "$temp/sets/debian-text/train.en" &&
    printf 'kleines Testwerkzeug\n' | cmp -s - "$temp/sets/debian-text/valid.de"
ok $? "sentences in the manifest's order and splits"
[ "$(wc -l <"$temp/sets/descriptions/train.target.ids")" = 1 ] && [ -s "$temp/sets/descriptions/vocabulary.vocab" ]
ok $? "and encoded for the workloads"
[ "$(cat "$temp/sets/match/train.tsv")" = "$(printf 'yes\tsmall test tool\tIt is here. It works well.')" ] &&
    [ "$(cut -f1 "$temp/sets/translation/train.tsv" | tr '\n' ' ')" = "yes no " ] &&
    [ -e "$temp/sets/sections/valid.tsv" ] && [ -e "$temp/sets/same-source/valid.tsv" ]
ok $? "and made into tasks"
[ "$(cat "$temp/sets/descriptions/train.txt")" = "small test tool. It is here. It works well." ]
ok $? "and into a text for the backbone"
rm "$temp/sets/translation/valid.tsv"
data 0 /dev/null debian-text --dir "$temp/sets"
ok $? "what is there is not fetched again"
[ -e "$temp/sets/translation/valid.tsv" ]
ok $? "but what is made of it is made again when it is not whole"
data 2 /dev/null backbone --dir "$temp/nowhere" &&
    grep -q "nowhere/descriptions/train.txt' is not there: .podium data debian-text. makes it" "$temp/out"
ok $? "a backbone without its text says what makes it"
echo "p t 000000000000" | gzip -c >"$temp/data/debian-text/manifest.gz"
data 2 "$temp/sources" debian-text --dir "$temp/other" && grep -q "none of the 1 sentences" "$temp/out"
ok $? "another distribution without a sentence of ours is an error"
echo "1..$n"

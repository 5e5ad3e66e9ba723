#!/bin/bash
# What `make install` puts down works from any folder: commands, submissions, data, runner; with manual
# pages and the completion of a shell.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh

# The Makefile names a build with sanitizers by what it is given; make it name the same folder again.
build=${PODIUM_BUILD:-build}
unset MAKEFLAGS MAKELEVEL SANITIZE
export BUILD="${build%/sanitize-*}"
if [ "$BUILD" != "$build" ]; then
    sanitizers=${build##*/sanitize-}
    export SANITIZE="${sanitizers//-/,}"
fi
make -s install DESTDIR="$tmp/root" PREFIX=/usr > "$tmp/log" 2>&1
ok $? "make install"
root=$tmp/root/usr
podium=$root/bin/podium
cd "$tmp" || exit 2

"$podium" list optimizers | grep -q '^  nadamw$'; ok $? "the installed optimizers are listed"
"$podium" data glyphs > log 2>&1; ok $? "the glyphs are whole"
"$podium" run nadamw --workload vit --suite test --results results > log 2>&1
record=$(find results -name trial.jsonl)
[ -s "$record" ] && grep -q '"event": *"end"\|"event": *"result"' "$record"
ok $? "a trial runs with the installed runner, submission and data"

# The backbone of compacter mini comes along, a payload of at most 4 MB; sections are made up.
data=$root/lib/podium/data
[ "$(cat "$data/backbone.safetensors" "$data/backbone.safetensors.bpe" | wc -c)" -le 4000000 ] && mkdir -p "$data/sections" &&
    for split in train valid test; do
        printf 'games\ta chess program\nmath\ta theorem prover\n' > "$data/sections/$split.tsv"
    done &&
    "$podium" run nadamw --workload compacter --suite mini --max-steps 3 --threads 1 --results backbone > log 2>&1 &&
    grep -q '"data_id": *"sections+backbone:' "$(find backbone -name trial.jsonl)"
ok $? "so does one on the pretrained backbone"

printf 'import podium\n\n\nclass Still(podium.Submission):\n    def step(self, s):\n        s.gradient()\n' > still.py
"$podium" run still.py:Still --workload vit --suite test --max-steps 2 --results python > log 2>&1
ok $? "so does a class in Python, with the installed package"

commands=$("$podium" --help | awk '/^  [a-z]/ {print $1}')
missing=
for c in $commands; do
    grep -q '^\.TH PODIUM-' "$root/share/man/man1/podium-$c.1" || missing="$missing $c"
    grep -qF "podium\\-$c (1)" "$root/share/man/man1/podium.1" ||
        grep -qF "podium\\-${c//-/\\-} (1)" "$root/share/man/man1/podium.1" || missing="$missing $c"
done
[ -n "$commands" ] && [ -z "$missing" ]; ok $? "every command has a manual page${missing:+, not:$missing}"
grep -qF '\-\-device' "$root/share/man/man1/podium-check.1"; ok $? "it has the options of the help text"

# complete WORD...: what is offered for the last word
PATH=$root/bin:$PATH
complete_words() {
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _podium; echo "${COMPREPLY[*]}"' \
        "$root/share/bash-completion/completions/podium" "$@"
}
[ "$(complete_words podium doc)" = doctor ]; ok $? "a command is completed"
[ "$(complete_words podium check --dev)" = --device ]; ok $? "an option is completed"
[ "$(complete_words podium run nad)" = nadamw ]; ok $? "an optimizer is completed"
[ "$(complete_words podium run x --workload vi)" = vit ]; ok $? "a workload is completed"
[ -z "$(complete_words podium run zzz)" ]; ok $? "nothing is made up"
tap_done

#!/bin/bash
# `podium verify` repeats records bit for bit and names what does not repeat; where bits cannot agree it
# compares steps to target.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
podium=$build/podium
trial() { # ARGUMENTS...: a record of the small size below $tmp/results
    "$podium" run --workload vit --suite test --threads 1 --seed 3 --results "$tmp/results" "$@" \
        > "$tmp/log" 2>&1
}
# verify STATUS WORDS FILE [OPTIONS]: exit status and what the terminal says
verify() {
    local want=$1 words=$2
    shift 2
    TMPDIR=$tmp/verify "$podium" verify "$@" > "$tmp/log" 2>&1
    local got=$?
    echo "exit status $got" >> "$tmp/log"
    [ $got = "$want" ] && grep -Eq -- "$words" "$tmp/log"
    ok $? "exit status $want: $words"
}
mkdir "$tmp/verify"
trial nadamw --set schedule=constant --set warmup=0 --set lr=0.00390625 --set beta1=0.87
ok $? "a trial with a random key and settings of its own"
record=$(find "$tmp/results" -name trial.jsonl)
verify 0 "all [0-9]+ evaluations agree bit for bit" "$record"

# changed NUMBER FIELD VALUE: the record with one field of one evaluation changed
changed() {
    sed -E "$(($1 + 1))s/\"$2\":\"?[^,}\"]*\"?/\"$2\":$3/" "$record" > "$tmp/changed.jsonl"
    ! cmp -s "$record" "$tmp/changed.jsonl"
}
changed 4 accuracy 0.75
verify 1 "evaluation 4 \(step 15\), accuracy: 0.75 in the record, 0\.[0-9]+ here" "$tmp/changed.jsonl"
changed 2 loss 4.0
verify 1 "evaluation 2 \(step 5\), loss: 4 in the record" "$tmp/changed.jsonl"
changed 3 hash "\"$(printf 'a%.0s' {1..64})\""
verify 1 "evaluation 3 \(step 10\), hash: aaaaaaaaaaaaaaaa... in the record" "$tmp/changed.jsonl"
changed 3 examples 639
verify 1 "evaluation 3 \(step 10\), examples: 639 in the record, 640 here" "$tmp/changed.jsonl"
sed '3d' "$record" > "$tmp/changed.jsonl"
verify 1 "evaluation 2 \(step 10\), step: 10 in the record, 5 here" "$tmp/changed.jsonl"
sed '1s/"seed":3/"seed":4/' "$record" > "$tmp/changed.jsonl"
verify 1 "evaluation 1 \(step 0\), hash:" "$tmp/changed.jsonl"
sed '1s/"lr":0.00390625/"lr":0.003/' "$record" > "$tmp/changed.jsonl"
verify 1 "evaluation 2 \(step 5\), hash:" "$tmp/changed.jsonl"
{ head -n 3 "$record"; tail -n 1 "$record" | sed 's/"reached":true/"reached":false/'; } > "$tmp/changed.jsonl"
verify 1 "end: 2 evaluations in the record" "$tmp/changed.jsonl"

# Times have no rerun to be compared with: they are held against each other.
changed 4 reference_step_seconds 1.5
verify 1 "evaluation 4 \(step 15\), calibrated: [0-9.]+ in the record, [0-9.]+ follows from wall_seconds" "$tmp/changed.jsonl"
changed 2 model_flops 0
verify 1 "evaluation 2 \(step 5\), model_flops: 0 in the record" "$tmp/changed.jsonl"
sed -E '1s/"budget_steps":([0-9])/"budget_steps":9\1/' "$record" > "$tmp/changed.jsonl"
verify 1 "header, workload.budget_steps: 9[0-9.]+ in the record, [0-9.]+ here" "$tmp/changed.jsonl"
sed -E '1s/"authors":"[^"]*"/"authors":"somebody else"/' "$record" > "$tmp/changed.jsonl"
verify 1 "header, submission.authors: \"somebody else\" in the record" "$tmp/changed.jsonl"
sed -E '$s/"optimizer_bytes":[0-9]+/"optimizer_bytes":8/' "$record" > "$tmp/changed.jsonl"
verify 1 "end, optimizer_bytes: 8 in the record, its parts add up to [0-9]+" "$tmp/changed.jsonl"

# The verdict beside the record is bound to its bytes.
mkdir "$tmp/kept"
cp "$record" "$tmp/kept/trial.jsonl"
verify 0 "all [0-9]+ evaluations agree bit for bit" "$tmp/kept" --write
grep -q "$(sha256sum < "$record" | cut -c 1-64)" "$tmp/kept/trial.verify.json" && "$podium" score "$tmp/kept" > "$tmp/log" &&
    grep -q 'nadamw  *1 of 1 exact' "$tmp/log"
ok $? "--write keeps the verdict, and podium score shows it"
sed -i 's/"loss":4/"loss":5/' "$tmp/kept/trial.jsonl"
"$podium" score "$tmp/kept" > "$tmp/log" && grep -q 'nadamw  *1 of 1 changed since' "$tmp/log"
ok $? "an edited record loses its verdict"
verify 1 "it was changed since its verdict was written" "$tmp/kept"
verify 1 "evaluation 1 \(step 0\), loss: 5" "$tmp/kept" --write
"$podium" score "$tmp/kept" --format json > "$tmp/log" && grep -q '"differs": 1' "$tmp/log"
ok $? "a record that differs is counted as such"
sed -i 's/"verdict": "differs"/"verdict": "fine"/' "$tmp/kept/trial.verify.json"
"$podium" score "$tmp/kept" 2> "$tmp/log"
[ $? = 2 ] && grep -q "trial.verify.json: field 'verdict': expected exact" "$tmp/log"
ok $? "a damaged verdict is named with file and field, exit 2"
sed -E '1s/"sha256":"[0-9a-f]{8}/"sha256":"00000000/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: it ran a submission of sha256 00000000.*--rebuilt" "$tmp/changed.jsonl"
verify 0 "by another build of the submission: sha256 [0-9a-f]{16}..., not 00000000" "$tmp/changed.jsonl" --rebuilt

head -n 4 "$record" > "$tmp/changed.jsonl"
verify 2 "refused: it is unfinished and so does not tell its key" "$tmp/changed.jsonl"
verify 0 "the 3 evaluations that both contain agree" "$tmp/changed.jsonl" --key "$(cat "$tmp/results/key")"
sed -E '1s/"data_id":"[^"]*"/"data_id":"0"/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its data is '0'" "$tmp/changed.jsonl"
sed -E '1s/"fingerprint":"[^"]*"/"fingerprint":"0"/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its workload fingerprint is '0'" "$tmp/changed.jsonl"
sed -E '1s/"name":"nadamw"/"name":"..\/nadamw"/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its submission is named '../nadamw': give the file" "$tmp/changed.jsonl"
verify 2 "refused: it ran a submission of sha256" "$record" --submission sgd
verify 2 "unknown option '--fast'" --fast "$record"
verify 2 "expected a record"

trial "$build/tests/bad_submissions/crash.so"
verify 0 "all 1 evaluations agree" "$tmp/results/crash" --submission "$build/tests/bad_submissions/crash.so"

# Where bits cannot agree: reruns with fresh seeds and a rank test, at least 5.
key=00112233445566778899aabbccddeeff
for seed in 3 4 5; do
    "$podium" run nadamw --workload vit --suite test --threads 1 --seed $seed --key $key \
        --results "$tmp/seed$seed" > "$tmp/log" 2>&1
done
# elsewhere NAME SED-SCRIPT: the three records with that change, in $tmp/NAME
elsewhere() {
    mkdir -p "$tmp/$1"
    for seed in 3 4 5; do
        sed -E "$2" "$tmp/seed$seed/nadamw/vit-test/study-0/trial-0/trial.jsonl" > "$tmp/$1/$seed.jsonl"
        cmp -s "$tmp/seed$seed/nadamw/vit-test/study-0/trial-0/trial.jsonl" "$tmp/$1/$seed.jsonl" &&
            echo "# nothing changed in $1"
    done
}
elsewhere isa '1s/"isa":"[^"]*"/"isa":"z80"/'
verify 0 "and 2 more: statistical, since its ISA class is 'z80', here it is '" "$tmp"/isa/*.jsonl
grep -q "  in 5 reruns: [0-9]" "$tmp/log" && grep -q "rank test: p = [0-9.]*, they agree" "$tmp/log"
ok $? "5 reruns of three records agree with them"
verify 0 "^  steps to target, recorded: [0-9]+$" "$tmp/isa/3.jsonl"
elsewhere threads '1s/"threads":1/"threads":2/'
verify 0 "statistical, since its backend is '.*1 threads', here it is '.*2 threads'" "$tmp"/threads/*.jsonl
elsewhere fast '1s/"isa":"[^"]*"/"isa":"z80"/; 3s/"accuracy":[^,}]*/"accuracy":0.99/; 3s/"loss":[^,}]*/"loss":0.01/'
verify 1 "rank test: p = 0.0357, they differ" "$tmp"/fast/*.jsonl
verify 1 "^  in 6 reruns: " "$tmp"/fast/*.jsonl --reruns 6
grep -q "  steps to target, recorded: 5 5 5$" "$tmp/log"
ok $? "records that claim a fast target are told apart"
elsewhere lr '1s/"isa":"[^"]*"/"isa":"z80"/; 1s/"beta2":[0-9.e-]*/"beta2":0.97/'
verify 0 "isa/3.jsonl: statistical" "$tmp/isa/3.jsonl" "$tmp/lr/4.jsonl"
[ "$(grep -c ': statistical, since' "$tmp/log")" = 2 ]
ok $? "records of other settings are not pooled"
# Another LAPACK: bases and roots have other bits, and the record is not to blame.
other='1s/"lapack":"[^"]*"/"lapack":"mkl\/libmkl_rt.so"/'
whole_tensors() { # OPTIMIZER: a record in $tmp/OPTIMIZER
    "$podium" run "$1" --workload vit --suite test --threads 1 --seed 3 --max-steps 5 \
        --results "$tmp/$1" > "$tmp/log" 2>&1
    recorded=$(find "$tmp/$1" -name trial.jsonl)
    sed -E "$other" "$recorded" > "$tmp/changed.jsonl"
}
whole_tensors soap
verify 0 "statistical, since its LAPACK is 'mkl/libmkl_rt.so', here it is '.*, LAPACK [0-9.]+.*': bits may differ$" "$tmp/changed.jsonl"
[ "$(grep -c "in the record" "$tmp/log")" = 0 ] && grep -q "they agree" "$tmp/log"
ok $? "a record made with another LAPACK is not said to be wrong"
sed -E "$other" "$record" > "$tmp/changed.jsonl"
verify 0 "all [0-9]+ evaluations agree bit for bit" "$tmp/changed.jsonl"
here=$(sed -n '1s/.*"lapack":"\([^"]*\)".*/\1/p' "$recorded")
libraries=$(dirname "$(ldconfig -p 2>/dev/null | sed -n 's/.*=> //; /\/liblapack\.so\.3$/{p;q;}')")
case $here in
openblas*) libraries=$libraries/lapack:$libraries/blas ;;
*) libraries=$(echo "$libraries"/openblas-*) ;;
esac
there=$(LD_LIBRARY_PATH=$libraries "$podium" run soap --workload vit --suite test --threads 1 \
    --max-steps 1 --results "$tmp/there" > "$tmp/log" 2>&1
    find "$tmp/there" -name trial.jsonl -exec sed -n '1s/.*"lapack":"\([^"]*\)".*/\1/p' {} +)
if [ -n "$there" ] && [ "$there" != "$here" ]; then
    export LD_LIBRARY_PATH=$libraries
    verify 0 "statistical, since its LAPACK is '$here', here it is '$there': bits may differ$" "$recorded"
    unset LD_LIBRARY_PATH
else
    skip "the same under a second LAPACK" "only $here is installed"
fi

head -n 4 "$tmp/isa/3.jsonl" > "$tmp/changed.jsonl"
verify 2 "it is unfinished: no steps to target" "$tmp/changed.jsonl" --key $key
verify 2 "refused: its data is '0'" <(sed -E '1s/"data_id":"[^"]*"/"data_id":"0"/' "$tmp/isa/3.jsonl")
verify 2 "reruns is '4', expected 5 to 200" "$record" --reruns 4

# Packs: checksums, then a rerun of every record with the .so that came along.
cp "$build/optimizers/nadamw.so" "$tmp/own.so"
"$podium" run "$tmp/own.so" --workload vit --suite test --threads 1 --ruleset free --studies 2 \
    --results "$tmp/own" > "$tmp/log" 2>&1
"$podium" pack "$tmp/own.so" "$tmp/own" --out "$tmp/own.tar.gz" > "$tmp/log" 2>&1
rm "$tmp/own.so"
verify 0 "own.tar.gz: the checksums of its 3 files hold, and submission.so \(sha256 [0-9a-f]{16}...\) is what its 2 records name" "$tmp/own.tar.gz" --write
[ "$(grep -c 'own.tar.gz:records/[01]/trial.jsonl: exact: ' "$tmp/log")" = 2 ] && grep -qx '2 of 2 records agree' "$tmp/log"
ok $? "a line a record and a summary"
board() { "$podium" leaderboard "$@" --out "$tmp/page" > "$tmp/log" 2>&1; }
board "$tmp/own.tar.gz" && grep -q '>2 of 2 exact<' "$tmp/page/index.html"
ok $? "--write keeps the verdicts beside the pack, and the leaderboard shows them"
"$podium" score "$tmp/own.tar.gz" > "$tmp/log" && grep -q 'own  *2 of 2 exact' "$tmp/log"
ok $? "podium score takes a pack, too"
mkdir "$tmp/x" && tar -C "$tmp/x" -xzf "$tmp/own.tar.gz"
# again NAME: what lies in $tmp/x, packed by tar, with the verdicts of own.tar.gz
again() {
    tar --format=ustar -C "$tmp/x" -czf "$tmp/$1.tar.gz" own && cp "$tmp/own.tar.gz.verify.json" "$tmp/$1.tar.gz.verify.json"
}
sed -i '3s/"loss":[0-9]/"loss":9/' "$tmp/x/own/records/1/trial.jsonl"
again bytes
cp "$tmp/bytes.tar.gz.verify.json" "$tmp/before"
verify 1 "bytes.tar.gz: 'records/1/trial.jsonl' was changed: its SHA-256 is not that of SHA256SUMS" "$tmp/bytes.tar.gz" --write
cmp -s "$tmp/before" "$tmp/bytes.tar.gz.verify.json"
ok $? "one changed byte, and no record of the pack gets a verdict"
verify 1 "1 of 1 records agree; 1 packs were changed" "$tmp/bytes.tar.gz" "$record"
(cd "$tmp/x/own" && sha256sum $(cut -c67- SHA256SUMS) > S && mv S SHA256SUMS)
again sums
board "$tmp/sums.tar.gz" && grep -q '>1 of 2 changed since, 1 exact<' "$tmp/page/index.html"
ok $? "a record edited within the pack, checksums and all, loses its verdict"
verify 1 "sums.tar.gz:records/1/trial.jsonl: evaluation 2 \(step 5\), loss: 9" "$tmp/sums.tar.gz" --write
grep -qx '1 of 2 records agree, 1 differ' "$tmp/log" && board "$tmp/sums.tar.gz" &&
    grep -q 'class="bad"><a href="[^"]*">1 of 2 differs, 1 exact<' "$tmp/page/index.html" &&
    [ "$(grep -c '"place"' "$tmp/sums.tar.gz.verify.json")" = 2 ]
ok $? "and is shown to differ beside one that agrees"
sed -i "s/$(sha256sum < "$build/optimizers/nadamw.so" | cut -c 1-64)/$(printf 'a%.0s' {1..64})/" "$tmp"/x/own/records/*/trial.jsonl
(cd "$tmp/x/own" && sha256sum $(cut -c67- SHA256SUMS) > S && mv S SHA256SUMS)
again other
verify 2 "records/0/trial.jsonl: the record is of another .so than submission.so" "$tmp/other.tar.gz"
head -c 300 "$tmp/own.tar.gz" > "$tmp/cut.tar.gz"
verify 2 "cut.tar.gz.* cut off" "$tmp/cut.tar.gz"

[ -z "$(ls "$tmp/verify")" ]
ok $? "nothing is left behind"
tap_done

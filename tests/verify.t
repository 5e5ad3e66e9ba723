#!/bin/bash
# `podium verify` repeats records bit for bit, and names what does not repeat.
set -u
cd "$(dirname "$0")/.." || exit 2
build=${PODIUM_BUILD:-build}
podium=$build/podium
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
ok() { # STATUS WORDS
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/log"
    fi
}
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

head -n 4 "$record" > "$tmp/changed.jsonl"
verify 2 "refused: it is unfinished and so does not tell its key" "$tmp/changed.jsonl"
verify 0 "the 3 evaluations that both contain agree" "$tmp/changed.jsonl" --key "$(cat "$tmp/results/key")"
sed -E '1s/"isa":"[^"]*"/"isa":"z80"/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its ISA class is 'z80', here it is" "$tmp/changed.jsonl"
sed -E '1s/"backend":"[^"]*"/"backend":"oneDNN 9"/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its backend is 'oneDNN 9', here it is" "$tmp/changed.jsonl"
sed -E '1s/"threads":1/"threads":2/' "$record" > "$tmp/changed.jsonl"
verify 2 "refused: its backend is '.*1 threads', here it is '.*2 threads'" "$tmp/changed.jsonl"
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
[ -z "$(ls "$tmp/verify")" ]
ok $? "nothing is left behind"
echo "1..$n"

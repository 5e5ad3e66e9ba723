#!/bin/bash
# More than one rank, by mpirun, oversubscribed: collectives, farmed trials.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
podium=$build/podium
command -v mpirun > /dev/null || skip_all "no mpirun (apt-get install openmpi-bin)"
[ -e "$build/backends/libpodium_mpi.so" ] || skip_all "built without MPI (apt-get install libopenmpi-dev)"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 GOMP_SPINCOUNT=1000
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0:verify_asan_link_order=0
ranks() { mpirun --oversubscribe --bind-to none --mca btl self,vader --mca mpi_yield_when_idle 1 -n "$@"; }

for count in 1 2 3 4; do
    ranks $count "$build/tests/test_comm" > "$tmp/out" 2> "$tmp/err" &&
        grep -q "^# $count ranks" "$tmp/out" && ! grep -q '^not ok' "$tmp/out"
    ok $? "collectives on $count ranks"
done

# Every optimizer that has golden trajectories, on 1, 2 and 4 ranks, replicated and sharded, in double
# and in f32, and on 2 threads of one rank: one trajectory.
cases=("${PODIUM_GOLDEN:-tests/golden/optimizers}"/*-*.json)
replayed() { # WORDS RANKS LAYOUT OPTIONS...
    local words=$1 count=$2 layout=$3
    shift 3
    ranks "$count" "$podium" replay "${cases[@]}" --parallel "$layout" "$@" > "$tmp/out" 2> "$tmp/err" &&
        [ "$(grep -c '^ok ' "$tmp/out")" = ${#cases[@]} ] && [ "$(grep -c '^max relative error' "$tmp/out")" = 1 ]
    ok $? "${#cases[@]} trajectories: $words"
}
for device in ref cpu; do
    for count in 1 2 4; do
        replayed "$count ranks, $device" $count dp=$count --device $device
        replayed "$count ranks, sharded state, $device" $count dp=$count,zero=1 --device $device
    done
    "$podium" replay "${cases[@]}" --device $device --threads 2 > "$tmp/out" 2> "$tmp/err"
    ok $? "${#cases[@]} trajectories: 2 threads, $device"
done
replayed "2 ranks of 2 threads, sharded state" 2 dp=2,zero=1 --device cpu --threads 2

# refused WORDS RANKS COMMAND...: exit status 2 and the words, once
refused() {
    local words=$1 count=$2
    shift 2
    ranks "$count" "$podium" "$@" > "$tmp/out" 2> "$tmp/err"
    [ $? = 2 ] && [ "$(grep -c -- "$words" "$tmp/err")" -ge 1 ]
    ok $? "refused: $words"
}
refused "start it by mpirun -n 3 podium" 2 replay "${cases[0]}" --parallel dp=3
refused "expected dp=N or dp=N,zero=1" 2 replay "${cases[0]}" --parallel dp=2,zero=2
refused "expected dp=N or dp=N,zero=1" 2 replay "${cases[0]}" --parallel tp=2

# Trials: ranks that share one.
key=000102030405060708090a0b0c0d0e0f
small=(--workload vit --suite test --threads 1 --key $key --max-steps 20)
tuned=(nadamw --set schedule=constant --set warmup=0 --set lr=3e-3)
record() { find "$1" -name trial.jsonl; }
points() { grep '"event":"evaluation"' "$(record "$1")" | grep -oE "\"($2)\":[^,}]*"; }
"$podium" run "${tuned[@]}" "${small[@]}" --results "$tmp/one" --quiet > "$tmp/out" 2> "$tmp/err"
for layout in dp=2 dp=2,zero=1 dp=4,zero=1; do
    count=${layout:3:1}
    ranks "$count" "$podium" run "${tuned[@]}" "${small[@]}" --parallel $layout --results "$tmp/$layout" --quiet > "$tmp/out" 2> "$tmp/err"
    ok $? "a trial of $layout ends well"
    [ "$(record "$tmp/$layout" | wc -l)" = 1 ] && grep -q "\"layout\":\"$layout\",\"ranks\":$count" "$(record "$tmp/$layout")"
    ok $? "$layout: one record, which says so"
    points "$tmp/$layout" "step|examples|gradient_evaluations|model_flops|accuracy" | cmp -s - <(points "$tmp/one" "step|examples|gradient_evaluations|model_flops|accuracy")
    ok $? "$layout: counts, model FLOPs and accuracy are those of one rank"
    paste -d' ' <(points "$tmp/$layout" "loss|train_loss") <(points "$tmp/one" "loss|train_loss") |
        awk -F'[: ]' '{ n++; d = $2 == $4 ? 0 : ($2 - $4) / $4; if (d > 1e-5 || d < -1e-5) bad = 1 } END { exit bad || n < 8 }'
    ok $? "$layout: losses are those of one rank to rounding"
done
points "$tmp/dp=2" hash | cmp -s - <(points "$tmp/dp=2,zero=1" hash)
ok $? "sharding the state changes no bit"
ranks 2 "$podium" run adafactor "${small[@]}" --parallel dp=2,zero=1 --results "$tmp/whole" --quiet > "$tmp/out" 2> "$tmp/err"
ok $? "a method that needs whole tensors gets them"
bytes() { grep -o '"host_bytes":[0-9]*' "$(record "$1")" | cut -d: -f2; }
awk -v a="$(bytes "$tmp/one")" -v b="$(bytes "$tmp/dp=4,zero=1")" 'BEGIN { exit !(b > a / 5 && b < a / 3) }'
ok $? "four ranks hold a quarter of the state each"

# fails NAME WORDS: the trial fails on all ranks, with the reason in the record and on the terminal once
fails() {
    timeout 60 mpirun --oversubscribe --bind-to none --mca btl self,vader -n 2 "$podium" run "$build/tests/bad_submissions/$1.so" "${small[@]}" \
        --parallel dp=2 --results "$tmp/bad" > "$tmp/out" 2> "$tmp/err"
    [ $? = 1 ] && [ "$(grep -c "$2" "$tmp/err")" = 1 ] && tail -n 1 "$(record "$tmp/bad/$1")" | grep -q "\"reason\":\"[^\"]*$2"
    ok $? "$1: $2"
}
fails rank_drifts "the parameters differ between rank 0 and rank 1"
fails rank_strays "the ranks went different ways: rank 0 is at an evaluation, rank 1 at all_sum"
fails rank_crashes "rank 1: the submission crashed in step 3: SIGABRT"
fails crash "crashed in step 3: SIGSEGV"

# Killed after its third checkpoint and resumed: the same hashes.
again=("$podium" run "${tuned[@]}" "${small[@]}" --parallel dp=2,zero=1 --results "$tmp/killed" --quiet)
ranks 2 -x LD_PRELOAD="$PWD/$build/tests/kill_at.so" -x KILL_AT=renamed:4 "${again[@]}" > "$tmp/out" 2> "$tmp/err"
[ $? != 0 ] && [ "$(points "$tmp/killed" hash | wc -l)" = 3 ] && [ -n "$(find "$tmp/killed" -name checkpoint.bin)" ]
ok $? "a trial is killed on all ranks when one is"
ranks 2 "${again[@]}" --resume > "$tmp/out" 2> "$tmp/err"
ok $? "and resumes"
points "$tmp/killed" hash | cmp -s - <(points "$tmp/dp=2" hash)
ok $? "as if nothing had been, bit for bit"

# Without a layout trials are farmed out.
ranks 2 "$podium" run nadamw sgd "${small[@]}" --studies 2 --results "$tmp/farm" > "$tmp/out" 2> "$tmp/err"
ok $? "trials are farmed over ranks"
[ "$(cat $(record "$tmp/farm") | grep -c '"event":"end","examples"\|"status":"VALID"')" = 4 ] && ! grep -q '"parallel"' $(record "$tmp/farm")
ok $? "each of them once, on one rank"
refused "unknown workload 'vat'" 2 run nadamw --workload vat --results "$tmp/refused"
tap_done

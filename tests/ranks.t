#!/bin/bash
# More than one rank, by mpirun, oversubscribed: collectives, farmed trials.
set -u
cd "$(dirname "$0")/.." || exit 2
build=${PODIUM_BUILD:-build}
podium=$build/podium
command -v mpirun > /dev/null || { echo "1..0 # SKIP no mpirun (apt-get install openmpi-bin)"; exit 0; }
[ -e "$build/backends/libpodium_mpi.so" ] || { echo "1..0 # SKIP built without MPI (apt-get install libopenmpi-dev)"; exit 0; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 GOMP_SPINCOUNT=1000
export ASAN_OPTIONS=detect_leaks=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ranks() { mpirun --oversubscribe --bind-to none --mca btl self,vader --mca mpi_yield_when_idle 1 -n "$@"; }
n=0
ok() { # STATUS WORDS
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        tail -n 30 "$tmp/out" "$tmp/err" 2> /dev/null | sed 's/^/# /'
    fi
}

for count in 1 2 3 4; do
    ranks $count "$build/tests/test_comm" > "$tmp/out" 2> "$tmp/err" &&
        grep -q "^# $count ranks" "$tmp/out" && ! grep -q '^not ok' "$tmp/out"
    ok $? "collectives on $count ranks"
done

# Every optimizer that has golden trajectories, on 1, 2 and 4 ranks, replicated and sharded, in double
# and in f32, and on 2 threads of one rank: one trajectory.
cases=(tests/golden/optimizers/*-*.json)
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
    replayed "3 ranks, sharded state, $device" 3 dp=3,zero=1 --device $device
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
echo "1..$n"

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
echo "1..$n"

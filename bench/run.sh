#!/bin/sh
# Training steps of ViT A and B against PyTorch: interleaved rounds, medians, ratios.
# Environment: BUILD (build), THREADS (2), ROUNDS (3), SECONDS_EACH (1.5), PEER_PYTHON (the python of
# build/peers), SIZES ("A B"), PRECISIONS ("f32 bf16").
set -u
build=${BUILD:-build}
threads=${THREADS:-2}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-1.5}
python=${PEER_PYTHON:-build/peers/bin/python}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
# Without these every step of PyTorch maps and unmaps its activations again.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
export OMP_NUM_THREADS="$threads"

peers="eager compile"
if ! [ -x "$python" ]; then
    echo "peers skipped: no '$python'; make bench-peers sets up PyTorch"
    peers=
fi
peak=$("$build/bench/bench_step" peak "$threads") || exit 1
echo "$peak GFLOP/s (1024^3 product, $threads threads)"
precisions=${PRECISIONS:-f32 bf16}
case $peak in *"bf16 0.0"*)
    echo "bf16 skipped: this CPU has neither AVX512-BF16 nor AMX"
    precisions=f32 ;;
esac

for size in ${SIZES:-A B}; do
    for precision in $precisions; do
        i=0
        while [ "$i" -lt "$rounds" ]; do
            "$build/bench/bench_step" "$size" "$precision" "$threads" "$seconds" >>"$out" || exit 1
            for mode in $peers; do
                "$python" bench/peers/vit_torch.py "$size" "$precision" "$mode" "$threads" \
                    "$seconds" >>"$out" 2>>"$out.err" ||
                    echo "torch-$mode $size $precision failed: $(tail -1 "$out.err")"
                rm -f "$out.err"
            done
            i=$((i + 1))
        done
        sh bench/ratios.sh "$out" "$size" "$precision" "$peak"
        "$build/bench/bench_step" profile "$size" "$precision" "$threads" | sed 's/^/    /'
    done
done

#!/bin/sh
# The runner links the C library and nothing of the referee's.
build=${PODIUM_BUILD:-build}
echo "1..2"
linked=$(ldd "$build/podium-runner" | awk '{print $1}' | sed 's|.*/||')
extra=$(echo "$linked" | grep -Ev '^(linux-vdso|ld-linux|libc\.so|libm\.so|libdl\.so|libpthread\.so|libasan|libubsan|libtsan|libgcc_s|libstdc\+\+)' )
[ -z "$extra" ] && echo "ok 1 - only libc and its parts are linked" ||
    echo "not ok 1 - only libc and its parts are linked, also: $extra"
nm -D --defined-only "$build/podium-runner" | grep -Eq ' (backend_|graph_|program_|workload_|MPI_|dnnl_)' &&
    echo "not ok 2 - no symbol of the engine" || echo "ok 2 - no symbol of the engine"

#!/bin/sh
# The runner links the C library and nothing of the referee's.
. tests/tap.sh
build=${PODIUM_BUILD:-build}
! ldd "$build/podium-runner" | awk '{print $1}' | sed 's|.*/||' |
    grep -Ev '^(linux-vdso|ld-linux|libc\.so|libm\.so|libdl\.so|libpthread\.so|libasan|libubsan|libtsan|libgcc_s|libstdc\+\+)' \
    >"$tmp/out"
ok $? "only libc and its parts are linked"
! nm -D --defined-only "$build/podium-runner" |
    grep -E ' (backend_|graph_|program_|workload_|MPI_|dnnl_)' >"$tmp/out"
ok $? "no symbol of the engine"
tap_done

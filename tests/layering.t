#!/bin/bash
# Includes point one way (include <- optimizers, runner; engine <- nn <- workloads <- harness <- tracks
# <- cli), and one folder alone sees MPI, each GPU's headers, oneDNN's.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh

# scan ROOT < LIST OF FILES: one line a forbidden include, "FILE:LINE: ...".  Fails if it printed any.
scan() {
    (cd "$1" && xargs -r awk '
    function forbid(why) { printf "%s:%d: %s %s\n", FILENAME, FNR, $0, why; bad = 1 }
    BEGIN {
        sees["base"] = sees["scoring"] = sees["comm"] = "base podium"
        sees["include"] = sees["examples"] = sees["optimizers"] = sees["submissions"] = sees["runner"] = "podium"
        sees["engine"] = "base podium"
        sees["data"] = "base podium engine/philox.h"
        sees["nn"] = sees["engine"] " engine"
        sees["workloads"] = sees["nn"] " nn data comm"
        sees["harness"] = sees["workloads"] " workloads runner/protocol.h"
        sees["tracks"] = sees["harness"] " harness"
        sees["cli"] = sees["tests"] = sees["bench"] = sees["tools"] = "*"
    }
    /^[ \t]*#[ \t]*(include|import)[ \t]*[<"]/ {
        split(FILENAME, part, "/")
        folder = part[1]
        target = $0
        sub(/^[^<"]*[<"]/, "", target)
        sub(/[>"].*$/, "", target)
        if (target ~ /^mpi[^\/]*\.h$/ && FILENAME != "comm/mpi.c")
            forbid("(only comm/mpi.c sees MPI)")
        if (target ~ /^(cuda|cublas|cudnn|nvrtc|nccl|hip|rocblas|rccl|rocm)/ && FILENAME !~ /^engine\/(cuda|hip)\//)
            forbid("(only engine/cuda and engine/hip see GPU headers)")
        if (target ~ /^(oneapi\/|dnnl)/ && FILENAME !~ /^engine\/cpu\//)
            forbid("(only engine/cpu sees oneDNN)")
        if ($0 !~ /"/ && target !~ /^podium\//) next  # the system
        if (target ~ /\.\./) { forbid("(paths start at the root)"); next }
        if (!(folder in sees)) { forbid("(no arrow is known for folder " folder ")"); next }
        split(target, to, "/")
        if (sees[folder] == "*" || to[1] == folder) next
        # A bare name is a neighbour, if there is one.
        beside = FILENAME
        sub(/[^\/]*$/, target, beside)
        if (target !~ /\// && (getline line < beside) >= 0) { close(beside); next }
        if (!index(" " sees[folder] " ", " " to[1] " ") && !index(" " sees[folder] " ", " " target " "))
            forbid("(" folder " sees: " sees[folder] ")")
    }
    END { exit bad }')
}

git ls-files -co --exclude-standard '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' |
    while IFS= read -r f; do [ -e "$f" ] && echo "$f"; done > "$tmp/files"
scan . < "$tmp/files" > "$tmp/out"
ok $? "every include of the tree follows the arrows"
[ "$(wc -l < "$tmp/files")" -gt 100 ] && grep -q '^engine/graph.h$' "$tmp/files"
ok $? "the whole tree was read"

# The same scanner in a copy where one file more has one include that is not allowed.
mkdir "$tmp/tree"
xargs cp --parents -t "$tmp/tree" < "$tmp/files"
refused() { # FILE INCLUDE
    mkdir -p "$tmp/tree/$(dirname "$1")"
    printf '/* a file */\n#include <stdio.h>\n#include %s\n' "$2" > "$tmp/tree/$1"
    { cat "$tmp/files"; echo "$1"; } | scan "$tmp/tree" > "$tmp/out"
    [ $? != 0 ] && [ "$(diff "$tmp/base" "$tmp/out" | grep -c '^[<>]')" = 1 ] &&
        grep -q "^$1:3: " "$tmp/out"
    ok $? "refused in $1: $2"
    rm "$tmp/tree/$1"
}
allowed() { # FILE INCLUDE
    mkdir -p "$tmp/tree/$(dirname "$1")"
    printf '#include %s\n' "$2" > "$tmp/tree/$1"
    echo "$1" | scan "$tmp/tree" > "$tmp/out"
    ok $? "allowed in $1: $2"
    rm "$tmp/tree/$1"
}
scan "$tmp/tree" < "$tmp/files" > "$tmp/base"
refused base/extra.c '"engine/graph.h"'
refused engine/extra.c '"nn/nn.h"'
refused engine/ref/extra.c '"workloads/workload.h"'
refused nn/extra.c '"data/idx.h"'
refused data/extra.c '"engine/graph.h"'
refused comm/extra.c '"engine/graph.h"'
refused workloads/extra.c '"harness/trial.h"'
refused harness/extra.c '"cli/command.h"'
refused harness/extra.c '"runner/runner.h"'
refused harness/extra.c '"cli/revision.h"'
refused scoring/extra.c '"harness/trial.h"'
refused tracks/plain/extra.c '"cli/command.h"'
refused runner/extra.c '"base/status.h"'
refused optimizers/extra.c '"base/text.h"'
refused submissions/extra/extra.c '"engine/graph.h"'
refused submissions/extra/extra.c '"../../engine/graph.h"'
refused include/podium/extra.h '"base/status.h"'
refused harness/extra.c '<mpi.h>'
refused engine/cpu/extra.c '<cuda_runtime.h>'
refused harness/extra.c '<hip/hip_runtime.h>'
refused engine/ref/extra.c '<dnnl.h>'
refused tests/extra.c '<oneapi/dnnl/dnnl.h>'
refused elsewhere/extra.c '"base/status.h"'
allowed comm/mpi.c '<mpi.h>'
allowed engine/cuda/extra.cu '<cuda_runtime.h>'
allowed engine/hip/extra.h '<hip/hip_runtime.h>'
allowed engine/cpu/extra.c '<oneapi/dnnl/dnnl.h>'
allowed data/extra.c '"engine/philox.h"'
allowed harness/extra.c '"runner/protocol.h"'
allowed optimizers/extra.c '"podium/submission.h"'
allowed tests/extra.c '"scoring/score.h"'
tap_done

#!/bin/bash
# What a command opens: libraries that multiply matrices are for commands that train, and a record names
# the LAPACK it was made with.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
# opened ARGUMENTS...: the shared objects of that command, in $tmp/log
opened() {
    LD_DEBUG=files LD_DEBUG_OUTPUT="$tmp/ld" "$podium" "$@" > "$tmp/log" 2>&1
    local rc=$?
    cat "$tmp"/ld.* | sed -n 's/.*calling init: //p' | sort -u > "$tmp/log"
    rm "$tmp"/ld.*
    return $rc
}
heavy='lapack|blas|libmpi|libcu'
# A build with sanitizers has oneDNN linked in: see the Makefile.
ldd "$podium" | grep -Eq 'lib(a|t|ub)san\.so' || heavy="$heavy|dnnl|OpenCL"
{ for s in 0 1; do echo "{\"name\": \"a\", \"study\": $s, \"hit\": 40}"; done; } |
    python3 tests/score/make_records.py "$tmp/results"
opened score "$tmp/results" && grep -q 'libc\.so' "$tmp/log" && ! grep -Eq "$heavy" "$tmp/log"
ok $? "podium score opens no LAPACK and no oneDNN"
opened leaderboard "$tmp/results" --out "$tmp/page" && grep -q 'libc\.so' "$tmp/log" && ! grep -Eq "$heavy" "$tmp/log"
ok $? "nor does podium leaderboard"
opened run nadamw --workload vit --suite test --threads 1 --seed 1 --results "$tmp/run" &&
    grep -q 'lapack' "$tmp/log" && grep -q 'dnnl' "$tmp/log"
ok $? "podium run opens both"
record=$(find "$tmp/run" -name trial.jsonl)
"$podium" doctor > "$tmp/log"
python3 - "$record" "$tmp/log" <<'PY' 2>> "$tmp/log"
import json, re, sys
lapack = json.loads(open(sys.argv[1]).readline())["machine"]["lapack"]
assert re.fullmatch(r"\S+, LAPACK \d+\.\d+\.\d+(, OpenBLAS.*)?", lapack), lapack
assert lapack in open(sys.argv[2]).read(), lapack
PY
ok $? "its record names the LAPACK, as podium doctor does"
tap_done

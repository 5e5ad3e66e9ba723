#!/bin/bash
# A submission built against the header as it was at each frozen version still loads and replays.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
build() { # HEADER SO
    mkdir -p "$tmp/include/podium" && cp "$1" "$tmp/include/podium/submission.h" &&
        ${CC:-cc} -std=c11 -Wall -Wextra -Werror -I"$tmp/include" -fPIC -shared -fvisibility=hidden \
            -o "$2" tests/abi/heavy_ball.c -lm
}
version=$(awk '/define PODIUM_ABI_M(AJOR|INOR)/ {printf "%s%d", sep, $3; sep = "_"}' include/podium/submission.h)
[ -f "tests/abi/submission_$version.h" ]
ok $? "the present version $version has its frozen copy (a new minor: copy the header)"
major=${version%_*}
for header in tests/abi/submission_"$major"_*.h; do
    name=$(basename "$header" .h)
    build "$header" "$tmp/$name.so"
    ok $? "$name: a submission builds against it alone"
    "$podium" check "$tmp/$name.so" > "$tmp/out"
    ok $? "$name: it loads, resumes and is a good citizen"
    for device in ref cpu; do
        "$podium" replay tests/golden/optimizers/heavy_ball-*.json --submission "$tmp/$name.so" \
            --device $device >> "$tmp/out"
        ok $? "$name: it replays heavy ball's trajectories on $device"
    done
done
# Every function and field of the tables that cross is in docs/abi.md.
{
    awk '/^struct podium_host/,/^};/' include/podium/submission.h | grep -o '(\*[a-z_]*)'
    awk '/^struct podium_submission \{/,/^};/' include/podium/submission.h | grep -o '(\*[a-z_]*)\|\*hyperparameters;\|needs;'
    awk '/^typedef struct podium_linalg/,/^}/' include/podium/extensions.h | grep -o '(\*[a-z_]*)'
    grep -o 'PODIUM_[A-Z]* = [0-9]*, */\* [a-z]' include/podium/submission.h | grep -o 'PODIUM_\(LOSS\|GRAD\|NUMBER\|BASE\)'
} | tr -d '(*);' | sort -u > "$tmp/names"
missing=
while read -r name; do
    grep -q "\`$name\`" docs/abi.md || missing="$missing $name"
done < "$tmp/names"
[ "$(wc -l < "$tmp/names")" -gt 30 ] && [ -z "$missing" ]
ok $? "docs/abi.md names every function and field of the tables${missing:+, not:$missing}"
ls include/podium/*.h | sed 's|.*/||' | while read -r h; do grep -q "$h" docs/abi.md || echo "$h"; done > "$tmp/headers"
[ ! -s "$tmp/headers" ]
ok $? "and every header"

refused() { # MACRO VALUE
    sed "s/^\(#define $1\) [0-9]*u/\1 $2u/" include/podium/submission.h > "$tmp/other.h"
    sed 's/return host_major == PODIUM_ABI_MAJOR ? &table : NULL/(void)host_major; return \&table/' \
        tests/abi/heavy_ball.c > "$tmp/other.c"
    mkdir -p "$tmp/include/podium" && cp "$tmp/other.h" "$tmp/include/podium/submission.h" &&
        ${CC:-cc} -std=c11 -I"$tmp/include" -fPIC -shared -o "$tmp/other.so" "$tmp/other.c" -lm &&
        ! "$podium" check "$tmp/other.so" > "$tmp/out" && grep -q 'wrong ABI version' "$tmp/out"
    ok $? "$1 $2 is refused, with the reason"
}
refused PODIUM_ABI_MAJOR 9
refused PODIUM_ABI_MINOR 99
tap_done

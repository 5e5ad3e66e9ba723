#!/bin/sh
# Golden trajectories replay through the real runner process: each optimizer's copies here in double
# on the reference device and in f32 on the cpu, and all of a directory named by PODIUM_GOLDEN.
. tests/tap.sh
build=${PODIUM_BUILD:-build}
cases=${PODIUM_GOLDEN:-tests/golden/optimizers}
for name in $(ls "$cases" | sed -n 's/-.*\.json$//p' | sort -u); do
    [ -f "optimizers/$name.c" ] || continue
    "$build/podium" replay "$cases/$name"-*.json --device ref >"$tmp/out" 2>"$tmp/err"
    ok $? "$name replays its trajectories within 1e-9"
    tail -n 1 "$tmp/out" | grep -q '^max relative error [0-9.]*e-[0-9]*$'
    ok $? "$name: the last line is the largest error"
    ! grep -v ' 0 of 0 scalars' "$tmp/out" | grep -q ' 0 of [1-9][0-9]* scalars'
    ok $? "$name keeps the numbers that its trajectories have"
    check 0 "$name in f32 is as near as the original in f32" \
        "$build/podium" replay "$cases/$name"-*.json --device cpu --quiet
done
cases=tests/golden/optimizers
for source in optimizers/*.c; do
    name=$(basename "$source" .c)
    check 0 "$name has golden trajectories" ls "$cases/$name"-*.json
    check 0 "$name has a row in docs/optimizers.md (make optimizer-table)" \
        grep "^| \[$name\](https://" docs/optimizers.md
done
what="tools/golden_cases.py makes the trajectories of setting c"
if command -v python3 >/dev/null; then
    mkdir "$tmp/made"
    python3 tools/golden_cases.py "$tmp/made" >"$tmp/out" 2>&1 &&
        cmp "$tmp/made/adafactor-gradients-c.json" $cases/adafactor-gradients-c.json >>"$tmp/out" &&
        cmp "$tmp/made/soap-gradients-c.json" $cases/soap-gradients-c.json >>"$tmp/out"
    ok $? "$what"
else
    skip "$what" "no python3"
fi
for device in ref cpu; do
    check 0 "schedules and clipping are AlgoPerf's and PyTorch's on $device" \
        "$build/podium" replay $cases/schedules.json $cases/clipping.json --device $device
done
sed 's/"max_norm": *0.1/"max_norm": 0.101/' $cases/clipping.json >"$tmp/changed.json"
check 1 "another norm to clip to is noticed" "$build/podium" replay "$tmp/changed.json" --device ref
check 2 "hyperparameters of another optimizer are refused" \
    "$build/podium" replay $cases/adamw-quadratic-a.json --device ref --submission sgd
check 1 "a tolerance that is not met gives exit status 1" \
    "$build/podium" replay $cases/sgd-quadratic-a.json --device ref --tolerance 0
sed 's/"momentum": *0.9/"momentum":0.909/' $cases/nesterov-quadratic-a.json >"$tmp/changed.json"
check 1 "one percent more momentum is noticed" "$build/podium" replay "$tmp/changed.json" --device ref
check 0 "sgd with momentum is heavy_ball, and nesterov with that flag" \
    "$build/podium" replay $cases/heavy_ball-*.json $cases/nesterov-*.json --device ref --submission sgd
tap_done

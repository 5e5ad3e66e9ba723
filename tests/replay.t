#!/bin/sh
# Golden trajectories replay through the real runner process: each optimizer's copies here in double
# on the reference device and in f32 on the cpu, and all of a directory named by PODIUM_GOLDEN.
build=${PODIUM_BUILD:-build}
cases=${PODIUM_GOLDEN:-tests/golden/optimizers}
n=0
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
for name in $(ls "$cases" | sed -n 's/-.*\.json$//p' | sort -u); do
    [ -f "optimizers/$name.c" ] || continue
    out=$("$build/podium" replay "$cases/$name"-*.json --device ref)
    check "$name replays its trajectories within 1e-9" $?
    echo "$out" | tail -n 1 | grep -q '^max relative error [0-9.]*e-[0-9]*$'
    check "$name: the last line is the largest error" $?
    ! echo "$out" | grep -v ' 0 of 0 scalars' | grep -q ' 0 of [1-9][0-9]* scalars'
    check "$name keeps the numbers that its trajectories have" $?
    "$build/podium" replay "$cases/$name"-*.json --device cpu --quiet >/dev/null
    check "$name in f32 is as near as the original in f32" $?
done
cases=tests/golden/optimizers
for source in optimizers/*.c; do
    name=$(basename "$source" .c)
    ls "$cases/$name"-*.json >/dev/null 2>&1
    check "$name has golden trajectories" $?
    grep -q "^| \[$name\](https://" docs/optimizers.md
    check "$name has a row in docs/optimizers.md (make optimizer-table)" $?
done
made=$build/replay-made
if command -v python3 >/dev/null && mkdir -p "$made"; then
    python3 tools/golden_cases.py "$made" &&
        cmp "$made/adafactor-gradients-c.json" $cases/adafactor-gradients-c.json &&
        cmp "$made/soap-gradients-c.json" $cases/soap-gradients-c.json
    check "tools/golden_cases.py makes the trajectories of setting c" $?
    rm -rf "$made"
else
    check "tools/golden_cases.py makes the trajectories of setting c # SKIP no python3" 0
fi
for device in ref cpu; do
    "$build/podium" replay $cases/schedules.json $cases/clipping.json --device $device >/dev/null
    check "schedules and clipping are AlgoPerf's and PyTorch's on $device" $?
done
sed 's/"max_norm": *0.1/"max_norm": 0.101/' $cases/clipping.json >"$build/replay-changed.json"
"$build/podium" replay "$build/replay-changed.json" --device ref >/dev/null
[ $? -eq 1 ]
check "another norm to clip to is noticed" $?
"$build/podium" replay $cases/adamw-quadratic-a.json --device ref --submission sgd >/dev/null 2>&1
[ $? -eq 2 ]
check "hyperparameters of another optimizer are refused" $?
"$build/podium" replay $cases/sgd-quadratic-a.json --device ref --tolerance 0 >/dev/null
[ $? -eq 1 ]
check "a tolerance that is not met gives exit status 1" $?
sed 's/"momentum": *0.9/"momentum":0.909/' $cases/nesterov-quadratic-a.json >"$build/replay-changed.json"
"$build/podium" replay "$build/replay-changed.json" --device ref >/dev/null
[ $? -eq 1 ]
check "one percent more momentum is noticed" $?
"$build/podium" replay $cases/heavy_ball-*.json $cases/nesterov-*.json --device ref --submission sgd >/dev/null
check "sgd with momentum is heavy_ball, and nesterov with that flag" $?
rm -f "$build/replay-changed.json"
echo "1..$n"

#!/bin/bash
# A trial killed at any moment and resumed is the trial that was never killed.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
podium=$build/podium
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
tuned=(nadamw --set schedule=constant --set warmup=0 --set lr=3e-3)
# run DIR ARGUMENTS...: `podium run` of the small size, always with one key
run() {
    local dir=$1
    shift
    "$podium" run --workload vit --suite test --threads 1 --results "$dir" \
        --key 000102030405060708090a0b0c0d0e0f "$@" > "$tmp/log" 2>&1
}
record() { find "$1" -name trial.jsonl; }
# What a resumed run must repeat: everything but time and memory.
points() {
    sed -E 's/"(wall_seconds|calibrated|compile_seconds|reference_step_seconds|resident_bytes)":[^,}]*,?//g;
        s/"time_to_target":[^}]*}//; s/"(optimizer|runner_growth)_bytes":[^,}]*,?//g' "$(record "$1")"
}
# same NAME DIR POINTS: the record in DIR says what the uninterrupted one said
same() {
    points "$2" > "$tmp/points" && cmp -s "$3" "$tmp/points"
    ok $? "$1: the same record, bit for bit"
}

run "$tmp/whole" "${tuned[@]}"
ok $? "an uninterrupted trial"
points "$tmp/whole" > "$tmp/reference"
[ "$(grep -c hash "$tmp/reference")" -ge 6 ]
ok $? "has several evaluations"

# killed AT ARGUMENTS...: kills there, resumes
killed() {
    local at=$1 dir=$tmp/kill-${1/:/-}
    shift
    KILL_AT=$at LD_PRELOAD=$(realpath "$build/tests/kill_at.so") run "$dir" "$@" 2> /dev/null
    [ $? = 137 ] || { ok 1 "$at: was killed"; return; }
    ! tail -n 1 "$(record "$dir")" | grep -q '"event":"end".*}$' && run "$dir" --resume "$@"
    ok $? "$at: was killed before its end and resumed to it"
}
for at in write:3 write:4 write:9 synced:4 rename:2 renamed:7; do
    killed $at "${tuned[@]}"
    same $at "$tmp/kill-${at/:/-}" "$tmp/reference"
done

# The end that the submission chose is not forgotten between its checkpoint and the end line.
ends=$build/tests/bad_submissions/ends_early.so
run "$tmp/ends" "$ends"
points "$tmp/ends" > "$tmp/ends.reference"
grep -q '"reason":"the submission ended training"' "$tmp/ends.reference"
ok $? "a submission ends training itself"
last=$(($(grep -c '"event"' "$tmp/ends.reference") + $(grep -c hash "$tmp/ends.reference") + 1))
killed write:$last "$ends"
same "its end line cut" "$tmp/kill-write-$last" "$tmp/ends.reference"

# Time: what the checkpoint holds stays, the pause is not counted.
number() { sed -n "$2p" "$1" | grep -oE '"wall_seconds":[^,]*' | head -n 1 | cut -d: -f2; }
dir=$tmp/pause
KILL_AT=renamed:4 LD_PRELOAD=$(realpath "$build/tests/kill_at.so") run "$dir" "${tuned[@]}" 2> /dev/null
cp "$(record "$dir")" "$tmp/kept"
cp -r "$dir" "$tmp/damaged"
cp -r "$dir" "$tmp/short"
[ "$(wc -l < "$tmp/kept")" = 4 ]
ok $? "killed after the checkpoint of the third evaluation"
sleep 1.5
start=$(date +%s%N)
run "$dir" "${tuned[@]}" --resume
end=$(date +%s%N)
head -n 4 "$(record "$dir")" | cmp -s - "$tmp/kept"
ok $? "the lines before the checkpoint stay, their clocks too"
awk -v kept="$(number "$tmp/kept" 4)" -v total="$(number "$(record "$dir")" '$')" \
    -v limit=$((end - start)) 'BEGIN { exit !(total > kept && total - kept < limit * 1e-9) }'
ok $? "the clock goes on where the checkpoint left it, without the pause"
cp "$(record "$tmp/short")" "$tmp/kept"
exec 9>> "$(record "$tmp/short")"
flock 9
run "$tmp/short" --resume "${tuned[@]}"
[ $? = 2 ] && grep -q 'is being written by another process' "$tmp/log" && cmp -s "$(record "$tmp/short")" "$tmp/kept"
ok $? "a record that another process writes is left alone"
exec 9>&-
run "$tmp/short" --resume "${tuned[@]}" --set lr=1e-3
[ $? = 2 ] && grep -q 'was begun by another submission, setting' "$tmp/log"
ok $? "another setting does not continue it"
truncate -s 100 "$(record "$tmp/short")"
run "$tmp/short" --resume "${tuned[@]}"
[ $? = 2 ] && grep -q 'is shorter than its checkpoint says' "$tmp/log"
ok $? "a record that lost lines is not continued"
printf x | dd of="$(find "$tmp/damaged" -name checkpoint.bin)" bs=1 seek=1000 conv=notrunc 2> /dev/null
run "$tmp/damaged" --resume "${tuned[@]}"
[ $? = 2 ] && grep -q 'is damaged: its checksum differs' "$tmp/log"
ok $? "a damaged checkpoint is not continued"

# Any moment: killed by a clock until it is through.
kills=0
exec 3>&2 2> /dev/null # bash reports what was killed
while [ $kills -lt 6 ]; do
    timeout -s KILL "0.$((RANDOM % 40 + 10))" "$podium" run --workload vit --suite test --threads 1 --results "$tmp/random" --resume \
        --key 000102030405060708090a0b0c0d0e0f "${tuned[@]}" > "$tmp/log" 2>&1 && break
    kills=$((kills + 1))
done
exec 2>&3
run "$tmp/random" "${tuned[@]}" --resume
ok $? "killed $kills times by a clock, then resumed"
same "killed by a clock" "$tmp/random" "$tmp/reference"
tap_done

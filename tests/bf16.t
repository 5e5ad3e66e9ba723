#!/bin/bash
# Every workload trains in bf16 as in f32: after the same steps from the same seed the validation losses are close,
# and not equal, which would mean that bf16 was not used.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
mkdir -p "$tmp/data/debian-text"
cp -r data/glyphs data/sentences "$tmp/data/"
for split in train valid test; do
    awk -v lines=$([ $split = train ] && echo 600 || echo 100) 'BEGIN {
        srand(lines)
        for (i = 0; i < lines; i++) {
            line = ""
            for (k = 0; k < 5; k++)
                line = line (k ? " " : "") sprintf("%c", 97 + int(26 * rand() * rand()))
            print line
        } }' >"$tmp/data/debian-text/$split.de"
    tr a-z b-za <"$tmp/data/debian-text/$split.de" >"$tmp/data/debian-text/$split.en"
done
train() { # PRECISION WORKLOAD SIZE: the last validation loss
    rm -rf "$tmp/r"
    "$podium" run nadamw --workload "$2" --suite "$3" --precision "$1" --data "$tmp/data" --threads 1 --max-steps 40 \
        --set lr=3e-3 --set warmup=0 --set schedule=constant --key 000102030405060708090a0b0c0d0e0f --quiet --results "$tmp/r" \
        >"$tmp/out" 2>&1 || return 1
    sed -n 's/.*"event":"evaluation".*"loss":\([0-9.]*\),.*/\1/p' "$(find "$tmp/r" -name trial.jsonl)" | tail -n 1
}
for task in "vit test" "transformer test" "widenet test" "widenet text" "compacter test" "gpt test"; do
    what="$task in bf16 is close to f32"
    if ! half=$(train bf16 $task) && grep -q "has no bf16 on this machine" "$tmp/out"; then
        skip "$what" "this CPU has no bf16 matrix products"
        continue
    fi
    full=$(train f32 $task)
    echo "f32 $full, bf16 $half" >"$tmp/log"
    awk -v a="$full" -v b="$half" 'BEGIN { d = (a - b) / a; exit !(a > 0 && b > 0 && a != b && d < 0.04 && d > -0.04) }'
    ok $? "$what"
done
# The points above are skipped where the CPU has none, by this message: ref has none anywhere.
refuses() { # COMMAND...: with status 2 and this message
    "$podium" "$@" --device ref --precision bf16 >"$tmp/out" 2>&1
    [ $? = 2 ] && grep -q "device 'ref' has no bf16 on this machine" "$tmp/out"
}
refuses run nadamw --workload vit --suite test --data "$tmp/data" --results "$tmp/refused"
ok $? "run refuses bf16 on a device without it"
[ ! -e "$tmp/refused/nadamw" ]
ok $? "and leaves no folder of a trial"
refuses parity tests/golden/models/vit_glu.json
ok $? "so does parity"
tap_done

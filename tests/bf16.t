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
    if ! half=$(train bf16 $task) && grep -q "does not offer bf16" "$tmp/out"; then
        skip "$what" "this CPU has no bf16 matrix products"
        continue
    fi
    full=$(train f32 $task)
    echo "f32 $full, bf16 $half" >"$tmp/log"
    awk -v a="$full" -v b="$half" 'BEGIN { d = (a - b) / a; exit !(a > 0 && b > 0 && a != b && d < 0.04 && d > -0.04) }'
    ok $? "$what"
done
tap_done

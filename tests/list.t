#!/bin/bash
# `podium list workloads --details`: what it prints, what BENCHMARKS.md says of it, measured times; T5 as a workload.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
build=${PODIUM_BUILD:-build}
podium=$build/podium
# Columns 2 to 11, up to the budget: what no machine and no record changes.
static() { grep -E '^\| (workload|compacter|gpt|transformer|vit|widenet) \|' | cut -d'|' -f2-11; }
"$podium" list workloads --details --markdown > "$tmp/out" 2>&1
ok $? "the suite as Markdown"
static < "$tmp/out" > "$tmp/printed"
sed -n '/<!-- suite begin -->/,/<!-- suite end -->/p' BENCHMARKS.md | static > "$tmp/page"
diff "$tmp/page" "$tmp/printed" > "$tmp/out" && [ "$(wc -l < "$tmp/page")" -gt 30 ]
ok $? "BENCHMARKS.md has the same rows (\`make leaderboard\` writes them)"
"$podium" list workloads --details --json > "$tmp/out" 2>&1 && python3 - "$tmp/out" "$tmp/line" <<'P'
import glob, json, sys
rows = json.load(open(sys.argv[1]))
at = {(r["workload"], r["size"], r["held_out"]): r for r in rows}
assert all(sum(r["kinds"].values()) == r["trainable"] and r["step_flops"] > 0 for r in rows)
assert at["vit", "full", None]["trainable"] == 22122472
assert at["compacter", "full", None]["trainable"] == 104704
vit = at["vit", "mini", None]
assert vit["data_id"].startswith("glyphs:") and len(vit["data_id"]) == len("glyphs:") + 64, vit
# The fastest by the committed records: the upper median of seconds to target, a miss counting as for ever.
groups = {}
for path in glob.glob("results/*/*/vit-mini/study-*/trial-*/trial.jsonl"):
    events = [json.loads(line) for line in open(path)]
    head, end = events[0], events[-1]
    m = head["machine"]
    key = head["submission"]["name"], head["ruleset"], m["cpu"], m["isa"], m["device"], m["precision"], m["threads"]
    hit = end["time_to_target"]["wall_seconds"] if end["reached"] else float("inf")
    groups.setdefault(key, []).append(hit)
assert len(groups) > 30 and max(len(t) for k, t in groups.items() if k[:2] == ("nadamw", "free")) >= 10
seconds, name, threads, trials = min((sorted(t)[len(t) // 2], k[0], k[6], len(t)) for k, t in groups.items())
best = vit["baseline"]
assert (best["submission"], best["trials"]) == (name, trials) and abs(best["seconds"] - seconds) < 1e-9, (best, name, seconds)
assert best["threads"] == threads
open(sys.argv[2], "w").write("  baseline    %s %.1f s, median of %d (" % (name, seconds, trials))
assert at["widenet", "base", None]["baseline"]["submission"] == "nadamw"
assert at["widenet", "full", None]["baseline"] is None
P
ok $? "and as JSON: counts add up, the time of vit mini is that of the committed records"
"$podium" list workloads --details > "$tmp/out" 2>&1 && grep -q '^vit mini glu$' "$tmp/out" &&
    grep -q '^  baseline    none measured$' "$tmp/out" && sed -n '/^vit mini$/,/baseline/p' "$tmp/out" | grep -qF -f "$tmp/line" &&
    grep -Eq '^  baseline    [a-z_]+ [0-9.]+ s, median of [0-9]+ \([^)]+, [0-9]+ threads?, f32\)$' "$tmp/out"
ok $? "and as text, which says where nothing was measured"
"$podium" list workloads --details --nothing > "$tmp/out" 2>&1
[ $? = 2 ] && grep -q "unknown option '--nothing'" "$tmp/out"
ok $? "an unknown option is refused"

# Text to text as a SentencePiece tool writes it: the target says which of two pieces the source holds.
mkdir -p "$tmp/data/text-to-text"
python3 - "$tmp/data/text-to-text" <<'P'
import random, sys
random.seed(1)
folder = sys.argv[1]
pieces = ["<pad>", "</s>", "<unk>"] + ["p%d" % i for i in range(3, 32)]
open(folder + "/pieces.vocab", "w").write("".join("%s\t%d\n" % (p, -i) for i, p in enumerate(pieces)))
for split, count in (("train", 400), ("valid", 60), ("test", 20)):
    with open("%s/%s.source.ids" % (folder, split), "w") as source, open("%s/%s.target.ids" % (folder, split), "w") as target:
        for _ in range(count):
            answer = random.choice([10, 11])
            line = [random.randint(12, 31) for _ in range(random.randint(3, 8))]
            line[random.randrange(len(line))] = answer
            print(*line, file=source)
            print(answer + 10, answer, file=target)
P
"$podium" run nadamw --workload compacter --suite test_t5 --data "$tmp/data" --threads 1 --results "$tmp/r" \
    --set lr=0.01 --set schedule=constant --set warmup=0 > "$tmp/out" 2>&1 && grep -q 'VALID, target reached' "$tmp/out"
ok $? "T5 learns to answer text with text: nine in ten targets exactly"
rm "$tmp/data/text-to-text/valid.target.ids"
"$podium" run nadamw --workload compacter --suite test_t5 --data "$tmp/data" --results "$tmp/r2" > "$tmp/out" 2>&1
[ $? = 2 ] && grep -q 'valid.target.ids' "$tmp/out"
ok $? "a file that is missing is named"
mkdir -p "$tmp/data/imagenet"
"$podium" run nadamw --workload vit --suite full --data "$tmp/data" --results "$tmp/r3" > "$tmp/out" 2>&1
[ $? = 2 ] && grep -q "no IDX file '.*imagenet/train-images-idx4-ubyte'" "$tmp/out"
ok $? "so is ImageNet's first"
"$podium" run nadamw --workload compacter --suite full --data "$tmp/data" --results "$tmp/r4" > "$tmp/out" 2>&1
[ $? = 2 ]
ok $? "and the full Compacter needs its files"
# Three small images: the second has a class too many.
python3 - "$tmp/data/imagenet" <<'P'
import struct, sys
for split, count in (("train", 3), ("valid", 2)):
    with open("%s/%s-images-idx4-ubyte" % (sys.argv[1], split), "wb") as f:
        f.write(struct.pack(">BBBBIIII", 0, 0, 8, 4, count, 3, 32, 32) + bytes(range(256)) * (count * 12))
    with open("%s/%s-labels-idx1-short" % (sys.argv[1], split), "wb") as f:
        f.write(struct.pack(">BBBBI%dH" % count, 0, 0, 11, 1, count, *[999, 1000, 3][:count]))
P
"$podium" run nadamw --workload vit --suite full --data "$tmp/data" --results "$tmp/r5" > "$tmp/out" 2>&1
[ $? = 2 ] && grep -q 'label 1000 of example 1 is not below 1000' "$tmp/out"
ok $? "a label past the classes is named"
tap_done

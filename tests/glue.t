#!/bin/sh
# GLUE folders as they are published, raced: a byte order mark, test files without labels, F1 and correlations as targets.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
mkdir -p "$tmp/data/mrpc"
python3 - "$tmp/data/mrpc" <<'P'
import random, sys
r = random.Random(1)
words = "the cat sat on a mat while dogs run in green parks".split()
for split, n in (("train", 320), ("dev", 120), ("test", 20)):
    with open("%s/%s.tsv" % (sys.argv[1], split), "w", encoding="utf-8-sig") as f:
        print("index" if split == "test" else "Quality", "#1 ID", "#2 ID", "#1 String", "#2 String", sep="\t", file=f)
        for i in range(n):
            one = " ".join(r.choice(words) for _ in range(4))
            same = i % 5 < 4 # four of five are paraphrases
            two = one if same else "zzz zzz"
            print(i if split == "test" else int(same), i, i + 1, one, two, sep="\t", file=f)
P
# race WHAT STATUS SET FORMAT METRIC VALUE WORKLOAD SIZE ARGUMENTS...: a point of its exit status
race() {
    what=$1 want=$2
    printf '{"name": "%s", "data": {"set": "%s", "format": "%s"}, "target": {"metric": "%s", "value": %s}}' "$3" "$3" "$4" "$5" "$6" >"$tmp/v.yaml"
    task=$7 size=$8
    shift 8
    check "$want" "$what" "$podium" run nadamw --workload "$task" --suite "$size" --variant "$tmp/v.yaml" --data "$tmp/data" \
        --threads 1 --set lr=0.01 --set warmup=0 "$@"
}
best() { # METRIC FOLDER: the largest in its record
    sed -n "s/.*\"event\":\"evaluation\".*\"$1\":\([0-9.]*\).*/\1/p" "$(find "$2" -name trial.jsonl)" | sort -g | tail -n 1
}
# The key permutes the classes: F1 is that of class 1 of the file all the same, four of five rows at first.
for key in 1 2 3 4; do
    race "the file is raced on F1 with key $key" 0 mrpc mrpc f1 0.99 compacter test --key $(printf '%032d' $key) --max-steps 20 --results "$tmp/key$key"
done
printf '%s\n' "$tmp"/key? | while read -r folder; do best f1 "$folder"; done >"$tmp/best"
check 0 "and F1 is that of the paraphrases under each" awk '$1 < 0.85 { bad = 1 } END { exit bad || NR != 4 }' "$tmp/best"
race "macro F1 is a metric too" 0 mrpc mrpc macro_f1 0.99 compacter test --max-steps 20 --results "$tmp/macro"
check 0 "smaller, as long as one answer is given" \
    awk -v macro="$(best macro_f1 "$tmp/macro")" 'BEGIN { exit !(macro > 0.3 && macro < 0.99) }'
race "a metric that there is not is refused" 2 mrpc mrpc f2 0.99 compacter test --results "$tmp/none"
race "a training file without its labels' column is refused" 2 mrpc qqp f1 0.99 compacter test --results "$tmp/none"
cp "$tmp/data/mrpc/test.tsv" "$tmp/data/mrpc/dev.tsv"
race "so is a validation file of withheld labels" 2 mrpc mrpc f1 0.99 compacter test --results "$tmp/none"
cp "$tmp/out" "$tmp/refused"
check 0 "and named with the column" grep -q "dev.tsv: no rows with a label in column 'Quality'" "$tmp/refused"
mkdir "$tmp/data/stsb"
python3 - "$tmp/data/stsb" <<'P'
import random, sys
r = random.Random(2)
words = "cat mat park dog".split()
for split, n in (("train", 320), ("dev", 120), ("test", 20)):
    with open("%s/%s.tsv" % (sys.argv[1], split), "w") as f:
        print("index", "sentence1", "sentence2", *(() if split == "test" else ("score",)), sep="\t", file=f)
        for i in range(n):
            score = r.randrange(6)
            one, two = r.choice(words), "z" * (4 * score + 1)
            print(i, one, two, *(() if split == "test" else (score,)), sep="\t", file=f)
P
for metric in pearson spearman; do
    race "scores are learnt to a correlation, $metric" 0 stsb stsb $metric 0.9 compacter test --results "$tmp/$metric"
    check 0 "above nine tenths" awk -v best="$(best $metric "$tmp/$metric")" 'BEGIN { exit !(best >= 0.9 && best <= 1) }'
done
cp "$tmp/data/mrpc/train.tsv" "$tmp/data/mrpc/dev.tsv"
race "classes have no correlation" 2 mrpc mrpc pearson 0.9 compacter test --results "$tmp/none"
race "scores have no F1" 2 stsb stsb f1 0.9 compacter test --results "$tmp/none2"
race "and a classifier takes none" 2 stsb stsb loss 0.9 widenet text --results "$tmp/none3"
tap_done

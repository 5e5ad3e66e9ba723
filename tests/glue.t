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
race() { # WANTED-STATUS METRIC FORMAT ARGUMENTS...
    printf '{"name": "mrpc", "data": {"set": "mrpc", "format": "%s"}, "target": {"metric": "%s", "value": 0.99}}' "$3" "$2" >"$tmp/v.yaml"
    want=$1
    shift 3
    check "$want" "$race" "$podium" run nadamw --workload compacter --suite test --variant "$tmp/v.yaml" --data "$tmp/data" \
        --threads 1 --set lr=0.01 --set warmup=0 "$@"
}
best() { # METRIC FOLDER: the largest in its record
    sed -n "s/.*\"event\":\"evaluation\".*\"$1\":\([0-9.]*\).*/\1/p" "$(find "$2" -name trial.jsonl)" | sort -g | tail -n 1
}
# The key permutes the classes: F1 is that of class 1 of the file all the same, four of five rows at first.
for key in 1 2 3 4; do
    race="the file is raced on F1 with key $key"
    race 0 f1 mrpc --key $(printf '%032d' $key) --max-steps 20 --results "$tmp/key$key"
done
printf '%s\n' "$tmp"/key? | while read -r folder; do best f1 "$folder"; done >"$tmp/best"
check 0 "and F1 is that of the paraphrases under each" awk '$1 < 0.85 { bad = 1 } END { exit bad || NR != 4 }' "$tmp/best"
race="macro F1 is a metric too"
race 0 macro_f1 mrpc --max-steps 20 --results "$tmp/macro"
check 0 "smaller, as long as one answer is given" \
    awk -v macro="$(best macro_f1 "$tmp/macro")" 'BEGIN { exit !(macro > 0.3 && macro < 0.99) }'
race="a metric that there is not is refused"
race 2 f2 mrpc --results "$tmp/none"
race="a training file without its labels' column is refused"
race 2 f1 qqp --results "$tmp/none"
cp "$tmp/data/mrpc/test.tsv" "$tmp/data/mrpc/dev.tsv"
race="so is a validation file of withheld labels"
race 2 f1 mrpc --results "$tmp/none"
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
stsb() { # WANTED-STATUS METRIC VALUE WORKLOAD ARGUMENTS...
    printf '{"name": "stsb", "data": {"set": "stsb", "format": "stsb"}, "target": {"metric": "%s", "value": %s}}' "$2" "$3" >"$tmp/v.yaml"
    want=$1 workload=$4
    shift 4
    check "$want" "$race" "$podium" run nadamw --workload "$workload" --variant "$tmp/v.yaml" --data "$tmp/data" --threads 1 \
        --set lr=0.01 --set warmup=0 "$@"
}
for metric in pearson spearman; do
    race="scores are learnt to a correlation, $metric"
    stsb 0 $metric 0.9 compacter --suite test --results "$tmp/$metric"
    check 0 "above nine tenths" awk -v best="$(best $metric "$tmp/$metric")" 'BEGIN { exit !(best >= 0.9 && best <= 1) }'
done
race="classes have no correlation"
printf '{"name": "mrpc", "data": {"set": "mrpc", "format": "mrpc"}, "target": {"metric": "pearson", "value": 0.9}}' >"$tmp/v.yaml"
cp "$tmp/data/mrpc/train.tsv" "$tmp/data/mrpc/dev.tsv"
check 2 "$race" "$podium" run nadamw --workload compacter --suite test --variant "$tmp/v.yaml" --data "$tmp/data" --results "$tmp/none"
race="scores have no F1"
stsb 2 f1 0.9 compacter --suite test --results "$tmp/none2"
race="and a classifier takes none"
stsb 2 loss 0.9 widenet --suite text --results "$tmp/none3"
tap_done

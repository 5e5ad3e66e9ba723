#!/bin/bash
# AlgoPerf's own log folders, small ones made here: scores worked out by hand from the rules, both ways
# of choosing a study's trial, budgets, timestamps, what is missing, what is damaged.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium

# All eight workloads: name, metric, a value that meets v0.6's target, one that does not.
workloads="criteo1tb:loss:0.12:0.2 fastmri:ssim:0.73:0.5 imagenet_resnet:accuracy:0.78:0.5
imagenet_vit:accuracy:0.78:0.5 librispeech_conformer:wer:0.08:0.3 librispeech_deepspeech:wer:0.11:0.3
ogbg:mean_average_precision:0.29:0.1 wmt:bleu:31:20"
# trial FOLDER METRIC BAD GOOD SECONDS [EVALUATIONS BEFORE]: meets the target at SECONDS; never where GOOD is -
trial() {
    mkdir -p "$1"
    {
        echo "accumulated_submission_time,global_step,score,test/$2,validation/$2,validation/num_examples"
        for i in $(seq 1 "${6:-1}"); do echo "$i,$i,$i,9,$3,7"; done
        [ "$4" = - ] || echo "$5,9,$5,9,$4,7"
    } > "$1/eval_measurements.csv"
    echo '{"learning_rate": 0.001}' > "$1/hparams.json"
}
# submission DIR FRAMEWORK SECONDS: 3 studies of 1 trial on every workload, study j at SECONDS + j
submission() {
    for w in $workloads; do
        IFS=: read -r name metric good bad <<< "$w"
        for j in 0 1 2; do trial "$1/study_$j/${name}_$2/trial_1" "$metric" "$bad" "$good" $(($3 + j)); done
    done
}
score() { "$podium" score --algoperf "$@" > "$tmp/out" 2>&1; }
table() { # WORDS PYTHON: on t, the table read from $tmp/out, and by, its submissions by name
    python3 -c "
import json, sys
t = json.load(open('$tmp/out')); by = {s['name']: s for s in t['submissions']}
$2" 2>> "$tmp/out"
    ok $? "$1"
}

submission "$tmp/a/fast" jax 99
submission "$tmp/a/slow" pytorch 199
score "$tmp/a" --preset algoperf-v0.6-self --format json
ok $? "two submissions are scored"
table "the median of 100, 101, 102 and twice as slow: score and exact integral" "
assert by['fast']['score'] > 1 - 1e-12 and by['fast']['rank'] == 1
w = by['slow']['workloads']['wmt']
assert w['seconds'] == 200 and w['ratio'] == 2 and w['reached'] == 3, w
assert abs(by['slow']['score'] - (99 - 33 + 0.5) / 99) < 1e-12, by['slow']['score']
assert abs(by['slow']['score_exact'] - 2 / 3) < 1e-12
assert w['studies'][0]['hyperparameters'] == {'learning_rate': 0.001}
assert by['slow']['interval'] is None and 'fewer than 10' in t['interval_reason']
assert t['ruleset'] == 'self' and t['rule'] == 'minimum-time' and t['left_out'] == []"
score "$tmp/a" --preset algoperf-v0.6-self --against fast && grep -Eq 'slow .* -100.0 %' "$tmp/out"
ok $? "--against: twice the time is 100 % more"

# Trial 2 is faster in seconds and trial 1 in evaluations.
rm -r "$tmp/a/slow/study_"*/wmt_pytorch
for j in 0 1 2; do
    trial "$tmp/a/slow/study_$j/wmt_pytorch/trial_1" bleu 20 31 300 1
    trial "$tmp/a/slow/study_$j/wmt_pytorch/trial_2" bleu 20 31 150 5
done
score "$tmp/a" --preset algoperf-v0.6-external --format json
table "the written rule takes the smallest time" "assert by['slow']['workloads']['wmt']['seconds'] == 150"
score "$tmp/a" --preset algoperf-v0.6-external --format json --compat reference
table "--compat reference takes the smallest evaluation index" "assert by['slow']['workloads']['wmt']['seconds'] == 300"
for j in 0 1 2; do
    for k in 1 2 5; do trial "$tmp/a/slow/study_$j/wmt_pytorch/trial_$k" bleu 20 31 $((300 + k)) 1; done
done
score "$tmp/a" --preset algoperf-v0.6-external --format json --compat reference
table "a tie of indices goes by the preset's order of trials, and is counted" "
assert by['slow']['workloads']['wmt']['seconds'] == 305 and t['order_dependent_studies'] == 3"
score "$tmp/a" --preset algoperf-v0.6-self --format json --compat reference
table "or by number" "assert by['slow']['workloads']['wmt']['seconds'] == 301"

# 4330 s of 43336: in time; 43337 s: spent.  Self-tuning has half as much again.
for j in 0 1 2; do rm -r "$tmp/a/slow/study_$j/wmt_pytorch"; trial "$tmp/a/slow/study_$j/wmt_pytorch/trial_1" bleu 20 31 43337; done
score "$tmp/a" --preset algoperf-v0.6-external --format json
table "an evaluation past the budget does not count" "assert by['slow']['workloads']['wmt']['seconds'] == 'inf'"
score "$tmp/a" --preset algoperf-v0.6-self --format json
table "and the budget is the preset's" "assert by['slow']['workloads']['wmt']['seconds'] == 43337"

# Fields behind the 64th byte; values of 17 digits and more on either side of the target, 30.8491.
rm -r "$tmp/a/slow/study_"*/wmt_pytorch
wide() { # FOLDER VALUE: 60 columns, the value the 55th, the time the 3rd
    mkdir -p "$1"
    {
        echo "$(seq -s, -f 'accumulated_time_of_%g' 2),score,$(seq -s, -f 'test/metric_%g' 4 54),validation/bleu,$(seq -s, -f 'x%g' 56 60)"
        for t in "50 20.123456789012345678" "60 $2" "70 99"; do
            set -- "$1" "$2" $t
            echo "$(seq -s, -f '%.9f' 2),$3,$(seq -s, -f '0.12345678901234%g' 4 54),$4,,,nan,,"
        done
    } > "$1/eval_measurements.csv"
}
for j in 0 1 2; do wide "$tmp/a/slow/study_$j/wmt_pytorch/trial_1" 30.8490999999999990; done
score "$tmp/a" --preset algoperf-v0.6-external --format json
table "the double next to these digits is the target: it is met" "assert by['slow']['workloads']['wmt']['seconds'] == 60, by['slow']['workloads']['wmt']"
for j in 0 1 2; do wide "$tmp/a/slow/study_$j/wmt_pytorch/trial_1" 30.849099999999996; done
score "$tmp/a" --preset algoperf-v0.6-external --format json
table "and a double below it does not" "assert by['slow']['workloads']['wmt']['seconds'] == 70"

# The later runs of one submission, and a study short of a workload.
mkdir -p "$tmp/b"
cp -r "$tmp/a/fast" "$tmp/b/fast"
mkdir "$tmp/b/fast-2024-05-30-17-48-25"
mv "$tmp/b/fast/study_2" "$tmp/b/fast-2024-05-30-17-48-25/"
rm -r "$tmp/b/fast/study_1/ogbg_jax"
rm "$tmp/b/fast/study_0/wmt_jax/trial_1/eval_measurements.csv"
mkdir -p "$tmp/b/fast/study_0/mnist_jax/trial_1"
score "$tmp/b" --preset algoperf-v0.6-self --format json
table "timestamped folders belong to their submission; what is missing is named" "
assert list(by) == ['fast'] and by['fast']['workloads']['criteo1tb']['reached'] == 3, t
assert by['fast']['workloads']['ogbg']['reached'] == 2
out = ' '.join(t['left_out'])
assert 'fast, ogbg: 2 trials in 2 studies, the ruleset has 3 in 3' in out, out
assert 'study_0/wmt_jax/trial_1: no eval_measurements.csv' in out and 'mnist_jax: trials in a folder' in out, out"

# A held-out variant that is missed voids its base workload.
cp -r "$tmp/a" "$tmp/c"
for s in fast:jax slow:pytorch; do
    for v in criteo1tb_embed_init:loss:0.12:0.2 fastmri_tanh:ssim:0.73:0.5 imagenet_resnet_large_bn_init:accuracy:0.78:0.5 \
        librispeech_conformer_layernorm:wer:0.08:0.3 ogbg_model_size:mean_average_precision:0.28:0.1 wmt_glu_tanh:bleu:31:20; do
        IFS=: read -r name metric good bad <<< "$v"
        [ "$s" = slow:pytorch ] && [ "$name" = ogbg_model_size ] && good=-
        for j in 0 1 2; do trial "$tmp/c/${s%:*}/study_$j/${name}_${s#*:}/trial_1" "$metric" "$bad" "$good" 50; done
    done
done
score "$tmp/c" --preset algoperf-v0.5-self --format json
table "a missed held-out variant voids its base workload, and no other" "
w = by['slow']['workloads']
assert w['ogbg']['seconds'] == 200 and w['ogbg']['ratio'] == 'inf' and w['fastmri']['ratio'] == 2, w['ogbg']
assert w['ogbg_model_size']['held_out_of'] == 'ogbg' and 'ratio' not in w['ogbg_model_size']"

for format in text csv markdown; do
    score "$tmp/a" --preset algoperf-v0.6-self --format $format && grep -q slow "$tmp/out"
    ok $? "--format $format"
done
# refused WORDS PATTERN ARGUMENTS...
refused() {
    local words=$1 pattern=$2
    shift 2
    score "$@"
    [ $? = 2 ] && grep -Eq -- "$pattern" "$tmp/out"
    ok $? "$words: exit 2"
}
refused "no preset" "needs --preset" "$tmp/a"
refused "a preset without targets" "preset 'quick' does not say.*algoperf-v0.5-external" "$tmp/a" --preset quick
refused "no such folder" "cannot read folder" "$tmp/none" --preset algoperf-v0.6-self
mkdir "$tmp/empty"
refused "a folder without logs" "no trial below" "$tmp/empty" --preset algoperf-v0.6-self
refused "an unknown baseline" "no submission 'nobody'" "$tmp/a" --preset algoperf-v0.6-self --against nobody
bad=$tmp/a/fast/study_0/wmt_jax/trial_1/eval_measurements.csv
cp "$bad" "$tmp/good.csv"
sed -i 's/validation.bleu/validation\/blue/' "$bad"
refused "a column is missing" "wmt_jax/trial_1/eval_measurements.csv:1: no column 'validation/bleu'" "$tmp/a" --preset algoperf-v0.6-self
sed '2s/20/twenty/' "$tmp/good.csv" > "$bad"
refused "a word for a number" "csv:2: column 'validation/bleu': expected a number, found 'twenty'" "$tmp/a" --preset algoperf-v0.6-self
sed '3s/,7$//' "$tmp/good.csv" > "$bad"
refused "a short line" "csv:3: 5 fields, expected 6" "$tmp/a" --preset algoperf-v0.6-self
: > "$bad"
refused "an empty file" "csv:1: the file is empty" "$tmp/a" --preset algoperf-v0.6-self
cp "$tmp/good.csv" "$bad"
mkdir "$tmp/a/fast/study_0/wmt_pytorch"
echo started > "$tmp/a/fast/study_0/wmt_pytorch/wmt_pytorch_03-07-2024-02-04-28.log"
score "$tmp/a" --preset algoperf-v0.6-self
ok $? "a folder of another framework without a trial is no second log"
cp -r "$tmp/a/fast/study_0/wmt_jax/trial_1" "$tmp/a/fast/study_0/wmt_pytorch/"
refused "one workload under two frameworks" "'wmt' of this submission is logged under two frameworks" "$tmp/a" --preset algoperf-v0.6-self
tap_done

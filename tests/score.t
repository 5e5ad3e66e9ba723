#!/bin/bash
# Tables of records made up here, whose numbers can be worked out by hand.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
# make FOLDER PYTHON: the records that the list `r` of the Python text describes
make_records() { python3 -c "
import json
r = []
$2
print('\n'.join(map(json.dumps, r)))" | python3 tests/score/make_records.py "$tmp/$1"; }
score() { "$podium" score "$@" > "$tmp/out" 2>&1; }
table() { # WORDS PYTHON
    python3 -c "
import json
t = json.load(open('$tmp/out')); by = {s['name']: s for s in t['submissions']}
def near(a, b): assert abs(a - b) < 1e-9, (a, b)
$2" 2>> "$tmp/out"
    ok $? "$1"
}

# cheap: 60 steps of 0.1 s; short: 30 steps of 0.3 s; SAM-like: 40 steps, two gradients each.
make_records a "
for s in range(10):
    r += [dict(name='cheap', study=s, hit=60 + s % 2 * 2, step_seconds=0.1, memory=8 << 20)]
    r += [dict(name='short', study=s, hit=30 + s % 2 * 2, step_seconds=0.3)]
    r += [dict(name='twice', study=s, hit=40 + s % 2 * 2, step_seconds=0.2, gradients=2, flops=20)]"
score "$tmp/a" --format json
ok $? "three submissions of ten studies are scored"
table "time is steps times seconds a step" "
for s in by.values():
    w = s['workloads']['vit']
    near(w['seconds'], 10 * w['steps'] * w['seconds_per_step'])
near(by['short']['workloads']['vit']['steps'], 31); near(by['short']['workloads']['vit']['seconds_per_step'], 0.3)"
table "the clocks rank them differently" "
rank = {c: sorted(by, key=lambda s: by[s]['clocks'][c]['rank']) for c in by['cheap']['clocks']}
assert rank['calibrated'] == ['cheap', 'twice', 'short'] and rank['steps'] == ['short', 'twice', 'cheap'], rank
assert rank['gradients'] == ['short', 'cheap', 'twice'], rank
assert set(rank) == {'calibrated', 'wall', 'steps', 'gradients', 'flops'}"
table "ten paired studies give intervals, and memory is there" "
lo, hi = by['short']['interval']
assert lo <= by['short']['score'] <= hi and by['cheap']['optimizer_bytes'] == 8 << 20"
table "10 of 10 studies one way: p 2/1024 for each of three pairs, times 3 by Holm" "
assert [p['told_apart'] for p in t['pairs']] == [True] * 3
for p in t['pairs']: near(p['p'], 3 * 2 / 1024); assert p['studies'] == 10
assert [by[s]['rank'] for s in ('cheap', 'twice', 'short')] == [1, 2, 3]"
score "$tmp/a"
grep -q 'short .*vit 31 x 0.3 s' "$tmp/out" && grep -Eq 'short .* [0-9.]+\*' "$tmp/out" && grep -q '8.00' "$tmp/out"
ok $? "the text says where time goes, where ranks change, and the memory"

# b is slower in six studies and faster in four: nobody can tell.
make_records b "
for s in range(10):
    r += [dict(name='a', study=s, hit=50), dict(name='b', study=s, hit=54 if s < 6 else 47)]
    r += [dict(name='few', study=s, hit=51) for _ in [0] if s < 9]
    r += [dict(name='never', study=s, hit=None)]"
score "$tmp/b" --format json
table "submissions that cannot be told apart share a rank; one with nine studies is not tested" "
assert by['a']['rank'] == by['b']['rank'] == 1 and by['never']['rank'] == 4, {s: by[s]['rank'] for s in by}
p = {k: p for p in t['pairs'] for k in ((p['a'], p['b']), (p['b'], p['a']))}
assert p['a', 'b']['told_apart'] is False and p['a', 'never']['told_apart'] is True
assert p['a', 'few']['p'] is None and p['a', 'few']['studies'] == 9
assert by['few']['interval'] is None and by['few']['interval_reason'].startswith('9 of the 10'), by['few']"
score "$tmp/b"
grep -q 'no interval for few: 9 of the 10' "$tmp/out" && grep -q '3 of 6 pairs are not tested' "$tmp/out"
ok $? "and the text refuses, with the reason"

# A family of three and a lone workload: a sixth each, and a half.
make_records c "
for name, hits in dict(a=(10, 10, 10, 30), b=(20, None, 10, 15)).items():
    for (w, h), hit in zip((('vit', ''), ('vit', 'glu'), ('vit', 'post_ln'), ('wmt', '')), hits):
        r += [dict(name=name, study=0, workload=w, held_out=h, hit=hit)]"
score "$tmp/c" --format json
table "a family has weight one, shared equally, and a missed variant voids nothing" "
near(by['a']['score_exact'], 0.5 + 0.5 * 2 / 3)
near(by['b']['score_exact'], 0.5 * (2 / 3 + 0 + 1) / 3 + 0.5)
near(by['b']['workloads']['vit/post_ln']['held_out_gap'], 0.5)
assert by['b']['workloads']['vit/glu']['held_out_gap'] == 'nan' and 'held_out_gap' not in by['b']['workloads']['vit']"

# A frozen reference: a new, much faster entry moves nobody.
score "$tmp/b" --write-reference "$tmp/frozen.json" --format json
cp "$tmp/out" "$tmp/before"
cp -r "$tmp/b" "$tmp/d"
make_records d "r += [dict(name='new', study=s, hit=10) for s in range(10)]"
score "$tmp/d" --reference "$tmp/frozen.json" --format json
table "a new entry moves no older score against frozen times" "
old = {s['name']: s for s in json.load(open('$tmp/before'))['submissions']}
assert t['frozen'] and not json.load(open('$tmp/before'))['frozen']
for s in old: near(by[s]['score'], old[s]['score']); near(by[s]['score_exact'], old[s]['score_exact'])
near(by['new']['score'], 1); near(by['new']['workloads']['vit']['ratio'], 0.2)"
score "$tmp/d" --format json
table "and does without them" "near(by['a']['score'], 0)"
# refused WORDS PATTERN ARGUMENTS...
refused() {
    local words=$1 pattern=$2
    shift 2
    score "$@"
    [ $? = 2 ] && grep -Eq -- "$pattern" "$tmp/out"
    ok $? "$words: exit 2"
}
refused "a reference set of other workloads" "'vit/glu' is not in it" "$tmp/c" --reference "$tmp/frozen.json"
refused "or by another rule" "by rule 'minimum-time'" "$tmp/b" --reference "$tmp/frozen.json" --compat reference
sed 's/"d"/"e"/' "$tmp/frozen.json" > "$tmp/other.json"
refused "or of other data" "other data: 'e', not 'd'" "$tmp/b" --reference "$tmp/other.json"
echo '{"schema": "x"}' > "$tmp/other.json"
refused "or no reference set" "schema 'x', expected 'podium-reference/1'" "$tmp/b" --reference "$tmp/other.json"

# What may not share a table.
make_records e "
base = dict(name='a', study=0, hit=50)
r += [base, {**base, 'name': 'b'}]
for k, v in dict(isa='avx512', precision='bf16', device='cuda', sandbox='landlock', ruleset='self', size='base', multiplier=3).items():
    r += [{**base, 'name': k, 'workload': 'vit', k: v}]
for k, v in dict(data_id='other', fingerprint='other', budget=200, target=0.7).items():
    r += [{**base, 'name': 'q' + k, k: v}]"
score "$tmp/e" --format json
table "ISA class, precision, device, sandbox, ruleset, size and budgets split tables" "
assert sorted(by) == ['a', 'b'], sorted(by)
assert sorted(s['name'] for o in t['other_tables'] for s in o['submissions']) == ['device', 'isa', 'multiplier', 'precision', 'ruleset', 'sandbox', 'size']
assert len(t['other_tables']) == 7"
table "other data, another version, budget or target are left out with the reason" "
out = ' | '.join(t['left_out'])
for w in ('another data id', 'another version', 'another budget', 'another target'): assert w in out, (w, out)
assert len(t['left_out']) == 4"
make_records h "
r += [dict(name='a', study=0, hit=50), dict(name='a', study=1, hit=10, settings=dict(lr=0.2)), dict(name='a', study=2, hit=10, sha256='cd' * 32)]
r += [dict(name='a', study=3, hit=50), dict(name='a', study=4, hit=50), dict(name='b', study=0, hit=50, seed=2)]
r += [dict(name='c', study=0, trial=k, hit=50, ruleset='external', settings=dict(lr=k)) for k in range(2)]"
score "$tmp/h" --format json
table "so are other hyperparameters, another .so, or another seed; a search may change the first" "
out = ' | '.join(t['left_out'])
for w in ('other hyperparameters than', 'another .so than', 'another seed than'): assert w in out, (w, out)
assert len(t['left_out']) == 3 and by['a']['workloads']['vit']['trials'] == 3, out
assert [s['workloads']['vit']['trials'] for o in t['other_tables'] for s in o['submissions']] == [2]"
cp -r "$tmp/a" "$tmp/f" && cp -r "$tmp/a" "$tmp/f/again"
score "$tmp/f" --format json
table "the same trial twice counts once" "
assert len(t['left_out']) == 30 and 'the same study and trial as' in t['left_out'][0]
assert by['cheap']['workloads']['vit']['trials'] == 10"
make_records g "
r += [dict(name='a', study=s, trial=k, hit=50, ruleset='self', multiplier=m) for s in range(4) for k in range(2) for m in [1.5]]
r += [dict(name='b', study=0, hit=50), dict(name='c', study=0, hit=50, ruleset='self', multiplier=3)]"
score "$tmp/g" --preset algoperf-v0.6-self --format json
table "--preset takes its ruleset, budgets, studies and trials, and says what it left out" "
out = ' | '.join(t['left_out'])
assert list(by) == ['a'] and by['a']['workloads']['vit']['trials'] == 3
for w in ('study 3, the preset has 3 from 0', 'trial 1, the preset has 1 from 0', \"ruleset 'free', the preset has 'self'\", '3 times the budget, the preset has 1.5'): assert w in out, (w, out)"
refused "nothing of the preset" "none of 30 records.*ruleset 'free', the preset has 'external'" "$tmp/a" --preset algoperf-v0.6-external
for format in text csv markdown; do
    score "$tmp/a" --format $format && grep -q short "$tmp/out"
    ok $? "--format $format"
done
tap_done

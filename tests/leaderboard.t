#!/bin/bash
# Tables and the page from records made here: order, comparability, hostile names.
set -u
cd "$(dirname "$0")/.." || exit 2
podium=${PODIUM_BUILD:-build}/podium
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
ok() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }

# record DIR NAME ISA STEP...: a trial whose loss falls to 0.5 at the last step given, target 0.6
record() {
    dir=$1 name=$2 isa=$3
    shift 3
    mkdir -p "$dir"
    {
        printf '{"event": "header", "schema": "podium-record/1", "submission": {"name": "%s", "sha256": "ab", "hyperparameters": {"lr": 0.1}}, ' "$name"
        printf '"workload": {"name": "vit", "size": "mini", "fingerprint": "f", "data_id": "d", "budget_steps": 100, "target": {"metric": "loss", "value": 0.6}}, '
        printf '"study": 0, "trial": 0, "seed": 1, "machine": {"cpu": "c", "isa": "%s", "threads": 2, "device": "cpu", "precision": "f32", "sandbox": "none"}}\n' "$isa"
        loss=4.1
        for step in 0 "$@"; do
            [ "$step" = "${!#}" ] && loss=0.5
            printf '{"event": "evaluation", "step": %d, "examples": %d, "gradient_evaluations": %d, "loss": %s, "accuracy": 0.5, "calibrated": %d, "wall_seconds": %d, "model_flops": %d, "reference_step_seconds": 0.1, "hash": "%064d"}\n' \
                "$step" "$step" "$step" "$loss" "$step" "$step" "$step" 0
            loss=1.5
        done
        printf '{"event": "end", "status": "VALID", "reached": true, "reason": "target reached"}\n'
    } > "$dir/trial.jsonl"
}

evil='<script>alert(1)</script>|\"=x'
record "$tmp/r/fast" fast avx2 10 20
record "$tmp/r/slow" slow avx2 20 40
record "$tmp/r/evil" "$evil" avx2 30 60
record "$tmp/other" fast amx 5 10

"$podium" score "$tmp/r" > "$tmp/text"
ok $? "score reads a folder"
awk '/fast/ {f = NR} /slow/ {s = NR} END {exit !(f && s && f < s)}' "$tmp/text"
ok $? "the faster submission comes first"
"$podium" score "$tmp/r" --format json > "$tmp/json"
python3 - "$tmp/json" <<'PY'
import json, sys
t = json.load(open(sys.argv[1]))
by = {s["name"]: s for s in t["submissions"]}
assert by["fast"]["score"] == 1 and by["fast"]["rank"] == 1, t
assert by["slow"]["workloads"]["vit"]["ratio"] == 2, t
assert by["slow"]["workloads"]["vit"]["reached"] == 1, t
assert abs(by["slow"]["score_exact"] - 2 / 3) < 1e-12, t
PY
ok $? "json: ratio 2 of a submission twice as slow, exact score 2/3"
"$podium" score "$tmp/r" "$tmp/other" | grep -c 'time to target' | grep -qx 2
ok $? "records of another ISA class get a table of their own"
"$podium" leaderboard "$tmp/r" --out "$tmp/page" > "$tmp/log"
ok $? "leaderboard writes a page"
grep -q "$tmp/page/index.html" "$tmp/log"
ok $? "and prints its path"
! grep -q '<script' "$tmp/page/index.html" && grep -q '&lt;script&gt;' "$tmp/page/index.html"
ok $? "names are escaped"
python3 - "$tmp/page" <<'PY'
import html.parser, os, sys
class P(html.parser.HTMLParser):
    stack, ids, links = [], set(), []
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a: self.ids.add(a["id"])
        if tag == "a": self.links.append(a["href"])
        if tag not in ("meta", "br", "line", "circle"): self.stack.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, (tag, self.stack, self.getpos())
        self.stack.pop()
p = P()
p.feed(open(sys.argv[1] + "/index.html").read())
assert not p.stack, p.stack
for l in p.links:
    assert l[1:] in p.ids if l[0] == "#" else os.path.exists(os.path.join(sys.argv[1], l)), l
assert sum(l.startswith("records/") for l in p.links) == 3
PY
ok $? "tags close, every link leads somewhere, each record is there"
sed -i 's/"hash": "0/"hash": "g/' "$tmp/r/slow/trial.jsonl"
"$podium" score "$tmp/r" 2> "$tmp/err"
[ $? = 2 ] && grep -q 'slow/trial.jsonl:2.*hash' "$tmp/err"
ok $? "a damaged record is named with file, line and field, exit 2"
"$podium" score "$tmp/nothing" 2> /dev/null
[ $? = 2 ]
ok $? "a missing folder is exit 2"
echo "1..$n"

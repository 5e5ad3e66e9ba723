#!/bin/bash
# Tables and the page from records made here: order, comparability, hostile names.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium

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
"$podium" leaderboard "$tmp/r" --out "$tmp/page" --tuning tests/golden/fuzz/tuning_log/two > "$tmp/log"
ok $? "leaderboard writes a page"
grep -q "$tmp/page/index.html" "$tmp/log"
ok $? "and prints its path"
! grep -rq '<script' "$tmp/page" --include=*.html && grep -q '&lt;script&gt;' "$tmp/page/index.html"
ok $? "names are escaped"
cat > "$tmp/pages.py" <<'PY'
import glob, html.parser, os, sys
root = sys.argv[1]
class P(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.links, self.handlers = [], set(), [], []
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a: self.ids.add(a["id"])
        if tag == "a": self.links.append(a["href"])
        self.handlers += [k for k in a if k.startswith("on")]
        if tag not in ("meta", "br", "line", "circle", "link", "rect"): self.stack.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, (tag, self.stack, self.getpos())
        self.stack.pop()
pages = {}
for f in [root + "/index.html"] + glob.glob(root + "/submissions/*.html"):
    p = pages[os.path.realpath(f)] = P()
    p.feed(open(f).read())
    assert not p.stack and not p.handlers, (f, p.stack, p.handlers)
records = set()
for f, p in pages.items():
    for l in p.links:
        path, _, anchor = l.partition("#")
        to = os.path.realpath(os.path.join(os.path.dirname(f), path)) if path else f
        assert os.path.exists(to) and to.startswith(os.path.realpath(root)), (f, l)
        if anchor: assert anchor in pages[to].ids, (f, l)
        if "/records/" in to: records.add(to)
assert len(pages) == int(sys.argv[2]) + 1 and len(records) == int(sys.argv[3]), (len(pages), len(records))
PY
python3 "$tmp/pages.py" "$tmp/page" 3 3
ok $? "tags close, every link leads somewhere, each submission has a page and each record is there"
grep -q 'Lowest loss of &lt;script&gt; against lr' "$tmp/page/index.html" && [ "$(grep -c '<circle class="missed"' "$tmp/page/index.html")" = 2 ] &&
    cmp -s "$tmp/page/tuning/0.jsonl" tests/golden/fuzz/tuning_log/two
ok $? "a tuning log gives a plot for each number that varies, and can be downloaded"
echo '{"optimizer": "a", "setting": {}, "curve": [[1]]}' > "$tmp/bad.jsonl"
"$podium" leaderboard "$tmp/r" --out "$tmp/page3" --tuning "$tmp/bad.jsonl" 2> "$tmp/err"
[ $? = 2 ] && grep -q "bad.jsonl:1: field 'curve': point 0" "$tmp/err"
ok $? "a damaged tuning log is named with file, line and field, exit 2"
page=$(grep -l 'podium run' "$tmp/page/submissions/"*.html | head -n 1)
grep -q "podium run &#39;&lt;script&gt;alert(1)&lt;/script&gt;|&quot;=x&#39; --workload vit --suite mini" "$tmp/page/submissions/"*.html
ok $? "the command that repeats a row quotes a hostile name"
grep -q 'sha256 of the .so' "$page" && grep -q 'lr</th><td>0.1' "$page"
ok $? "a submission's page has its hash and hyperparameters"

# The ranking says what was verified, where the records come from and how to repeat a row.
grep -q 'scope="col">verified</th><th scope="col">provenance</th><th scope="col">repeat' "$tmp/page/index.html" &&
    grep -q 'not verified</a>.*so ab, revision unknown, c</a>.*<details><summary>command</summary><code>podium run slow --workload vit --suite mini' "$tmp/page/index.html"
ok $? "a row has its verdict, provenance and the command that repeats it"
cp -r "$tmp/r" "$tmp/v"
sum=$(sha256sum < "$tmp/v/slow/trial.jsonl" | cut -c 1-64)
verdict() { # NAME VERDICT
    printf '{"schema": "podium-verify/1", "records": {"%s": {"verdict": "%s", "text": "evaluation 2, loss: <i>"}}}' \
        "$sum" "$2" > "$tmp/v/$1/trial.verify.json"
}
verdict slow differs
verdict fast exact
"$podium" leaderboard "$tmp/v" --out "$tmp/page4" > "$tmp/log" &&
    grep -q 'class="bad"><a href="[^"]*">1 of 1 differs<' "$tmp/page4/index.html" && grep -q '>1 of 1 changed since<' "$tmp/page4/index.html" &&
    grep -q 'differs</strong>: evaluation 2, loss: &lt;i&gt;' "$tmp/page4/submissions/"*.html
ok $? "a verdict is shown a row and a record, and belongs to the bytes it was made of"
python3 -c "
import json
v = {s['name']: s['verified'] for s in json.load(open('$tmp/page4/leaderboard.json'))['submissions']}
assert v['slow']['differs'] == 1 and v['fast']['changed since'] == 1, v"
ok $? "and is in leaderboard.json"

# A place for the tracks.
echo '{"schema": "podium-track/1", "title": "Pruning <b>", "text": "t", "command": "podium prune", "columns": ["method", "sparsity"], "rows": [{"values": ["<i>", 0.9], "source": "source.jsonl"}, {"values": ["m", 0.5]}]}' > "$tmp/track.json"
echo '{"run": 1}' > "$tmp/source.jsonl"
"$podium" leaderboard "$tmp/r" --out "$tmp/page5" --track "$tmp/track.json" > "$tmp/log" &&
    grep -q '<h3>Pruning &lt;b&gt;</h3>' "$tmp/page5/index.html" && grep -q 'href="tracks/0-0.jsonl">&lt;i&gt;</a>' "$tmp/page5/index.html" &&
    cmp -s "$tmp/source.jsonl" "$tmp/page5/tracks/0-0.jsonl" && python3 "$tmp/pages.py" "$tmp/page5" 3 3
ok $? "a track's table is shown, escaped, and its rows lead to what they came from"
sed 's/source.jsonl/..\/r\/secret/' "$tmp/track.json" > "$tmp/track2.json"
"$podium" leaderboard "$tmp/r" --out "$tmp/page6" --track "$tmp/track2.json" 2> "$tmp/err"
[ $? = 2 ] && grep -q "track2.json: row 1: field 'source': '../r/secret' is outside" "$tmp/err"
ok $? "a table cannot copy files from elsewhere"
# Links: source.jsonl of a table in a folder of its own, LINK to TARGET.
mkdir "$tmp/t"
cp "$tmp/track.json" "$tmp/t/track.json"
link() { # TARGET STATUS WORDS: what a table does whose source is a link there
    ln -sfn "$1" "$tmp/t/source.jsonl"
    rm -rf "$tmp/page6"
    "$podium" leaderboard "$tmp/r" --out "$tmp/page6" --track "$tmp/t/track.json" > "$tmp/log" 2> "$tmp/err"
    [ $? = "$2" ] && grep -Eq "$3" "$tmp/err" "$tmp/log" && ! grep -rqs 'secret words' "$tmp/page6"
    ok $? "a source that is a link to $(sed "s#$tmp#TMP#" <<< "$1"): exit $2, $3"
}
echo 'secret words' > "$tmp/secret"
mkdir "$tmp/t/below" "$tmp/t2" && cp "$tmp/source.jsonl" "$tmp/t/below/kept" && cp "$tmp/secret" "$tmp/t2/secret"
link "$tmp/secret" 2 "track.json: row 1: field 'source': 'source.jsonl' is a link to '.*/secret', outside the table's folder"
link ../secret 2 "row 1: field 'source': 'source.jsonl' is a link to .* outside"
link ../t2/secret 2 "row 1: field 'source': 'source.jsonl' is a link to .* outside"
link nothing 2 "row 1: field 'source': 'source.jsonl': No such file"
link source.jsonl 2 "row 1: field 'source': 'source.jsonl': Too many levels"
link /dev/zero 2 "row 1: field 'source': 'source.jsonl' is a link to '/dev/zero', outside"
link below 2 "row 1: field 'source': 'source.jsonl' is no regular file"
ln -s .. "$tmp/t/up"
link up/secret 2 "row 1: field 'source': 'source.jsonl' is a link to .* outside"
link below/kept 0 "leaderboard of"
cmp -s "$tmp/source.jsonl" "$tmp/page6/tracks/0-0.jsonl" && [ ! -L "$tmp/page6/tracks/0-0.jsonl" ]
ok $? "a link within the folder is followed, and the file is copied"
sed 's/source.jsonl/up\/secret/' "$tmp/track.json" > "$tmp/t/track.json"
link below/kept 2 "row 1: field 'source': 'up/secret' is a link to .* outside"
cp "$tmp/track.json" "$tmp/t/track.json"
absolute=$(realpath "$podium")
(cd "$tmp/t" && "$absolute" leaderboard ../r --out ../page7 --track track.json) > "$tmp/log" 2> "$tmp/err"
ok $? "a table named without a folder"
ln -s "$tmp/nothing" "$tmp/t/dangling.json"
"$podium" leaderboard "$tmp/r" --out "$tmp/page6" --track "$tmp/t/dangling.json" 2> "$tmp/err"
[ $? = 2 ] && grep -q "dangling.json': No such file" "$tmp/err"
ok $? "a table that is a dangling link is named, exit 2"
sed 's/0.9/[]/' "$tmp/track.json" > "$tmp/track2.json"
"$podium" leaderboard "$tmp/r" --out "$tmp/page6" --track "$tmp/track2.json" 2> "$tmp/err"
[ $? = 2 ] && grep -q "row 1: field 'values': expected texts and numbers" "$tmp/err"
ok $? "a damaged table is named with file, row and field, exit 2"

# Changing one record changes page, score and leaderboard.json.
cp -r "$tmp/r" "$tmp/r2"
sed -i 's/"calibrated": 20/"calibrated": 30/' "$tmp/r2/fast/trial.jsonl"
"$podium" leaderboard "$tmp/r2" --out "$tmp/page2" > "$tmp/log"
! cmp -s "$tmp/page/index.html" "$tmp/page2/index.html" && ! cmp -s "$tmp/page/leaderboard.json" "$tmp/page2/leaderboard.json"
ok $? "a changed record changes the page and leaderboard.json"

# In a browser: no errors, no request, at desktop and phone width.
chromium=$(command -v chromium chromium-browser google-chrome | head -n 1)
if [ -z "$chromium" ]; then
    skip "in a browser" "chromium is not installed"
else
    for width in 1280 390; do
        timeout 60 "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr --v=0 \
            --user-data-dir="$tmp/profile" --window-size=$width,2000 --screenshot="$tmp/shot-$width.png" \
            "file://$tmp/page/index.html" > "$tmp/browser" 2>&1
        [ -s "$tmp/shot-$width.png" ] && ! grep -q 'CONSOLE' "$tmp/browser"
        ok $? "a browser draws the page $width pixels wide, without an error on its console"
    done
    # Every page, a workload's part of one and a record, in frames as wide as a desktop and a phone.
    cat > "$tmp/frames.html" <<'HTML'
<!DOCTYPE html><meta charset="utf-8"><body><script>
const pages = PAGES, shown = [];
function show(page, width) {
    return new Promise(done => {
        const f = document.createElement("iframe");
        f.style = "border:0;height:900px;width:" + width + "px";
        f.onload = () => {
            const d = f.contentDocument, at = d.querySelector(":target"), h1 = d.querySelector("h1");
            shown.push({page, width, wide: d.documentElement.scrollWidth, text: d.body.innerText,
                        h1: h1 && h1.textContent, target: at && at.textContent,
                        top: at && at.getBoundingClientRect().top, scripts: d.scripts.length,
                        lines: d.querySelectorAll("polyline").length,
                        links: [...d.links].map(a => a.getAttribute("href"))});
            done();
        };
        f.src = page;
        document.body.append(f);
    });
}
(async () => {
    for (const page of pages) for (const width of [1280, 390]) await show(page, width);
    const out = document.createElement("pre");
    out.id = "shown";
    out.textContent = JSON.stringify(shown);
    document.body.append(out);
})();
</script></body>
HTML
    list=$(cd "$tmp" && printf '"%s",' page/index.html page/submissions/*.html page/submissions/0.html#w0 page/records/0.jsonl)
    sed -i "s|PAGES|[${list%,}]|" "$tmp/frames.html"
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --enable-logging=stderr --v=0 \
        --user-data-dir="$tmp/profile" --virtual-time-budget=20000 --window-size=1280,2000 --dump-dom \
        "file://$tmp/frames.html" > "$tmp/dom" 2> "$tmp/browser"
    ! grep 'CONSOLE' "$tmp/browser"
    ok $? "no page writes an error to the console"
    cat > "$tmp/shown.py" <<'PY'
import html, json, os, re, sys
root, evil = sys.argv[2], sys.argv[3]
shown = json.loads(html.unescape(re.search(r'<pre id="shown">(.*)</pre>', open(sys.argv[1]).read(), re.S)[1]))
by = {(s["page"], s["width"]): s for s in shown}
assert len(by) == 12, sorted(by)
names = set()
for (page, width), s in by.items():
    assert s["wide"] <= width, (page, width, s["wide"])  # wide tables scroll by themselves
    assert s["scripts"] == 0, page
    folder = os.path.dirname(os.path.join(root, page))
    for link in s["links"]:
        assert os.path.exists(os.path.join(folder, link.partition("#")[0])) or link[0] == "#", (page, link)
    if page.endswith("index.html"):
        assert s["h1"] == "Podium leaderboard" and s["lines"] > 0 and "leaderboard.json" in s["links"], page
        for words in ("fast", "slow", evil, "not verified", "1 of 1", "command"):
            assert words in s["text"], (page, width, words)
    elif page.endswith(".jsonl"):
        assert s["text"].startswith('{"event": "header", "schema": "podium-record/1"'), s["text"][:80]
    else:
        names.add(s["h1"])
        for words in ("Hyperparameters of its first trial", "lr", "0.1", "Repeat it", "podium run",
                      "sha256 of the .so", "vit", "target reached"):
            assert words in s["text"], (page, width, words)
        assert "../index.html" in s["links"] and any("records/" in l for l in s["links"]), page
    if "#" in page:  # the part of the workload is what is seen
        assert s["target"] == "vit" and -1 <= s["top"] < 900, (page, width, s["target"], s["top"])
assert names == {"fast", "slow", evil}, names
PY
    python3 "$tmp/shown.py" "$tmp/dom" "$tmp" '<script>alert(1)</script>|"=x' 2> "$tmp/err"
    ok $? "index, submissions, a workload and a record show what they should, at both widths, and every link leads somewhere"
    [ -z "${PODIUM_SHOTS:-}" ] || cp "$tmp"/shot-*.png "$PODIUM_SHOTS"
fi
sed -i 's/"hash": "0/"hash": "g/' "$tmp/r/slow/trial.jsonl"
"$podium" score "$tmp/r" 2> "$tmp/err"
[ $? = 2 ] && grep -q 'slow/trial.jsonl:2.*hash' "$tmp/err"
ok $? "a damaged record is named with file, line and field, exit 2"
"$podium" score "$tmp/nothing" 2> /dev/null
[ $? = 2 ]
ok $? "a missing folder is exit 2"
tap_done

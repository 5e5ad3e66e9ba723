#!/bin/sh
# podium doctor says what is there, why a device does not open, and which package brings it.
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium

"$podium" doctor > "$tmp/out" 2> "$tmp/err"
ok $? "it ends well whatever is missing"
[ ! -s "$tmp/err" ]; ok $? "and says nothing on standard error"
grep -Eq '^  yes ref +plain C' "$tmp/out"; ok $? "the reference device opens anywhere"
grep -Eq '^  (yes|no ) cuda +[^ ]' "$tmp/out"; ok $? "CUDA: a description or a reason"
[ "$(grep -Ec '^  (yes|no ) +[a-z0-9]' "$tmp/out")" -ge 20 ]; ok $? "at least twenty findings"
grep -Eq "^  yes threads +$(env -u OMP_NUM_THREADS nproc)\$" "$tmp/out"; ok $? "the threads that nproc counts"

grep -Eq '^  (yes|no ) library +[^ ]' "$tmp/out"; ok $? "MPI: the library's version or a reason"

# A PATH with nothing on it: the programs are missing and their packages are named.
mkdir "$tmp/empty"
PATH="$tmp/empty" "$podium" doctor > "$tmp/bare"
/bin/grep -A1 -E '^  no  mpirun +not on PATH' "$tmp/bare" | /bin/grep -q 'apt-get install openmpi-bin'
ok $? "what is missing comes with its Debian package"
printf '#!/bin/sh\n' > "$tmp/empty/mpirun"
chmod +x "$tmp/empty/mpirun"
PATH="/nowhere:$tmp/empty" "$podium" doctor | grep -Eq "^  yes mpirun +$tmp/empty/mpirun\$"
ok $? "a program on PATH is found where it is"

grep -Eq '^  yes glyphs ' "$tmp/out"; ok $? "the glyphs of the tree are found"
PODIUM_DATA="$tmp" "$podium" doctor | grep -Eq '^  no  glyphs +not found'
ok $? "and missed in a data folder that lacks them"

"$podium" doctor --json > "$tmp/json" && python3 - "$tmp/json" "$tmp/out" <<'PYTHON'
import json, sys
findings = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
names = {f["name"]: f for f in findings}
assert {"cpu", "isa", "cuda", "hip", "mpirun", "landlock", "glyphs"} <= set(names)
for f in findings:
    assert set(f) - {"package"} == {"section", "name", "present", "text"} and f["text"]
    word = "yes" if f["present"] else "no "
    assert f"  {word} {f['name']} " in text, f
PYTHON
ok $? "--json lists the same findings"
"$podium" doctor --colour > "$tmp/out" 2> "$tmp/err"
[ $? = 2 ] && grep -q "got '--colour'" "$tmp/err"; ok $? "an unknown option is refused by name"
tap_done

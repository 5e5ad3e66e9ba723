#!/bin/bash
# Submissions in Python: docs/python.md as written, their records, arrays, failures, and the layout of
# ctypes' structures.  Plain Python is enough; numpy and torch are tested where they are.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
tree=$PWD
build=${PODIUM_BUILD:-build}
case $build in /*) ;; *) build=$tree/$build ;; esac
python=${PODIUM_PYTHON:-python3}
"$python" -c 'import ctypes' 2> /dev/null || skip_all "no $python with ctypes here"

# The page: a block "file=F" is written, a block "sh test=python" is run, in their order.
mkdir "$tmp/page" "$tmp/steps"
ln -s "$build/podium" "$tmp/page/podium"
ln -s "$tree/tests" "$tmp/page/tests"
awk -v out="$tmp/steps" '
    /^```[a-z]+ file=/ { sub(/.*file=/, ""); to = sprintf("%s/%02d", out, ++k); print $0 > (to ".file"); next }
    /^```sh test=python/ { to = sprintf("%s/%02d", out, ++k); printf "" > (to ".sh"); next }
    /^```/ { to = ""; next }
    to { print > to }' docs/python.md
ls "$tmp/steps"/*.sh > /dev/null 2>&1 && [ "$(ls "$tmp/steps"/*.sh | wc -l)" -ge 6 ]
ok $? "docs/python.md has its steps"
cd "$tmp/page" || exit 2
for step in "$tmp"/steps/[0-9][0-9]; do
    if [ -e "$step.file" ]; then
        cp "$step" "$(cat "$step.file")"
        continue
    fi
    while IFS= read -r command; do
        bash -c "$command" > "$tmp/log" 2>&1
        ok $? "docs/python.md: $command"
    done < "$step"
done
podium=$build/podium
cases=$tree/tests/golden/optimizers

header=$(head -n 1 results-python/Normalised/vit-test/study-0/trial-0/trial.jsonl 2> "$tmp/log")
echo "$header" | grep -q '"sandbox":"none"' && echo "$header" | grep -q '"unranked":"written in Python'
ok $? "a record of Python says so, and that no sandbox held it"
echo "$header" | grep -q "\"sha256\":\"$(sha256sum < normalised.py | cut -d ' ' -f 1)\""
ok $? "and has the hash of its file"
cp -r results-python both && cp -r results-port/normalised both/
"$podium" score both > "$tmp/log" && grep -q 'Normalised/.*UNRANKED, written in Python' "$tmp/log" &&
    ! grep -q '^ *[0-9]* *Normalised' "$tmp/log"
ok $? "beside others it has no rank, and the table says why"
PODIUM_RUNNER=/nonexistent "$podium" verify results-python --submission normalised.py:Normalised > "$tmp/log" 2>&1
ok $? "podium verify runs it again to the same hashes"

"$podium" pack normalised.py:Normalised > "$tmp/log" 2>&1
[ $? = 2 ] && grep -q 'UNRANKED: pack its port' "$tmp/log"
ok $? "a prototype is not packed"

# A wrong prototype is noticed.
sed 's/(1 - self.beta) \* g/(1.001 - self.beta) * g/; s/+ 1e-12/+ 1e-3/' normalised.py > wrong.py
"$podium" replay $cases/adamw-*.json --against wrong.py:Normalised --submission normalised --device ref > "$tmp/log"
[ $? = 1 ] && grep -q '^FAIL' "$tmp/log"
ok $? "a prototype that does something else is noticed"

cat > own.py << 'END'
import podium


class HeavyBall(podium.Submission):
    """The tree's heavy ball, to be proven against its golden hyperparameters; counts in kept state."""
    lr = podium.Number(0.01, 0, 100, scale="log")
    momentum = podium.Number(0.9, 0, 1)
    weight_decay = podium.Number(0, 0, 1)
    dampening = podium.Number(0, 0, 1)
    kind = podium.Choice(["one", "two"])
    steps = podium.Integer(3, 0, 10)
    flag = podium.Flag(True)
    numbers = podium.List([1, 2.5])
    none = podium.Number(None, 0, 1)

    def create(self):
        assert (self.kind, self.steps, self.flag, self.none) == ("one", 3, True, None), "values"
        assert self.numbers == [1, 2.5] and self.task.world_size == 1
        assert [len(self.x.flat(i)) for i in range(len(self.x))] == [p.count for p in self.task.params]
        assert all(tuple(self.x[i].shape) == p.shape for i, p in enumerate(self.task.params))
        self.velocity = self.host.vector("velocity")
        self.count = self.host.number("count")
        self.bytes = self.host.keep("bytes", 4)
        self.seen = 0

    def step(self, s):
        loss = s.gradient()
        assert abs(s.loss() - loss) <= 1e-6 * abs(loss) or loss != loss
        self.count.value += 1
        self.bytes[0] = int(self.count.value) % 256
        assert self.count.value == s.index + 1 and self.host.all_sum([1.0, 2.0]) == [1.0, 2.0]
        share = 1 - self.dampening if s.index else 1
        for x, g, v in zip(self.x.flats(), self.g.flats(), self.velocity.flats()):
            for k in range(len(x)):
                v[k] = self.momentum * v[k] + share * (g[k] + self.weight_decay * x[k])
                x[k] -= self.lr * v[k]
        sums, rows = self.host.run("s0 += v0*v0; q0 += v0*v0", [self.velocity], sums=1, per_param_sums=1)
        assert abs(sums[0] - sum(rows[0])) <= 1e-9 * sums[0]


class Fused(HeavyBall):
    def step(self, s):
        s.gradient()
        share = 1 - self.dampening if s.index else 1
        self.host.run("v2 = c1*v2 + c2*(v1 + c3*v0); v0 = v0 - c0*v2", [self.x, self.g, self.velocity],
                      [self.lr, self.momentum, share, self.weight_decay])


class Raises(podium.Submission):
    def step(self, s):
        raise ZeroDivisionError("in words")


class Exits(podium.Submission):
    def step(self, s):
        raise SystemExit(0)


class Refuses(podium.Submission):
    def create(self):
        self.host.vector("same")
        self.host.vector("same")


class Wants(podium.Submission):
    def batch_size(self, task):
        return task.batch_size // 2

    def step(self, s):
        assert s.gradient() > 0
        if s.index == 3:
            raise podium.Done


class Stranger:
    pass
END
"$podium" check own.py:HeavyBall > "$tmp/log" 2>&1
ok $? "arrays, hyperparameters, kept state and sums are what they should be, resumed ones too"
for class in HeavyBall Fused; do
    "$podium" replay "$cases"/sgd-*.json --submission own.py:$class --against "$build/optimizers/heavy_ball.so" \
        --set lr=0.03 --device ref > "$tmp/log" 2>&1
    ok $? "$class in Python is heavy_ball in C"
done
"$podium" replay "$cases"/heavy_ball-*.json --against own.py:HeavyBall --device cpu > "$tmp/log" 2>&1
ok $? "at the hyperparameters of its cases, in f32"
"$podium" run own.py:Wants --workload vit --suite test --results wants > "$tmp/log" 2>&1 &&
    grep -q 'VALID, UNRANKED.* 4 steps' "$tmp/log"
ok $? "batch_size and Done are heard"
fails() { # CLASS WORDS
    "$podium" run "own.py:$1" --workload vit --suite test --results fails > "$tmp/log" 2>&1
    [ $? != 0 ] && grep -q "$2" "$tmp/log"
    ok $? "$1: $2"
}
fails Raises 'own.py:[0-9]*: ZeroDivisionError: in words'
fails Exits 'SystemExit'
fails Refuses 'same'
fails Nobody "defines no class 'Nobody'"
fails Stranger 'is no subclass of podium.Submission'
"$podium" check nofile.py:X > "$tmp/log" 2>&1
[ $? = 2 ] && grep -q "no Python file 'nofile.py'" "$tmp/log"
ok $? "a file that is not there is named"

# The structures of ctypes are the compiler's.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tree/python "$python" - > sizes.py.txt 2> "$tmp/log" << 'END'
from ctypes import sizeof
from podium.abi import STRUCTURES
for name, s in STRUCTURES.items():
    print(name, sizeof(s))
    for field in s._fields_:
        print(name, field[0], getattr(s, field[0]).offset)
END
{
    printf '#include <stdio.h>\n#include "podium/submission.h"\nint main(void) {\n'
    awk 'NF == 2 {printf "printf(\"%s %%zu\\n\", sizeof(%s));\n", $1, $1}
         NF == 3 {printf "printf(\"%s %s %%zu\\n\", offsetof(%s, %s));\n", $1, $2, $1, $2}' sizes.py.txt
    printf 'return 0; }\n'
} > sizes.c
${CC:-cc} -I"$tree/include" -o sizes sizes.c 2>> "$tmp/log" && ./sizes > sizes.txt &&
    [ "$(wc -l < sizes.txt)" -gt 80 ] && diff sizes.txt sizes.py.txt >> "$tmp/log"
ok $? "sizes and offsets in Python are those of submission.h"

what="numpy arrays over the parameters"
if "$python" -c 'import numpy' 2> /dev/null; then
    cat > with_numpy.py << 'END'
import numpy
from own import HeavyBall


class Numpy(HeavyBall):
    def step(self, s):
        s.gradient()
        share = 1 - self.dampening if s.index else 1
        for x, g, v in zip(self.x, self.g, self.velocity):
            assert isinstance(x, numpy.ndarray) and x.flags.writeable
            v *= self.momentum
            v += share * (g + self.weight_decay * x)
            x -= self.lr * v
END
    "$podium" replay "$cases"/heavy_ball-*.json --against with_numpy.py:Numpy --device ref > "$tmp/log" 2>&1
    ok $? "$what"
else
    skip "$what" "no numpy for $python"
fi
what="torch.optim.AdamW through the adapter of ten lines"
if "$python" -c 'import torch' 2> /dev/null; then
    "$podium" replay "$cases"/adamw-quadratic-a.json --against torch_adamw.py:AdamW --submission adamw \
        --set lr=0.003 --device ref > "$tmp/log" 2>&1
    ok $? "$what"
else
    skip "$what" "no torch for $python"
fi
tap_done

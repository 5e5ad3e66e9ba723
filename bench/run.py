"""Training steps of the workloads against PyTorch: interleaved rounds, medians, ratios.

Every program first builds its model and takes its first steps; then they measure by turns, while
nothing else of the bench runs.  A ratio is the fastest peer's time over ours.
"""
import argparse
import contextlib
import fcntl
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default="build")
    p.add_argument("--python", default="build/peers/bin/python", help="one that has PyTorch")
    p.add_argument("--cases", nargs="*", help="default: all that `bench_step list` prints")
    p.add_argument("--precisions", nargs="*", default=["f32", "bf16"])
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=1.5, help="of each turn")
    p.add_argument("--profile", action="store_true", help="our time by kind of op, too")
    p.add_argument("--json", metavar="FILE", help="append each result as a line")
    p.add_argument("--lock", metavar="FILE", help="held exclusively (flock) while measuring, "
                   "for other jobs of the machine to keep still")
    return p.parse_args()


def environment(threads, **more):
    """Without raised thresholds every step of PyTorch maps and unmaps its activations again."""
    return dict(os.environ, OMP_NUM_THREADS=str(threads), MALLOC_MMAP_THRESHOLD_="4294967296",
                MALLOC_TRIM_THRESHOLD_="8589934592", MALLOC_TOP_PAD_="268435456", **more)


class Rival:
    """A process that measures when asked."""

    def __init__(self, name, command, **more):
        self.name, self.ms, self.last = name, [], {}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment(**more))

    def is_ready(self):
        line = self.process.stdout.readline()
        while line and line != "ready\n":
            line = self.process.stdout.readline()
        if not line:
            last = self.process.stderr.read().strip().splitlines()[-1:]
            print(f"{self.name} failed: {' '.join(last)}")
        return bool(line)

    def measure(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        words = words[words.index("ms"):]
        self.last = dict(zip(words[::2], map(float, words[1::2])))
        self.ms.append(self.last["ms"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peers(o, case, precision, spec):
    """Eager and compiled; the experts of widenet in two ways."""
    script = f"{HERE}/peers/{case.split('-')[0]}_torch.py"
    if not os.access(o.python, os.X_OK):
        return []
    ways = ["dispatch", "dense"] if case.startswith("widenet") else [None]
    return [Rival(mode + (f"-{way}" if way else ""),
                  [o.python, script, spec, precision, mode, str(o.threads)],
                  threads=o.threads, PEER_MOE=way or "")
            for mode in ("eager", "compile") for way in ways]


@contextlib.contextmanager
def quiet(path):
    if not path:
        yield
        return
    with open(path, "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def race(o, case, precision, bench):
    """Rounds of one case: (ours, the peers that ran, the measured peak in GFLOP/s)."""
    spec = subprocess.run([bench, "describe", case], check=True, capture_output=True,
                          text=True).stdout.strip()
    ours = Rival("podium", [bench, case, precision, str(o.threads), "-"], threads=o.threads,
                 GOMP_SPINCOUNT="1000")
    rivals = [ours] + peers(o, case, precision, spec)
    ready = [r for r in rivals if r.is_ready()]
    if ours not in ready:
        sys.exit(2)
    peaks = []
    with quiet(o.lock):
        for _ in range(o.rounds):
            words = subprocess.run([bench, "peak", str(o.threads)], check=True, capture_output=True,
                                   text=True, env=environment(o.threads)).stdout.split()
            peaks.append(float(words[2 if precision == "f32" else 4]))
            for r in ready:
                r.measure(o.seconds)
    for r in rivals:
        r.close()
    for r in ready:
        if r.last["trained"] != ours.last["trained"]:
            sys.exit(f"{case}: {r.name} trains {r.last['trained']:.0f} parameters, "
                     f"we {ours.last['trained']:.0f}: not the same model")
    return ours, ready[1:], statistics.median(peaks)


def report(o, case, precision, ours, rivals, peak):
    ms, last = statistics.median(ours.ms), ours.last
    gflops = last["gflops"] * last["ms"] / ms
    line = {"case": case, "precision": precision, "threads": o.threads, "ms": ms,
            "share_of_peak": gflops / peak, "planned_mib": last["planned_mib"],
            "resident_mib": last["resident_mib"]}
    line.update({r.name: statistics.median(r.ms) for r in rivals})
    if rivals:
        line["ratio"] = min(line[r.name] for r in rivals) / ms
    print(f"{case} {precision}: {ms:.2f} ms, {100 * gflops / peak:.0f} % of the peak"
          + "".join(f", {r.name} {line[r.name]:.2f}" for r in rivals)
          + (f", ratio {line['ratio']:.2f}" if rivals else "")
          + f"; planned {last['planned_mib']:.0f} MiB, resident {last['resident_mib']:.0f}",
          flush=True)
    if o.json:
        with open(o.json, "a") as f:
            f.write(json.dumps(line) + "\n")


def main():
    o = arguments()
    bench = f"{o.build}/bench/bench_step"
    if not os.access(o.python, os.X_OK):
        print(f"peers skipped: no '{o.python}'; make bench-peers sets up PyTorch")
    has_bf16 = "bf16 0.0" not in subprocess.run([bench, "peak", "1"], check=True,
                                                capture_output=True, text=True).stdout
    if not has_bf16 and "bf16" in o.precisions:
        print("bf16 skipped: this CPU has neither AVX512-BF16 nor AMX")
    listed = subprocess.run([bench, "list"], check=True, capture_output=True, text=True).stdout
    for case in o.cases or listed.split():
        for precision in o.precisions:
            if precision == "bf16" and not has_bf16:
                continue
            report(o, case, precision, *race(o, case, precision, bench))
            if o.profile:
                subprocess.run([bench, "profile", case, precision, str(o.threads)], check=True,
                               env=environment(o.threads, GOMP_SPINCOUNT="1000"))


main()

#!/usr/bin/env python3
"""Repeats a tuning run: how targets and the settings in submissions/ were found.

    tools/tune.py tools/tuning/vit-mini.json --log results/tuning/vit-mini.jsonl [--jobs 2] [--stage N]

Stages, each resumable (a trial whose line is in the log is not run again):
  1  quasi-random points of each optimizer's space, and those the file names under `also`, one seed
  2  the best points of stage 1 again, on other seeds
  3  the best setting of stage 2 on fresh seeds: the order that is reported
Then `--report` prints the tables of the log: best settings, order on the fresh seeds, evaluation noise against
the slope at the target.  Every trial is a `podium run`; the log keeps its curve.

An optimizer may have `points` of its own.  `keep_going` in a file trains all trials on behind the size's target,
where a new one is sought.  A file may name a `variant` of its own (the yaml of `podium run --variant`, as JSON), and
a `metric` that grows: the target is on it then, and curves hold it negated, so that less is better everywhere.
"""
import argparse, concurrent.futures, json, math, os, shutil, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRIMES = (2, 3, 5, 7, 11, 13)


def radical_inverse(i, base):
    x, f = 0.0, 1.0 / base
    while i:
        i, digit = divmod(i, base)
        x += digit * f
        f /= base
    return x


def points(space, n):
    """n Halton points of a space {name: {min, max, scale} | {choices: [...]}}."""
    out = []
    for i in range(1, n + 1):
        p = {}
        for base, (name, s) in zip(PRIMES, sorted(space.items())):
            u = radical_inverse(i, base)
            if "choices" in s:
                p[name] = s["choices"][int(u * len(s["choices"]))]
            elif s.get("scale") == "log":
                p[name] = float("%.3g" % (s["min"] * (s["max"] / s["min"]) ** u))
            else:
                p[name] = float("%.3g" % (s["min"] + (s["max"] - s["min"]) * u))
        out.append(p)
    return out


def point(config, e):
    """Step, the value the target is on (less is better) and the other one of an evaluation.  What is not
    finite stays as records spell it, "nan" or "inf"."""
    if "metric" in config:
        v = e[config["metric"]]
        return [e["step"], v if isinstance(v, str) else -v, e["loss"]]
    return [e["step"], e["loss"], e["accuracy"]]


def parsed(line):
    """A line of the log with None in its curve for what is not finite."""
    line["curve"] = [[None if isinstance(v, str) else v for v in row] for row in line["curve"]]
    return line


def bound(config):
    """The target as curves hold it."""
    return -config["target"] if "metric" in config else config["target"]


def trial(config, job, threads):
    """Runs one trial, returns its log line."""
    work = tempfile.mkdtemp(prefix="podium-tune-")
    command = [os.path.join(ROOT, "podium"), "run", job["so"], "--workload", config["workload"],
               "--suite", config["suite"], "--seed", str(job["seed"]), "--threads", str(threads),
               "--results", work, "--quiet", "--key", config.get("key", "0" * 32)]
    if "held_out" in config:
        command += ["--held-out", config["held_out"]]
    if "variant" in config:
        path = os.path.join(work, "variant.yaml")
        with open(path, "w") as f:
            json.dump(config["variant"], f)
        command += ["--variant", path]
    if "max_steps" in config:
        command += ["--max-steps", str(config["max_steps"])]
    # The curve behind the target too, for noise and slope, and where the target is still sought.
    if job["stage"] == 1 or config.get("keep_going"):
        command.append("--keep-going")
    for name, value in sorted(job["setting"].items()):
        command += ["--set", "%s=%s" % (name, value)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    line = dict(job, exit=done.returncode, message=done.stderr.strip()[-300:], curve=[])
    for folder, _, files in os.walk(work):
        for f in files:
            if f != "trial.jsonl":
                continue
            for text in open(os.path.join(folder, f)):
                e = json.loads(text)
                if e.get("event") == "header":
                    line["machine"] = {k: e["machine"].get(k) for k in ("isa", "threads", "precision")}
                    line["workload"] = {k: e["workload"].get(k) for k in ("fingerprint", "data_id")}
                elif e.get("event") == "evaluation":
                    line["curve"].append(point(config, e) + [e["calibrated"], e["wall_seconds"]])
                elif e.get("event") == "end":
                    line["reason"], line["reached"] = e.get("reason"), e.get("reached")
    shutil.rmtree(work)
    return line


def crossing(curve, target, column=1):
    """Interpolated step at which the loss first meets the target, None if it never does."""
    before = None
    for row in curve:
        v = row[column]
        if v is not None and v <= target:
            if before is None or before[column] <= v:
                return float(row[0])
            return before[0] + (row[0] - before[0]) * (before[column] - target) / (before[column] - v)
        before = row if v is not None else before
    return None


def last_loss(line):
    losses = [r[1] for r in line["curve"] if r[1] is not None]
    return losses[-1] if losses and line["exit"] == 0 else math.inf


def merit(line, target):
    """Steps to the target; a trial that misses it ranks behind all that reach it, by its last loss."""
    c = crossing(line["curve"], target)
    return (0, c) if c is not None else (1, last_loss(line))


def best(lines, target, optimizer, stages):
    by_setting = {}
    for l in lines:
        if l["optimizer"] == optimizer and l["stage"] in stages:
            by_setting.setdefault(json.dumps(l["setting"], sort_keys=True), []).append(l)
    if 2 in stages and any(l["stage"] == 2 for l in lines):  # only settings that were repeated
        most = max((len(v) for v in by_setting.values()), default=0)
        by_setting = {k: v for k, v in by_setting.items() if len(v) == most}

    def rank(item):
        merits = [merit(l, target) for l in item[1]]
        return statistics.mean(m[0] for m in merits), statistics.mean(m[1] for m in merits)
    return [json.loads(k) for k, _ in sorted(by_setting.items(), key=rank)]


def jobs_of(config, stage, lines):
    out = []
    for o in config["optimizers"]:
        if stage == 1:
            settings = points(o["space"], o.get("points", config["points"]))
            settings += [s for s in o.get("also", []) if s not in settings]
            seeds = [config["seeds"]["search"]]
        else:
            settings = best(lines, bound(config), o["name"], (1,) if stage == 2 else (1, 2))
            settings = settings[:config["repeat"] if stage == 2 else 1]
            seeds = config["seeds"]["repeat" if stage == 2 else "fresh"]
        for setting in settings:
            for seed in seeds:
                out.append({"stage": stage, "optimizer": o["name"],
                            "so": "build/optimizers/%s.so" % o["optimizer"],
                            "setting": dict(o.get("fixed", {}), **setting), "seed": seed})
    return out


def noise_and_slope(curve, target):
    """Standard deviation of the loss round a local quadratic, and the loss's fall per evaluation,
    over the seven evaluations round the crossing."""
    c = crossing(curve, target)
    if c is None:
        return None
    i = min(range(len(curve)), key=lambda k: abs(curve[k][0] - c))
    part = curve[max(0, i - 3):i + 4]
    if len(part) < 6 or any(r[1] is None for r in part):
        return None
    x = [k - len(part) // 2 for k in range(len(part))]
    y = [r[1] for r in part]
    a = [[sum(t ** (p + q) for t in x) for q in range(3)] + [sum(v * t ** p for t, v in zip(x, y))]
         for p in range(3)]
    for p in range(3):  # Gauss-Jordan on the normal equations of the quadratic
        a[p] = [v / a[p][p] for v in a[p]]
        for q in range(3):
            if q != p:
                a[q] = [v - a[q][p] * w for v, w in zip(a[q], a[p])]
    c0, c1, c2 = (row[3] for row in a)
    rest = [v - c0 - c1 * t - c2 * t * t for t, v in zip(x, y)]
    return math.sqrt(sum(r * r for r in rest) / (len(x) - 3)), -c1


def report(config, lines):
    target, sign = bound(config), -1 if "metric" in config else 1
    print("target: %s %g; %d trials in the log" % (
        config["metric"] + " >=" if sign < 0 else "validation loss <=", config["target"], len(lines)))
    print("\n| optimizer | setting | points tried | seeds | steps to target | reached | "
          "last %s (median) | noise / slope per evaluation (median) |" % config.get("metric", "loss"))
    print("|---|---|---|---|---|---|---|---|")
    for o in config["optimizers"]:
        fresh = [l for l in lines if l["optimizer"] == o["name"] and l["stage"] == 3]
        seeds = "fresh" if fresh else "of the search"
        if not fresh:
            chosen = best(lines, target, o["name"], (1, 2))[:1]
            fresh = [l for l in lines if l["optimizer"] == o["name"] and l["setting"] in chosen]
        tried = len([l for l in lines if l["optimizer"] == o["name"] and l["stage"] == 1])
        if not fresh:
            continue
        hits = [crossing(l["curve"], target) for l in fresh]
        ratios = [n / s for n, s in filter(None, (noise_and_slope(l["curve"], target) for l in lines
                                                  if l["optimizer"] == o["name"])) if s > 0]
        print("| %s | %s | %d | %s | %s | %d of %d | %.3f | %s |" % (
            o["name"], ", ".join("%s %s" % kv for kv in sorted(fresh[0]["setting"].items())), tried,
            seeds,
            " ".join("-" if h is None else "%.0f" % h for h in hits),
            sum(h is not None for h in hits), len(hits),
            sign * statistics.median(last_loss(l) for l in fresh),
            "%.2f" % statistics.median(ratios) if ratios else "-"))


def value_at(curve, step):
    """Interpolated value at a step, infinite behind the end of the curve."""
    for before, row in zip(curve, curve[1:]):
        if before[0] <= step <= row[0] and None not in (before[1], row[1]):
            return before[1] + (row[1] - before[1]) * (step - before[0]) / (row[0] - before[0])
    return math.inf


def report_at(config, lines, step):
    """What each optimizer's best setting has at a step: what targets are made of."""
    sign = -1 if "metric" in config else 1
    for o in config["optimizers"]:
        chosen = best(lines, bound(config), o["name"], (1, 2))[:1]
        values = [value_at(l["curve"], step) for l in lines
                  if l["optimizer"] == o["name"] and l["setting"] in chosen]
        if values:
            print("%s at step %g: median %.4g of %s" % (
                o["name"], step, sign * statistics.median(values),
                " ".join("%.4g" % (sign * v) for v in values)))


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("config")
    a.add_argument("--log", required=True)
    a.add_argument("--jobs", type=int, default=1, help="trials at once")
    a.add_argument("--threads", type=int, default=1, help="threads of each trial")
    a.add_argument("--stage", type=int, action="append", choices=(1, 2, 3))
    a.add_argument("--report", action="store_true", help="only print the tables of the log")
    a.add_argument("--at", type=float, metavar="STEP",
                   help="with --report: the best settings' values at this step, too")
    args = a.parse_args()
    config = json.load(open(args.config))
    lines = [parsed(json.loads(t)) for t in open(args.log)] if os.path.exists(args.log) else []
    for stage in () if args.report else args.stage or (1, 2, 3):
        def same(l):
            return json.dumps([l["stage"], l["optimizer"], l["setting"], l["seed"]], sort_keys=True)
        done = {same(l) for l in lines}
        todo = [j for j in jobs_of(config, stage, lines) if same(j) not in done]
        print("stage %d: %d trials to run" % (stage, len(todo)), flush=True)
        os.makedirs(os.path.dirname(os.path.abspath(args.log)), exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for f in concurrent.futures.as_completed(
                    [pool.submit(trial, config, j, args.threads) for j in todo]):
                line = f.result()
                if line["exit"] == 2:
                    sys.exit("tune: " + line["message"])
                with open(args.log, "a") as log:
                    log.write(json.dumps(line) + "\n")
                lines.append(parsed(line))
                c = crossing(line["curve"], bound(config))
                print("  %-10s %s seed %d: %s, last loss %.3f" % (
                    line["optimizer"], line["setting"], line["seed"],
                    "target after %.0f steps" % c if c is not None else "target not reached",
                    last_loss(line)),
                    flush=True)
    report(config, lines)
    if args.at is not None:
        report_at(config, lines, args.at)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Races optimizers at their own defaults on the workloads that are prepared, and tells how they did.

    tools/first_results.py [--hours] [--jobs N] [--lock FILE] [--results DIR]   run what is missing
    tools/first_results.py --table                                           the table, as Markdown

Every .so of build/optimizers runs with nothing set, as its paper gives it; sam, asam and mechanic around the base
that they declare, at its defaults.  A trial is a `podium run --ruleset free --study K`; a finished one is not run again,
an interrupted one goes on from its checkpoint, one that another build began is begun anew.  All optimizers run the first
study before any runs the second, so that a stopped command leaves a table of fewer seeds.  It predicts its hours first:
as many as there are if every trial spends its budget.

--lock FILE: while trials run, the command holds a shared flock(2) on FILE, and gives it up at least once a minute when the
trials of that moment are done, so that a measurement under `flock FILE command` gets the machine to itself.
"""
import argparse, concurrent.futures, contextlib, fcntl, glob, json, math, os, shutil, statistics, subprocess, sys
import threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PODIUM = os.path.join(ROOT, "podium")


class Turnstile:
    """A shared lock that the jobs hold together, given up when it has been held for `most` seconds."""

    def __init__(self, path, most=60):
        self.file = open(path, "a") if path else None
        self.most, self.inside, self.since = most, 0, 0.0
        self.change = threading.Condition()

    @contextlib.contextmanager
    def hold(self):
        if not self.file:
            yield
            return
        with self.change:
            while self.inside and time.time() - self.since > self.most:
                self.change.wait()
            if not self.inside:
                fcntl.flock(self.file, fcntl.LOCK_SH)
                self.since = time.time()
            self.inside += 1
        try:
            yield
        finally:
            with self.change:
                self.inside -= 1
                if not self.inside:
                    fcntl.flock(self.file, fcntl.LOCK_UN)
                    time.sleep(0.2)  # who waits for it alone comes first
                self.change.notify_all()


def fail(text):
    print("first_results: " + text, file=sys.stderr)
    sys.exit(2)


# --- running ---------------------------------------------------------------------------------------


def options_of(args):
    return ["--suite", args.suite, "--ruleset", "free", "--studies", str(args.studies), "--seed", str(args.seed),
            "--threads", str(args.threads), "--results", args.results, "--resume"]


def optimizers(args):
    found = sorted(glob.glob(os.path.join(ROOT, "build", "optimizers", "*.so")))
    names = {os.path.basename(f)[:-3]: f for f in found}
    unknown = [n for n in args.optimizer or [] if n not in names]
    if unknown or not names:
        fail("no build/optimizers/%s.so; `make` builds them" % (unknown or ["*"])[0])
    return {n: names[n] for n in args.optimizer or names}


def predict(args, racers):
    """Lines of `podium run --dry-run`, one a workload."""
    command = [PODIUM, "run", *racers.values(), *options_of(args), "--dry-run", "--json"]
    for w in args.workload or []:
        command += ["--workload", w]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(2)
    lines = [json.loads(t) for t in done.stdout.splitlines()]
    hours = sum(w["hours"] for w in lines) / args.jobs
    for w in lines:
        print("%s-%s: %d of %d trials to run, at most %.0f s each" % (
            w["workload"], w["size"], w["left"], w["trials"], w["trial_seconds"]))
    print("at most %.2f hours with %d at once" % (hours, args.jobs), flush=True)
    return lines


def folder(args, name, workload, study):
    return os.path.join(args.results, name, "%s-%s" % (workload, args.suite), "study-%d" % study, "trial-0")


def read(path):
    """The record in a folder as {event: line, ..., "evaluations": [...]}; None while it is not finished."""
    path = os.path.join(path, "trial.jsonl")
    if not os.path.exists(path):
        return None
    lines = [json.loads(t) for t in open(path) if t.endswith("\n")]
    record = {e["event"]: e for e in lines}
    record["evaluations"] = [e for e in lines if e["event"] == "evaluation"]
    return record if "end" in record else None


def run(args, turnstile, name, so, workload, study):
    command = [PODIUM, "run", so, *options_of(args), "--workload", workload, "--study", str(study), "--quiet"]
    path = folder(args, name, workload, study)
    with turnstile.hold():
        start = time.time()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 2 and "was begun by another" in done.stderr:
            print("%s %s study %d is begun anew: another build, machine or setting began it" % (name, workload, study))
            shutil.rmtree(path)
            done = subprocess.run(command, capture_output=True, text=True)
    record = read(path)
    if done.returncode == 2 or record is None:
        return "%s on %s, study %d: %s" % (name, workload, study, done.stderr.strip()[-400:] or "ended without a record")
    end = record["end"]
    print("%s %s study %d: %s, %s after %d steps, %.0f s" % (
        name, workload, study, end["status"], "reached" if end["reached"] else "missed", end["step"],
        time.time() - start), flush=True)
    return None


def run_all(args, racers, lines):
    todo = [(n, so, w["workload"], k) for k in range(args.studies) for w in lines for n, so in racers.items()
            if read(folder(args, n, w["workload"], k)) is None]
    turnstile, start, failures = Turnstile(args.lock), time.time(), []
    # The key of the folder is made by the first trial, alone.
    groups = [todo[:1], todo[1:]] if not os.path.exists(os.path.join(args.results, "key")) else [todo]
    count = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for group in groups:
            jobs = [pool.submit(run, args, turnstile, *t) for t in group]
            try:
                for done in concurrent.futures.as_completed(jobs):
                    failures += filter(None, [done.result()])
                    count += 1
                    if count % 10 == 0:
                        left = (len(todo) - count) * (time.time() - start) / count / 3600
                        print("  %d of %d trials, about %.2f hours left" % (count, len(todo), left), flush=True)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise
    for text in failures:
        print("first_results: " + text, file=sys.stderr)
    return 1 if failures else 0


# --- the table -------------------------------------------------------------------------------------


def metric(record):
    """Best validation value on the target's metric, None when none is finite."""
    target = record["header"]["workload"]["target"]
    name = target["metric"]
    values = [e[name] for e in record["evaluations"] if isinstance(e.get(name), (int, float)) and math.isfinite(e[name])]
    return None if not values else min(values) if name == "loss" else max(values)


def cells(args):
    """{workload: {optimizer: [records]}} of all studies that are finished."""
    out = {}
    for path in sorted(glob.glob(os.path.join(args.results, "*", "*-" + args.suite, "study-*", "trial-0"))):
        record = read(path)
        if record:
            header = record["header"]
            by = out.setdefault(header["workload"]["name"], {})
            by.setdefault(header["submission"]["name"], []).append(record)
    return out


def cell_text(records, score):
    reached = [r for r in records if r["end"]["reached"] and r["end"]["status"] == "VALID"]
    bad = sum(r["end"]["status"] != "VALID" for r in records)
    tail = " (%d invalid)" % bad if bad else ""
    if reached:
        steps = statistics.median(r["end"]["time_to_target"]["step"] for r in reached)
        time_text = "%.0f" % score if isinstance(score, (int, float)) else "-"
        return "%s, %.0f steps, %d of %d%s" % (time_text, steps, len(reached), len(records), tail)
    best = [m for m in map(metric, records) if m is not None]
    return "missed, best %s%s" % ("%.3g" % statistics.median(best) if best else "not finite", tail)


def goal(record):
    target = record["header"]["workload"]["target"]
    return "%s %s %g" % (target["metric"], "at most" if target["metric"] == "loss" else "at least", target["value"])


def words(found, names):
    """What reached, what did not: sentences for the page."""
    hits = {n: 0 for n in names}
    for workload, by in found.items():
        any_record = next(iter(by.values()))[0]
        good = {n: sum(r["end"]["reached"] for r in by.get(n, [])) for n in names}
        for n in names:
            hits[n] += good[n] > 0
        full = [n for n in names if good[n] and good[n] == len(by[n])]
        part = ["%s (%d of %d)" % (n, good[n], len(by[n])) for n in names if good[n] and n not in full]
        print("- **%s** (%s): reached on every seed by %d of %d%s%s." % (
            workload, goal(any_record), len(full), len([n for n in names if n in by]),
            ": " + ", ".join(full) if full else "", "; on some by " + ", ".join(part) if part else ""))
    never = [n for n in names if not hits[n]]
    print("- At their defaults these reach no target: %s." % ", ".join(never) if never else
          "- At its defaults each reaches a target at least once.")
    around = {}
    for by in found.values():
        for n, records in by.items():
            base = records[0]["header"]["submission"]["hyperparameters"].get("base")
            if isinstance(base, dict):
                around[n] = base["name"]
    if around:
        print("- Wrappers, around a base at its defaults: %s." % ", ".join("%s(%s)" % kv for kv in sorted(around.items())))
    for workload, by in found.items():
        for n, records in sorted(by.items()):
            reasons = sorted({r["end"]["reason"] for r in records if r["end"]["status"] != "VALID"})
            if reasons:
                print("- %s on %s: INVALID: %s." % (n, workload, "; ".join(reasons)))


def table(args):
    found = cells(args)
    if not found:
        fail("no finished record of size '%s' in %s" % (args.suite, args.results))
    done = subprocess.run([PODIUM, "score", args.results, "--format", "json"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(2)
    board = json.loads(done.stdout)
    ranked = board["submissions"]
    workloads = sorted(found)
    print("Reference steps and steps to target (medians of the seeds that reach it), or the best validation value (median) "
          "of those that miss it; %s:\n" % board["table"])
    print("| rank | optimizer | score | %s |" % " | ".join("%s: %s" % (w, goal(next(iter(found[w].values()))[0])) for w in workloads))
    print("|---|---|---|%s" % ("---|" * len(workloads)))
    for s in ranked:
        row = [cell_text(found[w][s["name"]], s["workloads"].get(w, {}).get("seconds")) if s["name"] in found[w] else "not run"
               for w in workloads]
        print("| %d | %s | %.3f | %s |" % (s["rank"], s["name"].replace("_", "\\_"), s["score"], " | ".join(row)))
    print()
    words(found, [s["name"] for s in ranked])
    if board["other_tables"] or board["left_out"]:
        # each begins with its record's path: from the folder of records on, whoever made the table
        left_out = [x.removeprefix(os.path.join(args.results, "")) for x in board["left_out"]]
        print("- Records of other machines or settings are not in this table: %s." % ", ".join(
            [t["table"] for t in board["other_tables"]] + left_out))


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--suite", default="mini", help="size of the workloads (mini)")
    a.add_argument("--workload", action="append", help="repeat for more (all that rank and are prepared)")
    a.add_argument("--optimizer", action="append", help="repeat for more (all of build/optimizers)")
    a.add_argument("--studies", type=int, default=3, help="seeds (3)")
    a.add_argument("--seed", type=int, default=0, help="that they are derived from (0)")
    a.add_argument("--jobs", type=int, default=1, help="trials at once (1)")
    a.add_argument("--threads", type=int, default=1, help="of each trial (1)")
    a.add_argument("--lock", help="file that is locked, shared, while trials run")
    a.add_argument("--results", help="where the records are (results/first-SUITE)")
    a.add_argument("--hours", action="store_true", help="only predict")
    a.add_argument("--table", action="store_true", help="only print the table")
    args = a.parse_args()
    args.results = args.results or os.path.join(ROOT, "results", "first-" + args.suite)
    if args.table:
        table(args)
        return 0
    racers = optimizers(args)
    lines = predict(args, racers)
    return 0 if args.hours else run_all(args, racers, lines)


if __name__ == "__main__":
    sys.exit(main())

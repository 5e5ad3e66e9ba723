#!/usr/bin/env python3
"""Repeats a study of a paper's claim: rival models under one optimizer, tuned alike, on paired seeds.

    tools/claim.py tools/studies/widenet-mini.json [--threads N] [--results DIR] [--hours]   run what is missing
    tools/claim.py tools/studies/widenet-mini.json --table                     the table, as Markdown

Every model first tries each setting on the search seed; the one with the lowest last validation loss runs on
the fresh seeds, all for the same number of steps.  Every trial is a `podium run` whose record stays below
results/NAME (--results: another folder); a finished one is not run again, an interrupted one goes on.  --hours only predicts how long the
rest takes.  Intervals are 95 % t intervals over seeds; differences are taken seed by seed.
"""
import argparse, json, math, os, statistics, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
       10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 19: 2.093}


def folder(study, model, setting, seed):
    text = "-".join("%s=%s" % kv for kv in sorted(setting.items()))
    return os.path.join(study["results"], study["name"], model["name"], text, "seed-%d" % seed)


def read(path):
    """The record below a folder as (header, last evaluation, end), None while it is not finished."""
    for at, _, files in os.walk(path):
        if "trial.jsonl" not in files:
            continue
        lines = [json.loads(t) for t in open(os.path.join(at, "trial.jsonl")) if t.endswith("\n")]
        by = {e["event"]: e for e in lines}
        if "end" in by and "evaluation" in by:
            return by["header"], by["evaluation"], by["end"]
    return None


def valid(record):
    return record is not None and record[2]["status"] == "VALID"


def last_loss(record):
    if not valid(record):
        return math.inf
    loss = record[1]["loss"]
    return loss if isinstance(loss, (int, float)) and math.isfinite(loss) else math.inf


def run(study, model, setting, seed, threads):
    path = folder(study, model, setting, seed)
    command = [os.path.join(ROOT, "podium"), "run", study["optimizer"], "--workload", study["workload"],
               "--suite", study["suite"], "--seed", str(seed), "--threads", str(threads), "--key", study["key"],
               "--max-steps", str(study["steps"]), "--keep-going", "--quiet", "--results", path]
    if model["variant"]:
        command += ["--held-out", model["variant"]]
    for name, value in sorted(setting.items()):
        command += ["--set", "%s=%s" % (name, value)]
    if os.path.isdir(path):
        command.append("--resume")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    record = read(path)
    if done.returncode == 2 or record is None:
        sys.exit("claim: %s: %s" % (model["name"], done.stderr.strip()[-500:]))
    print("  %-14s %s seed %d: loss %.3f, accuracy %.3f, %.0f s" % (
        model["name"], setting, seed, last_loss(record), record[1]["accuracy"],
        record[2]["wall_seconds"]), flush=True)


def chosen(study, model):
    """The setting with the lowest loss on the search seed, None while one is missing."""
    found = [(last_loss(read(folder(study, model, s, study["search_seed"]))), i)
             for i, s in enumerate(study["settings"])
             if read(folder(study, model, s, study["search_seed"]))]
    return study["settings"][min(found)[1]] if len(found) == len(study["settings"]) else None


def missing(study):
    """What can be run now: (model, setting, seed); the fresh seeds come when the search is done."""
    for model in study["models"]:
        best = chosen(study, model)
        wanted = [(s, study["search_seed"]) for s in study["settings"]] if best is None else \
                 [(best, seed) for seed in study["seeds"]]
        for setting, seed in wanted:
            if read(folder(study, model, setting, seed)) is None:
                yield model, setting, seed


def predict(study):
    seconds, left = [], 0
    for model in study["models"]:
        for setting in study["settings"]:
            for seed in [study["search_seed"]] + study["seeds"]:
                record = read(folder(study, model, setting, seed))
                if record:
                    seconds.append(record[2]["wall_seconds"])
        left += len(study["settings"]) + len(study["seeds"])
    left -= len(seconds)
    mean = statistics.mean(seconds) if seconds else study["seconds_guess"]
    print("%d trials finished, %d left: about %.2f hours at %.0f s each%s" % (
        len(seconds), left, left * mean * 1.1 / 3600, mean, "" if seconds else " (a guess)"), flush=True)


def interval(x):
    if len(x) < 2:
        return math.inf
    return T95.get(len(x) - 1, 1.96) * statistics.stdev(x) / math.sqrt(len(x))


def rows(study):
    for model in study["models"]:
        best = chosen(study, model)
        records = [] if best is None else [read(folder(study, model, best, s)) for s in study["seeds"]]
        if records and all(valid(r) for r in records):
            yield model, best, records


def verdict(study, table):
    by = {m["name"]: r for m, _, r in table}
    first = study["models"][0]["name"]
    for model in study["models"][1:]:
        if first not in by or model["name"] not in by:
            continue
        d = [100 * (a[1]["accuracy"] - b[1]["accuracy"]) for a, b in zip(by[first], by[model["name"]])]
        mean, half = statistics.mean(d), interval(d)
        what = "ahead of" if mean > half else "behind" if mean < -half else "not told apart from"
        print("- %s is %s %s: %+.2f points, %.2f to %.2f." % (
            first, what, model["name"], mean, mean - half, mean + half))


def table(study):
    found = list(rows(study))
    if not found:
        sys.exit("claim: no model of '%s' has all its seeds yet" % study["name"])
    machine, workload = found[0][2][0][0]["machine"], found[0][2][0][0]["workload"]
    print("%s %s, %s, %d steps of %d examples, %s on %s, data %s:\n" % (
        study["workload"], study["suite"], study["optimizer"], study["steps"], workload["batch_size"],
        machine["precision"], machine["isa"], workload["data_id"][:20]))
    print("| model | trainable parameters | GFLOP a step | setting | accuracy, % | loss | seeds |")
    print("|---|---|---|---|---|---|---|")
    for model, best, records in found:
        accuracy = [100 * r[1]["accuracy"] for r in records]
        loss = [last_loss(r) for r in records]
        flops = records[0][2]["model_flops"] / records[0][2]["gradient_evaluations"]
        print("| %s | %s | %.2f | %s | %.2f ± %.2f | %.3f ± %.3f | %d |" % (
            model["name"], format(records[0][0]["workload"]["parameters"], ","), flops / 1e9,
            ", ".join("%s %s" % kv for kv in sorted(best.items())), statistics.mean(accuracy),
            interval(accuracy), statistics.mean(loss), interval(loss), len(records)))
    print()
    verdict(study, found)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("study")
    a.add_argument("--threads", type=int, default=1, help="threads of each trial")
    a.add_argument("--results", default=os.path.join(ROOT, "results"), help="where the records are")
    a.add_argument("--hours", action="store_true", help="only predict how long the rest takes")
    a.add_argument("--table", action="store_true", help="only print the table")
    args = a.parse_args()
    study = dict(json.load(open(args.study)), results=args.results)
    if args.table:
        table(study)
        return
    predict(study)
    while not args.hours:
        todo = list(missing(study))
        if not todo:
            break
        for model, setting, seed in todo:
            run(study, model, setting, seed, args.threads)
        predict(study)


if __name__ == "__main__":
    main()

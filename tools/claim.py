#!/usr/bin/env python3
"""Repeats a study of a paper's claim: rival models or modes, tuned alike, on seeds that they share.

    tools/claim.py tools/studies/NAME.json [--jobs N] [--threads N]   run what is missing
    tools/claim.py tools/studies/NAME.json --hours                    only predict how long that takes
    tools/claim.py tools/studies/NAME.json --table                    the tables and verdicts, as Markdown
    tools/claim.py tools/studies/NAME.json --quick STEPS              all of it in a few steps, to see that it runs

A study is a grid of models, and perhaps tasks and amounts of training data.  A cell takes the keys of the study,
its task, amount and model, a later one over an earlier one:

    workload, suite, optimizer, precision, held_out, key, steps, evaluations, batch
    set          hyperparameters that stay
    variant      what it replaces of the size's yaml (`podium run --variant`), maps within maps likewise
    settings     hyperparameters to try on search_seed; the best runs on `seeds`
    settings_of  (an amount) takes what was chosen for that other amount
    only         {"tasks": [...], "amounts": [...]}: where a model runs

By choose_by, "loss" or "score", the last validation loss or the last score (accuracy, or the metric that the target
names) chooses.  A cell without `steps` runs to its workload's target instead ("kind": "steps").

Every trial is a `podium run`; a finished one's record becomes a line of RESULTS/NAME.jsonl, which all tables are made
of, an interrupted one goes on.  Intervals are 95 % t intervals over seeds; differences are taken seed by seed.
"""
import argparse, fcntl, json, math, os, re, shutil, statistics, subprocess, sys, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
       10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 16: 2.120, 17: 2.110, 18: 2.101, 19: 2.093}
AXES = ("tasks", "amounts", "models")
KEYS = ("workload", "suite", "optimizer", "precision", "held_out", "variant", "steps", "evaluations", "batch",
        "set", "settings", "settings_of", "key")
SCORES = ("accuracy", "matthews", "bleu")


def fail(text):
    sys.stderr.write("claim: %s\n" % text)
    os._exit(2)                            # from any thread


def slug(text):
    text = text.replace("+", " plus ")     # Compacter++ is not Compacter
    return re.sub("[^a-z0-9.=]+", "-", text.lower()).strip("-")


def merge(a, b):
    """b over a, maps within maps likewise."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return b
    return {**a, **{k: merge(a.get(k), v) for k, v in b.items()}}


class Study:
    """The file, and the records there are: self.done maps a trial's path to its line."""

    def __init__(self, path, results, quick):
        with open(path) as f:
            self.file = json.load(f)
        for axis in AXES:
            self.file.setdefault(axis, [{"name": ""}])
            slugs = [slug(x["name"]) for x in self.file[axis]]
            for x in self.file[axis]:
                if slugs.count(slug(x["name"])) > 1:
                    fail("%s: %s: the records of '%s' would have another's name" % (path, axis, x["name"]))
        for name in ("name", "seeds", "search_seed", "seconds_a_step"):
            if name not in self.file:
                fail("%s: key '%s' is missing" % (path, name))
        self.quick = quick
        self.name = self.file["name"] + ("-quick" if quick else "")
        self.seeds = self.file["seeds"][:2] if quick else self.file["seeds"]
        self.folder = os.path.join(results, self.name)
        self.log = self.folder + ".jsonl"
        self.done = {}
        self.read_log()

    def read_log(self):
        if not os.path.exists(self.log):
            return
        with open(self.log) as f:
            for number, text in enumerate(f, 1):
                if not text.endswith("\n"):
                    break                  # cut off: that trial runs again
                try:
                    line = json.loads(text)
                    self.done[line["trial"]] = line
                except (ValueError, KeyError, TypeError):
                    fail("%s:%d: no record of a trial" % (self.log, number))

    def append(self, line):
        os.makedirs(os.path.dirname(self.log) or ".", exist_ok=True)
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with open(self.log, "ab+") as f:
            f.seek(0, os.SEEK_END)
            if f.tell():                   # what a kill cut off goes
                f.seek(-1, os.SEEK_END)
                if f.read(1) != b"\n":
                    f.seek(0)
                    whole = f.read().rfind(b"\n") + 1
                    f.truncate(whole)
            f.write(text.encode())
            f.flush()
            os.fsync(f.fileno())
        self.done[line["trial"]] = line

    def cells(self, only=()):
        """(task, amount, model) in the file's order."""
        for task in self.file["tasks"]:
            for amount in self.file["amounts"]:
                for model in self.file["models"]:
                    where = model.get("only", {})
                    if task["name"] in where.get("tasks", [task["name"]]) and \
                       amount["name"] in where.get("amounts", [amount["name"]]) and \
                       all(any(x["name"] in names for x in (task, amount, model)) for names in only):
                        yield task, amount, model

    def config(self, cell):
        c = {}
        for part in (self.file,) + cell:
            c = merge(c, {k: part[k] for k in KEYS if k in part})
        if self.quick:
            c["settings"] = c.get("settings", [{}])[:2]
            if "steps" in c:
                c["evaluations"] = min(c.get("evaluations", 1), 1)
            c["steps"] = self.quick
        return c

    def path(self, cell, setting, seed):
        text = "-".join("%s=%s" % kv for kv in sorted(setting.items())) or "tuned"
        return "/".join([slug(x["name"]) for x in cell if x["name"]] + [text, "seed-%d" % seed])

    def settings(self, cell):
        return self.config(cell).get("settings", [{}])

    def chosen(self, cell):
        """The best setting on the search seed, None while a trial of the search is missing."""
        of = self.config(cell).get("settings_of")
        if of:
            amounts = [a for a in self.file["amounts"] if a["name"] == of]
            if not amounts:
                fail("settings_of: no amount '%s'" % of)
            cell = (cell[0], amounts[0], cell[2])
        settings = self.settings(cell)
        if len(settings) == 1:
            return settings[0]
        found = []
        for i, s in enumerate(settings):
            line = self.done.get(self.path(cell, s, self.file["search_seed"]))
            if not line:
                return None
            by_score = self.file.get("choose_by", "loss") == "score"
            found.append((-score(line) if by_score and valid(line) else loss(line), i))
        return settings[min(found)[1]]

    def trials(self, only=()):
        """What must be there: (cell, setting, seed), setting None while it is not chosen."""
        for cell in self.cells(only):
            if len(self.settings(cell)) > 1 and not self.config(cell).get("settings_of"):
                for s in self.settings(cell):
                    yield cell, s, self.file["search_seed"]
            best = self.chosen(cell)
            for seed in self.seeds:
                yield cell, best, seed

    def missing(self, only=()):
        for cell, setting, seed in self.trials(only):
            if setting is None or self.path(cell, setting, seed) not in self.done:
                yield cell, setting, seed

    def records(self, cell):
        """The lines of the fresh seeds in their order, None while one is missing."""
        best = self.chosen(cell)
        lines = [best is not None and self.done.get(self.path(cell, best, s)) for s in self.seeds]
        return lines if all(lines) else None


def header(line):
    return line["record"][0]


def evaluation(line):
    return line["record"][-2]


def end(line):
    return line["record"][-1]


def valid(line):
    return end(line)["status"] == "VALID"


def loss(line):
    x = evaluation(line)["loss"]
    return x if valid(line) and isinstance(x, (int, float)) and math.isfinite(x) else math.inf


def score(line):
    """Of the last evaluation, in points of 100."""
    for name in SCORES:
        x = evaluation(line).get(name)
        if isinstance(x, (int, float)):
            return x if name == "bleu" else 100 * x
    return math.nan


def reached_step(line):
    return (end(line)["time_to_target"] or {}).get("step")


# --- running ----------------------------------------------------------------------------------

def variant_file(study, config, folder):
    """Writes the variant of a cell, step hint, budget and evaluation period filled in."""
    v = {"name": "study", "target": {"metric": "loss", "value": -1}, **config["variant"]}
    if "steps" in config:
        v.setdefault("step_hint", config["steps"])
        v.setdefault("budget_steps", 1000 * config["steps"])
        if "batch" in config:
            v.setdefault("batch", config["batch"])
            if config["steps"] % config.get("evaluations", 1):
                fail("%s: %d steps are no multiple of %d evaluations" % (
                    study.name, config["steps"], config["evaluations"]))
            v.setdefault("eval_every_examples", config["steps"] // config.get("evaluations", 1) * config["batch"])
    path = os.path.join(folder, "variant.yaml")
    with open(path, "w") as f:
        json.dump(v, f, indent=1)          # JSON is yaml
    return path


def command(study, cell, setting, seed, folder, threads):
    c = study.config(cell)
    out = [os.path.join(ROOT, "podium"), "run", c["optimizer"], "--workload", c["workload"], "--suite", c["suite"],
           "--seed", str(seed), "--threads", str(threads), "--precision", c.get("precision", "f32"),
           "--key", c.get("key", "0" * 32), "--quiet", "--resume", "--results", folder]
    if "steps" in c:
        out += ["--max-steps", str(c["steps"])]
        out += [] if study.file.get("kind") == "steps" else ["--keep-going"]
    if "variant" in c:
        out += ["--variant", variant_file(study, c, folder)]
    elif "held_out" in c:
        out += ["--held-out", c["held_out"]]
    for name, value in sorted({**c.get("set", {}), **setting}.items()):
        out += ["--set", "%s=%s" % (name, value)]
    return out


def read_record(folder):
    """The lines of the record below a folder, None while it is not finished."""
    for at, _, files in os.walk(folder):
        if "trial.jsonl" not in files:
            continue
        with open(os.path.join(at, "trial.jsonl")) as f:
            lines = [json.loads(t) for t in f if t.endswith("\n")]
        if len(lines) > 2 and lines[-1]["event"] == "end" and lines[-2]["event"] == "evaluation":
            return lines
    return None


def run(study, cell, setting, seed, threads):
    """One trial: its line of the log."""
    path = study.path(cell, setting, seed)
    folder = os.path.join(study.folder, path)
    os.makedirs(folder, exist_ok=True)
    began = time.monotonic()
    done = subprocess.run(command(study, cell, setting, seed, folder, threads), capture_output=True, text=True,
                          cwd=ROOT)
    record = read_record(folder)
    if done.returncode not in (0, 1) or record is None:
        fail("%s: %s" % (path, done.stderr.strip()[-500:] or "podium ended with %d" % done.returncode))
    line = {"trial": path, "seconds": round(time.monotonic() - began, 2), "record": record}
    steps = study.config(cell).get("steps")
    if steps and valid(line) and end(line)["step"] != steps and not end(line)["reached"]:
        fail("%s: ended after %d of %d steps: %s" % (path, end(line)["step"], steps, end(line)["reason"]))
    return line, folder


class Pool:
    """Workers that take the first missing trial nobody has; a choice of setting opens new ones."""

    def __init__(self, study, only, threads):
        self.study, self.only, self.threads = study, only, threads
        self.running, self.changed = set(), threading.Condition()

    def take(self):
        with self.changed:
            while True:
                waiting = False
                for cell, setting, seed in self.study.missing(self.only):
                    path = setting is not None and self.study.path(cell, setting, seed)
                    if path and path not in self.running:
                        self.running.add(path)
                        return cell, setting, seed
                    waiting = True
                if not waiting:
                    return None
                if not self.running:       # settings_of another amount that --only leaves out
                    fail("a setting is chosen from cells that are left out")
                self.changed.wait()

    def work(self):
        while True:
            trial = self.take()
            if not trial:
                return
            try:
                line, folder = run(self.study, *trial, self.threads)
            except Exception as e:         # a thread's end alone would go unseen
                fail("%s: %s: %s" % (self.study.path(*trial), type(e).__name__, e))
            with self.changed:
                self.study.append(line)
                shutil.rmtree(folder)
                self.running.discard(line["trial"])
                step = reached_step(line)
                print("  %s: loss %.3f, score %.2f%s, %.0f s%s" % (
                    line["trial"], loss(line), score(line), "" if step is None else ", target at step %d" % step,
                    line["seconds"], "" if valid(line) else ", FAILED: " + end(line)["reason"]), flush=True)
                self.changed.notify_all()


def predict(study, only, jobs):
    """Prints the hours left, from the seconds a step of each task so far."""
    def rate(lines):
        steps = sum(end(x)["step"] for x in lines)
        return sum(x["seconds"] for x in lines) / steps if steps else None

    def of_task(name):
        return [x for p, x in study.done.items() if p.startswith(slug(name) + "/")] if name else []

    everything, seconds, count = rate(study.done.values()), 0, 0
    rates = {t["name"]: rate(of_task(t["name"])) for t in study.file["tasks"]}
    for cell, _, _ in study.missing(only):
        # Without `steps` a trial ends at its target: as late as the others of its task so far.
        ended = [end(x)["step"] for x in of_task(cell[0]["name"])] or [study.file.get("steps_guess", 400)]
        steps = study.config(cell).get("steps", statistics.mean(ended))
        seconds += steps * (rates[cell[0]["name"]] or everything or study.file["seconds_a_step"])
        count += 1
    print("%s: %d trials finished, %d left: about %.2f core hours, %.2f hours with --jobs %d%s" % (
        study.name, len(study.done), count, seconds / 3600, seconds / 3600 / jobs, jobs,
        "" if study.done else " (a guess)"), flush=True)


# --- tables -----------------------------------------------------------------------------------

def interval(x):
    """Half the width of the 95 % interval of the mean."""
    if len(x) < 2:
        return math.inf
    return T95.get(len(x) - 1, 1.96) * statistics.stdev(x) / math.sqrt(len(x))


def with_interval(x, digits=2):
    if not x:
        return "-"
    return "%.*f ± %.*f" % (digits, statistics.mean(x), digits, interval(x))


def say_setting(setting):
    return ", ".join("%s %s" % kv for kv in sorted(setting.items())) or "tuned"


def describe(study, task, lines):
    """The sentence above a table: what was trained on what."""
    h = header(lines[0])
    w, m = h["workload"], h["machine"]
    return "%s%s %s, %s, batches of %d, %s on %s, data %s; mean ± 95 %% interval over %d seeds:" % (
        "**%s**: " % task["name"] if task["name"] else "", w["name"], w["size"], h["submission"]["name"],
        w["batch_size"], m["precision"], m["isa"], w["data_id"][:20], len(study.seeds))


def cost_columns(study, lines):
    """Trainable parameters and what the study shows beside them, of the first record."""
    h, e = header(lines[0]), end(lines[0])
    w = h["workload"]
    share = w["parameters"] / (w["parameters"] + w.get("frozen_parameters", 0))
    out = [format(w["parameters"], ",") + ("" if share == 1 else " (%.2f %%)" % (100 * share)),
           "%.2f" % (e["model_flops"] / e["gradient_evaluations"] / 1e9)]
    if study.file.get("memory"):
        out += ["%.1f" % (w["arena_bytes"] / 2**20),
                "%.0f" % (statistics.median(end(x).get("resident_bytes", math.nan) for x in lines) / 2**20),
                "%.0f" % (statistics.median(end(x)["optimizer_bytes"] for x in lines) / 2**10)]
    return out


def table_of_task(study, task):
    amounts, shown = study.file["amounts"], []
    for model in study.file["models"]:
        cells = [c for c in study.cells() if c[0] is task and c[2] is model]
        found = {c[1]["name"]: (c, study.records(c)) for c in cells}
        if any(lines for _, lines in found.values()):
            shown.append((model, found))
    if not shown:
        return False
    first = [lines for _, lines in shown[0][1].values() if lines][0]
    metric = next(n for n in SCORES if n in evaluation(first[0]))
    unit = {"accuracy": "accuracy, %", "matthews": "Matthews x 100", "bleu": "BLEU"}[metric]
    print(describe(study, task, first) + "\n")
    columns = ["model", "trainable parameters", "GFLOP a step"]
    if study.file.get("memory"):
        columns += ["planned MiB", "resident MiB", "optimizer KiB"]
    columns += ["setting"] + ["%s%s" % (unit, " of " + a["name"] if a["name"] else "") for a in amounts]
    columns += ["last loss"] if len(amounts) == 1 else []
    print("| %s |\n|%s" % (" | ".join(columns), "---|" * len(columns)))
    for model, found in shown:
        some = [(c, lines) for c, lines in found.values() if lines]
        settings = []
        for c, _ in some:
            text = say_setting(study.chosen(c))
            settings += [text] if text not in settings else []
        row = [model["name"]] + cost_columns(study, some[-1][1]) + ["; ".join(settings)]
        for a in amounts:
            lines = found.get(a["name"], (None, None))[1]
            failed = sum(not valid(x) for x in lines or [])
            row.append((with_interval([score(x) for x in lines]) if lines else "-") +
                       (" (%d failed)" % failed if failed else ""))
        if len(amounts) == 1:
            row.append(with_interval([loss(x) for x in some[0][1] if valid(x)], 3))
        print("| %s |" % " | ".join(row))
    print()
    return True


def differences(study, claim):
    """By seed: the difference in score, mean over the claim's tasks and amounts; None while records are missing."""
    by_name = {m["name"]: m for m in study.file["models"]}
    for name in (claim["better"], claim["than"]):
        if name not in by_name:
            fail("a claim names '%s', which is no model of '%s'" % (name, study.name))
    total = []
    for task in study.file["tasks"]:
        for amount in study.file["amounts"]:
            if task["name"] not in claim.get("tasks", [task["name"]]) or \
               amount["name"] not in claim.get("amounts", [amount["name"]]):
                continue
            a, b = (study.records((task, amount, by_name[claim[k]])) for k in ("better", "than"))
            if not a or not b:
                return None
            total.append([score(x) - score(y) for x, y in zip(a, b)])
    return [statistics.mean(x) for x in zip(*total)]


def verdicts(study):
    for claim in study.file.get("claims", []):
        d, by = differences(study, claim), claim.get("by", 0)
        if d is None:
            print("- %s: not measured yet." % claim["text"])
            continue
        mean, half = statistics.mean(d), interval(d)
        if mean - half > by:
            what = "**confirmed**"
        elif mean + half < by:
            what = "**refuted**"
        else:
            what = "**neither confirmed nor refuted**"
        print("- %s: %s. %s minus %s: %+.2f points, 95 %% interval %+.2f to %+.2f%s." % (
            claim["text"], what, claim["better"], claim["than"], mean, mean - half, mean + half,
            " (asked for: above %+g)" % by if by else ""))


def steps_row(study, task, columns):
    """Steps to the target of the first model (the yardstick) and the second on the same seeds."""
    a, b = ([reached_step(x) for x in lines] for lines in columns)
    period = header(columns[0][0])["workload"]["eval_every_examples"] / header(columns[0][0])["workload"]["batch_size"]
    texts = [", ".join("-" if s is None else str(s) for s in steps) for steps in (a, b)]
    pairs = [(x, y) for x, y in zip(a, b) if x is not None and y is not None]
    if len(pairs) < len(a):
        same = [x is None for x in a] == [y is None for y in b]
        return [task["name"]] + texts + ["-", "-", "not all reach it: %d and %d of %d%s" % (
            len(a) - a.count(None), len(b) - b.count(None), len(a), ", the same seeds" if same else "")]
    d = [y - x for x, y in pairs]
    spread = statistics.stdev(a) if len(a) > 1 else math.inf
    allowed = max(spread, period)          # a trial is looked at once an evaluation period
    good = abs(statistics.mean(d)) <= allowed
    return [task["name"]] + texts + ["%+.1f ± %.1f" % (statistics.mean(d), interval(d)),
                                     "%.1f (evaluated every %.0f)" % (spread, period),
                                     "the same within the spread" if good else "**not the same**"]


def steps_table(study):
    names = [m["name"] for m in study.file["models"]]
    rows = []
    for task in study.file["tasks"]:
        columns = [study.records((task, study.file["amounts"][0], m)) for m in study.file["models"]]
        if all(columns):
            rows.append((columns, steps_row(study, task, columns)))
    if not rows:
        return False
    machine = header(rows[0][0][0][0])["machine"]
    print("Steps to the target with %s, seeds %s, on %s (%s):\n" % (
        study.file["optimizer"], ", ".join(map(str, study.seeds)), machine["isa"], machine["backend"]))
    print("| workload | %s | %s | %s - %s | spread of the seeds | verdict |\n|---|---|---|---|---|---|" % (
        names[0], names[1], names[1], names[0]))
    for _, row in rows:
        print("| %s |" % " | ".join(row))
    return True


def table(study):
    if study.file.get("kind") == "steps":
        found = steps_table(study)
    else:
        found = [table_of_task(study, t) for t in study.file["tasks"]]
        found = any(found)
    if not found:
        fail("no model of '%s' has all its seeds yet" % study.name)
    verdicts(study)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("study")
    a.add_argument("--jobs", type=int, default=1, help="trials at once")
    a.add_argument("--threads", type=int, default=1, help="threads of each trial")
    a.add_argument("--results", default=os.path.join(ROOT, "results", "studies"), help="where the records are")
    a.add_argument("--only", action="append", default=[], metavar="NAME,...",
                   help="these tasks, amounts or models; repeated: cells that all of them allow")
    a.add_argument("--quick", type=int, metavar="STEPS", help="two seeds and settings, a few steps, records of its own")
    a.add_argument("--hours", action="store_true", help="only predict how long the rest takes")
    a.add_argument("--table", action="store_true", help="print the tables")
    args = a.parse_args()
    only = [names.split(",") for names in args.only]
    study = Study(args.study, args.results, args.quick)
    known = {x["name"] for axis in AXES for x in study.file[axis]}
    for name in sum(only, []):
        if name not in known:
            fail("--only %s: no task, amount or model of '%s'" % (name, study.name))
    if args.table:
        table(study)
        return
    predict(study, only, args.jobs)
    if args.hours:
        return
    os.makedirs(study.folder, exist_ok=True)
    lock = open(os.path.join(study.folder, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail("'%s' is being run by somebody else" % study.name)
    pool = Pool(study, only, args.threads)
    workers = [threading.Thread(target=pool.work) for _ in range(args.jobs)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    predict(study, only, args.jobs)


if __name__ == "__main__":
    main()

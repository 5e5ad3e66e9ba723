"""Records made up for tests: make_records.py DIR writes the trials that a list on standard input
names, one JSON object a line: {name, study, hit (step), ...}; see `defaults`."""
import json
import os
import sys

defaults = dict(trial=0, workload="vit", held_out="", size="mini", isa="avx2", ruleset="free",
                device="cpu", precision="f32", sandbox="none", data_id="d", fingerprint="f",
                step_seconds=0.1, gradients=1, flops=10, memory=4 << 20, seed=1, sha256="ab" * 32,
                authors="somebody", settings={"lr": 0.1}, budget=100, multiplier=1, target=0.6,
                reason="target reached", status="VALID")


def write(root, given):
    r = {**defaults, **given}
    reached = r["hit"] is not None
    lines = [{
        "event": "header", "schema": "podium-record/1",
        "submission": {"name": r["name"], "version": "1", "authors": r["authors"],
                       "sha256": r["sha256"], "abi": "0.1", "hyperparameters": r["settings"]},
        "workload": {"name": r["workload"], "size": r["size"], "held_out": r["held_out"],
                     "fingerprint": r["fingerprint"], "data_id": r["data_id"],
                     "budget_steps": r["budget"],
                     "target": {"metric": "loss", "value": r["target"]}},
        "ruleset": r["ruleset"], "budget_multiplier": r["multiplier"],
        "study": r["study"], "trial": r["trial"], "seed": r["seed"],
        "machine": {"cpu": "c", "isa": r["isa"], "threads": 2, "device": r["device"],
                    "precision": r["precision"], "sandbox": r["sandbox"]},
        "build": {"revision": "abc", "compiler": "12"}}]
    last = r["hit"] if reached else 90
    for step in (0, last / 2, last):
        loss = 4.1 if step == 0 else 0.5 if reached and step == last else 1.5
        lines.append({"event": "evaluation", "step": int(step), "examples": int(step) * 8,
                      "gradient_evaluations": int(step * r["gradients"]), "loss": loss,
                      "accuracy": 0.5, "calibrated": step * r["step_seconds"] * 10,
                      "wall_seconds": step * r["step_seconds"],
                      "model_flops": step * r["flops"], "reference_step_seconds": 0.1,
                      "hash": "0" * 64})
    lines.append({"event": "end", "status": r["status"], "reached": reached,
                  "reason": r["reason"] if reached else "budget exhausted",
                  "optimizer_bytes": r["memory"]})
    plain = "".join(c for c in r["name"] if c.isalnum())
    folder = os.path.join(root, "%s-%s%s-%s-%s-%s" % (plain, r["workload"], r["held_out"], r["isa"],
                                                      r["study"], r["trial"]))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "trial.jsonl"), "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)


for line in sys.stdin:
    if line.strip():
        write(sys.argv[1], json.loads(line))

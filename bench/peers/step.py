"""What all peers share: arguments, AdamW, timing.

usage: WORKLOAD_torch.py MODEL f32|bf16 eager|compile [threads]
MODEL is the JSON of `bench_step describe`.  Prints "ready", then for each line read, a number of
seconds, the median time of steps taken for so long.  bench/run.py raises malloc's thresholds,
without which eager mode is several times slower.
"""
import json
import statistics
import sys
import time

import torch


def rows(batch, length, vocabulary, shortest):
    """Ids [batch, length], each row as long as drawn from shortest .. length, then zeros."""
    ids = torch.randint(3, vocabulary, (batch, length))
    lengths = torch.randint(shortest, length + 1, (batch, 1))
    return ids * (torch.arange(length) < lengths)


def main(make):
    """make(spec): a module whose forward gives the loss, and its inputs."""
    spec, precision, mode = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 2)
    torch.manual_seed(1)
    model, inputs = make(spec)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01, fused=True)
    run = torch.compile(model) if mode == "compile" else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = run(*inputs)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        loss = step().item()
    print("ready", flush=True)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(f"ms {1e3 * statistics.median(times):.3f} loss {loss:.5f} "
              f"trained {sum(p.numel() for p in trained)}", flush=True)

"""The model of bench/bench_step.c in PyTorch, with AdamW; one line a measurement.

usage: vit_torch.py A|B f32|bf16 eager|compile [threads [seconds]]
bench/run.sh raises malloc's thresholds, without which eager mode is several times slower.
"""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

SIZES = {"A": (64, 256, 64, 4, 4), "B": (192, 768, 128, 6, 3)}
TOKENS, SIDE, PATCH, CLASSES = 49, 28, 4, 62


class Block(nn.Module):
    def __init__(self, d, mlp, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, mlp), nn.Linear(mlp, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, d // self.heads).unbind(2)
        a = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2),
                                           v.transpose(1, 2))
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x)), approximate="tanh"))


class ViT(nn.Module):
    def __init__(self, d, mlp, layers, heads):
        super().__init__()
        self.embed = nn.Linear(PATCH * PATCH, d)
        self.register_buffer("positions", torch.randn(1, TOKENS, d))
        self.blocks = nn.Sequential(*[Block(d, mlp, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.prelogits, self.head = nn.Linear(d, d), nn.Linear(d, CLASSES)

    def forward(self, images):
        n, side = images.shape[0], SIDE // PATCH
        x = images.view(n, side, PATCH, side, PATCH).transpose(2, 3)
        x = self.embed(x.reshape(n, TOKENS, PATCH * PATCH)) + self.positions
        x = self.norm(self.blocks(x)).mean(1)
        return self.head(torch.tanh(self.prelogits(x)))


def main():
    size, precision, mode = sys.argv[1:4]
    threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
    seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 2
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    d, mlp, batch, layers, heads = SIZES[size]
    model = ViT(d, mlp, layers, heads)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    images = torch.rand(batch, 1, SIDE, SIDE)
    labels = torch.arange(batch) % CLASSES
    run = torch.compile(model) if mode == "compile" else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(run(images).float(), labels)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(f"torch-{mode} {size} {precision} ms {1e3 * statistics.median(times):.3f}")


main()

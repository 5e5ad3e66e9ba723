"""The workload `widenet` in PyTorch: attention and experts shared by all blocks, norms their own.

PEER_MOE=dispatch (default): assignments sorted by expert, a product for each.  PEER_MOE=dense: every
expert sees every token, one batched product, the gates of those not chosen are zero.
"""
import os

import step
import torch
from torch import nn
from torch.nn import functional as F

SIDE = 28
DENSE = os.environ.get("PEER_MOE") == "dense"


class Experts(nn.Module):
    def __init__(self, s):
        super().__init__()
        d, h, e = s["width"], s["mlp"], s["experts"]
        self.top_k, self.noise = s["top_k"], s["noise"]
        self.router = nn.Linear(d, e, bias=False)
        self.w1, self.b1 = nn.Parameter(torch.randn(e, d, h) * d ** -0.5), nn.Parameter(torch.zeros(e, h))
        self.w2, self.b2 = nn.Parameter(torch.randn(e, h, d) * h ** -0.5), nn.Parameter(torch.zeros(e, d))

    def dense(self, x, p, ids):
        gates = p * torch.zeros_like(p).scatter(1, ids, 1)
        h = torch.baddbmm(self.b1[:, None], x.expand(len(self.w1), -1, -1), self.w1)
        y = torch.baddbmm(self.b2[:, None], F.gelu(h, approximate="tanh"), self.w2)
        return torch.einsum("eld,le->ld", y, gates.to(y.dtype))

    def dispatch(self, x, p, ids):
        order = ids.flatten().argsort(stable=True)
        tokens = order // self.top_k
        counts = torch.bincount(ids.flatten(), minlength=len(self.w1)).tolist()
        parts = x[tokens].split(counts)
        y = torch.cat([torch.addmm(self.b2[e], F.gelu(torch.addmm(self.b1[e], part, self.w1[e]),
                                                      approximate="tanh"), self.w2[e])
                       for e, part in enumerate(parts)])
        y = y * p.gather(1, ids).flatten()[order][:, None].to(y.dtype)
        return torch.zeros_like(x, dtype=y.dtype).index_add(0, tokens, y)

    def forward(self, x):
        shape = x.shape
        x = x.flatten(0, 1)
        with torch.autocast("cpu", enabled=False):
            scores = self.router(x.float())
            p = F.softmax(scores + self.noise * torch.randn_like(scores), -1)
        ids = p.topk(self.top_k, -1).indices
        y = (self.dense if DENSE else self.dispatch)(x, p, ids)
        share = F.one_hot(ids, p.shape[1]).sum((0, 1)) / ids.numel()
        return y.view(shape), p.shape[1] * (p.mean(0) * share).sum()


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.heads, d = s["heads"], s["width"]
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))


class WideNet(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.patch, d, self.depth = s["patch"], s["width"], s["depth"]
        self.tokens, self.balance = (SIDE // self.patch) ** 2, s["balance"]
        self.embed = nn.Linear(self.patch ** 2, d)
        self.positions = nn.Parameter(torch.randn(1, self.tokens, d) * 0.02)
        self.attention, self.experts = Attention(s), Experts(s)
        self.ln1 = nn.ModuleList(nn.LayerNorm(d, eps=1e-6) for _ in range(self.depth))
        self.ln2 = nn.ModuleList(nn.LayerNorm(d, eps=1e-6) for _ in range(self.depth))
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.prelogits = nn.Linear(d, s["pre_logits"])
        self.head = nn.Linear(s["pre_logits"], s["classes"])

    def forward(self, images, labels):
        n, side = images.shape[0], SIDE // self.patch
        x = images.view(n, side, self.patch, side, self.patch).transpose(2, 3)
        x = self.embed(x.reshape(n, self.tokens, -1)) + self.positions
        balance = 0
        for i in range(self.depth):
            x = x + self.attention(self.ln1[i](x))
            y, term = self.experts(self.ln2[i](x))
            x, balance = x + y, balance + term
        logits = self.head(torch.tanh(self.prelogits(self.norm(x).mean(1))))
        return F.cross_entropy(logits.float(), labels) + self.balance * balance


def make(s):
    images = torch.rand(s["batch"], 1, SIDE, SIDE)
    return WideNet(s), (images, torch.arange(s["batch"]) % s["classes"])


step.main(make)

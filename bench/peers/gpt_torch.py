"""The workload `gpt` in PyTorch: RMS norm, rotary positions, grouped keys, SwiGLU, tied head."""
import step
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        d, self.heads, self.key_heads = s["width"], s["heads"], s["key_heads"]
        self.head_width = d // self.heads
        self.norm1, self.norm2 = nn.RMSNorm(d, eps=1e-5), nn.RMSNorm(d, eps=1e-5)
        self.qkv = nn.Linear(d, (self.heads + 2 * self.key_heads) * self.head_width, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * s["mlp"], bias=False)
        self.down = nn.Linear(s["mlp"], d, bias=False)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, -1, self.head_width).transpose(1, 2)
        turned, v = qkv.split([self.heads + self.key_heads, self.key_heads], 1)
        left, right = turned.chunk(2, -1)
        turned = turned * cos.to(x.dtype) + torch.cat((-right, left), -1) * sin.to(x.dtype)
        q, k = turned.to(v.dtype).split([self.heads, self.key_heads], 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True,
                                           enable_gqa=self.heads != self.key_heads)
        x = x + self.out(a.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class GPT(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s["width"]
        half = d // s["heads"] // 2
        angles = torch.outer(torch.arange(s["length"]), 10000 ** (-torch.arange(half) / half))
        self.register_buffer("cos", angles.cos().repeat(1, 2))
        self.register_buffer("sin", angles.sin().repeat(1, 2))
        self.embedding = nn.Embedding(s["vocabulary"], d)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s["depth"]))
        self.norm = nn.RMSNorm(d, eps=1e-5)

    def forward(self, ids, labels):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


def make(s):
    assert s["tied"]
    ids = step.rows(s["batch"], s["length"], s["vocabulary"], s["length"])
    labels = F.pad(ids[:, 1:], (0, 1), value=-100)  # the last position predicts nothing
    return GPT(s), (ids, labels)


step.main(make)

"""The workload `vit` in PyTorch: pre-LN encoder, average pooling, tanh layer."""
import step
import torch
from torch import nn
from torch.nn import functional as F

SIDE = 28


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s["width"]
        self.heads = s["heads"]
        self.ln1, self.ln2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, s["mlp"]), nn.Linear(s["mlp"], d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, d // self.heads).unbind(2)
        a = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2),
                                           v.transpose(1, 2))
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x)), approximate="tanh"))


class ViT(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.patch, d = s["patch"], s["width"]
        self.tokens = (SIDE // self.patch) ** 2
        self.embed = nn.Linear(self.patch ** 2, d)
        self.register_buffer("positions", torch.randn(1, self.tokens, d))
        self.blocks = nn.Sequential(*[Block(s) for _ in range(s["depth"])])
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.prelogits = nn.Linear(d, s["pre_logits"])
        self.head = nn.Linear(s["pre_logits"], s["classes"])

    def forward(self, images, labels):
        n, side = images.shape[0], SIDE // self.patch
        x = images.view(n, side, self.patch, side, self.patch).transpose(2, 3)
        x = self.embed(x.reshape(n, self.tokens, -1)) + self.positions
        x = self.norm(self.blocks(x)).mean(1)
        return F.cross_entropy(self.head(torch.tanh(self.prelogits(x))).float(), labels)


def make(s):
    images = torch.rand(s["batch"], 1, SIDE, SIDE)
    return ViT(s), (images, torch.arange(s["batch"]) % s["classes"])


step.main(make)

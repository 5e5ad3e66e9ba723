"""The workload `compacter` in PyTorch: a frozen post-LN encoder; adapters of PHM layers with a
shared rule, layer norms and head are trained.  A PHM layer builds its small matrix once a step."""
import step
import torch
from torch import nn
from torch.nn import functional as F


class PHM(nn.Module):
    def __init__(self, s, inputs, outputs):
        super().__init__()
        n, r = s["phm_dim"], s["rank"]
        self.left = nn.Parameter(torch.randn(n, inputs // n, r) * 0.1)
        self.right = nn.Parameter(torch.randn(n, r, outputs // n) * 0.1)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.shape = inputs, outputs

    def forward(self, rule, x):
        w = torch.bmm(self.left, self.right)
        n, p, q = w.shape
        h = (rule.view(n, -1).t() @ w.view(n, -1)).view(n, n, p, q).transpose(1, 2)
        return F.linear(x, h.reshape(self.shape).t(), self.bias)


class Adapter(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.down = PHM(s, s["width"], s["bottleneck"])
        self.up = PHM(s, s["bottleneck"], s["width"])

    def forward(self, rule, x):
        return x + self.up(rule, F.gelu(self.down(rule, x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.heads, d = s["heads"], s["width"]
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, s["mlp"]), nn.Linear(s["mlp"], d)
        self.ln1, self.ln2 = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.adapters = nn.ModuleList([Adapter(s), Adapter(s)])

    def forward(self, rule, x, mask):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        a = self.proj(a.transpose(1, 2).reshape(b, t, d))
        x = self.ln1(x + self.adapters[0](rule, a))
        return self.ln2(x + self.adapters[1](rule, self.fc2(F.gelu(self.fc1(x)))))


class Compacter(nn.Module):
    def __init__(self, s):
        super().__init__()
        d, n = s["width"], s["phm_dim"]
        self.is_causal = s["causal"]
        self.register_buffer("causal", torch.ones(s["tokens"], s["tokens"], dtype=bool).tril())
        self.embedding = nn.Embedding(s["vocabulary"], d)
        self.positions = nn.Parameter(torch.randn(s["positions"], d) * 0.02)
        self.types = nn.Parameter(torch.randn(s["types"], d) * 0.02) if s["types"] else None
        self.ln = nn.LayerNorm(d, eps=1e-12)
        self.rule = nn.Parameter(torch.randn(n, n, n) * 0.01)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s["depth"]))
        self.head = nn.Linear(d, s["classes"])
        for name, p in self.named_parameters():
            p.requires_grad = any(part in name for part in ("adapters", "rule", "ln", "head"))

    def forward(self, ids, labels):
        seen = ids != 0
        mask = seen[:, None, None, :]
        if self.is_causal:
            mask = mask & self.causal
        x = self.embedding(ids) + self.positions[:ids.shape[1]]
        x = self.ln(x + self.types[0] if self.types is not None else x)
        for block in self.blocks:
            x = block(self.rule, x, mask)
        weights = seen[:, :, None].to(x.dtype)
        x = (x * weights).sum(1) / weights.sum(1)
        return F.cross_entropy(self.head(x).float(), labels)


def make(s):
    ids = step.rows(s["batch"], s["tokens"], s["vocabulary"], s["tokens"] // 4)
    return Compacter(s), (ids, torch.arange(s["batch"]) % s["classes"])


step.main(make)

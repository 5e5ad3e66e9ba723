"""The workload `transformer` in PyTorch: pre-LN encoder-decoder, one embedding for everything."""
import step
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Self-attention projects q, k, v at once, cross-attention k and v."""

    def __init__(self, s, cross=False):
        super().__init__()
        self.heads, d = s["heads"], s["width"]
        if cross:
            self.q, self.kv = nn.Linear(d, d, bias=False), nn.Linear(d, 2 * d, bias=False)
        else:
            self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.proj = nn.Linear(d, d, bias=False)

    def split(self, x, parts):
        b, t, _ = x.shape
        return x.view(b, t, parts, self.heads, -1).permute(2, 0, 3, 1, 4)

    def forward(self, x, mask, memory=None):
        if memory is None:
            q, k, v = self.split(self.qkv(x), 3)
        else:
            (q,), (k, v) = self.split(self.q(x), 1), self.split(self.kv(memory), 2)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(a.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, s, decoder):
        super().__init__()
        d = s["width"]
        self.ln1, self.attention = nn.LayerNorm(d, eps=1e-6), Attention(s)
        self.ln3 = nn.LayerNorm(d, eps=1e-6)
        self.fc1, self.fc2 = nn.Linear(d, s["mlp"]), nn.Linear(s["mlp"], d)
        if decoder:
            self.ln2, self.cross = nn.LayerNorm(d, eps=1e-6), Attention(s, cross=True)

    def forward(self, x, mask, memory=None, cross_mask=None):
        x = x + self.attention(self.ln1(x), mask)
        if memory is not None:
            x = x + self.cross(self.ln2(x), cross_mask, memory)
        return x + self.fc2(F.relu(self.fc1(self.ln3(x))))


class Transformer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s["width"]
        self.scale = d ** -0.5
        self.embedding = nn.Embedding(s["vocabulary"], d)
        self.register_buffer("positions", torch.randn(max(s["source"], s["target"]), d))
        self.register_buffer("causal", torch.ones(s["target"], s["target"], dtype=bool).tril())
        self.encoder = nn.ModuleList(Block(s, False) for _ in range(s["encoder_layers"]))
        self.decoder = nn.ModuleList(Block(s, True) for _ in range(s["decoder_layers"]))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)

    def forward(self, source, target):
        source_mask = (source != 0)[:, None, None, :]
        target_mask = (target != 0)[:, None, None, :] & self.causal
        x = self.embedding(source) + self.positions[:source.shape[1]]
        for block in self.encoder:
            x = block(x, source_mask)
        memory = self.encoder_norm(x)
        x = self.embedding(F.pad(target[:, :-1], (1, 0))) + self.positions[:target.shape[1]]
        for block in self.decoder:
            x = block(x, target_mask, memory, source_mask)
        logits = F.linear(self.decoder_norm(x) * self.scale, self.embedding.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), ignore_index=0)


def make(s):
    inputs = [step.rows(s["batch"], s[side], s["vocabulary"], s[side] // 2)
              for side in ("source", "target")]
    return Transformer(s), inputs


step.main(make)

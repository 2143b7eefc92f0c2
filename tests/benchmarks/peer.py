"""PyTorch's side of the benchmarks: the same steps, as fast as eager mode goes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .pairs import pairs_of_tokens

Step = Callable[[], object]

OPS_IN_CHAIN = 50


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); no biases, no dropout."""

    def __init__(self, n_head: int, n_embd: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.ln_1 = nn.LayerNorm(n_embd, bias=False)
        self.ln_2 = nn.LayerNorm(n_embd, bias=False)
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.attn_proj = nn.Linear(n_embd, n_embd, bias=False)
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, bias=False)
        self.mlp_proj = nn.Linear(4 * n_embd, n_embd, bias=False)

    def attention(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        qkv = self.c_attn(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()  # each (B, H, T, D)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        projected: Tensor = self.attn_proj(out.transpose(1, 2).reshape(B, T, C))
        return projected

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln_1(x))
        hidden = F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
        out: Tensor = x + self.mlp_proj(hidden)
        return out


class TorchGPT(nn.Module):
    """GPT-2's decoder with a tied head: (B, T) tokens and targets -> their loss."""

    def __init__(
        self,
        *,
        n_layer: int,
        n_head: int,
        n_embd: int,
        block_size: int,
        vocab_size: int,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList(Block(n_head, n_embd) for _ in range(n_layer))
        self.ln_f = nn.LayerNorm(n_embd, bias=False)
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                residual = name.endswith("_proj.weight")
                std = 0.02 / math.sqrt(2 * n_layer) if residual else 0.02
                nn.init.normal_(parameter, std=std, generator=generator)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]  # (B, T, C)
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def optimizer(self, rate: float = 1e-3, beta2: float = 0.99) -> torch.optim.AdamW:
        matrices = [p for p in self.parameters() if p.ndim == 2]
        vectors = [p for p in self.parameters() if p.ndim != 2]
        groups = [
            {"params": matrices, "weight_decay": 0.1},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=rate, betas=(0.9, beta2), fused=True)

    def learn(self, optimizer: torch.optim.AdamW, x: Tensor, y: Tensor) -> Tensor:
        """One step of training: forward, backward, clip at 1, AdamW."""
        loss: Tensor = self(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        optimizer.step()
        return loss.detach()


def gpt_step(
    n_layer: int,
    n_head: int,
    n_embd: int,
    block_size: int,
    vocab_size: int,
    batch: int,
) -> Step:
    """A training step of a GPT on one batch of random tokens; returns its loss."""
    model = TorchGPT(
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        block_size=block_size,
        vocab_size=vocab_size,
    )
    optimizer = model.optimizer()
    generator = np.random.default_rng(0)
    tokens = torch.from_numpy(
        generator.integers(vocab_size, size=(batch, block_size + 1))
    )
    x, y = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    return lambda: model.learn(optimizer, x, y).item()


class TorchTransformer(nn.Module):
    """nn.Transformer with what it leaves out: one table of embeddings, also the output.

    Dropout is the paper's, of the embeddings and of what each sublayer adds; that
    inside of attention and feed-forward layers, PyTorch's own addition, is turned off.
    """

    def __init__(
        self, n_layer: int, n_head: int, d_model: int, d_ff: int, vocab_size: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.dropout = nn.Dropout(0.1)
        self.stacks = nn.Transformer(
            d_model, n_head, n_layer, n_layer, d_ff, dropout=0.1, batch_first=True
        )
        for layer in [*self.stacks.encoder.layers, *self.stacks.decoder.layers]:
            layer.dropout.p = layer.self_attn.dropout = 0.0
            if hasattr(layer, "multihead_attn"):
                layer.multihead_attn.dropout = 0.0
        steps, waves = torch.arange(32.0)[:, None], torch.arange(0, d_model, 2)
        angles = steps * 10000.0 ** (-waves / d_model)
        table = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
        self.register_buffer("table", table, persistent=False)

    def embedded(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        placed: Tensor = self.dropout(x + self.table[: tokens.shape[1]])
        return placed

    def forward(self, source: Tensor, read: Tensor, predicted: Tensor) -> Tensor:
        """The mean loss of what is predicted, labels smoothed, padding left out."""
        T, padding = read.shape[1], source == 0
        hidden = self.stacks(
            self.embedded(source),
            self.embedded(read),
            tgt_mask=torch.ones(T, T, dtype=torch.bool).triu(1),  # True: not seen
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        logits = F.linear(hidden, self.embedding.weight)
        return F.cross_entropy(
            logits.flatten(0, 1), predicted.flatten(), label_smoothing=0.1
        )


def encoder_decoder_step(
    n_layer: int, n_head: int, d_model: int, d_ff: int, vocab_size: int
) -> Step:
    """A training step of a Transformer on one batch of padded pairs; its mean loss."""
    torch.manual_seed(0)
    model = TorchTransformer(n_layer, n_head, d_model, d_ff, vocab_size)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=1e-3,
        betas=(0.9, 0.98),
        eps=1e-9,
        weight_decay=0.0,
        fused=True,
    )
    batch = [torch.from_numpy(array) for array in pairs_of_tokens(vocab_size)]

    def step() -> float:
        loss = model(*batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def mlp_step() -> Step:
    """A step of SGD: a 2-16-16-1 tanh MLP, mean squared error on 100 points."""
    generator = np.random.default_rng(0)
    points = torch.from_numpy(generator.normal(size=(100, 2)).astype(np.float32))
    labels = torch.sign(points[:, :1] * points[:, 1:])
    model = nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> float:
        loss = F.mse_loss(model(points), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return step


def op() -> Step:
    """A chain of OPS_IN_CHAIN products x * b, 16 elements each, forward and backward.

    Both inputs of every product want a gradient. Divide the time by OPS_IN_CHAIN.
    """
    start = torch.ones(16, requires_grad=True)
    b = torch.full((16,), 1.01, requires_grad=True)
    g = torch.ones(16)

    def step() -> None:
        x = start
        for _ in range(OPS_IN_CHAIN):
            x = x * b
        start.grad = b.grad = None
        x.backward(g)  # type: ignore[no-untyped-call]

    return step


def rate_at(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear up to the peak over the warm-up, then a cosine down to a tenth of it."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def held_out_loss(model: TorchGPT, data: Tensor, block_size: int) -> float:
    """Mean loss over every token of data but the first, in consecutive blocks."""
    total = 0.0
    whole = (len(data) - 1) // block_size * block_size
    x, y = data[:whole].view(-1, block_size), data[1 : whole + 1].view(-1, block_size)
    for rows in range(0, len(x), 64):
        loss = model(x[rows : rows + 64], y[rows : rows + 64])
        total += loss.item() * y[rows : rows + 64].numel()
    rest = len(data) - 1 - whole
    if rest:
        total += model(data[None, whole:-1], data[None, whole + 1 :]).item() * rest
    return total / (len(data) - 1)


def train_torch_gpt(
    text: str,
    steps: int = 2000,
    *,
    n_layer: int = 4,
    n_head: int = 4,
    n_embd: int = 128,
    block_size: int = 64,
    batch: int = 12,
    rate: float = 1e-3,
    warmup: int = 100,
    seed: int = 0,
) -> tuple[float, float]:
    """(loss over the whole held-out tenth, seconds) after training on the rest.

    Characters are the tokens; the seconds are the steps' alone, without evaluation.
    """
    characters = {character: i for i, character in enumerate(sorted(set(text)))}
    data = torch.tensor([characters[character] for character in text])
    split = int(len(data) * 0.9)
    train, held_out = data[:split], data[split:]
    model = TorchGPT(
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        block_size=block_size,
        vocab_size=len(characters),
        seed=seed,
    )
    optimizer = model.optimizer(rate)
    generator = np.random.default_rng(seed)
    windows = train.unfold(0, block_size + 1, 1)
    began = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps, rate, warmup)
        rows = torch.from_numpy(generator.integers(len(windows), size=batch))
        sampled = windows[rows]
        model.learn(optimizer, sampled[:, :-1], sampled[:, 1:])
    seconds = time.perf_counter() - began
    return held_out_loss(model, held_out, block_size), seconds


def default_corpus() -> str:
    """Python's own language reference: pydoc's topics, sorted by name."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))

"""tensorgrad's side of the benchmarks: the same steps as peer.py takes in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import nn
import tensorgrad as tg
from gpt import GPT, GPTConfig
from gpt.objective import objective
from nn import optim
from nn.evaluation import Objective
from nn.pair_batches import PairBatch
from nn.parts import backward_in_parts, threads_for
from nn.replay import generators
from nn.transformer import (
    Bert,
    BertConfig,
    BertForMaskedLM,
    Transformer,
    TransformerConfig,
    masking,
)
from nn.transformer.translation import objective as translation_objective

from . import toys
from .programs import (
    OPS_IN_CHAIN,
    blocks_of_tokens,
    images,
    masked_tokens,
    pairs_of_tokens,
    queries_keys_values,
)

Step = Callable[[], object]


def gpt_step(
    n_layer: int,
    n_head: int,
    n_embd: int,
    block_size: int,
    vocab_size: int,
    batch: int,
    bias: bool = False,
    dropout: float = 0.0,
) -> Step:
    """A training step of a GPT on one batch of random tokens; returns its loss."""
    tg.keep_freed_memory()
    config = GPTConfig(block_size, vocab_size, n_layer, n_head, n_embd, dropout, bias)
    model = GPT(config)
    optimizer = optim.AdamW(optim.decay_groups(model, 0.1), lr=1e-3, betas=(0.9, 0.99))
    x, y = blocks_of_tokens(vocab_size, batch, block_size)

    return training_step(model, optimizer, objective(model), (x, y))


def training_step(
    model: nn.Module, optimizer: optim.Optimizer, losses: Objective, batch: Any
) -> Step:
    """A step as nn's trainer takes it, on one batch again and again; its mean loss."""
    threads, rngs = threads_for(model, None), generators(model).values()
    parameters = list(model.parameters())

    def step() -> float:
        optimizer.zero_grad()
        outs = backward_in_parts(losses, batch, threads, rngs)
        loss, count = sum(out.item() for out, _ in outs), sum(n for _, n in outs)
        norm = optim.grad_norm(parameters) / count
        optimizer.step(grad_scale=optim.clip_scale(norm, 1.0) / count)
        return loss / count

    return step


def encoder_decoder_step(
    n_layer: int, n_head: int, d_model: int, d_ff: int, vocab_size: int
) -> Step:
    """A training step of a Transformer on one batch of padded pairs; its mean loss.

    The paper's model and dropout, with the final norms that PyTorch adds.
    """
    tg.keep_freed_memory()
    config = TransformerConfig(
        d_model,
        n_head,
        d_ff,
        n_encoder=n_layer,
        n_decoder=n_layer,
        vocab_size=vocab_size,
        max_length=32,
        final_norm=True,
    )
    model = Transformer(config)
    optimizer = optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0
    )
    batch = PairBatch(*pairs_of_tokens(vocab_size))
    return training_step(model, optimizer, translation_objective(model, 0.1), batch)


def bert_step(
    n_layer: int, n_head: int, d_model: int, vocab_size: int, batch: int, T: int
) -> Step:
    """A training step of a BERT on one batch of hidden tokens; its mean loss."""
    tg.keep_freed_memory()
    config = BertConfig(
        d_model,
        n_head,
        4 * d_model,
        n_layer=n_layer,
        vocab_size=vocab_size,
        max_length=T,
        pooler=False,
    )
    model = BertForMaskedLM(Bert(config))
    optimizer = optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    tokens, places, hidden = masked_tokens(vocab_size, batch, T)
    targets = np.full(tokens.shape, nn.losses.IGNORED)
    targets[places] = hidden
    return training_step(model, optimizer, masking.objective(model), (tokens, targets))


def mlp_step() -> Step:
    """A step of SGD: a 2-16-16-1 tanh MLP, mean squared error on 100 points."""
    generator = np.random.default_rng(0)
    points = generator.normal(size=(100, 2)).astype(np.float32)
    labels = np.sign(points[:, :1] * points[:, 1:])
    model = nn.Sequential(
        nn.Linear(2, 16, rng=generator),
        tg.tanh,
        nn.Linear(16, 16, rng=generator),
        tg.tanh,
        nn.Linear(16, 1, rng=generator),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    points, labels = tg.Tensor(points), tg.Tensor(labels)

    def step() -> float:
        loss = nn.losses.mse_loss(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def op() -> Step:
    """A chain of OPS_IN_CHAIN products x * b, 16 elements each, forward and backward.

    Both inputs of every product want a gradient. Divide the time by OPS_IN_CHAIN.
    """
    start = tg.Tensor(np.ones(16, np.float32), requires_grad=True)
    b = tg.Tensor(np.full(16, 1.01, np.float32), requires_grad=True)
    g = np.ones(16, np.float32)

    def step() -> None:
        x = start
        for _ in range(OPS_IN_CHAIN):
            x = x * b
        start.grad = b.grad = None
        x.backward(g)

    return step


def convolutions_step(batch: int) -> Step:
    """A step of SGD: two convolutions, each pooled, and a linear layer on images.

    In as many threads as nn's trainer takes.
    """
    tg.keep_freed_memory()
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10, rng=rng),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    threads = threads_for(model, None)

    def losses(batch: Any) -> tuple[tg.Tensor, int]:
        pixels, classes = batch
        loss = nn.losses.cross_entropy(model(pixels), classes, reduction="sum")
        return loss, len(classes)

    pixels, classes = images(batch)

    def step() -> float:
        optimizer.zero_grad()
        outs = backward_in_parts(losses, (pixels, classes), threads)
        optimizer.step(grad_scale=1 / batch)
        return sum(out.item() for out, _ in outs) / batch

    return step


def attention(T: int) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Causal attention alone: forward, and backward from what that returns."""
    *arrays, g = queries_keys_values(T)
    inputs = [tg.Tensor(array, requires_grad=True) for array in arrays]

    def forward() -> Any:
        return tg.attention(*inputs, causal=True)

    def backward(out: Any) -> None:
        out.backward(g)
        for x in inputs:
            x.grad = None

    return forward, backward


def attention_step(T: int) -> Step:
    forward, backward = attention(T)
    return lambda: backward(forward())


STEPS: dict[str, Callable[..., Any]] = {
    "op": op,
    "mlp": mlp_step,
    "gpt": gpt_step,
    "encoder-decoder": encoder_decoder_step,
    "bert": bert_step,
    "convolutions": convolutions_step,
    "attention": attention_step,
    "toy": partial(toys.toy_step, toys.ours),
}

"""tensorgrad's side of the benchmarks: the same steps as peer.py takes in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nn
import tensorgrad as tg
from gpt import GPT, GPTConfig
from gpt.objective import objective
from nn import optim
from nn.pair_batches import PairBatch
from nn.parts import backward_in_parts, threads_for
from nn.replay import generators
from nn.transformer import Transformer, TransformerConfig
from nn.transformer.translation import objective as translation_objective

from .pairs import pairs_of_tokens

Step = Callable[[], object]

OPS_IN_CHAIN = 50


def gpt_step(
    n_layer: int,
    n_head: int,
    n_embd: int,
    block_size: int,
    vocab_size: int,
    batch: int,
) -> Step:
    """A training step of a GPT on one batch of random tokens; returns its loss."""
    tg.keep_freed_memory()
    config = GPTConfig(block_size, vocab_size, n_layer, n_head, n_embd, bias=False)
    model = GPT(config)
    optimizer = optim.AdamW(optim.decay_groups(model, 0.1), lr=1e-3, betas=(0.9, 0.99))
    tokens = np.random.default_rng(0).integers(vocab_size, size=(batch, block_size + 1))
    x, y = tokens[:, :-1], tokens[:, 1:]

    losses, threads = objective(model), threads_for(model, None)

    def step() -> float:
        optimizer.zero_grad()
        outs = backward_in_parts(losses, (x, y), threads)
        loss, count = sum(out.item() for out, _ in outs), y.size
        norm = optim.grad_norm(model.parameters()) / count
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
    losses, threads = translation_objective(model, 0.1), threads_for(model, None)
    batch = PairBatch(*pairs_of_tokens(vocab_size))
    rngs = generators(model).values()

    def step() -> float:
        optimizer.zero_grad()
        outs = backward_in_parts(losses, batch, threads, rngs)
        loss, count = (sum(column) for column in zip(*outs, strict=True))
        norm = optim.grad_norm(model.parameters()) / count
        optimizer.step(grad_scale=optim.clip_scale(norm, 1.0) / count)
        return loss.item() / count

    return step


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

"""PyTorch's side of the benchmarks: the same steps, as fast as eager mode goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import toys
from .peer_gpt import gpt_step
from .peer_transformer import bert_step, encoder_decoder_step
from .programs import OPS_IN_CHAIN, images, queries_keys_values

Step = Callable[[], object]


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


def convolutions_step(batch: int) -> Step:
    """A step of SGD: two convolutions, each pooled, and a linear layer on images."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    pixels, classes = map(torch.from_numpy, images(batch))

    def step() -> float:
        loss = F.cross_entropy(model(pixels), classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return step


def attention(T: int) -> tuple[Callable[[], Tensor], Callable[[Tensor], None]]:
    """Causal attention alone: forward, and backward from what that returns."""
    *inputs, g = [torch.from_numpy(array) for array in queries_keys_values(T)]
    for x in inputs:
        x.requires_grad_()

    def forward() -> Tensor:
        return F.scaled_dot_product_attention(*inputs, is_causal=True)

    def backward(out: Tensor) -> None:
        out.backward(g)  # type: ignore[no-untyped-call]
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
    "toy": partial(toys.toy_step, toys.peer),
}

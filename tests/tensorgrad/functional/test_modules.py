"""Checkpoints and derivatives of nn's modules: parameters, dropout, tied weights."""

from typing import Any

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad import Tensor, no_grad
from tensorgrad.errors import GraphError, MutationError
from tensorgrad.functional import checkpoint, grad, hvp


class Block(nn.Module):
    """x + dropout(tanh(norm(x) W + b))"""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.norm = nn.LayerNorm(size)
        self.linear = nn.Linear(size, size, rng=rng)
        self.dropout = nn.Dropout(0.5, rng=rng)

    def forward(self, x: Any) -> Any:
        return x + self.dropout(tg.tanh(self.linear(self.norm(x))))


def build() -> tuple[nn.ModuleList, Tensor]:
    rng = np.random.default_rng(0)
    blocks = nn.ModuleList([Block(4, rng) for _ in range(3)])
    blocks.to(np.float64)
    x = Tensor(rng.normal(size=(5, 4)), requires_grad=True)
    return blocks, x


def step(checkpointed: bool, times: int = 1) -> list[Any]:
    """Loss, gradients and the next random number after a step through all blocks."""
    blocks, x = build()
    y = x
    for block in blocks:
        for _ in range(times):
            y = checkpoint(block, y) if checkpointed else block(y)
    loss = (y * y).sum()
    loss.backward()
    grads = [p.grad.data for p in blocks.parameters()]
    return [loss.item(), x.grad.data, *grads, blocks[0].dropout.rng.random()]


def test_a_step_with_dropout_is_the_same_bit_for_bit() -> None:
    for a, b in zip(step(False), step(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_module_twice() -> None:
    for a, b in zip(step(False, times=2), step(True, times=2), strict=True):
        np.testing.assert_array_equal(a, b)


def test_all_blocks_in_one_checkpoint_and_each_in_its_own() -> None:
    def through(y: Any, blocks: Any) -> Any:
        for block in blocks:
            y = checkpoint(block, y)
        return y

    blocks, x = build()
    loss = (checkpoint(through, x, blocks) ** 2).sum()
    loss.backward()
    expected = step(False)
    assert loss.item() == expected[0]
    np.testing.assert_array_equal(x.grad.data, expected[1])


def test_second_order_through_a_module() -> None:
    found = []
    for run in (lambda f, x: f(x), checkpoint):
        blocks, x = build()

        def f(x: Any, run: Any = run, blocks: Any = blocks) -> Any:
            return (run(blocks[0], x) ** 2).sum()

        # the dropout mask of each run comes from the same state
        slope = grad(f)(x)
        (slope * slope).sum().backward()
        found.append([slope.data, *[p.grad.data for p in blocks[0].parameters()]])
        blocks[0].dropout.set_rng(7)
        found[-1] += [hvp(f, x.detach(), x.detach()).data]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)  # sums in another order


def test_steps_and_modes_between_forward_and_backward() -> None:
    blocks, x = build()
    y = checkpoint(blocks[0], x)
    blocks.eval()
    with pytest.raises(GraphError, match="other values"):
        y.sum().backward()
    y = checkpoint(blocks[0], x)
    with no_grad():
        blocks[0].linear.bias += 1.0
    with pytest.raises(MutationError):
        y.sum().backward()
    y = checkpoint(blocks[0], x)
    blocks.to(np.float32)
    with pytest.raises(MutationError):
        y.sum().backward()


def test_tied_parameters_are_summed() -> None:
    linear = nn.Linear(3, 3, rng=0)
    x = np.ones((2, 3), np.float32)

    def loss(run: Any) -> Any:
        return run(lambda x: linear(tg.tanh(linear(x))), tg.Tensor(x)).sum()

    loss(lambda f, x: f(x)).backward()
    expected = linear.weight.grad.data
    linear.zero_grad()
    loss(checkpoint).backward()
    np.testing.assert_array_equal(linear.weight.grad.data, expected)


def test_gradients_by_inputs_leave_parameters_alone() -> None:
    blocks, x = build()
    blocks.eval()
    with no_grad():
        found = grad(lambda x: blocks[0](x).sum())(x.data)
    assert type(found) is np.ndarray
    assert all(p.grad is None for p in blocks.parameters())

"""Batches in parts: cut by rows, with the masks of the whole batch."""

from contextvars import ContextVar
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from nn import BatchNorm1d, Dropout, Linear, Module, MultiHeadAttention, Sequential
from nn.parts import Threads, backward_in_parts, split, threads_for
from nn.replay import generators
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError
from tensorgrad.functional import checkpoint


class Pair(NamedTuple):
    x: Any
    y: Any


X = np.arange(30.0).reshape(10, 3)


@given(st.integers(1, 12), st.integers(0, 10))
def test_the_parts_are_the_batch(n: int, B: int) -> None:
    x, y = X[:B], np.arange(B)
    for batch in (x, (x, y), [x, y], {"x": x, "y": y}, Pair(x, y), Tensor(x)):
        parts = split(batch, Threads(n))
        assert len(parts) == max(1, min(n, B))
        assert all(type(part) is type(batch) for _, part in parts)
        if len(parts) == 1:
            assert parts[0] == (None, batch) or parts[0][1] is batch
            continue
        firsts = [np.asarray(first(part)) for _, part in parts]
        np.testing.assert_array_equal(np.concatenate(firsts), x)
        assert [(r.start, r.stop) for r, _ in parts if r] == [
            (int(p[0, 0]) // 3, int(p[-1, 0]) // 3 + 1) for p in firsts
        ]


def first(part: Any) -> Any:
    if isinstance(part, dict):
        return part["x"]
    return part[0] if isinstance(part, tuple | list) else part


@pytest.mark.parametrize(
    "batch", [(X, X[:3]), (X, 1), "text", None, (), X[0, 0], [X[0], X]], ids=str
)
def test_what_has_no_rows_stays_whole(batch: Any) -> None:
    [(rows, whole)] = split(batch, Threads(2))
    assert rows is None
    assert whole is batch


class Net(Module):
    """Dropout on channels, on attention's weights, and inside a checkpoint."""

    def __init__(self, p: float, recompute: bool) -> None:
        rng = np.random.default_rng(0)
        self.attention = MultiHeadAttention(4, 2, dropout=p, rng=rng)
        self.drop = Dropout(p, rng=rng)
        self.out = Sequential(Linear(4, 4, rng=1), Dropout(p, rng=3), tg.tanh)
        self.recompute = recompute
        self.to(np.float64)

    def forward(self, x: Any) -> Any:
        x = self.drop(self.attention(x, causal=True))
        return checkpoint(self.out, x) if self.recompute else self.out(x)


@given(st.integers(1, 5), st.integers(1, 7), st.sampled_from([0.0, 0.4]), st.booleans())
def test_a_step_is_the_same_in_any_number_of_parts(
    threads: int, B: int, p: float, recompute: bool
) -> None:
    x = np.random.default_rng(1).normal(size=(B, 3, 4))
    found = []
    for n in (1, threads):
        model = Net(p, recompute)
        rngs = generators(model).values()

        def losses(batch: Any, model: Module = model) -> Any:
            y = model(Tensor(batch))
            return (y * y).sum(), len(batch)

        outs = backward_in_parts(losses, x, Threads(n), rngs)
        grads = [q.grad.data for q in model.parameters()]
        total, count = sum(o[0].item() for o in outs), sum(o[1] for o in outs)
        after = [rng.random() for rng in rngs]
        found.append((grads, total, count, after))
    (grads, total, count, after), (parted, sum_of_parts, counted, then) = found
    for one, other in zip(grads, parted, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-12)
    assert sum_of_parts == pytest.approx(total, rel=1e-12)
    assert (counted, then) == (count, after)


GENERATORS = [
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
]


@pytest.mark.parametrize("kind", GENERATORS)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(1, 4))
def test_the_parts_masks_are_the_batchs(kind: Any, B: int, size: int, n: int) -> None:
    x, found = np.zeros((B, size)), []
    whole, rng = np.random.Generator(kind(0)), np.random.Generator(kind(0))
    expected = [Dropout(0.5, rng=whole)(x + 1) for _ in range(2)]

    def losses(part: Any) -> Any:
        found.append([Dropout(0.5, rng=rng)(part[0] + 1) for _ in range(2)])
        return Tensor(0.0, requires_grad=True), 1

    # one after the other, so that they are found in order
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tensorgrad.parallel._inside", ContextVar("a", default=True))
        backward_in_parts(losses, (x, np.zeros((B, 1))), Threads(n), [rng])
    for parts, mask in zip(zip(*found, strict=True), expected, strict=True):
        np.testing.assert_array_equal(np.concatenate([p.data for p in parts]), mask)
    assert rng.random() == whole.random()


def test_parts_draw_from_where_the_step_began() -> None:
    rng, masks = np.random.default_rng(0), []

    def losses(part: Any) -> Any:
        rng.random()  # from the Generator that the parts share, not from a copy
        masks.append(Dropout(0.5, rng=rng)(part[0] + 1).data)
        return Tensor(0.0, requires_grad=True), 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tensorgrad.parallel._inside", ContextVar("a", default=True))
        backward_in_parts(losses, (X, X), Threads(2), [rng])
    expected = Dropout(0.5, rng=0)(X + 1)
    np.testing.assert_array_equal(np.concatenate(masks), expected)


def test_a_generator_that_nobody_draws_from_stays_as_it_is() -> None:
    used, unused = np.random.default_rng(0), np.random.default_rng(0)

    def losses(part: Any) -> Any:
        return Dropout(0.5, rng=used)(Tensor(part, requires_grad=True)).sum(), 1

    backward_in_parts(losses, X, Threads(2), [used, unused])
    assert unused.random() == np.random.default_rng(0).random() != used.random()


def test_a_batch_norm_keeps_the_batch_whole() -> None:
    model = Sequential(Linear(2, 2), BatchNorm1d(2))
    assert threads_for(model, None) == threads_for(model, 1) == Threads(1)
    with pytest.raises(ConfigError, match="threads=2: a batch norm"):
        threads_for(model, 2)
    assert threads_for(Linear(2, 2), 3) == Threads(3)


@pytest.mark.parametrize(
    ("processors", "limits", "expected"),
    [(1, True, 1), (2, True, 2), (4, True, 4), (64, True, 1), (2, False, 1)],
)
def test_threads_are_as_many_as_pay(
    processors: int, limits: bool, expected: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr("nn.parts.processors", lambda: processors)
    monkeypatch.setattr("nn.parts.can_limit_blas", lambda: limits)
    assert threads_for(Linear(2, 2), None).most == expected


@pytest.mark.parametrize(
    ("channels", "B", "parts"),
    [(128, 12, 2), (128, 8, 2), (128, 4, 1), (128, 3, 1), (32, 32, 1), (768, 4, 1)],
)
def test_small_batches_stay_whole(
    channels: int, B: int, parts: int, monkeypatch: Any
) -> None:
    """A part has 256 tokens or more, and enough to do for the size of the model."""
    monkeypatch.setattr("nn.parts.processors", lambda: 2)
    monkeypatch.setattr("nn.parts.can_limit_blas", lambda: True)
    model = Linear(channels, 4 * 12 * channels, rng=0)  # four blocks have as many
    tokens = np.zeros((B, 64), int)
    assert len(split((tokens, tokens), threads_for(model, None))) == parts

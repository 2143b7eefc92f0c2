"""SGD, Adam, AdamW and clipping against PyTorch's, step for step."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Embedding, LayerNorm, Linear, Module, Parameter
from nn import optim as ours
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.7, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.5}),
    ("AdamW", {"lr": 0.1, "betas": (0.0, 0.0)}),
]


@pytest.mark.parametrize("shape", [(3, 4), (), (0,), (150, 120)])
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_many_steps_are_pytorchs(
    name: str, settings: dict[str, Any], shape: Any
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start = rng.standard_normal(shape)
    p = Parameter(start)
    q = torch.tensor(start, requires_grad=True)
    mine = getattr(ours, name)([p], **settings)
    theirs = getattr(torch.optim, name)([q], **settings)
    for step in range(60):
        g = np.asarray(rng.standard_normal(shape))
        p.grad, q.grad = Tensor(g), torch.tensor(g)
        if step == 30:
            mine.lr = settings["lr"] / 3
            theirs.param_groups[0]["lr"] = settings["lr"] / 3
        mine.step()
        theirs.step()
    np.testing.assert_allclose(p.data, q.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_scaling_in_the_step_is_scaling_the_gradient(
    name: str, settings: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    p, q = (Parameter(np.ones((4, 3))) for _ in range(2))
    first, second = (getattr(ours, name)([x], **settings) for x in (p, q))
    for _ in range(5):
        g = rng.standard_normal((4, 3))
        p.grad, q.grad = Tensor(g), Tensor(g * 0.25)
        first.step(grad_scale=0.25)
        second.step()
    np.testing.assert_allclose(p.data, q.data, rtol=1e-13)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_float32_stays_float32_and_near_float64(
    name: str, settings: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    p, q = Parameter(np.ones(5, np.float32)), Parameter(np.ones(5))
    first, second = (getattr(ours, name)([x], **settings) for x in (p, q))
    for _ in range(20):
        g = rng.standard_normal(5).astype(np.float32)
        p.grad, q.grad = Tensor(g), Tensor(g.astype(np.float64))
        first.step()
        second.step()
    assert p.dtype == np.float32
    assert all(a.dtype == np.float32 for a in first.state_dict()[0].values())
    np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)


SHAPES = st.lists(
    st.sampled_from([(), (0,), (3,), (2, 3), (130, 130)]), min_size=1, max_size=5
)


@given(SHAPES, st.sampled_from([ours.Adam, ours.AdamW]), st.data())
def test_parameters_are_updated_as_if_each_were_alone(
    shapes: Any, kind: Any, data: Any
) -> None:
    """Small ones side by side, whatever their dtypes, and which have gradients when."""
    dtypes = [data.draw(st.sampled_from(["f4", "f8"])) for _ in shapes]
    pairs = [*zip(shapes, dtypes, strict=True)]
    together, alone = (
        [Parameter(np.full(shape, 0.5, dtype)) for shape, dtype in pairs]
        for _ in range(2)
    )
    settings = {"lr": 0.1, "weight_decay": 0.2}
    optimizers = [kind(together, **settings), *[kind([p], **settings) for p in alone]]
    rng = np.random.default_rng(0)
    for _ in range(3):
        for p, q in zip(together, alone, strict=True):
            g = Tensor(rng.standard_normal(p.shape).astype(p.dtype))
            p.grad = q.grad = g if data.draw(st.booleans()) else None
        for optimizer in optimizers:
            optimizer.step(0.5)
    for p, q in zip(together, alone, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_array_equal(p.data, q.data)


class Tied(Module):
    def __init__(self) -> None:
        self.table = Embedding(3, 3, rng=0)
        self.norm = LayerNorm(3)
        self.head = Linear(3, 3, rng=0)
        self.head.weight = self.table.weight

    def forward(self, tokens: Any) -> Any:
        return self.head(self.norm(self.table(tokens)))


def test_matrices_decay_and_a_tied_one_once() -> None:
    net = Tied()
    groups = ours.decay_groups(net, 0.1)
    names = [[name for name, _ in group["params"]] for group in groups]
    assert names == [["table.weight"], ["norm.weight", "norm.bias", "head.bias"]]
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    optimizer = ours.AdamW(groups, lr=1.0)
    before = {name: p.data for name, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = Tensor(np.zeros(p.shape, np.float32))
    optimizer.step()
    for name, p in net.named_parameters():
        factor = np.float32(0.9 if name == "table.weight" else 1.0)
        np.testing.assert_allclose(p.data, before[name] * factor, rtol=1e-6)
    assert len(optimizer.state_dict()[1]["steps"]) == 4


def test_a_model_with_a_tied_weight_trains() -> None:
    net = Tied()
    optimizer = ours.AdamW(ours.decay_groups(net, 0.1), lr=0.05)
    losses = []
    for _ in range(30):
        loss = (net([0, 1, 2]) - Tensor(np.eye(3, dtype=np.float32))).sum()
        loss = loss * loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(ours.clip_scale(ours.grad_norm(net.parameters()), 1.0))
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert net.head.weight is net.table.weight


# --- clipping


def graded(*gradients: Any) -> list[Parameter]:
    parameters = []
    for g in gradients:
        p = Parameter(np.zeros(np.shape(g), np.asarray(g).dtype))
        p.grad = Tensor(np.asarray(g))
        parameters.append(p)
    return parameters


@given(st.integers(0, 99), st.floats(1e-3, 1e3))
def test_clipping_is_pytorchs(seed: int, max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    gradients = [rng.standard_normal(shape) for shape in ((3, 4), (5,), (), (0, 2))]
    parameters = graded(*gradients)
    theirs = [torch.zeros(np.shape(g), dtype=torch.float64) for g in gradients]
    for q, g in zip(theirs, gradients, strict=True):
        q.grad = torch.tensor(g)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    scale = ours.clip_scale(ours.grad_norm(parameters), max_norm)
    norm = ours.clip_grad_norm(parameters, max_norm)
    assert norm == pytest.approx(float(expected), rel=1e-12)
    for p, q, g in zip(parameters, theirs, gradients, strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad, rtol=1e-12)
        np.testing.assert_allclose(p.grad.data, g * scale, rtol=1e-12)


def test_the_norm_is_summed_in_float64_and_in_pieces() -> None:
    big = np.full(200_000, 1e25, np.float32)  # the square is no float32
    tiny = np.full((300, 400), 1e-25, np.float32).T
    assert ours.grad_norm(graded(big)) == pytest.approx(
        float(np.float32(1e25)) * math.sqrt(200_000), rel=1e-12
    )
    assert ours.grad_norm(graded(tiny)) == pytest.approx(
        float(np.float32(1e-25)) * math.sqrt(120_000), rel=1e-12
    )


def test_a_tied_parameter_and_one_without_a_gradient_count_as_they_should() -> None:
    (p,) = graded([3.0, 4.0])
    assert ours.grad_norm([p, p, Parameter([1.0])]) == 5.0
    ours.clip_grad_norm(iter([p, p]), 1.0)
    np.testing.assert_allclose(p.grad.data, np.array([0.6, 0.8]), rtol=1e-6)
    assert ours.grad_norm([]) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_reported_and_nothing_written(bad: float) -> None:
    parameters = graded(np.array([1.0, bad], np.float32), np.array([2.0]))
    norm = ours.clip_grad_norm(parameters, 1.0)
    assert not math.isfinite(norm)
    assert math.isnan(norm) == math.isnan(bad)
    np.testing.assert_array_equal(parameters[0].grad.data, [1.0, bad])
    assert parameters[1].grad.tolist() == [2.0]


def test_clipping_writes_to_no_one_elses_array() -> None:
    (p,) = graded([3.0, 4.0])
    held = p.grad.data
    ours.clip_grad_norm([p], 1.0)
    assert held.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan, math.inf])
def test_the_largest_norm_is_above_zero(max_norm: float) -> None:
    with pytest.raises(ConfigError, match="max_norm"):
        ours.clip_grad_norm(graded([1.0]), max_norm)

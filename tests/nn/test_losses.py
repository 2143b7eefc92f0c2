"""Losses against PyTorch's, in values and derivatives, and at their edges."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn import losses
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError

REDUCTIONS = ["mean", "sum", "none"]
TIGHT = {"rtol": 1e-10, "atol": 1e-12}  # float64, sums in another order


def check(loss: Any, theirs: Any, data: np.ndarray, seed: int) -> None:
    """Equal values and gradients, for a random weight of each element of the loss."""
    torch = pytest.importorskip("torch")
    x, tx = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    out, tout = loss(x), theirs(torch, tx)
    weight = np.random.default_rng(seed).standard_normal(out.shape)
    out.backward(weight)
    tout.backward(torch.tensor(weight))
    np.testing.assert_allclose(out.data, tout.detach(), **TIGHT)
    np.testing.assert_allclose(x.grad.data, tx.grad, **TIGHT)


@given(
    st.integers(1, 5),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from(REDUCTIONS),
    st.integers(0, 99),
)
def test_cross_entropy_is_pytorchs(
    n: int, v: int, e: float, how: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data, targets = 3 * rng.standard_normal((n, v)), rng.integers(0, v, n)
    targets[1:][rng.random(n - 1) < 0.3] = -100
    check(
        lambda x: losses.cross_entropy(x, targets, label_smoothing=e, reduction=how),
        lambda torch, x: torch.nn.functional.cross_entropy(
            x, torch.tensor(targets), label_smoothing=e, reduction=how
        ),
        data,
        seed,
    )


def test_cross_entropy_takes_any_leading_axes_and_any_index_to_ignore() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((2, 3, 5)), rng.integers(1, 5, (2, 3))
    targets[0, 0] = 0
    loss = losses.cross_entropy(logits, Tensor(targets), ignore_index=0)
    flat = losses.cross_entropy(logits.reshape(6, 5)[1:], targets.reshape(6)[1:])
    np.testing.assert_allclose(loss, flat, rtol=1e-14)


def test_a_batch_with_nothing_to_predict_has_no_loss_and_no_gradient() -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    loss = losses.cross_entropy(x, np.array([-100, -100]))
    loss.backward()
    assert loss.item() == 0
    assert (x.grad.data == 0).all()
    assert losses.mse_loss(Tensor(np.ones((0, 2))), np.ones((0, 2))).item() == 0


@given(st.sampled_from(REDUCTIONS), st.integers(0, 99))
def test_regression_losses_are_pytorchs(how: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, target = rng.standard_normal((2, 3, 4))
    data[0, 0] = target[0, 0]
    for name in ("mse_loss", "l1_loss"):
        check(
            lambda x, name=name: getattr(losses, name)(x, target, reduction=how),
            lambda torch, x, name=name: getattr(torch.nn.functional, name)(
                x, torch.tensor(target), reduction=how
            ),
            data,
            seed,
        )


@given(st.sampled_from(REDUCTIONS), st.integers(0, 99))
def test_binary_cross_entropy_is_pytorchs(how: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, targets = 20 * rng.standard_normal((3, 4)), rng.random((3, 4)).round(1)
    data[0] = [0.0, 800.0, -800.0, 0.0]
    check(
        lambda x: losses.binary_cross_entropy_with_logits(x, targets, reduction=how),
        lambda torch, x: torch.nn.functional.binary_cross_entropy_with_logits(
            x, torch.tensor(targets), reduction=how
        ),
        data,
        seed,
    )


def test_binary_cross_entropy_has_every_derivative_at_zero() -> None:
    x = Tensor(np.zeros(1), requires_grad=True)
    loss = losses.binary_cross_entropy_with_logits(x, np.ones(1))
    first = tg.grad(loss, x, create_graph=True)
    second = tg.grad(first.sum(), x, create_graph=True)
    third = tg.grad(second.sum(), x)
    values = [first.item(), second.item(), third.item()]
    np.testing.assert_allclose(values, [-0.5, 0.25, 0.0], atol=1e-15)


def test_losses_stay_in_float32() -> None:
    x = Tensor([[0.5, 1.0]])
    for how in REDUCTIONS:
        for loss in (
            losses.mse_loss(x, np.ones((1, 2)), reduction=how),
            losses.l1_loss(x, [[1, 2]], reduction=how),
            losses.binary_cross_entropy_with_logits(x, [[0, 1]], reduction=how),
            losses.cross_entropy(x, [1], reduction=how),
        ):
            assert loss.dtype == np.float32


def test_what_would_broadcast_or_is_unknown_is_refused() -> None:
    x = Tensor(np.zeros((3, 1)))
    for name in ("mse_loss", "l1_loss", "binary_cross_entropy_with_logits"):
        with pytest.raises(ShapeError, match=f"{name}.*one shape"):
            getattr(losses, name)(x, np.zeros(3))
        with pytest.raises(ConfigError, match="reduction='average'"):
            getattr(losses, name)(x, np.zeros((3, 1)), reduction="average")
    with pytest.raises(ConfigError, match=r"label_smoothing=1\.5"):
        losses.cross_entropy(x, np.zeros(3, int), label_smoothing=1.5)

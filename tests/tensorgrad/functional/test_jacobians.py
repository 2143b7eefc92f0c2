"""jacobian and hessian: shapes, trees, modes, nesting."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, no_grad
from tensorgrad.errors import ConfigError
from tensorgrad.functional import grad, hessian, jacobian
from tests.tensorgrad.checks import leaf

MODES = [None, "reverse", "forward"]
every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
@pytest.mark.parametrize("x_shape", [(), (3,), (2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("y_shape", [(), (2,), (2, 1), (0, 2)])
def test_the_shape_is_that_of_f_and_that_of_x(
    x_shape: tuple[int, ...], y_shape: tuple[int, ...], mode: str | None
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=y_shape + x_shape)
    x = np.asarray(rng.normal(size=x_shape))

    def f(x: Any) -> Any:
        axes = tuple(range(len(y_shape), weights.ndim))
        return (weights * tg.sin(x)).sum(axis=axes)

    found = jacobian(f, mode=mode)(x)
    np.testing.assert_allclose(found, weights * np.cos(x), strict=True)
    assert found.flags.owndata


@every_mode
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_dtypes_and_kinds(mode: str | None, dtype: str) -> None:
    x = np.array([1.0, 2.0], dtype)
    found = jacobian(lambda x: x * x, mode=mode)(x)
    assert found.dtype == dtype
    found = jacobian(lambda x: x * x, mode=mode)(Tensor(x))
    assert isinstance(found, Tensor)
    assert not found.requires_grad
    mixed = jacobian(lambda x: x.astype("f8") * np.ones(2), mode=mode)(x)
    assert mixed.dtype == dtype  # that of what it is by, as a gradient's
    tracked = Tensor(x, requires_grad=True)
    mixed = jacobian(lambda x: (x * x).astype("f8") * np.ones(2), mode=mode)(tracked)
    assert mixed.dtype == dtype
    mixed.sum().backward()
    assert tracked.grad.tolist() == [2, 2]


@every_mode
def test_trees_of_results_of_trees_of_inputs(mode: str | None) -> None:
    def f(p: Any, y: Any) -> Any:
        return {"out": p["w"] * y, "parts": (p["b"], [np.ones(2), p["w"].sum()])}

    p = {"w": np.array([1.0, 2.0]), "b": 3.0}
    found = jacobian(f, (0, 1), mode=mode)(p, 5.0)
    (by_p, by_y) = found["out"]
    assert by_p["w"].tolist() == [[5, 0], [0, 5]]
    assert by_p["b"].tolist() == [0, 0]
    assert by_y.tolist() == [1, 2]
    b, (constant, total) = found["parts"]
    assert b[0]["b"] == 1
    assert constant[0]["w"].tolist() == [[0, 0], [0, 0]]
    assert total[0]["w"].tolist() == [1, 1]
    alone = jacobian(f, mode=mode)(p, 5.0)
    assert alone["out"]["w"].tolist() == [[5, 0], [0, 5]]


def test_no_inputs_and_no_results() -> None:
    assert jacobian(lambda x: (x, [x]), argnums=())(1.0) == ((), [()])
    assert jacobian(lambda x: [])(1.0) == []
    assert jacobian(lambda x: None)(1.0) is None


def test_f_is_called_once_whatever_the_mode() -> None:
    for mode in MODES:
        calls = []
        jacobian(lambda x, calls=calls: calls.append(1) or x * x, mode=mode)(np.ones(3))
        assert len(calls) == 1


def test_the_mode_with_fewer_passes_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    for name in ("by_rows", "by_columns"):
        original = getattr(tg.functional.jacobians, name)

        def noted(*args: Any, name: str = name, original: Any = original) -> Any:
            chosen.append(name)
            return original(*args)

        monkeypatch.setattr(tg.functional.jacobians, name, noted)
    jacobian(lambda x: x.sum())(np.ones(5))
    jacobian(lambda x: x * np.ones(5))(1.0)
    jacobian(lambda x: x)(np.ones(5))
    assert chosen == ["by_rows", "by_columns", "by_rows"]


def test_an_unknown_mode_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="mode='backward'"):
        jacobian(lambda x: x, mode="backward")


@every_mode
def test_jacobians_are_tracked_where_someone_can_differentiate_them(
    mode: str | None,
) -> None:
    w = leaf(2.0)

    def f(x: Any) -> Any:
        return x * x * w, x + w, np.ones(2)

    first, second, third = jacobian(f, mode=mode)(np.array([1.0, 3.0]))
    assert first.requires_grad
    assert type(second) is np.ndarray  # does not depend on w
    assert third.tolist() == [[0, 0], [0, 0]]
    first.sum().backward()
    assert w.grad.item() == 8
    with no_grad():
        assert type(jacobian(f, mode=mode)(1.0)[0]) is np.ndarray


def test_determinants_inside_derivatives() -> None:
    """d/dx log |det J(x)|, the change of variables of a flow."""

    def flow(x: Any) -> Any:
        return x * x * x + 0.5 * x.sum()

    def log_volume(x: Any) -> Any:
        J = jacobian(flow)(x)
        return tg.log(J[0, 0] * J[1, 1] - J[0, 1] * J[1, 0])

    a, b = 1.0, 2.0
    # J = [[3 a^2 + 1/2, 1/2], [1/2, 3 b^2 + 1/2]]
    det = (3 * a * a + 0.5) * (3 * b * b + 0.5) - 0.25
    expected = [6 * a * (3 * b * b + 0.5) / det, 6 * b * (3 * a * a + 0.5) / det]
    np.testing.assert_allclose(grad(log_volume)(np.array([a, b])), expected)


def test_hessians_of_arrays_and_trees() -> None:
    x = np.array([[1.0, 2.0]])
    found = hessian(lambda x: x * x * x)(x)
    assert found.shape == (1, 2, 1, 2, 1, 2)
    assert found[0, 1, 0, 1, 0, 1] == 12
    assert np.count_nonzero(found) == 2
    found = hessian(lambda p: p["a"] * p["a"] * p["b"])({"a": 2.0, "b": 3.0})
    assert found["a"]["a"] == 6
    assert found["a"]["b"] == found["b"]["a"] == 4
    assert found["b"]["b"] == 0


def test_the_hessian_of_a_linear_function_is_zero() -> None:
    for f in (lambda x: x.sum(), lambda x: 3.0, lambda x: x[0] * 2.0 + 1.0):
        np.testing.assert_array_equal(hessian(f)(np.ones(2)), np.zeros((2, 2)))


def test_hessians_of_closed_over_parameters_are_tracked() -> None:
    w = leaf(3.0)
    found = hessian(lambda x: (x * x * x * w).sum())(np.array([1.0, 2.0]))
    found.sum().backward()
    assert w.grad.item() == 18

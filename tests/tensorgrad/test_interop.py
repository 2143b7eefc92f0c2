"""NumPy meets Tensors: functions, operators, arrays out, DLPack."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import GraphError, MutationError
from tensorgrad.testing import assert_gradients

X = np.random.default_rng(0).uniform(0.3, 2.0, size=(2, 3))
A = np.random.default_rng(1).uniform(0.3, 2.0, size=(2, 3))

# Each is called with a Tensor and with the array it holds.
FUNCTIONS = {
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "sqrt": lambda x: np.sqrt(x),
    "sin": lambda x: np.sin(x) + np.cos(x) + np.tanh(x),
    "abs": lambda x: np.abs(x - 1.0) + np.absolute(x),
    "negative": lambda x: np.negative(x),
    "add": lambda x: np.add(x, A) + np.subtract(A, x),
    "multiply": lambda x: np.multiply(x, 2.0) / np.divide(1.0, x),
    "power": lambda x: np.power(x, 2) + np.power(2.0, x) + np.power(x, A),
    "maximum": lambda x: np.maximum(x, A) * np.minimum(x, 1.0),
    "matmul": lambda x: np.matmul(x, A.T),
    "sum": lambda x: np.sum(x, 0),
    "sum, named": lambda x: np.sum(x, axis=1, keepdims=True),
    "sum, all named": lambda x: np.sum(a=x, axis=(0, 1)),
    "mean": lambda x: np.mean(x, -1),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "max": lambda x: np.max(x, axis=0) + np.amax(x),
    "min": lambda x: np.min(x, 1, keepdims=True) + np.amin(x),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "reshape, -1": lambda x: np.reshape(x, -1, order="C"),
    "transpose": lambda x: np.transpose(x),
    "transpose, axes": lambda x: np.transpose(x, [1, 0]),
    "permute_dims": lambda x: np.permute_dims(x, axes=(1, 0)),
    "matrix_transpose": lambda x: np.matrix_transpose(x),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:1], axis=0) + np.squeeze(x[:1], 0),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)) * 1.0,
    "concatenate": lambda x: np.concatenate([x, A, x]),
    "concatenate, axis": lambda x: np.concatenate((A, x), axis=-1),
    "concatenate, position": lambda x: np.concatenate((A, x), 1),
    "concatenate, of one array": lambda x: np.concatenate(x),
    "concat": lambda x: np.concat([x, A]),
    "stack": lambda x: np.stack([x, A], 1),
    "stack, named": lambda x: np.stack(arrays=(A, x), axis=-1),
    "stack, of one array": lambda x: np.stack(x),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "split, position": lambda x: np.split(x, [1], 1)[1],
    "pad": lambda x: np.pad(x, 1),
    "pad, named": lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=3.0),
    "pad, mode": lambda x: np.pad(x, 1, "constant", constant_values=2.0),
    "where": lambda x: np.where(A > 1.0, x, 0.0) + np.where(A > 1.0, A, x),
    "where, compared": lambda x: np.where(np.greater(x, 1.0), x, A),
    "clip": lambda x: np.clip(x, 0.7, 1.3),
    "clip, named": lambda x: np.clip(x, a_min=0.7, a_max=None),
    "clip, min": lambda x: np.clip(x, min=0.7, max=1.3),
    "take": lambda x: np.take(x, [0, 0, 2], axis=1),
    "take, position": lambda x: np.take(x, [[1, 5]]) * np.take(x, [1, 1], 1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(A, 1), 1),
    "take_along_axis, named": lambda x: np.take_along_axis(x, np.argsort(A, 0), axis=0),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, A),
    "dot": lambda x: np.dot(x, A.T) @ np.inner(x, A),
    "outer": lambda x: np.outer(x[0], A) + np.tensordot(x, A, ([0, 1], [0, 1])),
    "square": lambda x: np.square(x) + np.reciprocal(x) + np.cbrt(x) + np.hypot(x, A),
    "logarithms": lambda x: np.log1p(x) + np.log2(x) + np.log10(x) + np.logaddexp(x, A),
    "exponentials": lambda x: np.expm1(x) + np.exp2(x) + np.sinc(x),
    "angles": lambda x: np.arctan2(x, A) + np.arctan(x) + np.tan(x / 2),
    "hyperbolic": lambda x: np.sinh(x) * np.arcsinh(x) + np.arccosh(x + 1.0),
    "remainders": lambda x: np.fmod(x, 0.6) + np.remainder(A, x) + np.mod(x, 0.7),
    "rounded": lambda x: x * np.floor(x) + np.round(x, 1) * x + np.trunc(x) * x,
    "prod": lambda x: np.prod(x, 1) + np.std(x, axis=1, ddof=1) + np.median(x, 1),
    "cumsum": lambda x: np.cumsum(x, 1) * np.cumprod(x, axis=0),
    "sort": lambda x: np.sort(x, 0) + np.sort(x, axis=-1) + np.diff(x, 1, 0),
    "triangles": lambda x: np.tril(x, 1) + np.triu(x, k=-1) + np.trace(x),
    "trace": lambda x: np.linalg.trace(x[None] * A) + np.trace(x[None] + A[0, 0]).sum(),
    "diagonal": lambda x: np.diag(np.diagonal(x, 1)) * np.linalg.diagonal(x)[0],
    "moved": lambda x: np.moveaxis(np.swapaxes(x, 0, 1), 0, -1) + np.flip(x, 1),
    "tiled": lambda x: np.tile(x, (2, 1)) * np.repeat(x, 2, axis=0),
    "rolled": lambda x: np.roll(x, 1) + np.roll(x, (1, 2), axis=(0, 1)),
    "joined": lambda x: np.vstack([x, A]) @ np.hstack((x, A)).T[:3],
    "norm": lambda x: np.linalg.norm(x, 3, 1) + np.linalg.norm(x),
    "inverse": lambda x: np.linalg.inv(x @ A.T) @ np.linalg.matrix_power(x @ A.T, 2),
    "solve": lambda x: np.linalg.solve(x @ A.T, x) * np.linalg.det(x @ x.T),
    "slogdet": lambda x: np.linalg.slogdet(x @ x.T)[1] + np.linalg.slogdet(x @ x.T)[0],
    "cholesky": lambda x: np.linalg.cholesky(x @ x.T) + np.linalg.eigvalsh(x @ x.T),
    "svd": lambda x: np.linalg.svd(x, full_matrices=False)[1] + np.linalg.qr(x.T)[1],
    "astype": lambda x: np.astype(x, np.float64),
    "array first": lambda x: (A + x) * (A - x) / (A * x) + A @ x.T @ A + A**x,
    "scalar first": lambda x: (
        np.float64(2) * x - np.float64(1) / x + np.float64(2) ** x
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpys_functions_are_ops(name: str) -> None:
    function = FUNCTIONS[name]
    out = function(Tensor(X))
    assert isinstance(out, Tensor)
    np.testing.assert_allclose(out.data, function(X), rtol=1e-12)
    assert_gradients(function, X)


COMPARISONS = {
    "less": lambda x: (x < A) | (x > A),
    "equal": lambda x: (x == A) | np.equal(x, x),
    "not_equal": lambda x: (x != A) & np.not_equal(x, A),
    "greater": lambda x: np.logical_and(x >= A, np.logical_not(x > 1.0)),
    "bitwise": lambda x: (A > 1.0) & (x > 1.0) | np.invert(x > 1.0),
    "np.logical_or": lambda x: np.logical_or(x > 1.0, A > 1.0),
    "zeros_like": lambda x: np.zeros_like(x),
    "sign": lambda x: np.sign(x - 1.0),
    "argmax": lambda x: np.argmax(x, 1) + np.argmin(x, axis=1),
    "argsort": lambda x: np.argsort(x, 0),
    "isnan": lambda x: np.isnan(x) | np.isinf(x) | ~np.isfinite(x),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_what_has_no_gradient_is_still_numpys(name: str) -> None:
    found = COMPARISONS[name](Tensor(X))
    assert isinstance(found, Tensor)
    expected = COMPARISONS[name](X)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


def test_shapes() -> None:
    x = Tensor(X, requires_grad=True)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)
    assert np.ndim(a=x) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.divmod(x, 2.0),
        lambda x: np.copy(x),
        lambda x: np.percentile(x, 50),
        lambda x: np.fft.fft(x),
        lambda x: np.linalg.eigvals(x[:, :2]),
        lambda x: np.sort(x, kind="stable"),
        lambda x: np.median(x, overwrite_input=True),
        lambda x: np.allclose(x, X),
        lambda x: np.where(x > 1.0),
        lambda x: np.size(x, 0),
        lambda x: np.sum(x, dtype=np.float32),
        lambda x: np.sum(x, initial=1.0),
        lambda x: np.sum(x, where=A > 1.0),
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.clip(x, 0, 1, out=np.zeros((2, 3))),
        lambda x: np.clip(A, x, 9.0),
        lambda x: np.reshape(x, (3, 2), order="F"),
        lambda x: np.pad(x, 1, mode="reflect"),
        lambda x: np.take(x, [0], mode="wrap"),
        lambda x: np.stack([x, x], dtype=np.float32),
        lambda x: np.add(x, 1.0, where=A > 1.0),
        lambda x: np.add(x, 1.0, dtype=np.float32),
        lambda x: np.add.reduce(x),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.einsum("ij->j", x, optimize=True),
    ],
)
@pytest.mark.parametrize("tracked", [False, True])
def test_what_has_no_op_is_refused_not_guessed(call: Any, tracked: bool) -> None:
    with pytest.raises(TypeError):
        call(Tensor(X, requires_grad=tracked))


def test_messages_name_the_function_and_the_option() -> None:
    x = Tensor(X)
    for call, message in [
        (lambda: np.modf(x), r"numpy\.modf has no op for Tensors; use"),
        (lambda: np.add.reduce(x), r"numpy\.add\.reduce has no op"),
        (lambda: np.add(x, 1, dtype="f4"), r"numpy\.add with dtype has no op"),
        (lambda: np.convolve(x, x), r"numpy\.convolve has no op"),
        (lambda: np.sum(x, dtype="f4"), r"numpy\.sum on Tensors has no option 'dtype'"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


@pytest.mark.parametrize("tracked", [False, True])
def test_an_array_is_never_written_to_by_a_tensor(tracked: bool) -> None:
    x, a = Tensor(X, requires_grad=tracked), A.copy()
    with pytest.raises(MutationError, match=r"a = a \+ t"):
        a += x
    with pytest.raises(MutationError):
        np.multiply(x, 2.0, out=a)
    np.testing.assert_array_equal(a, A)
    if tracked:
        with pytest.raises(GraphError):
            a[...] = x
    else:
        a[...] = x
        np.testing.assert_array_equal(a, X)


# --- arrays out


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.array,
        lambda x: np.array([x, x]),
        lambda x: np.array([x[0, 0], x[0, 1]]),
        lambda x: np.sum([x, x]),
        lambda x: np.full(2, x[0, 0]),
        lambda x: np.testing.assert_allclose(x, X),
        lambda x: A[x],
        np.from_dlpack,
        memoryview,
    ],
)
def test_what_is_tracked_does_not_become_an_array(convert: Any) -> None:
    for x in (Tensor(X, requires_grad=True), Tensor(X, requires_grad=True) * 1.0):
        with pytest.raises((GraphError, TypeError, IndexError)):
            convert(x)


def test_untracked_tensors_become_arrays() -> None:
    x = Tensor(X)
    np.testing.assert_array_equal(np.asarray(x), X)
    assert np.shares_memory(np.asarray(x), x._data)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 1
    copied = np.array(x)
    copied[0] = 1
    np.testing.assert_array_equal(x.data, X)
    assert np.asarray(x, dtype="f4").dtype == np.float32
    assert np.shares_memory(np.array(x, copy=False), x._data)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(x, dtype="f4", copy=False)
    np.testing.assert_array_equal(np.arange(9)[Tensor([1, 1])], [1, 1])
    np.testing.assert_array_equal(X[Tensor(X > 1.0)], X[X > 1.0])


def test_dlpack_lends_memory() -> None:
    x = Tensor(X)
    lent = np.from_dlpack(x)
    assert np.shares_memory(lent, x._data)
    x[0, 0] = 9.0  # somebody else sees the memory: the write goes to a copy
    np.testing.assert_array_equal(lent, X)
    assert x.__dlpack_device__() == X.__dlpack_device__()


def test_dlpack_into_torch_and_back() -> None:
    torch = pytest.importorskip("torch")
    x = Tensor(X)
    lent = torch.from_dlpack(x)
    np.testing.assert_array_equal(lent.numpy(), X)
    x *= 2.0
    x[0] = 7.0
    np.testing.assert_array_equal(lent.numpy(), X)
    np.testing.assert_array_equal(Tensor(np.from_dlpack(lent)).data, X)


# --- numbers out


def test_formats() -> None:
    loss = Tensor(np.float64(1.23456), requires_grad=True) * 1.0
    assert f"{loss:.3f}" == "1.235"
    assert f"{Tensor([[3]]):03d}" == "003"
    assert f"{loss}" == repr(loss)
    with pytest.raises(ValueError, match="one element"):
        f"{Tensor([1.0, 2.0]):.3f}"


def test_every_op_is_a_function_of_the_package() -> None:
    assert set(tg.ops.__all__) <= set(tg.__all__)
    for name in tg.ops.__all__:
        assert getattr(tg, name).__doc__, name
        assert ">>>" in getattr(tg, name).__doc__, name


def test_power_has_no_options_either() -> None:
    x = Tensor([1.0, 2.0])
    for call in (
        lambda: np.power.outer(x, [1, 2]),
        lambda: np.power(x, 2, where=[True]),
    ):
        with pytest.raises(TypeError, match="power"):
            call()


def test_what_hides_its_signature_is_given_what_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Older versions of NumPy have none for what they have written in C."""

    def refuse(function: Any) -> Any:
        raise ValueError("no signature found")

    x = Tensor([[1.0, 2.0]])
    calls = [
        lambda: np.concatenate([x, x], 1),
        lambda: np.concatenate((x, x), axis=1),
        lambda: np.where(np.array([True, False]), x, 0.0),
    ]
    expected = [call().tolist() for call in calls]
    monkeypatch.setattr("tensorgrad.interop.inspect.signature", refuse)
    assert [call().tolist() for call in calls] == expected
    with pytest.raises(TypeError, match="'out'"):
        np.concatenate([x, x], 1, np.zeros((1, 4)))

"""Tensor: making, reading, writing, and the methods, each beside NumPy's own."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad, no_grad
from tensorgrad.errors import (
    DtypeError,
    GraphError,
    MutationError,
    ShapeError,
)
from tensorgrad.testing import assert_gradients
from tests.tensorgrad.checks import vector

# --- every public name, by the row that covers it

# A method, and the same on an array; both get x of shape (2, 3).
METHODS: dict[str, Any] = {
    "exp": (lambda x: x.exp(), np.exp),
    "log": (lambda x: x.log(), np.log),
    "sqrt": (lambda x: x.sqrt(), np.sqrt),
    "sin": (lambda x: x.sin(), np.sin),
    "cos": (lambda x: x.cos(), np.cos),
    "tanh": (lambda x: x.tanh(), np.tanh),
    "sigmoid": (lambda x: x.sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    "relu": (lambda x: (x - 1.0).relu(), lambda x: np.maximum(x - 1, 0)),
    "abs": (lambda x: (x - 1.0).abs(), lambda x: np.abs(x - 1)),
    "sum": (lambda x: x.sum(0), lambda x: x.sum(0)),
    "mean": (lambda x: x.mean(1, True), lambda x: x.mean(1, keepdims=True)),
    "var": (lambda x: x.var(0, 1), lambda x: x.var(0, ddof=1)),
    "max": (lambda x: x.max(-1), lambda x: x.max(-1)),
    "min": (lambda x: x.min((0, 1)), lambda x: x.min()),
    "argmax": (lambda x: x.argmax(1), lambda x: x.argmax(1)),
    "all": (lambda x: (x > 0.5).all(1), lambda x: (x > 0.5).all(1)),
    "any": (lambda x: (x > 1.5).any(0), lambda x: (x > 1.5).any(0)),
    "std": (lambda x: x.std(0, 1), lambda x: x.std(0, ddof=1)),
    "prod": (lambda x: x.prod(-1, True), lambda x: x.prod(-1, keepdims=True)),
    "cumsum": (lambda x: x.cumsum(1), lambda x: x.cumsum(1)),
    "cumprod": (lambda x: x.cumprod(), lambda x: x.cumprod()),
    "argmin": (lambda x: x.argmin(1), lambda x: x.argmin(1)),
    "argsort": (lambda x: x.argsort(0), lambda x: x.argsort(0)),
    "round": (lambda x: x.round(1), lambda x: x.round(1)),
    "ravel": (lambda x: x.ravel(), np.ravel),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1)),
    "repeat": (lambda x: x.repeat(2, 1), lambda x: x.repeat(2, 1)),
    "diagonal": (lambda x: x.diagonal(1), lambda x: x.diagonal(1)),
    "trace": (lambda x: x.trace(), lambda x: x.trace()),
    "dot": (lambda x: x.dot(x.T), lambda x: x.dot(x.T)),
    "softmax": (lambda x: x.softmax(0), lambda x: np.exp(x) / np.exp(x).sum(0)),
    "log_softmax": (
        lambda x: x.log_softmax(),
        lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    ),
    "logsumexp": (lambda x: x.logsumexp(), lambda x: np.log(np.exp(x).sum())),
    "clip": (lambda x: x.clip(0.7, 1.2), lambda x: x.clip(0.7, 1.2)),
    "reshape": (lambda x: x.reshape(3, -1), lambda x: x.reshape(3, -1)),
    "transpose": (lambda x: x.transpose(1, 0), lambda x: x.transpose(1, 0)),
    "squeeze": (lambda x: x[:1].squeeze(0), lambda x: x[0]),
    "flatten": (lambda x: x.flatten(), np.ravel),
    "take": (lambda x: x.take([0, 2, 0], 1), lambda x: x.take([0, 2, 0], 1)),
    "astype": (lambda x: x.astype("f8"), lambda x: x),
    "copy": (lambda x: x.copy(), lambda x: x),
    "T": (lambda x: x.T, lambda x: x.T),
    "mT": (lambda x: x[None].mT, lambda x: x.T[None]),
    "+": (lambda x: +(2.0 + x + x), lambda x: 2 + x + x),
    "-": (lambda x: 1.0 - x - (-x) - x * x, lambda x: 1 - x * x),
    "*": (lambda x: 2.0 * x * x, lambda x: 2 * x * x),
    "/": (lambda x: 1.0 / x / (x + 1.0), lambda x: 1 / x / (x + 1)),
    "//": (lambda x: 7.0 // x + x // 0.7, lambda x: 7 // x + x // 0.7),
    "round()": (lambda x: round(x) + round(x, 1), lambda x: x.round() + x.round(1)),
    "%": (lambda x: 7.0 % x + x % 0.7, lambda x: 7 % x + x % 0.7),
    "**": (lambda x: 2.0**x + x**2 + x**x, lambda x: 2.0**x + x**2 + x**x),
    "@": (lambda x: [[1.0, 2.0]] @ (x @ x.T), lambda x: [[1.0, 2.0]] @ (x @ x.T)),
    "abs()": (lambda x: abs(x - 1.0), lambda x: abs(x - 1)),
    "[]": (lambda x: x[:, [0, 0]] * x[1, 2], lambda x: x[:, [0, 0]] * x[1, 2]),
    "<": (lambda x: (x < 1.0) | (x <= 0.5) | (x > 1.5), lambda x: (x < 1) | (x > 1.5)),
    ">": (lambda x: (x > 1.0) & ~(x >= 1.5), lambda x: (x > 1) & (x < 1.5)),
    "==": (lambda x: (x == x[0]) & (x != 0.0), lambda x: x == x[0]),
    "|": (lambda x: False | (True & (x > 1.0)), lambda x: x > 1),
}
# The rest of what is public, by the test below that covers it.
ATTRIBUTES = {
    "data": "test_what_is_read_is_read_only",
    "numpy": "test_what_is_read_is_read_only",
    "shape ndim size dtype nbytes": "test_attributes_are_numpys",
    "item tolist": "test_numbers_come_out",
    "requires_grad requires_grad_ is_leaf": "test_requires_grad",
    "grad zero_grad backward": "test_grad_can_be_set_to_what_fits",
    "register_hook retain_grad": "test_hooks_and_retained_gradients_are_the_graphs",
    "detach": "test_detached_tensors_are_values",
    "writable": "test_writable_is_its_own_memory",
    "node": "test_requires_grad",
}


def test_every_public_name_is_covered() -> None:
    public = {name for name in dir(Tensor) if not name.startswith("_")}
    named = {name for names in ATTRIBUTES for name in names.split()}
    assert not public - METHODS.keys() - named
    assert all(test in globals() for test in ATTRIBUTES.values())


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_numpys(name: str) -> None:
    method, reference = METHODS[name]
    x = np.random.default_rng(0).uniform(0.3, 2.0, size=(2, 3))
    out = method(Tensor(x))
    assert isinstance(out, Tensor)
    np.testing.assert_allclose(out.data, reference(x), rtol=1e-12)
    if out.dtype.kind == "f":
        assert_gradients(method, x)
    else:
        assert not method(vector(*x[0]).reshape(1, 3)).requires_grad


# --- making


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "f4"),
        ([1.5, 2], "f4"),
        ([[1.0], [2.0]], "f4"),
        ((), "f4"),
        (3, "i8"),
        ([1, 2], "i8"),
        (True, "?"),
        (range(3), "i8"),
        (np.float64(1.5), "f8"),
        ([np.float64(1.5)], "f8"),
        (np.ones(2), "f8"),
        ([np.ones(2), np.ones(2)], "f8"),
        (np.ones(2, "f4"), "f4"),
        (np.ones(2, "f2"), "f2"),
        (np.ones(2, "u1"), "u1"),
        (Tensor(np.ones(2)), "f8"),
        ([Tensor([1.0]), Tensor([2.0])], "f4"),
    ],
    ids=repr,
)
def test_dtypes_of_new_tensors(data: Any, dtype: str) -> None:
    assert Tensor(data).dtype == dtype
    assert Tensor(data, dtype="f8").dtype == np.float64
    assert Tensor(data).shape == np.shape(data)


@pytest.mark.parametrize("data", [1j, "text", None, [None], object(), [[1.0], "a"]])
def test_what_is_no_number_is_refused(data: Any) -> None:
    with pytest.raises((DtypeError, ValueError)):
        Tensor(data)


@pytest.mark.parametrize("dtype", [complex, object, str])
def test_no_dtype_that_is_no_number(dtype: Any) -> None:
    with pytest.raises(DtypeError):
        Tensor([1, 2], dtype=dtype)


def test_ragged_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor([[1.0], [1.0, 2.0]])


def test_lists_of_tracked_tensors_say_to_stack_them() -> None:
    with pytest.raises(GraphError):
        Tensor([vector(1.0), vector(2.0)])
    with pytest.raises(GraphError):
        Tensor(vector(1.0) * 2.0)


def test_requires_grad() -> None:
    x = Tensor([1.0], requires_grad=True)
    assert x.requires_grad
    assert x.is_leaf
    assert x.node is not None
    y = x * 2.0
    assert y.requires_grad
    assert not y.is_leaf
    y.requires_grad = True  # it does already
    with pytest.raises(GraphError, match="detach"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    assert x.requires_grad_() is x
    assert x.requires_grad


@pytest.mark.parametrize("data", [1, [1, 2], True, np.zeros(2, "i4")])
def test_integers_have_no_gradients(data: Any) -> None:
    with pytest.raises(DtypeError, match="only floats"):
        Tensor(data, requires_grad=True)
    with pytest.raises(DtypeError, match="only floats"):
        Tensor(data).requires_grad = True


def test_casting_to_integers_ends_the_graph() -> None:
    x = vector(1.5, 2.5)
    assert not x.astype(int).requires_grad
    assert x.astype("f4").requires_grad
    assert grad(x.astype("f4").sum(), x).dtype == np.float64


# --- reading


def test_attributes_are_numpys() -> None:
    x, a = Tensor(np.ones((2, 3), "f4")), np.ones((2, 3), "f4")
    for name in ("shape", "ndim", "size", "dtype", "nbytes"):
        assert getattr(x, name) == getattr(a, name)


def test_numbers_come_out() -> None:
    assert type(Tensor([[1.5]]).item()) is float
    assert type(Tensor(2).item()) is int
    assert Tensor([[1, 2]]).tolist() == [[1, 2]]
    assert float(Tensor([1.5])) == 1.5
    assert int(Tensor(2.9)) == 2
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(ShapeError, match="one element"):
        Tensor([1.0, 2.0]).item()
    with pytest.raises(ShapeError):
        float(Tensor([1.0, 2.0]))
    with pytest.raises(TypeError):
        [10, 20][Tensor(1.0)]


def test_truth_length_and_identity() -> None:
    assert Tensor([2.0])
    assert not Tensor(0)
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(Tensor([1.0, 2.0]))
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(Tensor([]))
    assert len(Tensor([[1.0], [2.0]])) == 2
    with pytest.raises(TypeError):
        len(Tensor(1.0))
    x, y = Tensor([1.0]), Tensor([1.0])
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1


def test_iteration_gives_rows_that_are_tracked() -> None:
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    rows = list(x)
    assert [row.tolist() for row in rows] == [[0, 1], [2, 3], [4, 5]]
    (rows[0] * rows[2]).sum().backward()
    assert x.grad.tolist() == [[4, 5], [0, 0], [0, 1]]
    a, b = Tensor([1.0, 2.0])
    assert (a.item(), b.item()) == (1, 2)
    assert list(Tensor(np.zeros((0, 2)))) == []
    assert 2.0 in Tensor([1.0, 2.0])
    with pytest.raises(TypeError):
        iter(Tensor(1.0))


def test_what_is_read_is_read_only() -> None:
    x = vector(1.0, 2.0)
    for array in (x.data, x.numpy()):
        assert np.shares_memory(array, x._data)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    with pytest.raises(GraphError, match="detach"):
        (x * 1.0).numpy()
    assert (x * 1.0).data.tolist() == [1, 2]
    with pytest.raises(AttributeError):
        x.data = np.zeros(2)  # type: ignore[misc]


def test_detached_tensors_are_values() -> None:
    x = vector(1.0, 2.0)
    y = x.detach()
    assert not y.requires_grad
    assert np.shares_memory(x._data, y._data)
    y[0] = 5.0
    assert x.tolist() == [1, 2]
    with no_grad():
        x[1] = 7.0
    assert y.tolist() == [5, 2]


def test_copies() -> None:
    x = vector(1.0, 2.0)
    x.grad = Tensor(np.ones(2))
    for twin in (copy.copy(x), copy.deepcopy(x), copy.deepcopy([x, x])[1]):
        assert twin.is_leaf
        assert twin.requires_grad
        assert not np.shares_memory(twin._data, x._data)
    first, second = copy.deepcopy([x, x])
    assert first is second
    for function in (copy.copy, copy.deepcopy):
        with pytest.raises(GraphError, match="detach"):
            function(x * 2.0)
        assert not function(Tensor([1])).requires_grad
    y = x.copy()  # an op: gradients flow back
    assert not np.shares_memory(y._data, x._data)
    assert grad((y * y).sum(), x).tolist() == [2, 4]
    with no_grad():
        assert not x.copy().requires_grad


def test_no_pickling() -> None:
    for function in (pickle.dumps, lambda x: pickle.dumps([x], protocol=2)):
        with pytest.raises(TypeError, match="checkpoints"):
            function(vector(1.0))


def test_grad_can_be_set_to_what_fits() -> None:
    x = vector(1.0, 2.0)
    x.grad = Tensor(np.ones(2))
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [3, 3]
    x.zero_grad()
    assert x.grad is None
    for bad in (Tensor(np.ones(3)), Tensor(np.ones(2, "f4")), np.ones(2), 1.0):
        with pytest.raises(ShapeError):
            x.grad = bad  # type: ignore[assignment]


def test_hooks_and_retained_gradients_are_the_graphs() -> None:
    x = vector(1.0)
    y = x * 2.0
    y.retain_grad()
    x.register_hook(lambda g: g * 3.0)
    y.backward()
    assert (x.grad.item(), y.grad.item()) == (6, 1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Tensor([1.0, 2.0]), "Tensor([1., 2.], dtype=float32)"),
        (lambda: Tensor(np.float64(1.5)), "Tensor(1.5, dtype=float64)"),
        (lambda: Tensor([True]), "Tensor([ True], dtype=bool)"),
        (lambda: Tensor([]), "Tensor([], shape=(0,), dtype=float32)"),
        (lambda: vector(1.0), "Tensor([1.], dtype=float64, requires_grad=True)"),
        (lambda: vector(1.0) * 2.0, "Tensor([2.], dtype=float64, op=multiply)"),
        (
            lambda: Tensor(np.zeros((2, 0))),
            "Tensor([], shape=(2, 0), dtype=float64)",
        ),
        (
            lambda: Tensor([[1.0], [2.0]]),
            "Tensor([[1.],\n        [2.]], dtype=float32)",
        ),
        (
            lambda: Tensor(np.zeros(1000)),
            "Tensor([0., 0., 0., ..., 0., 0., 0.], shape=(1000,), dtype=float64)",
        ),
    ],
)
def test_repr(make: Any, text: str) -> None:
    assert repr(make()) == text


# --- writing: the right answer or an error


def test_a_write_never_shows_in_another_tensor_or_array() -> None:
    x = Tensor(np.arange(4.0))
    others = [x.detach(), x.reshape(2, 2), x[1:], x.T, *x, tg.squeeze(x)]
    arrays = [x.data, x.numpy(), np.asarray(x), memoryview(x.numpy())]
    before = [t.tolist() for t in others + arrays]
    x[:] = 9.0
    x *= 2.0
    x.writable()[:] = 7.0
    assert x.tolist() == [7] * 4
    assert [t.tolist() for t in others + arrays] == before


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.__setitem__(0, 9.0),
        lambda t: t.__iadd__(9.0),
        lambda t: t.__imul__(9.0),
        lambda t: t.writable().fill(9.0),
    ],
)
def test_a_write_never_shows_in_what_the_graph_saved(write: Any) -> None:
    x, constant = vector(1.0, 2.0), Tensor(np.array([3.0, 4.0]))
    hidden = x * x
    out = (hidden * hidden * constant).sum()  # saves hidden and constant
    write(constant)
    with no_grad():
        write(hidden)
        write(x)
    out.backward()
    assert x.grad.tolist() == [4 * 3, 4 * 8 * 4]


def test_a_write_alone_copies_nothing() -> None:
    x = Tensor(np.zeros(3))
    memory = x._data
    del memory
    before = x._data.__array_interface__["data"]
    x[0] = 1.0
    x.writable()[1] = 1.0
    assert x._data.__array_interface__["data"] == before


def test_writable_is_its_own_memory() -> None:
    x = Tensor(np.zeros(2))
    array = x.writable()
    array[0] = 1.0
    assert x.tolist() == [1, 0]
    x[1] = 2.0  # `array` is somebody's: the tensor moves on
    assert array.tolist() == [1, 0]
    assert x.tolist() == [1, 2]


def test_tracked_writes_are_differentiated() -> None:
    def function(x: Tensor, v: Tensor) -> Any:
        y = x * x
        y[0] = v * v
        y[1, :2] = y[0, 1:] * v[:2]
        y[:, 2] += 1.0
        y[[0, 0], [1, 1]] = v[:2]  # the second wins
        y[y.data > 2.0] = 0.5
        return tg.exp(y) * y

    rng = np.random.default_rng(0)
    assert_gradients(function, rng.normal(size=(2, 3)), rng.normal(size=3))


def test_a_constant_written_over_ends_the_gradient() -> None:
    x, v = vector(1.0, 2.0, 3.0), vector(4.0)
    y = x * 2.0
    y[0] = 5.0
    y[1] = v[0]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 2]
    assert v.grad.tolist() == [1]


def test_an_untracked_buffer_becomes_tracked() -> None:
    v = vector(1.0, 2.0)
    buffer = Tensor(np.zeros((2, 2)))
    buffer[1] = v * 3.0
    assert buffer.requires_grad
    buffer += 1.0
    (buffer * buffer).sum().backward()
    assert v.grad.tolist() == [2 * 4 * 3, 2 * 7 * 3]


def test_filling_a_tracked_buffer_row_by_row_copies_nothing() -> None:
    v = vector(1.0, 2.0)
    buffer = Tensor(np.zeros((8, 2)))
    before = buffer._data.__array_interface__["data"]
    for i in range(8):
        buffer[i] = v * float(i)
    assert buffer._data.__array_interface__["data"] == before
    buffer.sum().backward()
    assert v.grad.tolist() == [28, 28]


def test_reading_between_writes_keeps_what_was_read() -> None:
    v = vector(2.0)
    buffer = Tensor(np.ones(3))
    total: Any = 0.0
    for i in range(3):
        buffer[i] = v[0] * buffer[i]
        total = total + (buffer * buffer).sum()
    total.backward()
    assert total.item() == (4 + 1 + 1) + (4 + 4 + 1) + (4 + 4 + 4)
    assert v.grad.tolist() == [2 * 2 * (1 + 2 + 3)]


def test_a_value_that_is_a_view_of_the_target() -> None:
    x = Tensor(np.arange(4.0))
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2]
    y = vector(1.0, 2.0, 3.0) * 1.0
    y[:2] = y[1:]
    assert y.tolist() == [2, 3, 3]


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__setitem__(0, 9.0),
        lambda x: x.__iadd__(1.0),
        lambda x: x.__isub__(1.0),
        lambda x: x.__imul__(2.0),
        lambda x: x.__itruediv__(2.0),
    ],
)
def test_a_leaf_is_written_to_only_under_no_grad(write: Any) -> None:
    x = vector(1.0, 2.0)
    with pytest.raises(MutationError, match="no_grad"):
        write(x)
    assert x.tolist() == [1, 2]
    node = x.node
    with no_grad():
        write(x)
    assert x.node is node
    assert x.tolist() != [1, 2]
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_in_place_operators_rebind_and_keep_the_name() -> None:
    x = vector(1.0, 2.0)
    y = x * 2.0
    same = y
    y += x
    y -= 1.0
    y *= x
    y /= 2.0
    assert y is same
    np.testing.assert_allclose(grad(y.sum(), x).data, (6 * x.data - 1) / 2)
    other = Tensor([1.0])
    alias = other.detach()
    other += 1.0
    assert alias.item() == 1


def test_a_step_under_no_grad_keeps_the_graph() -> None:
    """As in PyTorch: the values move, the history stays."""
    x = vector(1.0, 2.0)
    y = x * 2.0
    with no_grad():
        y += 1.0
        y[0] = 9.0
    assert y.tolist() == [9, 5]
    (y * y).sum().backward()
    assert x.grad.tolist() == [36, 20]


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x[0].__setitem__(1, 9.0),
        lambda x: x.T.__setitem__(0, 9.0),
        lambda x: x.reshape(-1).__setitem__(0, 9.0),
        lambda x: next(iter(x)).__setitem__(0, 9.0),
    ],
)
def test_a_write_through_a_view_is_refused_with_a_hint(write: Any) -> None:
    for x in (Tensor(np.zeros((2, 2))), Tensor(np.zeros((2, 2)), requires_grad=True)):
        with pytest.raises(MutationError, match=r"x\[0, 1\] = v"):
            write(x)
        assert not x.data.any()


def test_a_view_of_nothing_else_can_be_written_to() -> None:
    x = Tensor(np.zeros(4)).reshape(2, 2)
    x[0, 1] = 1.0
    assert x.tolist() == [[0, 1], [0, 0]]
    y = x[0].copy()
    y[0] = 5.0
    assert x.tolist() == [[0, 1], [0, 0]]


def test_x_i_plus_equals_reaches_x() -> None:
    x = Tensor(np.zeros((2, 2)))
    x[0] += 1.0
    x[0, 1] *= 3.0
    assert x.tolist() == [[1, 3], [0, 0]]


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (lambda: Tensor([1, 2]).__setitem__(0, vector(1.5)), DtypeError),
        (lambda: Tensor([1, 2]).__iadd__(1.5), ShapeError),
        (lambda: Tensor([1.0]).__iadd__(np.ones(3)), ShapeError),
        (lambda: Tensor([1.0]).__iadd__(np.ones(1)), ShapeError),
        (lambda: Tensor([1.0]).__setitem__(3, 1.0), IndexError),
        (lambda: Tensor([1.0]).__setitem__(0, [1.0, 2.0]), ValueError),
    ],
)
def test_writes_that_do_not_fit(write: Any, error: Any) -> None:
    with pytest.raises(error):
        write()


def test_a_narrower_buffer_casts_and_so_does_its_gradient() -> None:
    v = vector(1.0, 2.0)
    buffer = Tensor(np.zeros(2, "f4"))
    buffer[:] = v
    assert buffer.dtype == np.float32
    buffer.sum().backward()
    assert v.grad.dtype == np.float64

"""Laws that every op obeys, whatever it computes; and the kinks, each by its rule."""

import math
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tensorgrad.errors import ShapeError
from tensorgrad.testing import assert_gradients
from tensorgrad.testing.domains import DOMAINS
from tensorgrad.testing.domains.activations import ACTIVATIONS
from tensorgrad.testing.domains.elementwise import ELEMENTWISE
from tensorgrad.testing.domains.exponential import EXPONENTIALS
from tensorgrad.testing.domains.trigonometric import TRIGONOMETRIC
from tensorgrad.testing.problem import Problem, differentiable
from tests.tensorgrad.checks import leaves, listed, slopes, total

OPS = sorted(set(tg.ops.__all__) | {op.name for op in REGISTRY.values()})
SMOOTH = [name for name in OPS if name in DOMAINS and DOMAINS[name].smooth]


every_op = pytest.mark.parametrize("name", [name for name in OPS if name in DOMAINS])
every_smooth_op = pytest.mark.parametrize("name", SMOOTH)


def run(name: str, inputs: Any, settings: Any) -> Any:
    """The op of that name; einsum takes its subscripts first."""
    if name == "einsum":
        return tg.einsum(settings["subscripts"], *inputs)
    return getattr(tg, name)(*inputs, **settings)


def drawn(data: Any, name: str) -> Any:
    """A case from the op's domain: the op as a function of arrays alone, and arrays."""
    inputs, settings = data.draw(DOMAINS[name].cases)

    def function(*xs: Any) -> Any:
        return run(name, xs, settings)

    function.__name__ = f"{name} with {settings}"
    return function, inputs, settings


def test_every_op_has_a_domain() -> None:
    assert not set(OPS) - DOMAINS.keys()


@every_op
@given(data=st.data())
def test_value_is_the_definitions(name: str, data: Any) -> None:
    function, inputs, settings = drawn(data, name)
    untracked = [Tensor(x) if differentiable(x) else x for x in inputs]
    for array, tensor, leaf, value in zip(
        listed(function(*inputs)),
        listed(function(*untracked)),
        listed(function(*leaves(inputs))),
        listed(DOMAINS[name].value(*inputs, **settings)),
        strict=True,
    ):
        np.testing.assert_allclose(array, value, rtol=1e-12, atol=1e-12)
        assert np.shape(array) == np.shape(value)
        assert not isinstance(array, Tensor)
        if any(map(differentiable, inputs)):
            assert isinstance(tensor, Tensor)
            np.testing.assert_array_equal(array, tensor.data)
            np.testing.assert_array_equal(array, leaf.data)


@every_smooth_op
@settings(max_examples=settings.default.max_examples * 2 // 5)  # three orders each
@given(data=st.data())
def test_derivatives_to_third_order(name: str, data: Any) -> None:
    function, inputs, _ = drawn(data, name)
    assert_gradients(function, *inputs, order=3)


@every_smooth_op
@given(data=st.data())
def test_a_gradient_has_its_inputs_dtype(name: str, data: Any) -> None:
    function, inputs, _ = drawn(data, name)
    places = [i for i, x in enumerate(inputs) if differentiable(x)]
    exact = slopes(function, inputs)
    for narrow in {tuple(places), tuple(places[:1]), tuple(places[1:])}:
        xs = [x.astype("f4") if i in narrow else x for i, x in enumerate(inputs)]
        found = slopes(function, xs)
        for i, one, other in zip(places, found, exact, strict=True):
            assert one.dtype == xs[i].dtype
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)


@every_smooth_op
@given(data=st.data())
def test_only_what_is_tracked_gets_a_gradient(name: str, data: Any) -> None:
    function, inputs, _ = drawn(data, name)
    exact = slopes(function, inputs)
    places = [i for i, x in enumerate(inputs) if differentiable(x)]
    for n, i in enumerate(places):
        xs = [Tensor(x) if differentiable(x) else x for x in inputs]
        xs[i].requires_grad = True
        total(function(*xs)).backward()
        np.testing.assert_allclose(xs[i].grad.data, exact[n], rtol=1e-9, atol=1e-9)
        assert all(xs[j].grad is None for j in places if j != i)


EDGES = {
    1: [((),), ((0,),), ((2, 0, 1),), ((1,),)],
    2: [
        ((), ()),
        ((), (2, 3)),
        ((0,), ()),
        ((0, 3), (1,)),
        ((2, 0), (1, 1)),
        ((2, 1), (3,)),
        ((1, 1), (2, 2)),
    ],
}
INTERVALS = dict.fromkeys(("arcsin", "arccos", "arctanh"), (0.3, 0.9))
INTERVALS["arccosh"] = (1.2, 2.0)
BY_ELEMENT = {*ELEMENTWISE, *EXPONENTIALS, *TRIGONOMETRIC, *ACTIVATIONS}
SIMPLE = [
    (name, edge)
    for name in SMOOTH
    if name in BY_ELEMENT and not REGISTRY[name].settings
    for edge in EDGES.get(len(REGISTRY[name].inputs), ())
]


@pytest.mark.parametrize(("name", "shapes"), SIMPLE)
def test_scalars_empty_arrays_and_broadcasting(name: str, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    interval = INTERVALS.get(name, (0.3, 2.0))
    inputs = [rng.uniform(*interval, size=shape) for shape in shapes]
    out = getattr(tg, name)(*leaves(inputs))
    assert out.shape == np.broadcast_shapes(*shapes)
    for x, g in zip(inputs, slopes(getattr(tg, name), inputs), strict=True):
        assert g.shape == x.shape
    assert_gradients(getattr(tg, name), *inputs, order=2)


FUSED = [name for name in SMOOTH if getattr(REGISTRY.get(name), "definition", None)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_a_kernel_equals_its_definition(name: str, dtype: str, data: Any) -> None:
    function, inputs, settings = drawn(data, name)
    definition = REGISTRY[name].definition
    assert definition is not None
    inputs = [x.astype(dtype) if differentiable(x) else x for x in inputs]
    tolerance = 2e-3 if dtype == "float32" else 1e-8
    ours = Problem(function, inputs, seed=0)
    defined = Problem(lambda *xs: definition(*xs, **settings), inputs, seed=0)
    values = [p.outputs(p.tensors())[0].data for p in (ours, defined)]
    np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
    assert values[0].dtype == dtype
    for p in (ours, defined):
        p.total(p.outputs(p.tensors()))  # draws the weights, the same for both
    for order in (1, 2):
        both = zip(ours.gradient(order), defined.gradient(order), strict=True)
        for one, other in both:
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
            assert one.dtype == dtype


# --- the same tensor in several places

SAME_TWICE = {
    "multiply": lambda x: x * x,
    "divide": lambda x: x / (x * x + 1.0),
    "power": lambda x: tg.power(x * x + 1.0, x),
    "matmul": lambda x: x @ x,
    "linear": lambda x: tg.linear(x, x, x[0]),
    "einsum": lambda x: tg.einsum("ij,jk,kl->il", x, x, x),
    "concatenate": lambda x: tg.concatenate([x, x * x, x], axis=1) ** 2,
    "setitem": lambda x: tg.setitem(x, x[0], key=1) * x,
    "layer_norm": lambda x: tg.layer_norm(x, x[0], x[1]),
    "attention": lambda x: tg.attention(x, x, x),
    "attention, causal": lambda x: tg.attention(x, x * x, x, causal=True),
}


@pytest.mark.parametrize("function", SAME_TWICE.values(), ids=SAME_TWICE)
def test_one_tensor_in_several_places(function: Any) -> None:
    assert_gradients(function, np.random.default_rng(3).normal(size=(3, 3)), order=3)


def test_an_input_may_depend_on_another() -> None:
    def function(x: Tensor) -> Any:
        weight = tg.sin(x[0])
        return tg.layer_norm(x * weight, weight, weight * weight)

    assert_gradients(function, np.random.default_rng(4).normal(size=(2, 3)), order=3)


# --- kinks


def slope(function: Any, *values: Any) -> list[Any]:
    """The gradients of sum(function(...)) at the values."""
    xs = [Tensor(np.asarray(v, float), requires_grad=True) for v in values]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # 1 / 0 is part of the subject
        function(*xs).sum().backward()
    return [x.grad.tolist() if x.grad is not None else None for x in xs]


inf, nan = float("inf"), float("nan")
KINKS = [
    (tg.relu, [[-1, 0, 2]], [[0, 0, 1]]),
    (tg.absolute, [[-1, 0, 2]], [[-1, 0, 1]]),
    (tg.sign, [[-1, 0, 2]], [[0, 0, 0]]),
    (tg.sqrt, [[0, 4]], [[inf, 0.25]]),
    (tg.maximum, [[1, 2, 3], [3, 2, 1]], [[0, 0.5, 1], [1, 0.5, 0]]),
    (tg.minimum, [[1, 2, 3], [3, 2, 1]], [[1, 0.5, 0], [0, 0.5, 1]]),
    (tg.max, [[5, 1, 5, 5, 5]], [[0.25, 0, 0.25, 0.25, 0.25]]),
    (tg.min, [[1, 5, 1]], [[0.5, 0, 0.5]]),
    (lambda x: tg.max(x, axis=0), [[[1, 2], [1, 3]]], [[[0.5, 0], [0.5, 1]]]),
    (lambda x: tg.clip(x, min=0, max=1), [[-1, 0, 0.5, 1, 2]], [[0, 1, 1, 1, 0]]),
    (lambda x: tg.clip(x, min=0), [[-1, 0, 9]], [[0, 1, 1]]),
    (lambda x: tg.clip(x, max=0), [[-1, 0, 9]], [[1, 1, 0]]),
    # The logarithm of what is not positive, as PyTorch has it.
    (tg.power, [[0, 0, 0], [2, 1, 0]], [[0, 1, 0], [0, 0, 0]]),
    (tg.power, [[-2, -2], [3, 2]], [[12, -4], [nan, nan]]),
    (tg.power, [[0], [-1]], [[-inf], [-inf]]),
    (lambda x: x**2, [[0, -3]], [[0, -6]]),
    (lambda x: x**0, [[0, -3]], [[0, 0]]),
    (lambda x: x**0.5, [[0]], [[inf]]),
    (lambda x: x**-1, [[-2]], [[-0.25]]),
]


@pytest.mark.parametrize(("function", "values", "expected"), KINKS)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    for found, wanted in zip(slope(function, *values), expected, strict=True):
        np.testing.assert_allclose(found, wanted)


def nth(function: Any, n: int, x: float) -> float:
    """The nth derivative of a function of one number."""
    point = Tensor(np.float64(x), requires_grad=True)
    y = function(point)
    for _ in range(n):
        if y.node is None:
            return 0.0
        y = grad(y, point, create_graph=True)
    return y.item()


@pytest.mark.parametrize(
    "square",
    [
        lambda x: x**2,
        lambda x: x ** np.int64(2),
        lambda x: np.power(x, 2),
        lambda x: tg.power(x, 2.0),
        lambda x: x ** Tensor(2.0),
        lambda x: x * x,
    ],
)
@pytest.mark.parametrize("x", [0.0, -1.5, 2.0])
def test_all_derivatives_of_a_square(square: Any, x: float) -> None:
    found = [nth(square, n, x) for n in range(4)]
    np.testing.assert_allclose(found, [x * x, 2 * x, 2, 0])


def test_third_derivatives_of_a_cube_and_of_a_root() -> None:
    assert [nth(lambda x: x**3, n, 0.0) for n in range(5)] == [0, 0, 0, 6, 0]
    np.testing.assert_allclose(nth(tg.sqrt, 3, 4.0), 3 / 8 * 4**-2.5)


@pytest.mark.parametrize("bad", [inf, nan, -inf])
def test_where_gives_its_untaken_side_an_exact_zero(bad: float) -> None:
    taken = np.array([True, False])
    found = slope(lambda x, y: tg.where(taken, x, y), [1, bad], [bad, 2])
    assert found == [[1, 0], [0, 1]]
    safe = slope(
        lambda x: tg.where(x > 0, tg.sqrt(tg.where(x > 0, x, 1.0)), 0.0), [0, 4]
    )
    assert safe == [[0, 0.25]]
    # A gradient that is not finite stops at the condition too.
    passed = slope(lambda x, y: tg.where(taken, x, y) * bad, [1, 1], [1, 1])
    np.testing.assert_equal(passed, [[bad, 0], [0, bad]])


def test_a_fully_masked_row_gives_zeros_and_no_gradient() -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 2, 3, 4))
    allowed = np.ones((3, 3), bool)
    allowed[1] = False
    for mask in (allowed, np.where(allowed, 0.0, -inf)):
        xs = leaves([q, k, v])
        out = tg.attention(*xs, mask)
        np.testing.assert_array_equal(out.data[:, 1], 0)
        first = grad((out * out).sum(), xs, create_graph=True)
        np.testing.assert_array_equal(first[0].data[:, 1], 0)
        second = grad(sum((g * g).sum() for g in first), xs)
        for g in (*first, *second):
            assert np.isfinite(g.data).all()
    assert not tg.softmax(Tensor([-inf, -inf])).data.any()


def test_causal_attention_does_not_see_the_future_however_large_it_is() -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 4, 2))
    before = tg.attention(Tensor(q), Tensor(k), Tensor(v), causal=True)
    k[3], v[3] = 1e30, 1e30
    after = tg.attention(Tensor(q), Tensor(k), Tensor(v), causal=True)
    np.testing.assert_array_equal(before.data[:3], after.data[:3])


def test_large_numbers_neither_overflow_nor_lose_their_gradient() -> None:
    x = [1000.0, 1000.0, -1000.0]
    for function, expected in [
        (lambda x: tg.logsumexp(x), [0.5, 0.5, 0]),
        (lambda x: tg.softmax(x)[0], [0.25, -0.25, 0]),
        (lambda x: tg.log_softmax(x)[0], [0.5, -0.5, 0]),
        (lambda x: tg.cross_entropy(x, np.array(0)), [-0.5, 0.5, 0]),
        (lambda x: tg.sigmoid(x), [0, 0, 0]),
        (lambda x: tg.tanh(x), [0, 0, 0]),
        (lambda x: tg.gelu(x), [1, 1, 0]),
    ]:
        np.testing.assert_allclose(slope(function, x), [expected], atol=1e-12)


def test_infinite_logits_and_ignored_rows() -> None:
    logits = [[0.0, -inf], [nan, 0.0]]
    targets = np.array([0, -100])
    assert slope(lambda x: tg.cross_entropy(x, targets), logits) == [[[0, 0], [0, 0]]]
    loss = tg.cross_entropy(Tensor(logits), targets)
    assert loss.tolist() == [0, 0]
    definition = REGISTRY["cross_entropy"].definition
    assert definition is not None
    assert definition(Tensor(logits[:1]), targets[:1]).tolist() == [0]


# --- indices


@pytest.mark.parametrize(
    "key",
    [
        [0, 0, 2],
        np.array([0, 0, 2]),
        np.array([[0, 0], [2, 0]]),
        ([0, 0, -3],),
        ((0, 0, 2), slice(None)),
        (slice(None), (1, 1)),
        (Tensor([0, 0]), 1),
        Tensor([0, 0, 2]),
        [Tensor(0), Tensor(0)],
    ],
    ids=repr,
)
def test_an_element_picked_twice_gets_both_gradients(key: Any) -> None:
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    out = x[key]
    weights = np.random.default_rng(0).normal(size=out.shape)
    (out * weights).sum().backward()
    expected = np.zeros((3, 2))
    plain = tuple(getattr(k, "_data", k) for k in key) if type(key) is tuple else key
    plain = np.array(key) if type(key) is list else getattr(plain, "_data", plain)
    np.add.at(expected, plain, weights)
    np.testing.assert_allclose(x.grad.data, expected)


@pytest.mark.parametrize("op", [tg.getitem, tg.scatter_add])
def test_keys_may_be_tensors(op: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    settings = {"shape": (2,)} if op is tg.scatter_add else {}
    op(x, key=Tensor([0, 0]), **settings).sum().backward()
    assert x.grad.tolist() == ([2, 0] if op is tg.getitem else [1, 1])


def test_what_indexes_can_change_afterwards() -> None:
    table = Tensor(np.eye(3), requires_grad=True)
    index = np.array([0, 0])
    key, listed_key, allowed = np.array([1]), [2], np.array([True, False, False])
    out = tg.embedding(table, index).sum() + tg.take(table, index, axis=0).sum()
    out = out + table[key].sum() + table[listed_key].sum() + table[allowed].sum()
    out = out + tg.where(allowed, table, 0.0).sum()
    index[:], key[:], allowed[:] = 2, 2, True
    listed_key[0] = 0
    out.backward()
    assert table.grad.tolist() == [[6, 5, 5], [2, 1, 1], [2, 1, 1]]


# --- refusals


def matrix(*shape: int) -> Tensor:
    return Tensor(np.ones(shape))


@pytest.mark.parametrize(
    "call",
    [
        lambda: matrix(2, 3) @ matrix(2, 3),
        lambda: tg.linear(matrix(2, 3), matrix(4, 2)),
        lambda: tg.linear(matrix(2, 3), matrix(4, 3), matrix(1)),
        lambda: tg.layer_norm(matrix(2, 3), matrix(2)),
        lambda: tg.layer_norm(Tensor(1.0)),
        lambda: tg.softmax(Tensor(1.0)),
        lambda: tg.cross_entropy(matrix(2, 3), np.array([0, 3])),
        lambda: tg.cross_entropy(matrix(2, 3), np.array([0.0, 1.0])),
        lambda: tg.cross_entropy(matrix(2, 3), np.array([0])),
        lambda: tg.attention(matrix(2, 3), matrix(2, 4), matrix(2, 3)),
        lambda: tg.attention(matrix(2, 3), matrix(2, 3), matrix(4, 3)),
        lambda: tg.attention(*[matrix(2, 2)] * 3, np.ones((5, 5), bool)),
        lambda: tg.attention(*[matrix(1, 2, 2)] * 3, np.ones((3, 2, 2), bool)),
        lambda: tg.attention(*[matrix(2, 2)] * 3, None, np.ones((1, 1, 2, 2))),
        lambda: tg.cross_entropy(matrix(1, 2), np.array([0]), label_smoothing=1.5),
        lambda: tg.embedding(matrix(2, 3), np.array([0.0])),
        lambda: tg.embedding(matrix(2), np.array([0])),
        lambda: tg.broadcast_to(matrix(1, 2), shape=(2,)),
        lambda: tg.broadcast_to(matrix(2), shape=(3,)),
        lambda: tg.concatenate([matrix(2), matrix(2)], axis=None),
        lambda: tg.matrix_transpose(matrix(2)),
        lambda: tg.einsum("ij,jk->ik", matrix(2, 2)),
        lambda: tg.gelu(matrix(2), approximate="sigmoid"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_at_once(call: Any) -> None:
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Tensor([6]) & Tensor([3]),
        lambda: ~Tensor([1.0]),
        lambda: tg.astype(matrix(2), dtype=int),
        lambda: matrix(2) * 1j,
        lambda: matrix(2) * np.array([1j, 0]),
        lambda: matrix(2) + np.array([None, 1]),
        lambda: tg.einsum(matrix(2), [0]),
        lambda: tg.sum(matrix(2), 0),
        lambda: tg.exp(matrix(2), axis=0),
        lambda: tg.attention(*[matrix(2, 2)] * 3, np.array([[1, 0], [1, 1]])),
    ],
)
def test_types_that_do_not_fit_are_refused_at_once(call: Any) -> None:
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize(
    ("shape", "indices", "axis"),
    [
        ((2, 3), [[1]], 1),
        ((2, 3), [[0, 1, 0]], 0),
        ((1, 3), [[1], [2]], 1),
        ((6,), [3, 3], None),
    ],
)
def test_take_along_axis_broadcasts_as_numpy_does(
    shape: tuple[int, ...], indices: Any, axis: int | None
) -> None:
    x, picks = (
        np.arange(math.prod(shape), dtype=float).reshape(shape),
        np.array(indices),
    )
    expected = np.take_along_axis(x, picks, axis)
    assert np.array_equal(tg.take_along_axis(Tensor(x), picks, axis).data, expected)


def test_einsum_does_not_drop_an_ellipsis() -> None:
    with pytest.raises(ShapeError, match="ellipsis"):
        tg.einsum("...i->i", Tensor(np.ones((2, 3))))

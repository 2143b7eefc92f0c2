"""The compiled kernels equal the plain ones, and the choice between them is kept."""

import importlib.util
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.kernels import kernel, reference, reference_windows, scratch

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)
# An element is a few dozen roundings of numbers around 1, or a sum of up to 70 such
# in another order: 100 to 200 units in the last place of the largest one.
TOLERANCE = {"float32": 2e-5, "float64": 5e-14}
LAYOUTS = ["plain", "transposed", "gaps", "read-only"]
SPECIAL = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0]
NAMES = [
    *("gelu_tanh", "gelu_tanh_backward", "gelu_erf", "gelu_erf_backward", "erf"),
    *("layer_norm", "layer_norm_backward", "softmax", "softmax_backward"),
    *("log_softmax", "log_softmax_backward", "cross_entropy"),
    *("cross_entropy_backward", "attention", "attention_backward"),
    *("scatter_add_rows", "adamw", "sum_rows", "rms_norm", "rms_norm_backward"),
    *("batch_norm", "batch_norm_backward", "channel_moments", "fold", "where"),
    *("linear", "matmul", "relu", "sigmoid", "hypot", "cumsum"),
    *("conv2d", "conv2d_backward", "max_pool2d_backward", "dropout_mask"),
]


def compiled():
    from tensorgrad.kernels import numba

    return numba


def laid_out(x, layout):
    """The same values behind other strides, or in memory that refuses writes."""
    if layout == "transposed":
        return x.T.copy().T
    if layout == "gaps" and x.ndim:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "read-only":
        x.flags.writeable = False
    return x


@st.composite
def sources(draw, extremes=True):
    """make(*shape): arrays of one dtype and layout, some with NaN and infinities."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    layout = draw(st.sampled_from(LAYOUTS))
    special = draw(st.lists(st.sampled_from(SPECIAL), max_size=2)) if extremes else []
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def make(*shape, finite=False):
        x = rng.standard_normal(shape)
        if x.size and not finite:
            x.flat[rng.integers(0, x.size, len(special))] = special
        return laid_out(x.astype(dtype), layout)

    make.rng, make.dtype = rng, np.dtype(dtype)
    return make


shapes = st.sampled_from(
    [(0,), (1,), (7,), (0, 3), (1, 1), (3, 2), (2, 3, 5), (4, 64), (2, 70), (3, 0, 2)]
)
with_features = shapes.filter(lambda shape: shape[-1] > 0)


def parts(result):
    return result if isinstance(result, tuple) else (result,)


def assert_same(got, expected):
    """Same shapes and dtypes, same NaN and infinities, the rest to rounding."""
    for one, other in zip(parts(got), parts(expected), strict=True):
        if other is None:
            assert one is None
            continue
        assert isinstance(one, np.ndarray)
        assert isinstance(other, np.ndarray)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        scale = 1 + float(np.abs(other[np.isfinite(other)]).max(initial=0))
        atol = TOLERANCE[other.dtype.name] * scale
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def assert_agree(name, *args):
    """The two sets agree, the compiled one repeats bit for bit; the plain result."""
    expected = getattr(reference, name)(*args)
    got = getattr(compiled(), name)(*args)
    assert_same(got, expected)
    for one, other in zip(
        parts(got), parts(getattr(compiled(), name)(*args)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    return expected


def test_both_sets_have_every_kernel():
    for name in NAMES:
        assert callable(getattr(reference, name))
        assert kernel(name, np.zeros(1)) is getattr(reference, name)


@needs_numba
def test_large_arrays_of_floats_are_compiled():
    large = np.zeros(1 << 14, np.float32)
    for name in NAMES:
        assert kernel(name, large) is getattr(compiled(), name)
        assert kernel(name, large[1:]) is getattr(reference, name)
        for dtype in np.float16, np.int64, np.dtype(">f4"):
            assert kernel(name, large.astype(dtype)) is getattr(reference, name)


@needs_numba
@given(sources(), shapes | st.just(()), st.booleans())
def test_elementwise(make, shape, huge):
    x = make(*shape) * make.dtype.type(1e30 if huge else 3)
    g = make(*shape, finite=True)  # infinity times a tail asks if it rounded to 0
    for name in "gelu_tanh", "gelu_erf":
        assert_agree(name, x)
        assert_agree(f"{name}_backward", g, x)
    assert_agree("erf", x)
    assert_agree("sigmoid", x)
    assert_agree("relu", x)


@needs_numba
@given(sources(), shapes | st.just(()), st.sampled_from([0, 0.0, -math.inf, 2.5]))
def test_where(make, shape, other):
    x, y = make(*shape), make(*shape)
    condition = make(*shape) > 0
    for sides in (x, y), (x, other), (other, y):
        assert_agree("where", condition, *sides)
    # what is broadcast, or no boolean, or of two dtypes, is left to NumPy
    assert_agree("where", condition, x, y[..., :1] if y.ndim else y)
    assert_agree("where", condition.astype(np.int8), x, other)
    assert_agree("where", condition, x, y.astype(np.float16))
    assert_agree("where", condition, x, np.float64(other))


@needs_numba
def test_gelu_is_right_to_rounding_far_from_zero():
    """Also where its gate is near 1, and 1 - gate would have lost its digits."""
    x = np.linspace(-12, 12, 100_001).astype(np.float32)
    exact, one = x.astype(np.float64), np.ones_like(x)
    eps = np.finfo(np.float32).eps
    found = compiled().gelu_tanh(x)
    np.testing.assert_allclose(found, reference.gelu_tanh(exact), 4 * eps, eps)
    found = compiled().gelu_tanh_backward(one, x)
    expected = reference.gelu_tanh_backward(one, exact)
    np.testing.assert_allclose(found, expected, 0, 4 * eps)
    huge = np.array([1e3, 2e13, 1e18, -1e3, -2e13, -1e18], np.float32)
    slopes = compiled().gelu_tanh_backward(np.ones_like(huge), huge)
    assert slopes.tolist() == [1, 1, 1, 0, 0, 0]


@needs_numba
@given(sources(), shapes | st.just(()), st.sampled_from([1.0, 1e30, 1e-30]))
def test_hypot(make, shape, scale):
    x, y = (make(*shape) * make.dtype.type(scale) for _ in range(2))
    expected = reference.hypot(x, y)
    found = compiled().hypot(x, y)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    rtol = 4 * np.finfo(found.dtype).eps  # a quotient, a product, a sum, a root
    np.testing.assert_allclose(found, expected, rtol=rtol)
    # what is broadcast, or of two dtypes, is left to NumPy
    assert_agree("hypot", x, y[..., :1] if y.ndim else y)
    assert_agree("hypot", x, y.astype(np.float64))
    assert_agree("hypot", x, 2.0)


@needs_numba
@given(sources(), with_features, st.booleans(), st.booleans())
def test_layer_norm(make, shape, weighted, biased):
    x, g = make(*shape), make(*shape)
    weight = make(shape[-1]) if weighted else None
    bias = make(shape[-1]) if biased else None
    # with a large eps two close features do not blow rounding up
    _, mean, rstd = assert_agree("layer_norm", x, weight, bias, 0.1)
    assert_agree("layer_norm_backward", g, x, weight, mean, rstd)


@needs_numba
@given(sources(), with_features, st.booleans())
def test_rms_norm(make, shape, weighted):
    x, g = make(*shape), make(*shape)
    weight = make(shape[-1]) if weighted else None
    _, rstd = assert_agree("rms_norm", x, weight, 0.1)
    assert_agree("rms_norm_backward", g, x, weight, rstd)


@needs_numba
@given(sources(), st.integers(1, 70), st.integers(1, 40), st.integers(1, 70))
def test_products_in_tiles(make, M, K, N):
    from tensorgrad.kernels.numba_matmul import multiply

    x, y = (np.array(z, order="K") for z in (make(M, K), make(K, N)))  # no gaps
    with np.errstate(invalid="ignore"):
        expected = x @ y
    found = multiply(x, y, np.empty((M, N), make.dtype))
    assert_same(found, expected)
    bias = np.array(make(N))
    biased = multiply(x, y, np.empty((M, N), make.dtype), bias)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(biased, found + bias)
    # an element is its row and column alone, whatever lies beside them
    rows, columns = (make.rng.permutation(n)[: n // 2 + 1] for n in (M, N))
    some = np.empty((len(rows), len(columns)), make.dtype)
    multiply(x[rows], y[:, columns], some)
    np.testing.assert_array_equal(some, found[np.ix_(rows, columns)])


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_more_than_a_block_in_tiles(dtype):
    from tensorgrad.kernels.numba_matmul import multiply

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 1100)), rng.standard_normal((1100, 600))
    for bias in None, rng.standard_normal(600).astype(dtype):
        out = np.empty((9, 600), dtype)
        found = multiply(x.astype(dtype), y.astype(dtype), out, bias)
        expected = x @ y + (0 if bias is None else bias)
        np.testing.assert_allclose(found, expected, 0, 100 * TOLERANCE[dtype])


@needs_numba
def test_large_products_are_in_tiles_where_blas_has_one_thread(monkeypatch):
    from tensorgrad.kernels import numba_matmul

    monkeypatch.setattr(numba_matmul, "WIDE", True)
    seen, multiply = [], numba_matmul.multiply
    monkeypatch.setattr(
        numba_matmul, "multiply", lambda *args: seen.append(args) or multiply(*args)
    )
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 256, 256)).astype(np.float32)
    for single in False, True:
        monkeypatch.setattr(numba_matmul, "blas_has_one_thread", lambda one=single: one)
        assert_agree("matmul", x, y.T)
        for bias in y[0], y[:, 0]:
            assert_agree("linear", x, y, bias)
        mixed = x, y, y[0].astype(np.float64)
        found, expected = compiled().linear(*mixed), reference.linear(*mixed)
        assert found.dtype == expected.dtype == np.float64
        # a sum of 256 float32 still, which tiles and BLAS may round in another order
        assert_same(found.astype(np.float32), expected.astype(np.float32))
        fixed = y[0].copy()
        fixed.flags.writeable = False
        linear = compiled().linear
        np.testing.assert_array_equal(linear(x, y, fixed), linear(x, y, y[0]))
        assert bool(seen) == single
    count = len(seen)
    others = (
        (x[:31], y),
        (x, y[:, :31]),
        (x[None], y),
        (x, y[0]),
        (x, y.astype(np.float64)),
    )
    for pair in *others, (x, np.repeat(y, 4)[::4].reshape(256, 256)[::-1, ::-1]):
        assert_agree("matmul", *pair)  # few rows, no matrices, two dtypes, backwards
    whole = np.ones((256, 256), np.int64)
    assert (compiled().matmul(whole, whole) == 256).all()
    assert len(seen) == count


@needs_numba
@given(sources(), st.integers(0, 6), st.sampled_from([(0, 3), (1, 1), (7, 70), (3, 0)]))
def test_linear(make, rows, shape):
    x, weight = make(rows, shape[1]), make(*shape)
    with np.errstate(invalid="ignore"):
        for bias in None, make(shape[0]), make(shape[0]).astype(np.float64):
            assert_agree("linear", x, weight, bias)
            assert_agree("linear", x, weight.astype(np.float64), bias)  # of two dtypes


@needs_numba
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_linear_of_few_rows(rows):
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s) for s in [(rows, 7), (30, 7), 30])
    for b in None, bias:
        assert_agree("linear", x, weight, b)


batches = st.sampled_from(
    [(0, 2), (1, 1), (7, 3), (3, 2, 5), (2, 3, 4, 6), (2, 1, 70), (2, 3, 0), (2, 0, 3)]
)


@needs_numba
@given(sources(), batches, st.booleans(), st.booleans())
def test_batch_norm(make, shape, weighted, biased):
    x, g = make(*shape), make(*shape)
    weight = make(shape[1]) if weighted else None
    bias = make(shape[1]) if biased else None
    assert_agree("channel_moments", x)
    _, mean, rstd = assert_agree("batch_norm", x, weight, bias, 0.1)
    assert_agree("batch_norm_backward", g, x, weight, mean, rstd)


def test_moments_of_nothing_are_zero():
    for shape in (0, 2), (3, 2, 0):
        for values in reference.channel_moments(np.zeros(shape)):
            np.testing.assert_array_equal(values, [0, 0])


@needs_numba
@given(sources(), shapes, st.integers(0, 2), st.booleans())
def test_cumsum(make, shape, axis, reverse):
    axis %= len(shape)
    x = make(*shape)
    expected = assert_agree("cumsum", x, axis, reverse)
    # one after the other in both, so to the last bit
    np.testing.assert_array_equal(compiled().cumsum(x, axis, reverse), expected)


@needs_numba
@given(sources(), shapes)
def test_softmax(make, shape):
    x, g = make(*shape), make(*shape)
    for name in "softmax", "log_softmax":
        out = assert_agree(name, x)
        assert_agree(f"{name}_backward", g, out)


@needs_numba
@given(
    sources(),
    st.sampled_from([0, 1, 5]),
    st.sampled_from([1, 2, 65]),
    st.sampled_from([-100, -1, 0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_cross_entropy(make, rows, classes, ignored, smoothing):
    logits, g = make(rows, classes), make(rows)
    targets = make.rng.integers(0, classes, rows)
    targets[::3] = ignored
    choices = ignored, smoothing
    losses, normaliser = assert_agree("cross_entropy", logits, targets, *choices)
    assert not losses[targets == ignored].any()
    args = g, logits, targets, normaliser, *choices
    gx = assert_agree("cross_entropy_backward", *args)
    assert not gx[targets == ignored].any()


one_or_two = st.integers(1, 2)


def draw_mask(make, kind, sizes):
    if kind is None:
        return None
    batches, heads, queries, keys = sizes
    shape = {
        "padding": (batches, 1, 1, keys),
        "square": (queries, keys),
        "all": sizes,
        "additive": (1, heads, queries, keys),
    }[kind]
    allowed = make.rng.random(shape) < 0.6
    if kind != "additive":
        return allowed
    return np.where(allowed, make.rng.standard_normal(shape), -np.inf)


@needs_numba
@given(
    st.booleans().flatmap(lambda c: st.tuples(st.just(c), sources(extremes=not c))),
    st.sampled_from([(1, 1, 1, 1), (2, 3, 4, 4), (2, 2, 3, 7), (1, 2, 7, 3)])
    | st.sampled_from([(0, 2, 3, 3), (2, 2, 0, 3), (2, 2, 3, 0), (2, 1, 130, 70)])
    | st.tuples(one_or_two, one_or_two, st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from([8, 8, 0, 1, 40]),
    st.sampled_from([None, "padding", "square", "all", "additive"]),
    st.sampled_from([None, "numbers", "booleans"]),
    st.booleans(),
)
def test_attention(causal_and_make, sizes, width, kind, dropout, heads_last):
    # What a causal mask hides is skipped, or multiplied by 0: for NaN no equality.
    causal, make = causal_and_make
    batches, heads, queries, keys = sizes

    def draw(length, width=width):
        if heads_last:
            return make(batches, length, heads, width).swapaxes(1, 2)
        return make(batches, heads, length, width)

    q, k, v, g = draw(queries), draw(keys), draw(keys, 5), draw(queries, 5)
    mask, dropped = draw_mask(make, kind, sizes), None
    if dropout:
        dropped = make.rng.random(sizes) < 0.5
    if dropout == "numbers":
        dropped = (dropped * 2).astype(make.dtype)
    rest = mask, dropped, causal, 0.4
    out, normaliser = assert_agree("attention", q, k, v, *rest)
    empty = np.isposinf(normaliser[..., 0])
    finite = all(np.isfinite(x).all() for x in (k, v, g))
    assert not (finite and out[empty].any())
    args = g, q, k, v, out, normaliser, *rest
    gq, _, _ = assert_agree("attention_backward", *args)
    assert not (finite and gq[empty].any())


SEVERAL_BLOCKS = [(n, n) for n in (9, 16, 17, 32, 33, 50, 64, 100)] + [
    (17, 33),
    (40, 9),
]


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("T", "S"), SEVERAL_BLOCKS)
def test_causal_attention_of_several_blocks(dtype, T, S):
    """Each block of queries sees more keys, and adds to what others have added."""
    rng = np.random.default_rng(T)
    q, g = rng.standard_normal((2, 1, 2, T, 12)).astype(dtype)
    k, v = rng.standard_normal((2, 1, 2, S, 12)).astype(dtype)
    out, normaliser = assert_agree("attention", q, k, v, None, None, True, 0.4)
    args = g, q, k, v, out, normaliser, None, None, True, 0.4
    assert_agree("attention_backward", *args)


@needs_numba
@given(sources(), st.sampled_from([0, 1, 9]), st.sampled_from([0, 1, 7, 64]))
def test_scatter_add_rows(make, count, width):
    indices = make.rng.integers(-5, 5, count)
    g, first = make(count, width), np.ones((5, width), make.dtype)
    outs = [first.copy(), first.copy(), np.asfortranarray(first)]
    reference.scatter_add_rows(outs[0], indices, g)
    for out in outs[1:]:
        compiled().scatter_add_rows(out, indices, g)
        np.testing.assert_array_equal(out, outs[0])  # the same sums, in order
    with np.errstate(invalid="ignore"):
        assert_same(reference.sum_rows(g), np.add.reduce(g, axis=0))


@needs_numba
@given(
    sources(),
    st.sampled_from([(), (0,), (2,), (2, 3)]),
    st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(1, 9)] * 2),
    st.tuples(one_or_two, one_or_two),
    st.tuples(one_or_two, one_or_two),
)
def test_fold(make, lead, sizes, stride, dilation):
    x = make(*lead, *sizes)
    high, wide = (
        d * (k - 1) + s * (n - 1) + 2
        for k, n, s, d in zip(sizes[:2], sizes[2:], stride, dilation, strict=True)
    )
    first = np.ones((*lead, high, wide), make.dtype)
    outs = [first.copy(), first.copy(), np.asfortranarray(first)]
    reference.fold(outs[0], x, stride, dilation)
    for out in outs[1:]:
        compiled().fold(out, x, stride, dilation)
        np.testing.assert_array_equal(out, outs[0])  # the same sums, in order


sides = st.tuples(st.integers(0, 2), st.integers(0, 2))


@needs_numba
@given(
    sources(),
    st.tuples(st.sampled_from([2, 1, 0, 9]), *[st.integers(1, 3)] * 3),
    st.tuples(*[st.integers(1, 3)] * 4),
    st.tuples(one_or_two, st.integers(1, 3)),
    st.tuples(one_or_two, one_or_two),
    st.tuples(sides, sides),
    st.booleans(),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_conv2d(make, sizes, windows, stride, dilation, frame, biased, needed):
    images, groups, part, rows = sizes
    KH, KW, *counts = windows
    high, wide = (
        max(1, d * (k - 1) + s * (n - 1) + 1 + (s > 1) - sum(around))
        for k, n, s, d, around in zip(
            (KH, KW), counts, stride, dilation, frame, strict=True
        )
    )
    OH, OW = (
        (n + sum(around) - d * (k - 1) - 1) // s + 1
        for n, k, s, d, around in zip(
            (high, wide), (KH, KW), stride, dilation, frame, strict=True
        )
    )
    x = make(images, groups * part, high, wide)
    weight = make(groups * rows, part, KH, KW)
    bias = make(groups * rows) if biased else None
    settings = stride, dilation, frame, groups

    def both(kernels):
        out = np.full((images, groups * rows, OH, OW), 7, make.dtype)
        kernels.conv2d(out, x, weight, bias, *settings)
        return out, *kernels.conv2d_backward(g, x, weight, *settings, needed)

    g = make(images, groups * rows, OH, OW)
    expected, got, again = both(reference), both(compiled()), both(compiled())
    assert [array is not None for array in expected[1:]] == [*needed]
    with np.errstate(invalid="ignore"):
        assert_same(got, expected)
    for one, other in zip(got, again, strict=True):
        np.testing.assert_array_equal(one, other)


@needs_numba
@given(
    sources(),
    st.sampled_from([(), (0,), (2,), (2, 3)]),
    st.tuples(*[st.integers(1, 3)] * 4),
    st.tuples(one_or_two, st.integers(1, 3)),
    st.tuples(sides, sides),
    st.booleans(),
)
def test_max_pool2d(make, lead, windows, stride, frame, rounded):
    KH, KW, *counts = windows
    high, wide = (
        max(1, k + s * (n - 1) + (s > 1) - sum(around))
        for k, n, s, around in zip((KH, KW), counts, stride, frame, strict=True)
    )
    OH, OW = (
        (n + sum(around) - k) // s + 1
        for n, k, s, around in zip((high, wide), (KH, KW), stride, frame, strict=True)
    )
    x = make(*lead, high, wide)
    x = np.round(x) if rounded else x  # ties
    out = np.full((*lead, OH, OW), -np.inf, make.dtype)
    framed = reference_windows.framed(x, frame, -np.inf)
    settings = (KH, KW), (OH, OW), stride, (1, 1)
    for _, _, place in reference_windows.places(framed, *settings):
        np.maximum(out, place, out=out)
    g = make(*lead, OH, OW, finite=True)
    assert_agree("max_pool2d_backward", g, x, out, (KH, KW), stride, frame)


@needs_numba
def test_images_that_take_several_tiles():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((70, 3, 20, 20)), rng.standard_normal((4, 3, 5, 5))
    g, frame = rng.standard_normal((70, 4, 20, 20)), ((2, 2), (2, 2))
    settings = (1, 1), (1, 1), frame, 1
    outs = [np.empty_like(g), np.empty_like(g)]
    reference.conv2d(outs[0], x, weight, weight[:, 0, 0, 0], *settings)
    compiled().conv2d(outs[1], x, weight, weight[:, 0, 0, 0], *settings)
    assert_same(*outs)
    # sums of 28,000 products
    every = *settings, (True, True, True)
    assert_agree("conv2d_backward", g, x, weight, *every)


@needs_numba
@given(sources(), st.sampled_from([(), (0,), (3, 5), (70,)]), st.integers(1, 9))
def test_adamw(make, shape, step):
    param, grad, m, v = (np.array(make(*shape)) for _ in range(4))
    v *= v
    values = 1e-2, 0.9, 0.99, 1e-8, 0.1, step, 0.5
    plain = [x.copy() for x in (param, m, v)]
    reference.adamw(plain[0], grad, *plain[1:], *values)
    for order in "C", "F":
        fast = [x.copy(order=order) for x in (param, m, v)]
        compiled().adamw(fast[0], grad, *fast[1:], *values)
        assert_same(tuple(fast), tuple(plain))


@needs_numba
@pytest.mark.parametrize("layout", ["transposed", "gaps"])
def test_adamw_writes_into_arrays_of_any_layout(layout):
    rng = np.random.default_rng(0)
    arrays = [laid_out(rng.random((3, 5, 2)), layout) for _ in range(4)]
    plain = [x.copy() for x in arrays]
    compiled().adamw(*arrays, 1e-2, 0.9, 0.99, 1e-8, 0.1, 3)
    reference.adamw(*plain, 1e-2, 0.9, 0.99, 1e-8, 0.1, 3)
    assert not arrays[0].flags.c_contiguous
    assert_same(tuple(arrays), tuple(plain))


@needs_numba
@given(
    st.sampled_from(["float32", "float64"]),
    st.tuples(st.integers(0, 5), st.integers(0, 40)),
    st.floats(0, 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**40),
)
def test_dropout_mask(dtype, shape, p, seed, row):
    plain, fast = np.full(shape, np.nan, dtype), np.full(shape, np.nan, dtype)
    reference.dropout_mask(plain, p, seed, row)
    compiled().dropout_mask(fast, p, seed, row)
    np.testing.assert_array_equal(fast, plain)


@pytest.mark.parametrize("target", [-1, 3])
@pytest.mark.parametrize(
    "module", ["reference", pytest.param("numba", marks=needs_numba)]
)
def test_indices_outside_are_refused_before_anything_is_written(module, target):
    chosen = reference if module == "reference" else compiled()
    with pytest.raises(IndexError, match=f"target {target} in row 1 .* 3 classes"):
        chosen.cross_entropy(np.zeros((2, 3)), np.array([0, target]), -100, 0.0)
    out = np.zeros((3, 2))
    indices = np.array([0, 3 if target > 0 else -4])
    with pytest.raises(IndexError, match="outside the 3 rows"):
        chosen.scatter_add_rows(out, indices, np.ones((2, 2)))
    assert not out.any()


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_of_minus_infinities_has_no_weight(dtype):
    inf = math.inf
    x = np.array([[-inf, -inf], [-inf, 1.0], [math.nan, -inf], [inf, -inf]], dtype)
    out = assert_agree("softmax", x)
    np.testing.assert_array_equal(out[:2], [[0, 0], [0, 1]])
    assert np.isnan(out[2]).all()
    assert_agree("log_softmax", x)


@needs_numba
def test_queries_before_every_key_see_nothing():
    q, k = np.random.default_rng(0).standard_normal((2, 1, 2, 130, 8))
    k, g = k[:, :, :3], np.ones_like(q)
    rest = None, None, True, 0.4
    out, normaliser = assert_agree("attention", q, k, k, *rest)
    assert not out[:, :, :127].any()
    assert np.isposinf(normaliser[:, :, :127]).all()
    gq, _, _ = assert_agree("attention_backward", g, q, k, k, out, normaliser, *rest)
    assert not gq[:, :, :127].any()


@needs_numba
def test_a_dropout_mask_may_be_of_booleans_and_spread_over_keys():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 40, 8))
    for shape in (2, 3, 40, 40), (1, 1, 40, 1), (1, 1, 1, 40):
        kept = rng.random(shape) < 0.5
        rest = kept if shape[-1] > 1 else None, kept, False, 0.4
        out, normaliser = assert_agree("attention", x, x, x, *rest)
        assert_agree("attention_backward", x, x, x, x, out, normaliser, *rest)


@needs_numba
def test_heads_that_are_one_wide_and_lie_apart():
    x = np.random.default_rng(0).standard_normal((2, 3, 40, 8))
    q, k, v = x[..., :1], x[..., 3:5][..., ::2], x[:, :, ::-1, 7:]
    rest = None, None, False, 0.4
    out, normaliser = assert_agree("attention", q, k, v, *rest)
    assert_agree("attention_backward", v, q, k, v, out, normaliser, *rest)


@needs_numba
def test_heads_that_came_as_a_view_are_read_in_place():
    """(B, T, H, D) with two axes exchanged: the result is laid out as it is."""
    x = np.random.default_rng(0).standard_normal((2, 5, 3, 8)).swapaxes(1, 2)
    rest = None, None, True, 0.4
    assert_agree("attention", x, x, x, *rest)
    out, normaliser = compiled().attention(x, x, x, *rest)
    assert out.swapaxes(1, 2).flags.c_contiguous
    assert_agree("attention_backward", x, x, x, x, out, normaliser, *rest)


@needs_numba
def test_threads_repeat_bit_for_bit():
    q = np.random.default_rng(0).standard_normal((2, 2, 80, 8)).astype(np.float32)
    rest = None, None, True, 0.3

    def both(_):
        out, normaliser = compiled().attention(q, q, q, *rest)
        return out, *compiled().attention_backward(q, q, q, q, out, normaliser, *rest)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(both, range(12))
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)


def run(code, **environment):
    """The last line that a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


CHOOSE = """
import numpy as np, sys
{before}
from tensorgrad.kernels import kernel
chosen = kernel("softmax", np.zeros(100_000, np.float32)).__module__
print(chosen, "numba" in sys.modules)
"""
BROKEN = "sys.modules['numba'] = None"  # what `import numba` finds: ImportError


def test_a_missing_numba_means_reference():
    chosen, _ = run(CHOOSE.format(before=BROKEN)).split()
    assert chosen == "tensorgrad.kernels.reference"


def test_the_environment_keeps_numba_out():
    chosen = run(CHOOSE.format(before=""), TENSORGRAD_KERNELS="reference")
    assert chosen == "tensorgrad.kernels.reference False"


def test_the_choice_is_made_once(monkeypatch):
    monkeypatch.setattr("tensorgrad.kernels._fast", None)
    large = np.zeros(1 << 14)
    monkeypatch.setenv("TENSORGRAD_KERNELS", "reference")
    assert kernel("softmax", large) is reference.softmax
    monkeypatch.delenv("TENSORGRAD_KERNELS")
    assert kernel("softmax", large) is reference.softmax


def test_scratch_memory_serves_one_dtype_after_another():
    more = scratch.TILE // 4 + 1  # elements: in bytes no whole number of the larger
    assert scratch.scratch("test", (more,), np.float32).shape == (more,)
    other = scratch.scratch("test", (3, 5), np.float64)
    assert other.shape == (3, 5)
    assert other.ctypes.data % 64 == 0

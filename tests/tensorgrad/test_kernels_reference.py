"""The plain kernels are their formulas: derivatives, corner cases, PyTorch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.kernels import reference
from tensorgrad.kernels.reference_random import random_words


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def numeric(function, inputs, directions, g):
    """<g, derivative of function along the directions>, from central differences."""
    step = 1e-6
    ends = [
        function(
            *(x + sign * step * d for x, d in zip(inputs, directions, strict=True))
        )
        for sign in (1, -1)
    ]
    return ((ends[0] - ends[1]) * g).sum() / (2 * step)


def backward_cases():
    """Name, forward of arrays, its arrays, and gradients of them given g."""
    r, x = reference, normal(3, 5)
    for name in "gelu_tanh", "gelu_erf":
        forward, backward = getattr(r, name), getattr(r, f"{name}_backward")
        yield name, forward, [x], lambda g, b=backward: [b(g, x)]
    for name in "softmax", "log_softmax":
        forward, backward = getattr(r, name), getattr(r, f"{name}_backward")
        yield name, forward, [x], lambda g, f=forward, b=backward: [b(g, f(x))]

    def norm_backward(g):
        _, mean, rstd = r.layer_norm(x, x[0], x[1], 1e-5)
        return r.layer_norm_backward(g, x, x[0], mean, rstd)

    def norm(x, weight, bias):
        return r.layer_norm(x, weight, bias, 1e-5)[0]

    yield "layer_norm", norm, [x, x[0], x[1]], norm_backward

    def rms_backward(g):
        _, rstd = r.rms_norm(x, x[0], 1e-5)
        return r.rms_norm_backward(g, x, x[0], rstd)

    def rms(x, weight):
        return r.rms_norm(x, weight, 1e-5)[0]

    yield "rms_norm", rms, [x, x[0]], rms_backward
    images = normal(2, 5, 3, 2)

    def batch_backward(g):
        _, mean, rstd = r.batch_norm(images, x[0], x[1], 1e-5)
        return r.batch_norm_backward(g, images, x[0], mean, rstd)

    def batch(images, weight, bias):
        return r.batch_norm(images, weight, bias, 1e-5)[0]

    yield "batch_norm", batch, [images, x[0], x[1]], batch_backward
    targets, rest = np.array([4, -100, 1]), (-100, 0.1)

    def entropy_backward(g):
        normaliser = r.cross_entropy(x, targets, *rest)[1]
        return [r.cross_entropy_backward(g, x, targets, normaliser, *rest)]

    def entropy(x):
        return r.cross_entropy(x, targets, *rest)[0]

    yield "cross_entropy", entropy, [x], entropy_backward
    heads = [normal(2, 2, length, 4, seed=length) for length in (3, 5, 5)]
    mask = np.array([True, True, False, True, True])
    dropout = 2.0 * (normal(2, 2, 3, 5) > 0)
    more = mask, dropout, True, 0.5

    def attention_backward(g):
        results = r.attention(*heads, *more)
        return r.attention_backward(g, *heads, *results, *more)

    yield "attention", lambda *a: r.attention(*a, *more)[0], heads, attention_backward


@pytest.mark.parametrize("case", list(backward_cases()), ids=lambda case: case[0])
def test_backward_is_the_derivative(case):
    _, forward, inputs, backward = case
    directions = [normal(*x.shape, seed=7) for x in inputs]
    g = normal(*forward(*inputs).shape, seed=8)
    pairs = zip(backward(g), directions, strict=True)
    expected = numeric(forward, inputs, directions, g)
    # differences over 1e-6 of numbers around 1: 1e-10, times a few hundred terms
    assert sum((gx * d).sum() for gx, d in pairs) == pytest.approx(expected, abs=1e-7)


def test_erf_is_that_of_the_c_library():
    x = np.concatenate([np.linspace(-7, 7, 4001), [0.5, -0.5, 1e-300, np.inf, -np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(reference.erf(x), expected, rtol=0, atol=2.3e-16)
    single = reference.erf(x.astype(np.float32))
    assert single.dtype == np.float32
    # the rounding of x itself, times a slope below 1.13, and two of the result
    np.testing.assert_allclose(single, expected, rtol=0, atol=3e-7)
    half = reference.erf(x.astype(np.float16))
    assert half.dtype == np.float16
    exact = [math.erf(v) for v in x.astype(np.float16)]
    np.testing.assert_allclose(half, exact, rtol=np.finfo(np.float16).eps)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_erf_of_few_and_of_many_elements(dtype):
    """One by one or in passes: the same, in every shape, NaN and signed zeros too."""
    x = np.linspace(-7, 7, 600).astype(dtype).reshape(2, 10, 30)
    x[0, 0, :5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    many = reference.erf(x)
    few = np.stack([reference.erf(part) for part in x.reshape(60, 10)])
    assert many.shape == x.shape
    assert few.dtype == many.dtype == dtype
    atol = 2 * np.finfo(dtype).eps
    np.testing.assert_allclose(many, few.reshape(x.shape), rtol=0, atol=atol)
    for found in (many.ravel(), few.ravel()):
        assert np.signbit(found[3:5]).tolist() == [False, True]
        assert (np.diff(found[5:]) >= -atol).all()
    assert reference.erf(x[:0]).shape == (0, 10, 30)
    assert reference.erf(x[0, 0, 3]).shape == ()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "bool"])
def test_sigmoid_keeps_its_digits_in_the_tail_and_never_falls(dtype):
    lowest = {"float16": -16, "float32": -87, "float64": -700}.get(dtype, 0)
    x = np.linspace(lowest, 40, 4001).astype(dtype)
    found, exact = reference.sigmoid(x), 1 / (1 + np.exp(-x.astype("g")))
    assert found.dtype == np.result_type(dtype, np.float16)
    limits = np.finfo(found.dtype)
    # e^-x, the sum and the quotient are rounded; a subnormal result once more
    smallest = limits.smallest_subnormal
    np.testing.assert_allclose(found, exact, rtol=3 * limits.eps, atol=smallest)
    assert (np.diff(found[np.argsort(x, kind="stable")]) >= 0).all()
    beyond = reference.sigmoid(np.array([-np.inf, -1e4, 1e4, np.inf, np.nan]))
    np.testing.assert_array_equal(beyond, [0, 0, 1, 1, np.nan])


def test_rows_that_hold_nothing():
    x = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    np.testing.assert_array_equal(reference.softmax(x), [[0, 0], [1, 0]])
    q = normal(1, 1, 4, 2)
    # four queries, two keys: under the causal mask the first two see neither
    out, normaliser = reference.attention(
        q, q[:, :, :2], q[:, :, :2], None, None, True, 1
    )
    assert not out[0, 0, :2].any()
    assert np.isposinf(normaliser[0, 0, :2]).all()
    np.testing.assert_allclose(out[0, 0, 2], q[0, 0, 0])


def test_reference_is_pytorch():
    torch = pytest.importorskip("torch")
    functional, wrap = torch.nn.functional, torch.from_numpy
    x, g = normal(6, 9), normal(6, 9, seed=1)
    weight, bias = normal(9, seed=2), normal(9, seed=3)

    def same(got, expected):
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=0, atol=1e-12)

    same(reference.gelu_tanh(x), functional.gelu(wrap(x), approximate="tanh"))
    same(reference.gelu_erf(x), functional.gelu(wrap(x)))
    norm = functional.layer_norm(wrap(x), (9,), wrap(weight), wrap(bias), 1e-5)
    same(reference.layer_norm(x, weight, bias, 1e-5)[0], norm)
    rms = functional.rms_norm(wrap(x), (9,), wrap(weight), 1e-5)
    same(reference.rms_norm(x, weight, 1e-5)[0], rms)
    whole = functional.batch_norm(
        wrap(x), None, None, wrap(weight), wrap(bias), training=True, eps=1e-5
    )
    same(reference.batch_norm(x, weight, bias, 1e-5)[0], whole)
    same(reference.log_softmax(x), functional.log_softmax(wrap(x), -1))
    targets = np.array([0, 8, -7, 3, -7, 4])
    logits = wrap(x).requires_grad_()
    losses = functional.cross_entropy(
        logits, wrap(targets), ignore_index=-7, label_smoothing=0.2, reduction="none"
    )
    losses.backward(wrap(g[:, 0].copy()))
    ours, normaliser = reference.cross_entropy(x, targets, -7, 0.2)
    same(ours, losses)
    args = g[:, 0], x, targets, normaliser, -7, 0.2
    same(reference.cross_entropy_backward(*args), logits.grad)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_reference_attention_is_pytorch(causal, masked):
    torch = pytest.importorskip("torch")
    arrays = [normal(2, 3, 5, 4, seed=seed) for seed in range(4)]
    mask = np.tri(5, dtype=bool) | (normal(2, 1, 5, 5) > 0) if masked else None
    q, k, v = (torch.from_numpy(x).requires_grad_() for x in arrays[:3])
    allowed = np.ones((5, 5), bool) if mask is None else mask
    theirs = torch.nn.functional.scaled_dot_product_attention(
        q,
        k,
        v,
        torch.from_numpy(allowed & np.tri(5, dtype=bool) if causal else allowed),
    )
    theirs.backward(torch.from_numpy(arrays[3]))
    rest = mask, None, causal, 0.5
    out, normaliser = reference.attention(*arrays[:3], *rest)
    gradients = reference.attention_backward(
        arrays[3], *arrays[:3], out, normaliser, *rest
    )
    np.testing.assert_allclose(out, theirs.detach().numpy(), rtol=0, atol=1e-12)
    for ours, x in zip(gradients, (q, k, v), strict=True):
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=0, atol=1e-12)


def test_reference_adamw_is_pytorch():
    torch = pytest.importorskip("torch")
    ours = normal(4, 5)
    theirs = torch.nn.Parameter(torch.from_numpy(ours.copy()))
    betas, decay = (0.9, 0.95), 0.1
    optimiser = torch.optim.AdamW([theirs], 1e-2, betas, 1e-8, decay)
    m, v = np.zeros_like(ours), np.zeros_like(ours)
    for step in range(1, 8):
        g = normal(4, 5, seed=step)
        theirs.grad = torch.from_numpy(g)
        optimiser.step()
        reference.adamw(ours, 2 * g, m, v, 1e-2, *betas, 1e-8, decay, step, 0.5)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-14)


def test_random_words_are_splitmix64():
    """The published implementation's first numbers from 1234567."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    expected += [4593380528125082431, 16408922859458223821]
    assert random_words(1234567, 0, 5).tolist() == expected
    assert random_words(1234567, 3, 2).tolist() == expected[3:]


def test_all_bits_of_random_words_are_random():
    words = random_words(0, 0, 30_000)
    ones = [np.count_nonzero(words >> i & 1) / words.size for i in range(64)]
    np.testing.assert_allclose(ones, 0.5, atol=0.015)  # five standard deviations
    assert len(np.unique(words)) == words.size


@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 2**64 - 1))
def test_rows_of_a_dropout_mask_can_be_made_alone(rows, n, seed):
    whole = np.empty((rows, n))
    reference.dropout_mask(whole, 0.5, seed, 7)
    for i, row in enumerate(whole):
        alone = np.empty((1, n))
        reference.dropout_mask(alone, 0.5, seed, 7 + i)
        np.testing.assert_array_equal(alone[0], row)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.9, 1.0])
def test_a_dropout_mask_has_a_mean_of_one(p):
    mask = np.empty((300, 101), np.float16)
    reference.dropout_mask(mask, p, 5, 0)
    dropped = np.count_nonzero(mask == 0) / mask.size
    assert abs(dropped - p) <= 5 * math.sqrt(p * (1 - p) / mask.size)
    assert {*np.unique(mask)} <= {0, np.float16(1 / (1 - p) if p < 1 else 0)}


@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "layer_norm", "rms_norm", "cross_entropy"]
)
@given(st.integers(1, 9), st.sampled_from([1, 4, 17, 64]), st.integers(0, 99))
def test_a_row_does_not_depend_on_those_beside_it(name, count, n, seed):
    x = np.random.default_rng(seed).normal(size=(count, n)).astype("f4")
    more = {
        "layer_norm": (None, None, 1e-5),
        "rms_norm": (None, 1e-5),
        "cross_entropy": (np.arange(count) % n, -100, 0.1),
    }.get(name, ())
    function = getattr(reference, name)
    together, i = function(x, *more), count // 2
    more = [part[i : i + 1] if isinstance(part, np.ndarray) else part for part in more]
    alone = function(x[i : i + 1], *more)
    if not isinstance(together, tuple):
        together, alone = (together,), (alone,)
    for whole, one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(whole[i : i + 1], one)

"""Convolution and pooling: PyTorch's results, ties, layouts, refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ConfigError, MutationError, ShapeError
from tensorgrad.testing import assert_gradients

small = st.integers(1, 3)
pairs = small | st.tuples(small, small)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def distinct(*shape: int) -> np.ndarray:
    """No two numbers are closer than 1 / 4."""
    size = int(np.prod(shape))
    return np.random.default_rng(0).permutation(size).reshape(shape) / 4.0


# --- as PyTorch has it


slides = st.fixed_dictionaries({"stride": pairs, "dilation": pairs})


@given(
    st.sampled_from([(2, 4, 7, 8), (0, 4, 7, 7), (4, 8, 7)]),
    st.tuples(small, small),
    slides,
    pairs | st.sampled_from([0, "valid"]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([np.float32, np.float64]),
)
def test_convolution_is_pytorchs(
    shape: Any, window: Any, settings: Any, padding: Any, groups: int, dtype: Any
) -> None:
    torch = pytest.importorskip("torch")
    arrays = [normal(*shape), normal(2 * groups, 4 // groups, *window, seed=1)]
    arrays += [normal(2 * groups, seed=2)] * (groups > 1)
    settings |= {"padding": padding, "groups": groups}
    ours = [Tensor(x.astype(dtype), requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x.astype(dtype), requires_grad=True) for x in arrays]
    out = tg.conv2d(*ours, **settings)
    expected = torch.nn.functional.conv2d(*theirs, **settings)
    g = normal(*expected.shape, seed=3).astype(dtype)
    out.backward(g)
    expected.backward(torch.tensor(g))
    # sums of up to 200 products of numbers around 1, in another order
    close = {"rtol": 0, "atol": 1e-4 if dtype == np.float32 else 1e-12}
    np.testing.assert_allclose(out.data, expected.detach(), **close)
    for x, tx in zip(ours, theirs, strict=True):
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.data, tx.grad, **close)


@pytest.mark.parametrize("window", [(1, 1), (2, 3), (3, 3), (4, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_same_padding_keeps_the_size_as_pytorch_does(
    window: Any, dilation: int
) -> None:
    torch = pytest.importorskip("torch")
    x, weight = normal(2, 3, 6, 7), normal(4, 3, *window)
    found = tg.conv2d(x, weight, padding="same", dilation=dilation)
    assert found.shape == (2, 4, 6, 7)
    expected = torch.nn.functional.conv2d(
        torch.tensor(x), torch.tensor(weight), padding="same", dilation=dilation
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@given(
    st.sampled_from([(2, 3, 7, 6), (0, 2, 5, 5), (3, 6, 7)]),
    st.tuples(small, small),
    pairs | st.none(),
    st.sampled_from([(0, 0), (1, 1), (1, 0), 0]),
    st.sampled_from([np.float32, np.float64]),
)
def test_pooling_is_pytorchs(
    name: str, shape: Any, window: Any, stride: Any, padding: Any, dtype: Any
) -> None:
    torch = pytest.importorskip("torch")
    if padding and (padding[0] > window[0] // 2 or padding[1] > window[1] // 2):
        padding = 0
    settings = {"kernel_size": window, "stride": stride, "padding": padding}
    array = distinct(*shape).astype(dtype)
    x, tx = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    out = getattr(tg, name)(x, **settings)
    expected = getattr(torch.nn.functional, name)(tx, **settings)
    g = normal(*expected.shape).astype(dtype)
    out.backward(g)
    expected.backward(torch.tensor(g))
    close = {"rtol": 1e-5, "atol": 1e-5}
    assert out.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(out.data, expected.detach(), **close)
    np.testing.assert_allclose(x.grad.data, tx.grad, **close)


def test_large_images_take_the_compiled_kernel_to_the_same_result() -> None:
    x, weight = normal(8, 4, 28, 28), normal(6, 4, 3, 3)
    settings = {"stride": (2, 1), "padding": 1}
    exact = [Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True)]
    g = normal(8, 6, 14, 28)
    tg.conv2d(*exact, **settings).backward(g)
    parts = [Tensor(x[i : i + 1], requires_grad=True) for i in range(8)]
    for i, part in enumerate(parts):  # one image is too small for it
        tg.conv2d(part, weight, **settings).backward(g[i : i + 1])
    found = np.concatenate([part.grad.data for part in parts])
    np.testing.assert_allclose(exact[0].grad.data, found, atol=1e-12)


def test_windows_of_one_element_that_leave_the_size_yet_see_the_frame() -> None:
    x = normal(151, 151)
    found = tg.conv2d(x[None], np.ones((1, 1, 1, 1)), stride=2, padding=75)[0]
    expected = np.zeros_like(x)
    expected[38:113, 38:113] = x[1::2, 1::2]
    np.testing.assert_array_equal(found, expected)


# --- derivatives


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stride": 2, "padding": 1},
        {"padding": "same", "dilation": 2, "groups": 2},
        {"stride": (1, 2), "padding": (2, 0), "dilation": (1, 2)},
    ],
    ids=str,
)
def test_convolution_to_the_third_order(settings: Any) -> None:
    x, bias = normal(2, 4, 5, 6), normal(2)
    weight = normal(2, 4 // settings.get("groups", 1), 3, 2)

    def cubed(*inputs: Any) -> Any:
        return tg.conv2d(*inputs, **settings) ** 3

    assert_gradients(cubed, x, weight, bias, order=3)
    assert_gradients(cubed, x[0], weight, order=3)


@pytest.mark.parametrize("pool", [tg.max_pool2d, tg.avg_pool2d])
@pytest.mark.parametrize("settings", [{}, {"stride": 1, "padding": 1}], ids=str)
def test_pooling_to_the_third_order(pool: Any, settings: Any) -> None:
    x = distinct(1, 2, 4, 5) / 4
    assert_gradients(lambda x: pool(x, kernel_size=(2, 3), **settings) ** 3, x, order=3)


def test_an_image_that_is_its_own_weight() -> None:
    x = normal(2, 2, 3, 3)
    assert_gradients(lambda x: tg.conv2d(x, x, x[0, 0, 0, :2], padding=1), x, order=3)


@given(st.tuples(small, small), slides)
def test_fold_is_the_adjoint_of_unfold(window: Any, settings: Any) -> None:
    x = normal(2, 8, 9)
    seen = tg.unfold(x, kernel_size=window, **settings)
    y = normal(*seen.shape, seed=1)
    folded = tg.fold(y, output_size=(8, 9), **settings)
    np.testing.assert_allclose((seen * y).sum(), (x * folded).sum())


# --- kinks


def shares(x: Any, **settings: Any) -> Any:
    leaf = Tensor(np.array(x, float), requires_grad=True)
    return grad(tg.max_pool2d(leaf, **settings).sum(), leaf).tolist()


def test_elements_of_a_window_that_tie_share_the_gradient() -> None:
    assert shares([[1, 1], [1, 0]], kernel_size=2) == [[1 / 3, 1 / 3], [1 / 3, 0]]
    assert shares([[1, 1, 0]], kernel_size=(1, 2), stride=1) == [[0.5, 1.5, 0]]
    assert shares([[0, 0, 0]], kernel_size=(1, 2), stride=1) == [[0.5, 1, 0.5]]


def test_padding_is_never_the_largest_and_takes_no_share() -> None:
    around = {"kernel_size": 3, "stride": 1, "padding": 1}
    low = [[-5.0, -np.inf], [-np.inf, -np.inf]]
    assert tg.max_pool2d(Tensor(low), **around).tolist() == [[-5, -5], [-5, -5]]
    assert shares(low, **around) == [[4, 0], [0, 0]]
    nothing = np.full((1, 2), -np.inf)
    assert shares(nothing, kernel_size=2, stride=2, padding=1) == [[1, 1]]


def test_nan_stays_in_its_windows() -> None:
    x = [[np.nan, 1.0, 2.0, 3.0]]
    out = tg.max_pool2d(Tensor(x), kernel_size=(1, 2))
    np.testing.assert_array_equal(out.data, [[np.nan, 3]])
    assert shares(x, kernel_size=(1, 2)) == [[0, 0, 0, 1]]


# --- arrays, dtypes, memory


def test_arrays_give_arrays_and_integers_are_welcome() -> None:
    x = np.arange(16).reshape(1, 4, 4)
    weight = np.ones((1, 1, 2, 2), int)
    assert tg.conv2d(x, weight, stride=2).tolist() == [[[10, 18], [42, 50]]]
    largest = tg.max_pool2d(x, kernel_size=2)
    assert type(largest) is np.ndarray
    assert largest.tolist() == [[[5, 7], [13, 15]]]
    around = {"kernel_size": 3, "padding": 1}
    assert tg.max_pool2d(-x, **around).tolist() == [[[0, -2], [-8, -10]]]
    assert tg.max_pool2d(x > 13, **around).tolist() == [[[0, 0], [0, 1]]]
    assert tg.avg_pool2d(x, kernel_size=2).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]


@pytest.mark.parametrize("tracked", [0, 1, 2])
def test_a_batch_of_no_images(tracked: int) -> None:
    xs = [Tensor(x) for x in (np.zeros((0, 2, 5, 5)), normal(3, 2, 3, 3), normal(3))]
    xs[tracked].requires_grad = True
    out = tg.max_pool2d(tg.conv2d(*xs, padding=1), kernel_size=2)
    assert out.shape == (0, 3, 2, 2)
    out.sum().backward()
    assert xs[tracked].grad.shape == xs[tracked].shape
    assert not xs[tracked].grad.data.any()


def test_channels_last_in_memory() -> None:
    x, weight = normal(2, 5, 6, 3), normal(4, 3, 3, 3)
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    turned = tg.transpose(Tensor(x, requires_grad=True), axes=(0, 3, 1, 2))
    for function in (
        lambda x: tg.conv2d(x, weight, padding=1),
        lambda x: tg.max_pool2d(x, kernel_size=2, stride=1),
        lambda x: tg.avg_pool2d(x, kernel_size=2, padding=1),
        lambda x: tg.fold(tg.unfold(x, kernel_size=2), output_size=(5, 6)),
    ):
        np.testing.assert_allclose(function(turned).data, function(first))


def test_windows_are_a_view_that_no_write_reaches() -> None:
    x = Tensor(np.arange(4.0).reshape(2, 2))
    seen = tg.unfold(x, kernel_size=2)
    with pytest.raises(MutationError):
        seen[0] = 5.0
    x[0, 0] = 9.0
    assert seen.data.ravel().tolist() == [0, 1, 2, 3]


# --- refusals


def image(*shape: int) -> Tensor:
    return Tensor(np.ones(shape))


WEIGHT = image(1, 1, 2, 2)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: tg.conv2d(image(1, 3, 5, 5), image(4, 2, 3, 3)), "3 channels"),
        (lambda: tg.conv2d(image(4, 5, 5), image(3, 2, 3, 3), groups=2), "divisible"),
        (lambda: tg.conv2d(image(4, 5, 5), image(3, 4, 3, 3), groups=0), "groups=0"),
        (lambda: tg.conv2d(image(5, 5), WEIGHT), r"\(\.\.\., C, H, W\)"),
        (lambda: tg.conv2d(image(1, 5, 5), image(3, 3)), "C / groups, KH, KW"),
        (lambda: tg.conv2d(image(1, 1, 2), WEIGHT), r"conv2d: .* \(1, 2\)"),
        (lambda: tg.conv2d(image(1, 3, 9), WEIGHT, dilation=3), r"\(4, 4\)"),
        (lambda: tg.conv2d(image(1, 3, 3), WEIGHT, image(3)), "bias of"),
        (lambda: tg.max_pool2d(image(1, 2, 5), kernel_size=3), "max_pool2d: .* fit"),
        (lambda: tg.avg_pool2d(image(1, 5, 2), kernel_size=3), "avg_pool2d: .* fit"),
        (lambda: tg.max_pool2d(image(5), kernel_size=1), "max_pool2d"),
        (lambda: tg.unfold(image(5, 0), kernel_size=1), "unfold: .* fit"),
        (lambda: tg.fold(image(2, 2, 3, 3), output_size=(5, 4)), "fold: x"),
        (lambda: tg.fold(image(2, 2, 3), output_size=(4, 4)), "fold: x"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call: Any, named: str) -> None:
    with pytest.raises(ShapeError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: tg.max_pool2d(x, kernel_size=0), "kernel_size=0"),
        (lambda x: tg.max_pool2d(x, kernel_size=2.0), "kernel_size=2.0"),
        (lambda x: tg.max_pool2d(x, kernel_size=(2, 2, 2)), "two of them"),
        (lambda x: tg.max_pool2d(x, kernel_size=2, stride=0), "stride=0"),
        (lambda x: tg.max_pool2d(x, kernel_size=3, padding=2), "half of a window"),
        (lambda x: tg.avg_pool2d(x, kernel_size=3, padding=(0, 2)), "half of a window"),
        (lambda x: tg.avg_pool2d(x, kernel_size=3, padding=-1), "padding=-1"),
        (lambda x: tg.unfold(x, kernel_size=2, dilation=(1, 0)), "dilation"),
        (lambda x: tg.conv2d(x, WEIGHT, padding="full"), "padding='full'"),
        (lambda x: tg.conv2d(x, WEIGHT, padding="same", stride=2), "stride 1"),
        (lambda x: tg.conv2d(x, image(1, 1, 0, 2)), "kernel_size"),
    ],
)
def test_settings_that_make_no_sense_are_refused(call: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        call(image(1, 1, 6, 6))


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("special", [np.nan, -np.inf, np.inf])
def test_a_recorded_maximum_has_the_gradient_of_an_ordinary_one(
    special: float, padding: int
) -> None:
    image = np.array([[special, 1.0], [2.0, 3.0]])
    for values in (image, np.full((2, 2), special)):
        x = Tensor(values, requires_grad=True)
        out = tg.max_pool2d(x, kernel_size=2, padding=padding)
        g = np.arange(1.0, out.size + 1).reshape(out.shape)
        (plain,) = tg.grad(out, [x], g, retain_graph=True)
        (recorded,) = tg.grad(out, [x], g, create_graph=True)
        np.testing.assert_array_equal(recorded.data, plain.data)


def test_foreign_byte_order_ends_here() -> None:
    foreign = np.dtype(">f4")  # one object, as of arrays from one file
    x, weight = np.ones((2, 3, 9, 8), foreign), np.ones((4, 3, 3, 3), foreign)
    assert tg.conv2d(Tensor(x), Tensor(weight)).dtype.isnative

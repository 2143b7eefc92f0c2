"""Domains of convolution and pooling: small images, and windows that fit them."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, uniform

# what is drawn first and most often should be telling: no window of one element
leads = st.sampled_from([(2,), (), (0,), (2, 1), (1, 2)])
one_or_two = st.integers(1, 2)
lengths = st.sampled_from([2, 3, 1])


def number_or_pair(draw: Any, values: Any) -> tuple[Any, tuple[int, int]]:
    """A setting, one number or two, and the two numbers that it stands for."""
    if draw(st.booleans()):
        return (n := draw(values)), (n, n)
    both = draw(values), draw(values)
    return both, both


def sliding(draw: Any) -> Any:
    """Settings of windows, and the size (H, W) of an image, a little over what fits."""
    kernel_size, window = number_or_pair(draw, lengths)
    stride, steps = number_or_pair(draw, one_or_two)
    dilation, apart_by = number_or_pair(draw, one_or_two)
    counts = draw(lengths), draw(lengths)
    size = tuple(
        d * (k - 1) + s * (n - 1) + 1 + draw(st.integers(0, s - 1))
        for k, s, d, n in zip(window, steps, apart_by, counts, strict=True)
    )
    settings = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
    return settings, window, counts, size


@st.composite
def unfolds(draw: Any) -> Any:
    settings, _, _, size = sliding(draw)
    return [uniform(draw, (*draw(leads), *size))], settings


@st.composite
def folds(draw: Any) -> Any:
    settings, window, counts, size = sliding(draw)
    del settings["kernel_size"]
    x = uniform(draw, (*draw(leads), *window, *counts))
    return [x], settings | {"output_size": size}


@st.composite
def convolutions(draw: Any) -> Any:
    settings, window, _, size = sliding(draw)
    del settings["kernel_size"]
    groups, part, channels = draw(one_or_two), draw(one_or_two), draw(lengths)
    padding, (top, left) = number_or_pair(draw, st.integers(0, 1))
    if settings["stride"] in (1, (1, 1)):
        padding = draw(st.sampled_from([padding, "same"]))
    if (top, left) == (0, 0) and padding != "same":
        padding = draw(st.sampled_from([padding, "valid"]))
    x = uniform(draw, (*draw(leads), groups * part, *size))
    weight = uniform(draw, (groups * channels, part, *window))
    bias = None if draw(st.booleans()) else uniform(draw, len(weight))
    return [x, weight, bias], settings | {"padding": padding, "groups": groups}


@st.composite
def poolings(draw: Any) -> Any:
    kernel_size, window = number_or_pair(draw, lengths)
    stride = None if draw(st.booleans()) else number_or_pair(draw, one_or_two)[0]
    padding, _ = number_or_pair(draw, st.integers(0, min(window) // 2))
    if draw(st.sampled_from([False, True, False])):  # as many windows as elements
        kernel_size, window, stride, padding = 3, (3, 3), 1, 1
    size = [k + draw(st.sampled_from([2, 1, 0, 3])) for k in window]
    (x,) = apart(draw, (*draw(leads), *size))
    return [x], {"kernel_size": kernel_size, "padding": padding, "stride": stride}


def pair(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)


def windows(x: Any, kernel_size: Any, stride: Any, dilation: Any = 1) -> Any:
    """((h, w), what the window there sees), for each window on the images."""
    (kh, kw), (sh, sw), (dh, dw) = map(pair, (kernel_size, stride, dilation))
    for h in range((x.shape[-2] - dh * (kh - 1) - 1) // sh + 1):
        for w in range((x.shape[-1] - dw * (kw - 1) - 1) // sw + 1):
            rows = h * sh + dh * np.arange(kh)
            columns = w * sw + dw * np.arange(kw)
            yield (h, w), (..., rows[:, None], columns)


def gathered(function: Any, x: Any, *settings: Any) -> Any:
    """function(what a window sees) in the place of each window: (..., OH, OW)."""
    found = {at: function(x[key]) for at, key in windows(x, *settings)}
    (high, wide), out = max(found), next(iter(found.values()))
    out = np.empty((*np.shape(out), high + 1, wide + 1))
    for (h, w), value in found.items():
        out[..., h, w] = value
    return out


def unfold(x: Any, kernel_size: Any, stride: Any, dilation: Any) -> Any:
    return gathered(lambda seen: seen, x, kernel_size, stride, dilation)


def fold(x: Any, output_size: Any, stride: Any, dilation: Any) -> Any:
    out = np.zeros((*x.shape[:-4], *output_size))
    for (h, w), key in windows(out, x.shape[-4:-2], stride, dilation):
        out[key] += x[..., h, w]
    return out


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    extra = [d * (k - 1) for d, k in zip(pair(dilation), weight.shape[2:], strict=True)]
    sides = [(n // 2, n - n // 2) for n in extra]
    if padding != "same":
        sides = [(n, n) for n in pair(0 if padding == "valid" else padding)]
    x = np.pad(x, [(0, 0)] * (x.ndim - 2) + sides)
    outs = [
        gathered(
            lambda seen, kernel=kernel: np.einsum("...cij,ocij->...o", seen, kernel),
            part,
            weight.shape[2:],
            stride,
            dilation,
        )
        for part, kernel in zip(
            np.split(x, groups, axis=-3), np.split(weight, groups), strict=True
        )
    ]
    out = np.concatenate(outs, axis=-3)
    return out if bias is None else out + bias[:, None, None]


def pooled(reduce: Any, frame: float) -> Any:
    def value(x: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
        sides = [(n, n) for n in pair(padding)]
        width = [(0, 0)] * (x.ndim - 2) + sides
        x = np.pad(x, width, constant_values=frame)
        stride = kernel_size if stride is None else stride
        return gathered(
            lambda seen: reduce(seen, axis=(-2, -1)), x, kernel_size, stride
        )

    return value


CONVOLUTIONS: dict[str, Domain] = {
    "unfold": Domain(unfolds(), unfold),
    "fold": Domain(folds(), fold),
    "conv2d": Domain(convolutions(), conv2d),
    "max_pool2d": Domain(poolings(), pooled(np.max, -np.inf)),
    "avg_pool2d": Domain(poolings(), pooled(np.mean, 0.0)),
}

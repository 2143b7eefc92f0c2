"""Convolution and pooling of images (..., C, H, W), as PyTorch has them.

All of it rests on windows that slide over an image. `unfold` shows what each window
sees, and `fold` adds the windows up to an image again: each is the other's derivative.

Sizes of windows, strides, dilations and paddings are numbers, or pairs of them for
height and width.
"""

import functools
import math

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels import kernel
from ..kernels.reference_windows import framed, places, tied
from ..op import fused, primitive
from .elementwise import where
from .floats import promoted
from .products import matmul
from .shape import broadcast_to, pad, reshape

__all__ = [
    "avg_pool2d",
    "conv2d",
    "fold",
    "max_pool2d",
    "unfold",
]


@primitive
def unfold(x, *, kernel_size, stride=1, dilation=1):
    """out[i, j, h, w] = x[h stride + i dilation, w stride + j dilation]

    (..., H, W) -> (..., KH, KW, OH, OW): for each place in a window of KH x KW, the
    elements there, over the OH x OW windows that fit. A view, as slices are. PyTorch
    has the same elements as (B, C KH KW, OH OW).

    >>> unfold(Tensor([[1.0, 2.0, 3.0, 4.0]]), kernel_size=(1, 2)).tolist()
    [[[[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]]]]
    """
    window, (sh, sw), (dh, dw) = windows = windows_of(kernel_size, stride, dilation)
    shape = *x.shape[:-2], *window, *_counts("unfold", x.shape, *windows)
    *lead, down, right = x.strides
    strides = *lead, down * dh, right * dw, down * sh, right * sw
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


@primitive
def fold(x, *, output_size, stride=1, dilation=1):
    """out[h stride + i dilation, w stride + j dilation] += x[i, j, h, w], from zeros

    (..., KH, KW, OH, OW) -> (..., H, W), where output_size is (H, W): what windows on
    such an image saw, as `unfold` gives it, added up where they overlap.

    >>> fold(Tensor([[[[1.0, 1.0, 1.0]], [[2.0, 2.0, 2.0]]]]), output_size=(1, 4))
    Tensor([[1., 3., 3., 2.]], dtype=float32)
    """
    image = (*x.shape[:-4], *pair("output_size", output_size))
    windows = windows_of(x.shape[-4:-2] if x.ndim > 3 else 1, stride, dilation)
    if x.ndim < 4 or _counts("fold", image, *windows) != x.shape[-2:]:
        raise ShapeError(
            f"fold: x {x.shape} should be (..., KH, KW, OH, OW), as unfold gives it "
            f"for an image {image[-2:]} with stride={stride}, dilation={dilation}"
        )
    out = np.zeros(image, x.dtype)
    kernel("fold", x)(out, x, *windows[1:])
    return out


unfold.gradient(
    x=lambda g, x_shape, stride, dilation: fold(
        g, output_size=x_shape[-2:], stride=stride, dilation=dilation
    )
)
fold.gradient(
    x=lambda g, x_shape, stride, dilation: unfold(
        g, kernel_size=x_shape[-4:-2], stride=stride, dilation=dilation
    )
)


@fused
def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """out[o, h, w] = bias[o] + sum_cij weight[o, c, i, j] x[c, h + i, w + j]

    A window moves by `stride` and sees every `dilation`-th element: in full, the
    indices of x are h stride + i dilation and w stride + j dilation. x (..., C, H, W),
    weight (O, C / groups, KH, KW) and bias (O,) give (..., O, OH, OW). `padding` is the
    number of zeros around the image, or "valid" for none, or "same" for as many as
    leave H and W what they are. With groups, the first O / groups channels of the
    result see the first C / groups of x, and so on.

    >>> conv2d(Tensor([[[1.0, 2.0, 3.0, 5.0]]]), Tensor([[[[-1.0, 1.0]]]]))
    Tensor([[[1., 1., 2.]]], dtype=float32)
    """
    lead, (channels, part, *window) = x.shape[:-3], weight.shape
    window, stride, dilation = windows = windows_of(window, stride, dilation)
    x = _padded(x, frame_of(padding, *windows), 0)
    seen = unfold(x, kernel_size=window, stride=stride, dilation=dilation)
    # one product of matrices for each image and group: (O / groups, K) @ (K, OH OW)
    OH, OW = seen.shape[-2:]
    rows, K = channels // groups, part * window[0] * window[1]
    columns = reshape(seen, shape=(*lead, groups, K, OH * OW))
    out = matmul(reshape(weight, shape=(groups, rows, K)), columns)
    if bias is not None:
        out = out + reshape(bias, shape=(groups, rows, 1))
    return reshape(out, shape=(*lead, channels, OH, OW))


@conv2d.forward
def _(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    _check_channels(x, weight, bias, groups)
    x, weight, bias = promoted(x, weight, bias)
    *lead, C, H, W = x.shape
    windows = windows_of(weight.shape[2:], stride, dilation)
    frame = frame_of(padding, *windows)
    counts = _counts("conv2d", _around((H, W), frame), *windows)
    out = np.empty((math.prod(lead), len(weight), *counts), x.dtype)
    images = x.reshape(len(out), C, H, W)
    kernel("conv2d", out)(out, images, weight, bias, *windows[1:], frame, groups)
    return (out.reshape(*lead, *out.shape[1:]),)


@conv2d.backward
def _(g, x, weight, bias, stride, padding, dilation, groups, needed):
    x, weight, g = promoted(x, weight, g)
    windows = windows_of(weight.shape[2:], stride, dilation)
    settings = *windows[1:], frame_of(padding, *windows), groups, needed
    images = math.prod(x.shape[:-3])
    gx, gweight, gbias = kernel("conv2d_backward", g)(
        *(a.reshape(images, *a.shape[-3:]) for a in (g, x)), weight, *settings
    )
    if gx is not None:
        gx = gx.reshape(x.shape)
    return [gx, gweight, gbias]


@primitive(
    smooth="where no two elements of a window tie",
    kinks="elements that tie share the gradient evenly",
)
def max_pool2d(x, *, kernel_size, stride=None, padding=0):
    """The largest element in each window: (..., H, W) -> (..., OH, OW).

    The stride is the size of a window unless given: windows side by side. Padding,
    at most half of a window, is never the largest. Elements that tie share the
    gradient evenly, as in `max`; PyTorch gives it all to the first.

    >>> max_pool2d(Tensor([[1.0, 5.0, 2.0, 3.0]]), kernel_size=(1, 2))
    Tensor([[5., 3.]], dtype=float32)
    """
    windows, frame = pooling(kernel_size, stride, padding)
    x = framed(x, frame, _lowest(x.dtype))
    return _reduce(np.maximum, "max_pool2d", x, windows)


@primitive
def avg_pool2d(x, *, kernel_size, stride=None, padding=0):
    """The mean of each window: (..., H, W) -> (..., OH, OW).

    The stride is the size of a window unless given: windows side by side. Padding,
    at most half of a window, counts as zeros.

    >>> avg_pool2d(Tensor([[1.0, 5.0, 2.0, 3.0]]), kernel_size=(1, 2))
    Tensor([[3. , 2.5]], dtype=float32)
    """
    windows, frame = pooling(kernel_size, stride, padding)
    kh, kw = windows[0]
    total = _reduce(np.add, "avg_pool2d", framed(x, frame), windows)
    return total / (kh * kw)


def _share(g, x, out, kernel_size, stride, padding):
    """g divided evenly among the elements of each window that equal the largest."""
    (window, stride, _), frame = windows = pooling(kernel_size, stride, padding)
    if isinstance(g, np.ndarray):
        return kernel("max_pool2d_backward", x)(g, x, out, window, stride, frame)
    ties, number = tied(x._data, out._data, window, stride, frame)
    *lead, OH, OW = g.shape
    shares = where(ties, reshape(g / number, shape=(*lead, 1, 1, OH, OW)), 0.0)
    return _put_back(shares, x.shape, *windows)


def _spread(g, x_shape, kernel_size, stride, padding):
    """g divided evenly among all elements of each window."""
    windows, frame = pooling(kernel_size, stride, padding)
    (kh, kw), (*lead, OH, OW) = windows[0], g.shape
    g = reshape(g / (kh * kw), shape=(*lead, 1, 1, OH, OW))
    g = broadcast_to(g, shape=(*lead, kh, kw, OH, OW))
    return _put_back(g, x_shape, windows, frame)


def _put_back(parts, shape, windows, frame):
    """What windows on a padded image send back to the image of that shape."""
    (top, bottom), (left, right) = frame
    H, W = shape[-2:]
    size = top + H + bottom, left + W + right
    out = fold(parts, output_size=size, stride=windows[1])
    return out if size == (H, W) else out[..., top : top + H, left : left + W]


max_pool2d.gradient(x=_share)
avg_pool2d.gradient(x=_spread)


# --- windows and frames, as numbers


def pair(name, value, least=1):
    """(v, v) for one whole number v, and two as they are: for height and width."""
    if type(value) is int and value >= least:
        return value, value
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    whole = all(isinstance(v, int | np.integer) and v >= least for v in both)
    if len(both) != 2 or not whole:
        raise ConfigError(
            f"{name}={value!r} must be a whole number from {least} up, or two of them"
        )
    return tuple(map(int, both))


def windows_of(kernel_size, stride, dilation):
    """The three as pairs: what the helpers below take."""
    return (
        pair("kernel_size", kernel_size),
        pair("stride", stride),
        pair("dilation", dilation),
    )


def _counts(name, shape, window, stride, dilation):
    """How many windows fit an image of `shape`, down and to the right."""
    reach = tuple([d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)])
    if len(shape) < 2 or shape[-2] < reach[0] or shape[-1] < reach[1]:
        raise ShapeError(
            f"{name}: windows that reach over {reach} don't fit an image of "
            f"{shape[-2:]}, padding included. Give more padding, or smaller windows"
        )
    sizes = zip(shape[-2:], reach, stride, strict=True)
    return tuple([(n - r) // s + 1 for n, r, s in sizes])


def _places(x, windows, name="windows"):
    """(i, j, view): for each place in a window, the elements of x there."""
    window, stride, dilation = windows
    counts = _counts(name, x.shape, *windows)
    return places(x, window, counts, stride, dilation)


def _reduce(function, name, x, windows):
    # place by place: NumPy is 20 times as slow over short axes such as a window's
    parts = [part for _, _, part in _places(x, windows, name)]
    return functools.reduce(function, parts)


def pooling(kernel_size, stride, padding):
    """The windows of a pooling, and the frame around its image."""
    stride = kernel_size if stride is None else stride
    window, *_ = windows = windows_of(kernel_size, stride, 1)
    frame = tuple([(n, n) for n in pair("padding", padding, 0)])
    if any(before > k // 2 for (before, _), k in zip(frame, window, strict=True)):
        raise ConfigError(f"padding={padding} is more than half of a window {window}")
    return windows, frame


def _lowest(dtype):
    """What no number of that dtype is below."""
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def frame_of(padding, window, stride, dilation):
    """((above, below), (left, right)): how many elements go around an image."""
    if padding == "valid":
        padding = 0
    if padding != "same":
        return tuple([(n, n) for n in pair("padding", padding, 0)])
    if stride != (1, 1):
        raise ConfigError(f"padding='same' needs stride 1, not {stride}")
    extra = [d * (k - 1) for k, d in zip(window, dilation, strict=True)]
    return tuple([(n // 2, n - n // 2) for n in extra])


def _around(size, frame):
    """The size (H, W) of an image with its frame."""
    return tuple([n + sum(sides) for n, sides in zip(size, frame, strict=True)])


def _padded(x, frame, value):
    """The images with `value` around them."""
    if frame == ((0, 0), (0, 0)):
        return x
    width = ((0, 0),) * (x.ndim - 2) + frame
    return pad(x, pad_width=width, constant_values=value)


def _check_channels(x, weight, bias, groups):
    """ShapeError, in one line, for shapes that conv2d can't take together."""
    if x.ndim < 3 or weight.ndim != 4:
        raise ShapeError(
            f"conv2d: x {x.shape} and weight {weight.shape} should be (..., C, H, W) "
            "and (O, C / groups, KH, KW)"
        )
    (C, *_), (channels, part, *_) = x.shape[-3:], weight.shape
    if groups < 1 or channels % groups or part * groups != C:
        raise ShapeError(
            f"conv2d: x {x.shape} has {C} channels, weight {weight.shape} sees {part} "
            f"in each of groups={groups}: {part} times {groups} must be {C}, and "
            f"{channels} divisible by {groups}"
        )
    if bias is not None and bias.shape != (channels,):
        raise ShapeError(f"conv2d: weight {weight.shape} with a bias of {bias.shape}")

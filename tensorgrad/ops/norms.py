"""Normalisation by the mean and variance of features, or of a batch."""

import math

from ..errors import ShapeError
from ..kernels import kernel
from ..op import fused
from .floats import fast, promoted
from .reduce import mean, sum
from .shape import reshape

__all__ = [
    "batch_norm",
    "layer_norm",
    "rms_norm",
]


@fused
def layer_norm(x, weight=None, bias=None, *, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis.

    The variance is the biased one. Source: Ba, Kiros and Hinton, Layer
    Normalization, arXiv 1607.06450.

    >>> layer_norm(Tensor([1.0, 3.0]), eps=0.0)
    Tensor([-1.,  1.], dtype=float32)
    """
    centred = x - mean(x, axis=-1, keepdims=True)
    variance = mean(centred * centred, axis=-1, keepdims=True)
    out = centred * (variance + eps) ** -0.5
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@layer_norm.forward
def _(x, weight=None, bias=None, *, eps=1e-5):
    _check("layer_norm", x, -1, weight, bias)
    x, weight, bias = promoted(x, weight, bias)
    return fast("layer_norm", x)(x, weight, bias, eps)


@layer_norm.backward
def _(g, x, weight, bias, mean, rstd):
    x, weight, _ = promoted(x, weight, g)
    gx, gweight, gbias = kernel("layer_norm_backward", x)(g, x, weight, mean, rstd)
    return [gx, gweight, gbias]


@fused
def rms_norm(x, weight=None, *, eps=1e-5):
    """x / sqrt(mean of x^2 + eps) * weight, over the last axis.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv
    1910.07467; eps is everyone's later addition, and PyTorch's default is smaller.

    >>> rms_norm(Tensor([1.0, 7.0]), eps=0.0)
    Tensor([0.2, 1.4], dtype=float32)
    """
    out = x * (mean(x * x, axis=-1, keepdims=True) + eps) ** -0.5
    return out if weight is None else out * weight


@rms_norm.forward
def _(x, weight=None, *, eps=1e-5):
    _check("rms_norm", x, -1, weight)
    x, weight = promoted(x, weight)
    return fast("rms_norm", x)(x, weight, eps)


@rms_norm.backward
def _(g, x, weight, rstd):
    x, weight, _ = promoted(x, weight, g)
    return list(kernel("rms_norm_backward", x)(g, x, weight, rstd))


@fused
def batch_norm(x, weight=None, bias=None, *, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over all axes but axis 1.

    x (B, C, ...) with weight and bias (C,). Mean and biased variance are those of the
    batch, so each example's result depends on the others. Source: Ioffe and Szegedy,
    Batch Normalization, arXiv 1502.03167.

    >>> batch_norm(Tensor([[1.0, 0.0], [3.0, 0.0]]), eps=1e-9)
    Tensor([[-1.,  0.],
            [ 1.,  0.]], dtype=float32)
    """
    centred = x - _channel_mean(x)
    out = centred * (_channel_mean(centred * centred) + eps) ** -0.5
    column = (-1, *(1,) * (x.ndim - 2))
    out = out if weight is None else out * reshape(weight, shape=column)
    return out if bias is None else out + reshape(bias, shape=column)


def _channel_mean(x):
    """The mean over all axes but axis 1; 0 where there is no element."""
    axes = (0, *range(2, x.ndim))
    count = math.prod([x.shape[axis] for axis in axes])
    return sum(x, axis=axes, keepdims=True) * (1 / max(1, count))


@batch_norm.forward
def _(x, weight=None, bias=None, *, eps=1e-5):
    _check("batch_norm", x, 1, weight, bias)
    x, weight, bias = promoted(x, weight, bias)
    return fast("batch_norm", x)(x, weight, bias, eps)


@batch_norm.backward
def _(g, x, weight, bias, mean, rstd):
    x, weight, _ = promoted(x, weight, g)
    gx, gweight, gbias = kernel("batch_norm_backward", x)(g, x, weight, mean, rstd)
    return [gx, gweight, gbias]


def _check(name, x, axis, *parameters):
    """ShapeError unless x has that axis, and each parameter is as long."""
    if x.ndim <= axis or not x.ndim:
        raise ShapeError(f"{name}: x {x.shape} needs at least {max(axis, 0) + 1} axes")
    for p in parameters:
        if p is not None and p.shape != (x.shape[axis],):
            raise ShapeError(
                f"{name}: x {x.shape} with a weight or bias of {p.shape}: these need "
                f"shape {(x.shape[axis],)}"
            )

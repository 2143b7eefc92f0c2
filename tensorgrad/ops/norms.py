"""Normalisation by the mean and variance of features."""

from ..errors import ShapeError
from ..kernels import kernel
from ..op import fused
from .floats import fast, promoted
from .reduce import mean

__all__ = [
    "layer_norm",
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
    if not x.ndim:
        raise ShapeError("layer_norm needs at least one axis")
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and p.shape != x.shape[-1:]:
            raise ShapeError(f"layer_norm: x {x.shape} with a {name} of {p.shape}")
    x, weight, bias = promoted(x, weight, bias)
    return fast("layer_norm", x)(x, weight, bias, eps)


@layer_norm.backward
def _(g, x, weight, bias, mean, rstd):
    x, weight, _ = promoted(x, weight, g)
    gx, gweight, gbias = kernel("layer_norm_backward", x)(g, x, weight, mean, rstd)
    return [gx, gweight, gbias]

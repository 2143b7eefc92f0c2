"""Normalisation layers: layer norm, RMS norm and batch norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.kernels import kernel

from . import init
from .layers import empty, positive
from .module import Buffer, Module


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the last axis, of `dim`.

    weight (dim,) starts as ones, bias (dim,) as zeros.
    """

    def __init__(self, dim: int, eps: float = 1e-5, bias: bool = True) -> None:
        positive("LayerNorm", dim=dim)
        self.eps = not_negative("LayerNorm", eps)
        self.weight = init.ones_(empty(dim))
        self.bias = init.zeros_(empty(dim)) if bias else None

    def forward(self, x: Any) -> Any:
        return tg.layer_norm(x, self.weight, self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        bias = ", bias=False" * (self.bias is None)
        return f"{self.weight.shape[0]}, eps={self.eps}{bias}"


class RMSNorm(Module):
    """x / sqrt(mean of x^2 + eps) * weight, over the last axis, of `dim`.

    weight (dim,) starts as ones. Source: Zhang and Sennrich, Root Mean Square Layer
    Normalization, arXiv 1910.07467.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        positive("RMSNorm", dim=dim)
        self.eps = not_negative("RMSNorm", eps)
        self.weight = init.ones_(empty(dim))

    def forward(self, x: Any) -> Any:
        return tg.rms_norm(x, self.weight, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"


class BatchNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, each channel by itself.

    x is (B, C, ...) with C = num_features; mean and biased variance are over all axes
    but axis 1. weight (C,) starts as ones and bias (C,) as zeros; with affine=False
    there are none. In training, mean and variance are the batch's own, and the buffers
    running_mean and running_var (of the unbiased variance) move towards them by
    `momentum` of the way, or with momentum=None are averages over all batches so far.
    In eval mode they take the place of the batch's, so that no example depends on the
    others. With track_running_stats=False there are none.

    Abstract: BatchNorm1d and BatchNorm2d say what shapes x has. ShapeError for other
    ones, and in training for a single value a channel, which has no variance. Source:
    Ioffe and Szegedy, Batch Normalization, arXiv 1502.03167.
    """

    shapes: dict[int, str]  # those of x, by their number of axes
    running_mean: Any  # three buffers, or None
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        name = type(self).__name__
        positive(name, num_features=num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ConfigError(f"{name}: momentum={momentum} must be from 0 to 1")
        self.num_features, self.momentum = num_features, momentum
        self.eps = not_negative(name, eps)
        self.weight = init.ones_(empty(num_features)) if affine else None
        self.bias = init.zeros_(empty(num_features)) if affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.array(0))

    def forward(self, x: Any) -> Any:
        self._check(x.shape)
        if not self.training and self.running_mean is not None:
            return self._by_running_statistics(x)
        out = tg.batch_norm(x, self.weight, self.bias, eps=self.eps)
        if self.training and self.running_mean is not None and x.size:
            self._follow(x.data if isinstance(x, Tensor) else np.asarray(x))
        return out

    def _check(self, shape: tuple[int, ...]) -> None:
        name, C = type(self).__name__, self.num_features
        if len(shape) not in self.shapes or shape[1] != C:
            wanted = " or ".join(self.shapes.values())
            raise ShapeError(f"{name}: x {shape} should be {wanted} with C = {C}")
        if self.training and math.prod(shape) == C:
            raise ShapeError(
                f"{name}: x {shape} has one value a channel, and one has no variance. "
                "Train on larger batches, or use eval()"
            )

    def _by_running_statistics(self, x: Any) -> Any:
        column = (-1, *(1,) * (x.ndim - 2))
        scale = (self.running_var + self.eps) ** -0.5
        scale = scale if self.weight is None else scale * self.weight
        out = x - tg.reshape(self.running_mean, shape=column)
        out = out * tg.reshape(scale, shape=column)
        return out if self.bias is None else out + tg.reshape(self.bias, shape=column)

    def _follow(self, x: NDArray[Any]) -> None:
        """Move the running statistics towards those of x."""
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.item()
        mean, variance = kernel("channel_moments", x)(x)
        count = x.size // self.num_features
        variance *= count / (count - 1)
        for running, now in ((self.running_mean, mean), (self.running_var, variance)):
            array = running.writable()
            array += share * (now - array)

    def extra_repr(self) -> str:
        parts = [f"{self.num_features}", f"eps={self.eps}", f"momentum={self.momentum}"]
        parts += ["affine=False"] * (self.weight is None)
        parts += ["track_running_stats=False"] * (self.running_mean is None)
        return ", ".join(parts)


class BatchNorm1d(BatchNorm):
    """Batch norm of features (B, C), or of sequences of them (B, C, T).

    >>> norm = BatchNorm1d(1)
    >>> norm(Tensor([[1.0], [3.0]])).tolist()
    [[-0.999995], [0.999995]]
    >>> norm.running_mean.tolist()
    [0.2]
    """

    shapes = {2: "(B, C)", 3: "(B, C, T)"}


class BatchNorm2d(BatchNorm):
    """Batch norm of images (B, C, H, W)."""

    shapes = {4: "(B, C, H, W)"}


def not_negative(owner: str, eps: float) -> float:
    """eps, or ConfigError if it is below 0 or no finite number."""
    if not 0 <= eps < math.inf:
        raise ConfigError(f"{owner}: eps={eps} must be 0 or more")
    return eps

"""Layers for images (B, C, H, W): convolution and pooling.

Sizes of windows, strides, paddings and dilations are numbers, or pairs of them for
height and width. ConfigError for those that no image could have; ShapeError for an
image that is too small.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad.errors import ConfigError
from tensorgrad.ops.convolution import frame_of, pooling, windows_of

from . import init
from .layers import Rng, empty, positive
from .module import Module

Pair = int | tuple[int, int]


class Conv2d(Module):
    """The sum of weight times what a window sees, and bias: `tensorgrad.conv2d`.

    (B, in_channels, H, W) -> (B, out_channels, OH, OW). weight (out_channels,
    in_channels / groups, KH, KW) and bias (out_channels,) start from U(-a, a) with
    a = 1 / sqrt(in_channels / groups KH KW). `padding` may also be "same" or "valid".

    >>> Conv2d(3, 16, 5, padding=2)(Tensor(np.zeros((1, 3, 8, 8)))).shape
    (1, 16, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        sizes = {"in_channels": in_channels, "out_channels": out_channels}
        positive("Conv2d", **sizes, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ConfigError(
                f"Conv2d: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        window, *_ = windows = windows_of(kernel_size, stride, dilation)
        frame_of(padding, *windows)  # refuses what is no padding
        self.stride, self.padding = stride, padding
        self.dilation, self.groups = dilation, groups
        self.weight = empty(out_channels, in_channels // groups, *window)
        self.bias = empty(out_channels) if bias else None
        rng, a = np.random.default_rng(rng), 1 / math.sqrt(self.weight[0].size)
        for parameter in self.parameters():
            init.uniform_(parameter, -a, a, rng=rng)

    def forward(self, x: Any) -> Any:
        return tg.conv2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def extra_repr(self) -> str:
        out_channels, part, *window = self.weight.shape
        sizes = f"{part * self.groups}, {out_channels}, kernel_size={tuple(window)}"
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        return sizes + unusual(self, **usual) + ", bias=False" * (self.bias is None)


class Pool2d(Module):
    """Windows on images (..., H, W), side by side unless a stride is given.

    Abstract: MaxPool2d and AvgPool2d say what becomes of a window.
    """

    def __init__(
        self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
    ) -> None:
        pooling(kernel_size, stride, padding)  # refuses what is no pooling
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def extra_repr(self) -> str:
        usual = {"stride": self.kernel_size, "padding": 0}
        return f"{self.kernel_size}" + unusual(self, **usual)


class MaxPool2d(Pool2d):
    """The largest element in each window: (..., H, W) -> (..., OH, OW).

    The stride is the size of a window unless given. Elements that tie share the
    gradient evenly.

    >>> MaxPool2d(2)(Tensor([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
    [[[4.0]]]
    """

    def forward(self, x: Any) -> Any:
        return tg.max_pool2d(
            x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding
        )


class AvgPool2d(Pool2d):
    """The mean of each window, padding included: (..., H, W) -> (..., OH, OW).

    The stride is the size of a window unless given.

    >>> AvgPool2d(2)(Tensor([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
    [[[2.5]]]
    """

    def forward(self, x: Any) -> Any:
        return tg.avg_pool2d(
            x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding
        )


def unusual(module: Module, **usual: Any) -> str:
    """The settings that are not the usual ones, for repr."""
    settings = {name: getattr(module, name) for name in usual}
    return "".join(f", {n}={v!r}" for n, v in settings.items() if v != usual[n])

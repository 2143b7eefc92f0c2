"""Ops that act on each element, in PyTorch."""

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional


def gelu(x: Any, approximate: str) -> Any:
    return functional.gelu(x, approximate=approximate)


def clip(x: Any, min: Any, max: Any) -> Any:
    return x * 1 if min is max is None else torch.clamp(x, min, max)


def cbrt(x: Any) -> Any:
    return torch.sign(x) * torch.abs(x) ** (1 / 3)  # PyTorch has none


def sinc(x: Any, order: int) -> Any:
    # differs: the derivatives of PyTorch's lose digits near 0, where this integrates
    near = torch.abs(x) < 0.1
    rule = np.polynomial.legendre.leggauss(10)
    nodes, weights = [torch.tensor(part, dtype=x.dtype) for part in rule]
    waves = torch.cos(x[..., None] * (math.pi * (nodes + 1) / 2)) @ (weights / 2)
    out = torch.where(near, waves, torch.sinc(torch.where(near, 1.0, x)))
    for _ in range(order):
        (out,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    return out


def softplus(x: Any) -> Any:
    # differs: PyTorch takes x itself for it from 20 on, where 2e-9 is still missing
    return functional.softplus(x, threshold=40)


def floor_divide(x: Any, y: Any) -> Any:
    return torch.div(x, y, rounding_mode="floor")  # torch.floor_divide has no gradient


BY_NAME = """
absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil cos cosh deg2rad
divide erf exp exp2 expm1 floor fmod hypot log log10 log1p log2 logaddexp logaddexp2
maximum minimum multiply negative rad2deg reciprocal relu remainder round sigmoid sign
sin sinh sqrt square subtract tan tanh trunc where
"""
ELEMENTWISE = {
    **{name: getattr(torch, name) for name in BY_NAME.split()},
    "cbrt": cbrt,
    "clip": clip,
    "elu": functional.elu,
    "floor_divide": floor_divide,
    "gelu": gelu,
    "leaky_relu": functional.leaky_relu,
    "log_sigmoid": functional.logsigmoid,
    "power": torch.pow,
    "power_constant": lambda x, exponent: x**exponent,
    "silu": functional.silu,
    "sinc": sinc,
    "softplus": softplus,
}

"""Ops that act on each element, in PyTorch."""

from typing import Any

import torch


def gelu(x: Any, approximate: str) -> Any:
    return torch.nn.functional.gelu(x, approximate=approximate)


def clip(x: Any, min: Any, max: Any) -> Any:
    return x * 1 if min is max is None else torch.clamp(x, min, max)


BY_NAME = """
add subtract multiply divide maximum minimum negative exp log sqrt sin cos tanh sigmoid
erf absolute sign relu where
"""
ELEMENTWISE = {
    **{name: getattr(torch, name) for name in BY_NAME.split()},
    "power": torch.pow,
    "power_constant": lambda x, exponent: x**exponent,
    "gelu": gelu,
    "clip": clip,
}

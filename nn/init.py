"""Initialisers: each fills a tensor in place and returns it.

All randomness comes from the generator given as `rng`: a numpy.random.Generator, or
a seed for a new one. float32 tensors are drawn in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError

from .module import Module

T = TypeVar("T", bound=Tensor)
Rng = np.random.Generator | int

_deferring = ContextVar("deferring", default=False)
deferring = _deferring.get


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, parameters are made without memory of their own, and nothing is drawn.

    For models whose weights a file brings: each parameter is one zero, repeated.
    """
    token = _deferring.set(True)
    try:
        yield
    finally:
        _deferring.reset(token)


def constant_(tensor: T, value: float) -> T:
    """Every element becomes `value`.

    >>> constant_(Tensor([1.0, 2.0]), 0.5)
    Tensor([0.5, 0.5], dtype=float32)
    """
    if not deferring():
        tensor.writable()[...] = value
    return tensor


def zeros_(tensor: T) -> T:
    """Every element becomes 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: T) -> T:
    """Every element becomes 1."""
    return constant_(tensor, 1.0)


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, *, rng: Rng) -> T:
    """Draws from the normal distribution N(mean, std^2)."""
    if not std >= 0:
        raise ConfigError(f"normal_: std={std} must be 0 or more")
    if deferring():
        return tensor
    array = tensor.writable()
    draws = np.random.default_rng(rng).standard_normal(array.shape, precision(array))
    array[...] = mean + std * draws
    return tensor


def uniform_(tensor: T, low: float = 0.0, high: float = 1.0, *, rng: Rng) -> T:
    """Draws from the uniform distribution over [low, high)."""
    if not low <= high:
        raise ConfigError(f"uniform_: low={low} must not exceed high={high}")
    if deferring():
        return tensor
    array = tensor.writable()
    draws = np.random.default_rng(rng).random(array.shape, precision(array))
    array[...] = low + (high - low) * draws
    return tensor


def precision(array: NDArray[np.floating]) -> type[np.float32] | type[np.float64]:
    """What to draw in: no more than the array can hold."""
    return np.float64 if array.dtype.itemsize > 4 else np.float32


def xavier_uniform_(tensor: T, gain: float = 1.0, *, rng: Rng) -> T:
    """U(-a, a) with a = gain sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, equation 16.
    """
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: T, gain: float = 1.0, *, rng: Rng) -> T:
    """N(0, s^2) with s = gain sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, std=gain * math.sqrt(2 / sum(fans(tensor))), rng=rng)


def kaiming_uniform_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng,
) -> T:
    """U(-b, b) with b = gain sqrt(3 / fan): the variance that kaiming_normal_ has."""
    bound = math.sqrt(3) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng,
) -> T:
    """N(0, s^2) with s = gain / sqrt(fan), for the nonlinearity that follows.

    `mode` "fan_in" keeps the variance of what flows forward, "fan_out" that of the
    gradients; `a` is the slope of leaky ReLU, and 0 that of ReLU. Source: He et al.,
    Delving Deep into Rectifiers, equations 10 and 14, arXiv 1502.01852.
    """
    return normal_(tensor, std=_kaiming(tensor, a, mode, nonlinearity), rng=rng)


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ConfigError(f"mode={mode!r} must be 'fan_in' or 'fan_out'")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def calculate_gain(nonlinearity: str, a: float = 0.01) -> float:
    """How much to enlarge the weights before a nonlinearity that shrinks its input.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + a**2)),
        "selu": 3 / 4,
    }
    if nonlinearity not in gains:
        raise ConfigError(
            f"nonlinearity={nonlinearity!r} is none of {', '.join(gains)}"
        )
    return gains[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs an output of a weight (out, in, ...) has."""
    if tensor.ndim < 2 or tensor.size == 0:
        raise ShapeError(
            f"fan-in and fan-out need a weight (out, in, ...), not one of shape "
            f"{tensor.shape}. For a bias take zeros_ or uniform_"
        )
    out, into, *window = tensor.shape
    return into * math.prod(window), out * math.prod(window)


def gpt2_(
    module: Module,
    n_layer: int,
    *,
    std: float = 0.02,
    residual: str = "c_proj.weight",
    rng: Rng,
) -> Module:
    """Matrices from N(0, std^2), biases 0, as GPT-2 starts.

    Each of the 2 n_layer projections that add to the residual stream, by names that
    end in `residual`, has std / sqrt(2 n_layer) instead, so that their sum keeps its
    size. Source: Radford et al., Language Models are Unsupervised Multitask Learners,
    section 2.3.
    """
    if n_layer < 1:
        raise ConfigError(f"n_layer={n_layer} must be 1 or more")

    def draw(name: str, parameter: Tensor) -> None:
        last = name.endswith(residual)
        normal_(parameter, std=std / math.sqrt(2 * n_layer) if last else std, rng=rng)

    rng = np.random.default_rng(rng)
    return weights_(module, draw)


def bert_(module: Module, *, std: float = 0.02, rng: Rng) -> Module:
    """Matrices from N(0, std^2), biases 0.

    Source: Devlin et al., BERT, arXiv 1810.04805, and the code released with it.
    """
    rng = np.random.default_rng(rng)
    return weights_(
        module, lambda name, parameter: normal_(parameter, std=std, rng=rng)
    )


def transformer_(module: Module, *, rng: Rng) -> Module:
    """Matrices from `xavier_uniform_`, biases 0, embeddings from N(0, 1 / channels).

    Multiplied by sqrt(channels), as the Transformer does, embeddings are N(0, 1).
    """

    def draw(name: str, parameter: Tensor) -> None:
        if name.endswith("embedding.weight"):
            normal_(parameter, std=1 / math.sqrt(parameter.shape[1]), rng=rng)
        else:
            xavier_uniform_(parameter, rng=rng)

    rng = np.random.default_rng(rng)
    return weights_(module, draw)


def weights_(module: Module, draw: Callable[[str, Tensor], object]) -> Module:
    """draw(name, weight) for every matrix; biases become 0, and norms stay."""
    for name, parameter in module.named_parameters():
        if parameter.ndim >= 2:
            draw(name, parameter)
        elif name.endswith("bias"):
            zeros_(parameter)
    return module

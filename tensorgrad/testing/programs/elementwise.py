"""Statements that act element by element, away from kinks and poles."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from ... import ops
from .scope import any_of, anything, broadcast, one, two
from .statement import Kind, named

GAP = 0.1  # how far from a kink: finite differences must not step over it


def nonzero(x: np.ndarray) -> Any:
    return (np.abs(x) >= GAP).all()


def off_bounds(x: np.ndarray) -> Any:
    return (np.abs(np.abs(x) - 1) >= GAP).all()


def unequal(x: np.ndarray, y: np.ndarray) -> Any:
    return broadcast(x, y) and nonzero(x - y)


def mask(draw: st.DrawFn, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Booleans that broadcast with x and y."""
    shape = draw(st.sampled_from([x.shape, y.shape, x.shape[-1:], ()]))
    seed = draw(st.integers(0, 99))
    return np.asarray(np.random.default_rng(seed).random(shape) < 0.5)


UNARIES = (
    named("tanh", one(), "tanh"),
    named("sin", one(), "sin"),
    named("exp", one(), "exp"),
    named("sigmoid", one(), "sigmoid"),
    named("erf", one(), "erf"),
    named("gelu", one(), "nn.functional.gelu"),
    named("cos", one(), "cos"),
    named("arctan", one(), "arctan"),
    named("arcsinh", one(), "arcsinh"),
    named("sinh", one(), "sinh"),
    named("expm1", one(), "expm1"),
    named("square", one(), "square"),
    named("softplus", one(), "nn.functional.softplus"),
    named("silu", one(), "nn.functional.silu"),
    Kind("-{0}", one(), lambda x: -x, lambda torch, x: -x),
    Kind("{0} ** 2", one(), lambda x: x**2, lambda torch, x: x**2),
    Kind("{0} ** 3", one(), lambda x: x**3, lambda torch, x: x**3),
    Kind(
        "tg.sqrt({0} * {0} + 0.5)",
        one(),
        lambda x: ops.sqrt(x * x + 0.5),
        lambda torch, x: torch.sqrt(x * x + 0.5),
    ),
    Kind(
        "tg.log({0} * {0} + 0.5)",
        one(),
        lambda x: ops.log(x * x + 0.5),
        lambda torch, x: torch.log(x * x + 0.5),
    ),
)

KINKED = (
    named("relu", one(nonzero), "relu"),
    named("absolute", one(nonzero), "abs"),
    named("reciprocal", one(lambda x: (np.abs(x) >= 4 * GAP).all()), "reciprocal"),
    named("maximum", two(unequal), "maximum", n=2),
    named("minimum", two(unequal), "minimum", n=2),
    Kind(
        "tg.clip({0}, min=-1.0, max=1.0)",
        one(off_bounds),
        lambda x: ops.clip(x, min=-1.0, max=1.0),
        lambda torch, x: torch.clamp(x, -1.0, 1.0),
    ),
    Kind(
        "tg.where({condition}, {0}, {1})",
        two(broadcast, condition=mask),
        lambda x, y, condition: ops.where(condition, x, y),
        lambda torch, x, y, condition: torch.where(torch.tensor(condition), x, y),
    ),
)

NUMBERS = any_of(2.0, -0.5, 1.5)

BINARIES = (
    Kind("{0} * {1}", two(broadcast), lambda x, y: x * y, lambda torch, x, y: x * y),
    Kind("{0} + {1}", two(broadcast), lambda x, y: x + y, lambda torch, x, y: x + y),
    Kind("{0} - {1}", two(broadcast), lambda x, y: x - y, lambda torch, x, y: x - y),
    Kind(
        "{0} / ({1} * {1} + 0.5)",
        two(broadcast),
        lambda x, y: x / (y * y + 0.5),
        lambda torch, x, y: x / (y * y + 0.5),
    ),
    named("logaddexp", two(broadcast), "logaddexp", n=2),
    Kind(
        "({0} * {0} + 0.5) ** {1}",
        two(broadcast),
        lambda x, y: (x * x + 0.5) ** y,
        lambda torch, x, y: (x * x + 0.5) ** y,
    ),
    Kind(
        "{number} * {0}",
        one(anything, number=NUMBERS),
        lambda x, number: number * x,
        lambda torch, x, number: number * x,
    ),
    Kind(
        "{number} - {0}",
        one(anything, number=NUMBERS),
        lambda x, number: number - x,
        lambda torch, x, number: number - x,
    ),
    Kind(
        "{number} / ({0} * {0} + 0.5)",
        one(anything, number=NUMBERS),
        lambda x, number: number / (x * x + 0.5),
        lambda torch, x, number: number / (x * x + 0.5),
    ),
)

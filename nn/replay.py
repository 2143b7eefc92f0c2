"""Why a loss is not finite: the failed step once more, under anomaly mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad.errors import AnomalyError, InputError

from .module import Module
from .random_state import rng_state, set_rng_state

Generators = dict[str, np.random.Generator]


class DivergenceError(InputError, ArithmeticError):
    """A loss or a gradient that is not finite: the step, the op, and what to do."""


def generators(model: Module) -> Generators:
    """Every random generator that a module draws from, by the first one's name."""
    found: Generators = {}
    for name, module in model.named_modules():
        rng = vars(module).get("rng")
        if isinstance(rng, np.random.Generator) and all(
            rng is not other for other in found.values()
        ):
            found[name] = rng
    return found


def random_states(model_generators: Generators) -> dict[str, Any]:
    return {name: rng_state(rng) for name, rng in model_generators.items()}


def set_random_states(
    model_generators: Generators, states: Mapping[str, Mapping[str, Any]]
) -> None:
    for name, rng in model_generators.items():
        set_rng_state(rng, states[name])


def explain(model: Module, attempt: Callable[[], Any]) -> str:
    """The parameter, or the op and source line, where the first NaN or infinity is.

    `attempt` repeats the forward and backward passes; set the random numbers first.
    """
    for name, parameter in model.named_parameters():
        if not np.isfinite(parameter.data).all():
            return f"{name} is not finite, since the step before"
    model.zero_grad()
    try:
        with np.errstate(all="ignore"), tg.detect_anomaly():
            attempt()
    except AnomalyError as error:
        return str(error)
    return "no single op made it: finite numbers became too large when added up"


def is_finite(batch: Any) -> bool:
    """Whether there is no NaN or infinity in arrays, or in nested lists of them."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return all(map(is_finite, batch))
    array = np.asarray(getattr(batch, "data", batch))
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())

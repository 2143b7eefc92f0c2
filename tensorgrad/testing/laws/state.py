"""A model's state, saved and loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConfigError
from .accumulation import named
from .compare import Arrays, agree, arrays

LAW = "state_dict_round_trip"
LOST = (
    "Is it missing from the state dict, under another name when loaded, or converted?"
)


def state_dict_round_trip(
    make_model: Callable[[], Any], *inputs: Any, seed: int = 0
) -> None:
    """load_state_dict(state_dict()) makes a new model the saved one, bit for bit.

    So are parameters, their names, the state dict of the new model, and with `inputs`
    the outputs in evaluation. Then all three go separate ways: training one model
    changes neither the other nor the saved state. `make_model` gives a new model each
    time. Training here moves parameters at random, and with `inputs` computes once in
    training mode, for statistics that only then move.

    >>> class Scale:
    ...     def __init__(self):
    ...         self.factor = Tensor([1.0, 1.0], requires_grad=True)
    ...     def named_parameters(self):
    ...         return [("factor", self.factor)]
    ...     def state_dict(self):
    ...         return {"factor": self.factor}  # and not a copy of it
    ...     def load_state_dict(self, state):
    ...         self.factor = Tensor(state["factor"].data, requires_grad=True)
    >>> state_dict_round_trip(Scale)
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: state_dict_round_trip:
    state['factor'][0] is 0.795... once the saved model had changed and 1.062... when
    saved (2 of 2 elements differ, this one most). ...
    """
    rng = np.random.default_rng(seed)
    source, fresh = make_model(), make_model()
    train(source, rng, inputs)
    state = source.state_dict()
    saved, values = arrays(state, "state"), parameters_of(source)
    if not saved:
        raise ConfigError(f"{LAW}: the state dict is empty, so nothing can be lost")
    fresh.load_state_dict(state)
    when = "after loading", "when saved"
    exactly(parameters_of(fresh), values, when, LOST)
    exactly(arrays(fresh.state_dict(), "state"), saved, when, LOST)
    exactly(
        outputs_of(fresh, "eval", inputs),
        outputs_of(source, "eval", inputs),
        ("from the loaded model", "from the saved one"),
        "Does the output depend on something that is no parameter and not saved?",
    )
    train(fresh, rng, inputs)
    when = "once the loaded model had changed", "when saved"
    shared = "Does load_state_dict keep what it is given, instead of a copy?"
    exactly(parameters_of(source), values, when, shared)
    exactly(arrays(source.state_dict(), "state"), saved, when, shared)
    exactly(arrays(state, "state"), saved, when, shared)
    train(source, rng, inputs)
    when = "once the saved model had changed", "when saved"
    shared = "Does state_dict give the parameters themselves, instead of copies?"
    exactly(arrays(state, "state"), saved, when, shared)


def exactly(found: Arrays, expected: Arrays, when: tuple[str, str], cause: str) -> None:
    agree(LAW, found, expected, when, cause, bits=True)


def parameters_of(model: Any) -> Arrays:
    return arrays(named(model), "parameter")


def train(model: Any, rng: np.random.Generator, inputs: tuple[Any, ...]) -> None:
    """What training does: other values in every parameter, in place, and statistics."""
    for p in named(model).values():
        p.writable()[...] += 0.5 * rng.standard_normal(p.shape).astype(p.dtype)
    outputs_of(model, "train", inputs)


def outputs_of(model: Any, mode: str, inputs: tuple[Any, ...]) -> Arrays:
    if not inputs:
        return {}
    getattr(model, mode)()
    with np.errstate(all="ignore"):  # with parameters at random, anything may come out
        return arrays(model(*inputs))

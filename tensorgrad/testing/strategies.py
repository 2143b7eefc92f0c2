"""Hypothesis strategies: tensors, inputs for any op, index keys, whole programs.

A test of an op, and one of whole computations:

    from hypothesis import given
    from tensorgrad.testing import gradcheck, strategies

    @given(strategies.broadcastable_tensors(2))
    def test_my_op(tensors):
        gradcheck(my_op, *tensors)

    @given(strategies.programs())
    def test_whole_computations(program):
        program.check()
"""

import difflib
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..op import Op
from .domains import DOMAINS  # first: without Hypothesis it says what to install
from .domains.index import keys
from .extra import hypothesis
from .programs import programs
from .values import arrays, broadcastable_tensors, shapes, tensors

__all__ = [
    "arrays",
    "broadcastable_tensors",
    "indices",
    "inputs_for",
    "programs",
    "shapes",
    "tensors",
]

Strategy = hypothesis.strategies.SearchStrategy


def inputs_for(
    op: str | Callable[..., Any] | Op,
) -> Strategy[tuple[list[Any], dict[str, Any]]]:
    """Draws (inputs, settings) for f(*inputs, **settings), where the op is smooth.

    The inputs are float64 arrays, and constants such as masks. `inputs_for("solve")`,
    or the function itself, `inputs_for(tg.solve)`. For an op of your own, say once
    what it takes:

        DOMAINS["my_op"] = Domain(cases, value)  # both from tensorgrad.testing.domains

    where `cases` is a strategy of such pairs and `value(*inputs, **settings)` the op's
    definition in plain NumPy.

    InputError, with the names that come close, if no op of that name has a domain.
    """
    name = op if isinstance(op, str) else getattr(op, "__name__", None)
    name = op.name if isinstance(op, Op) else str(name)
    if name not in DOMAINS:
        close = " or ".join(map(repr, difflib.get_close_matches(name, DOMAINS)))
        raise InputError(
            f"no domain for an op {name!r}"
            + (f"; is it {close}? " if close else ". ")
            + f"To draw inputs for one of your own: DOMAINS[{name!r}] = Domain(cases, "
            "value), both from tensorgrad.testing.domains"
        )
    return DOMAINS[name].cases


def indices(shape: tuple[int, ...]) -> Strategy[Any]:
    """Keys x[key] for an array of `shape`: slices, integers, masks, None, repeats."""
    return keys(shape)

"""The random state of a function: which Generators it can reach, and rewinding them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import (
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

State = tuple[Any, Any]  # a Generator and its state: NumPy loads numpy.random late


def generators(*roots: Any) -> list[np.random.Generator]:
    """The Generators that can be reached from functions, modules and containers.

    >>> rng = np.random.default_rng(0)
    >>> generators(lambda x: x + rng.normal()) == [rng]
    True
    """
    found, seen, todo = [], {}, list(roots)
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen[id(x)] = x  # held, so that no id is used again
        if isinstance(x, np.random.Generator):
            found.append(x)
        else:
            todo.extend(inside(x))
    return found


def inside(x: Any) -> Iterable[Any]:
    """Where a Generator may be, one step from x."""
    if isinstance(x, dict):
        return x.values()
    if isinstance(x, tuple | list):
        return x
    if isinstance(x, functools.partial):
        return x.func, x.args, x.keywords
    if isinstance(x, MethodType):
        return x.__func__, x.__self__
    if isinstance(x, FunctionType):
        return [*looked_up(x), *closed_over(x), x.__defaults__, x.__kwdefaults__]
    if isinstance(x, type | ModuleType) or not hasattr(x, "__dict__"):
        return ()
    held = vars(x).values()
    if like_module(x):
        return held
    return [y for y in held if isinstance(y, np.random.Generator) or like_module(y)]


def like_module(x: Any) -> bool:
    """Whether x is a module in nn's sense, which holds more modules."""
    return not isinstance(x, type) and callable(getattr(x, "modules", None))


def looked_up(f: FunctionType) -> Iterator[Any]:
    """The globals that f may use, and the attributes of modules among them."""
    asked = set(names(f.__code__))
    for name in asked & f.__globals__.keys():
        x = f.__globals__[name]
        yield x
        if isinstance(x, ModuleType):
            yield from [vars(x)[key] for key in asked & vars(x).keys()]


def names(code: CodeType) -> Iterator[str]:
    """The names that code looks up, in the functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)


def closed_over(f: FunctionType) -> Iterator[Any]:
    """The values of the variables that f closes over."""
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # nothing was assigned to it yet
            continue


class Copies:
    """Generators as they were in those states, each copied when first drawn from."""

    def __init__(self, past: Iterable[State]) -> None:
        self.past = {id(rng): (rng, state) for rng, state in past}
        self.drawn: dict[int, np.random.Generator] = {}

    def of(self, rng: np.random.Generator) -> np.random.Generator:
        """The copy of rng; rng itself if it is none of them."""
        found = self.drawn.get(id(rng), rng)
        if found is rng and id(rng) in self.past:
            found = self.drawn[id(rng)] = copy.deepcopy(rng)
            found.bit_generator.state = self.past[id(rng)][1]
        return found

    def put_back(self) -> None:
        """Set each to where its copy is."""
        for i, rng in self.drawn.items():
            self.past[i][0].bit_generator.state = rng.bit_generator.state


_copies: ContextVar[Copies | None] = ContextVar("what to draw from", default=None)


def draw_from(those: Copies) -> None:
    """Let `own` give these, in this context: threads that share a Generator race."""
    _copies.set(those)


def own(rng: np.random.Generator) -> np.random.Generator:
    """What to draw from in the place of rng, here and now."""
    copies = _copies.get()
    return rng if copies is None else copies.of(rng)


def states(rngs: Iterable[np.random.Generator]) -> list[State]:
    return [(rng, rng.bit_generator.state) for rng in map(own, rngs)]


@contextmanager
def rewound(past: list[State]) -> Iterator[None]:
    """The Generators as they were in the past, inside; then as they are now again."""
    present = states([rng for rng, _ in past])
    try:
        restore(past)
        yield
    finally:
        restore(present)


def restore(past: list[State]) -> None:
    for rng, state in past:
        rng.bit_generator.state = state

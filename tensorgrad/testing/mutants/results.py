"""Faults in what a formula returns: they need no source, so any op can have them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ...op import REGISTRY, Op
from .mutant import Mutant, formula_of
from .source import place, text_of, tree_of

Change = Callable[[Any, Any], Any]  # the formula's result, and g -> a wrong result


def _negated(gx: Any, g: Any) -> Any:
    return -gx


def _doubled(gx: Any, g: Any) -> Any:
    return gx * 2.0


def _zeroed(gx: Any, g: Any) -> Any:
    return REGISTRY["zeros_like"].call(gx)


def _passed(gx: Any, g: Any) -> Any:
    return g if getattr(g, "shape", None) == gx.shape else gx


def _transposed(gx: Any, g: Any) -> Any:
    return gx.mT if len(gx.shape) > 1 and gx.shape[-1] == gx.shape[-2] else gx


def _shifted(gx: Any, g: Any) -> Any:
    if not gx.shape:
        return gx
    return gx[..., np.roll(np.arange(gx.shape[-1]), 1)]


CHANGES: dict[str, tuple[str, Change]] = {
    "sign": ("-({})", _negated),
    "factor 2": ("2 * ({})", _doubled),
    "zero": ("0 * ({})", _zeroed),
    "all factors but g dropped": ("g", _passed),
    "transposed": ("({}).mT", _transposed),
    "off by one along the last axis": ("roll({}, 1, axis=-1)", _shifted),
}


class Faulty:
    """A formula whose result is changed: as a whole, or in one slot of a list."""

    def __init__(
        self, formula: Callable[..., Any], change: Change, slot: int | None = None
    ) -> None:
        self.formula, self.change, self.slot = formula, change, slot
        self.__signature__ = inspect.signature(formula)

    def __call__(self, g: Any, *saved: Any, **named: Any) -> Any:
        return self.changed(self.formula(g, *saved, **named), g)

    def changed(self, found: Any, g: Any) -> Any:
        if self.slot is None:
            return self.change(found, g)
        found = list(found)
        if found[self.slot] is not None:
            found[self.slot] = self.change(found[self.slot], g)
        return found


class Unsummed(Faulty):
    """A formula whose result loses the sum over the axes that were broadcast."""

    def __init__(
        self, formula: Callable[..., Any], input: str, slot: int | None = None
    ) -> None:
        super().__init__(formula, self.first, slot)
        self.name = f"{input}_shape"
        self.shape: tuple[int, ...] = ()
        known = self.__signature__.parameters
        self.extra = self.name not in known
        if self.extra:
            asked = inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY)
            self.__signature__ = inspect.Signature([*known.values(), asked])

    def __call__(self, g: Any, *saved: Any, **named: Any) -> Any:
        if saved:  # asked for one thing alone, which comes without its name
            named = dict(zip(list(self.__signature__.parameters)[1:], saved))  # noqa: B905
        shape = named.pop(self.name) if self.extra else named[self.name]
        self.shape = shape if self.slot is None else shape[self.slot]
        return self.changed(self.formula(g, **named), g)

    def first(self, gx: Any, g: Any) -> Any:
        """gx at index 0 of every axis that should be summed over."""
        lead = len(gx.shape) - len(self.shape)
        if lead < 0 or 0 in gx.shape:
            return gx
        pairs = zip(gx.shape[lead:], self.shape, strict=True)
        kept = [slice(0, 1) if n != m else slice(None) for n, m in pairs]
        return gx[(*[0] * lead, *kept)]


class Deaf(Faulty):
    """A formula that doesn't hear the gradient of one of the op's outputs."""

    def __init__(self, formula: Callable[..., Any], output: int) -> None:
        super().__init__(formula, lambda gx, g: gx)
        self.output = output

    def __call__(self, g: Any, *saved: Any, **named: Any) -> Any:
        if type(g) is tuple and g[self.output] is not None:
            g = list(g)
            g[self.output] = g[self.output] * 0.0
            g = tuple(g)
        return self.formula(g, *saved, **named)


def in_results(op: Op) -> Iterator[Mutant]:
    """The op's mutants with a fault in what one of its formulas returns."""
    for key, formula in op.formulas.items():
        if formula is None:
            continue
        before, where = text_of(formula) or "gx", place(formula)
        for input, fault, after, wrong in _faults(op, key, formula, before):
            if after != before:
                plant = partial(formula_of, op, key, wrong)
                yield Mutant(op.name, input, fault, before, after, where, plant)


def _faults(op: Op, key: str, formula: Any, text: str) -> Iterator[tuple[Any, ...]]:
    """(input, fault, text, the formula with the fault), one at a time."""
    # nothing, negated, doubled or moved, is nothing
    zero = text.startswith("zeros_like(")
    for input, slot in _slots(op, key):
        for fault, (template, change) in CHANGES.items():
            if not zero or change is _passed:
                wrong: Any = Faulty(formula, change, slot)
                yield input, fault, template.format(text), wrong
        if op.broadcasts and not zero:
            wrong = Unsummed(formula, op.inputs[0] if op.variadic else input, slot)
            yield input, "not summed", f"({text})[0]", wrong
    for other, exchanged in _others(op, key):
        after = text_of(exchanged) or f"the formula for {other}"
        yield key, f"formula of {other}", after, exchanged
    for i in (0, -1) if _several(op) else ():
        yield key, "output ignored", f"{text}, with g[{i}] = 0", Deaf(formula, i)


def _slots(op: Op, key: str) -> list[tuple[str, int | None]]:
    """The inputs that a formula serves, and the place of each in what it returns."""
    if op.variadic:
        return [(f"{key}[0]", 0), (f"{key}[-1]", -1)]
    if op.joint:
        return [(name, i) for i, name in enumerate(op.inputs)]
    return [(key, None)]


def _others(op: Op, key: str) -> list[tuple[str, Any]]:
    """The formulas of the other inputs."""
    if op.joint:
        return []
    found = {n: f for n, f in op.formulas.items() if f is not None and n != key}
    return list(found.items())


def _several(op: Op) -> bool:
    """Whether the op may have several outputs: its forward returns a tuple."""
    tree = tree_of(op.forward)
    if tree is None or op.definition is not None:
        return tree is None
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    for value in [tree.body] if isinstance(tree, ast.Lambda) else returned:
        called = value.func if isinstance(value, ast.Call) else None
        if isinstance(value, ast.Tuple):
            return True
        if isinstance(called, ast.Name) and called.id == "tuple":
            return True
    return False

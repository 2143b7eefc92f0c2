"""All mutants of an op."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ...errors import ConfigError
from ...op import REGISTRY, Op
from .engine import ENGINE, in_engine
from .mutant import Mutant, code_of
from .results import in_results
from .rewrites import asking_for, confusions, rewrites
from .source import compiled, helpers, place, tree_of


def of(op: str | Op | Callable[..., Any]) -> list[Mutant]:
    """The op's mutants: each its derivative with one fault.

    The faults are in what a formula returns (its sign, a factor, a missing sum over
    broadcast axes, a transpose, a shift, another input's formula), and, where the
    source is known, in each node of the formula and of the private functions and
    kernels that it calls. `of("engine")` are those of the walk and of scatter-add.

    >>> for mutant in of("exp"):
    ...     print(mutant)
    <exp, x, sign: g * out -> -(g * out)>
    <exp, x, factor 2: g * out -> 2 * (g * out)>
    <exp, x, zero: g * out -> 0 * (g * out)>
    <exp, x, all factors but g dropped: g * out -> g>
    <exp, x, transposed: g * out -> (g * out).mT>
    <exp, x, off by one along the last axis: g * out -> roll(g * out, 1, axis=-1)>
    <exp, x, factor dropped: g * out -> g>
    <exp, x, factor dropped: g * out -> out>
    <exp, x, / for *: g * out -> g / out>
    <exp, x, x for out: g * out -> g * x>
    """
    if op == ENGINE:
        return list(in_engine())
    known = op_of(op)
    return [*in_results(known), *_in_sources(known)]


def op_of(op: str | Op | Callable[..., Any]) -> Op:
    """The Op, given by name, by its function, or as it is."""
    found = REGISTRY.get(op) if isinstance(op, str) else getattr(op, "op", op)
    if not isinstance(found, Op):
        raise ConfigError(f"{op!r} is no op: give the name or the function of one")
    return found


def _in_sources(op: Op) -> Iterator[Mutant]:
    """The mutants with a fault in the source of a formula, or of what it calls."""
    seen: set[Any] = set()
    for key, formula in op.formulas.items():
        if formula is None:
            continue
        input = "" if op.joint and not op.variadic else key
        names = () if op.variadic else (*op.inputs, "out")
        for function in (formula, *helpers(formula)):
            if function not in seen:
                seen.add(function)
                asked = names if function is formula else ()
                yield from _in_source(op, input, function, asked)


def _in_source(
    op: Op, input: str, function: Any, names: tuple[str, ...]
) -> Iterator[Mutant]:
    tree = tree_of(function)
    if tree is None:
        return
    wrongs = [*rewrites(tree), *rewrites(tree, confusions(names))]
    shapes = tuple(f"{name}_shape" for name in names if name != "out")
    wrongs += rewrites(tree, confusions(shapes))
    free = function.__code__.co_freevars
    asked = [name for name in (*names, *shapes) if name not in free]
    for fault, before, after, line, wrong in wrongs:
        code = compiled(asking_for(wrong, asked), free)
        plant = partial(code_of, function, code)
        yield Mutant(op.name, input, fault, before, after, place(function, line), plant)

"""How an op is called: Tensors unwrapped, the forward run, the node recorded.

A call does four things: it takes the arrays out of the Tensors (1), runs the
forward on them (2), makes a node that saves what the derivative will need (3), and
wraps the result (4). `general` does them for any op; `unary` and `binary` are
unrolled copies for the commonest ones, where its loops would double the time of an
op on a small array. All three ask `Keep` what to save.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tracing
from .aliases import pick
from .coerce import PLAIN, constant, listless, weak
from .errors import DefinitionError
from .graph import Node, Variable, wrap
from .mode import OFF, ON, recording

if TYPE_CHECKING:
    from .op import Op

ndarray = np.ndarray
NONE: dict[str, Any] = {}
Kept = tuple[Callable[[Any], tuple[Any, ...]], tuple[int | None, ...]]


def unary(op: Op) -> Callable[..., Any]:
    """The call of an op with one input and no settings."""
    forward, tracked = op.forward, (True,)

    def call(x: Any) -> Any:
        if not isinstance(x, Variable):
            return forward(x if type(x) is ndarray else np.asarray(x))
        data, parent = x._data, x.node
        out = forward(data)
        if type(out) is not ndarray:
            if type(out) is tuple:
                return outputs(op, (data,), (parent,), out)
            out = np.asarray(out)
        if parent is None or not (mode := recording()) or not op.rules:
            return wrap(out)
        take, shapes = op.keep[tracked]
        saved = take((data, out, None))
        if shapes:
            saved += shapes_of(shapes, (data,))
        node = Node(op, (parent,), saved, out)
        if mode > ON:
            tracing.note(mode, node, (data,), out)
        return wrap(out, node)

    return call


def binary(op: Op) -> Callable[..., Any]:
    """The call of an op with two inputs and no settings: Tensors or Python numbers."""
    forward, other = op.forward, general(op)

    def call(x: Any, y: Any) -> Any:
        px = py = None
        if isinstance(x, Variable):
            if isinstance(y, Variable):
                py, y = y.node, y._data
            elif type(y) is not float and type(y) is not int:
                return other(x, y)
            px, x = x.node, x._data
        elif not isinstance(y, Variable):
            return forward(listless(x), listless(y))
        elif type(x) is not float and type(x) is not int:
            return other(x, y)
        else:
            py, y = y.node, y._data
        out = forward(x, y)
        if type(out) is not ndarray:
            if type(out) is tuple:
                return outputs(op, (x, y), (px, py), out)
            out = np.asarray(out)
        if (px is None and py is None) or not (mode := recording()) or not op.rules:
            return wrap(out)
        take, shapes = op.keep[px is not None, py is not None]
        saved = take((x, y, out, None))
        if shapes:
            saved += shapes_of(shapes, (x, y))
        node = Node(op, (px, py), saved, out)
        if mode > ON:
            tracing.note(mode, node, (x, y), out)
        return wrap(out, node)

    return call


def general(op: Op) -> Callable[..., Any]:
    """The call of any op: lists of inputs, settings, statistics, several outputs."""
    n = -1 if op.variadic else len(op.inputs)

    def call(*inputs: Any, **settings: Any) -> Any:
        if len(inputs) != n or (settings and not settings.keys() <= op.settings.keys()):
            inputs = bind(op, inputs, settings)
        for x in inputs:
            if isinstance(x, Variable):
                break
        else:  # arrays alone, as in the formulas of an ordinary backward pass
            if inputs and type(inputs[0]) is not ndarray:
                inputs = tuple(map(listless, inputs))
            out = op.forward(*inputs, **settings)
            return out if op.definition is None else out[0]
        datas, parents, given, dtype = [], [], (), x._data.dtype
        for x in inputs:
            if isinstance(x, Variable):
                datas.append(x._data)
                parents.append(x.node)
            else:
                datas.append(weak(x, dtype))
                parents.append(None)
                given = given if x is None else inputs
        mode = recording() if op.rules and any(parents) else OFF
        for name, value in settings.items():
            if type(value) not in PLAIN:
                settings[name] = constant(value, own=mode > OFF)
        out, stats = op.forward(*datas, **settings), ()
        if op.definition is not None:
            out, *stats = out
        several = type(out) is tuple
        if not several and type(out) is not ndarray:
            out = np.asarray(out)
        node = None
        if mode:
            node = record(op, datas, parents, out, stats, settings, given)
            if mode > ON:
                tracing.note(mode, node, datas, out, settings)
        return pick(out, node) if several else wrap(out, node)

    return call


def outputs(op: Op, datas: Any, parents: Any, outs: Any) -> Any:
    """The end of a call of `unary` or `binary` that gave several outputs."""
    node = None
    if op.rules and any(parents) and (mode := recording()):
        node = record(op, datas, parents, outs)
        if mode > ON:
            tracing.note(mode, node, datas, outs)
    return pick(outs, node)


def bind(op: Op, inputs: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
    """The inputs in order: those given by name taken out of the settings."""
    if op.variadic:
        array = (np.ndarray, np.generic, Variable)
        one = len(inputs) == 1 and not isinstance(inputs[0], array)
        match inputs:
            case (list() | tuple(), int(axis)):
                raise TypeError(f"settings go by keyword: {op.name}(xs, axis={axis})")
        return tuple(inputs[0]) if one else inputs
    if len(inputs) < len(op.inputs):
        rest = op.inputs[len(inputs) :]
        if missing := [n for n in rest if n not in settings.keys() | op.optional]:
            raise TypeError(f"{op.name}() is missing {', '.join(missing)}")
        inputs += tuple([settings.pop(name, None) for name in rest])
    if len(inputs) > len(op.inputs) or not op.settings.keys() >= settings.keys():
        raise TypeError(
            f"{op.name}{inspect.signature(op.forward)}: arrays are positional, "
            f"settings go by keyword; got {len(inputs)} arrays and {[*settings]}"
        )
    return inputs


def record(
    op: Op,
    datas: Sequence[Any],
    parents: Sequence[Node | None],
    out: Any,
    stats: Sequence[Any] = (),
    settings: dict[str, Any] = NONE,
    given: tuple[Any, ...] = (),
) -> Node:
    """The node of a call, saving what the derivatives of tracked inputs need.

    The arrays among `given`, the call's arguments, are no Tensor's: they are copied,
    since the user may write to them at any time.
    """
    take, shapes = op.keep[tuple([parent is not None for parent in parents])]
    if op.variadic:
        datas, given = (tuple(datas),), given and (given,)
    saved = take((*datas, out, *stats, *(op.settings | settings).values(), None))
    if given:
        saved = (*map(own, saved, given), *saved[len(given) :])
    if shapes:
        saved += shapes_of(shapes, datas)
    like = Several if type(out) is tuple else out
    return Node(op, tuple(parents), saved, like)


def arguments(formula: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a formula takes, in order."""
    if not isinstance(formula, FunctionType):
        return tuple(inspect.signature(formula).parameters)
    code = formula.__code__  # a tenth of what inspect.signature takes
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


class Keep(dict[tuple[bool, ...], Kept]):
    """What a call of an op saves of its `names`, by which of its inputs are tracked.

    (what takes it out of a call's values, of which the last is None; the numbers of
    the inputs whose shapes follow). A dict, because every call looks here.
    """

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, tracked: tuple[bool, ...]) -> Kept:
        op = self.op
        if not op.formulas:
            raise DefinitionError(
                f"{op.name} has no derivative yet: give {op.name}.gradient(...), with "
                "None for each input that has none"
            )
        serving = op.formulas.values()
        if not op.joint:
            pairs = zip(serving, tracked, strict=True)
            serving = [formula for formula, yes in pairs if yes]  # type: ignore[assignment]
        asked = {n for f in serving if f for n in arguments(f)}
        if op.definition is not None:  # differentiating it again needs everything
            asked.update(op.inputs, op.settings)
        values = [*op.inputs, "out", *op.stats, *op.settings, None]
        names = op.names[: len(op.names) - len(op.shapes)]
        places = [values.index(name if name in asked else None) for name in names]
        shapes = [i if name in asked else None for name, i in op.shapes.items()]
        self[tracked] = kept = itemgetter(*places), tuple(shapes)
        return kept


class Several:
    """In the place of an array, where an op has several outputs."""

    shape = dtype = None


def own(value: Any, given: Any) -> Any:
    """The value to save, copied if it is an array (or holds one) that was given so."""
    if type(value) is tuple and type(given) is tuple:
        return tuple(map(own, value, given))
    if value is given and isinstance(value, np.ndarray | list):
        return copy.deepcopy(value)
    return value


def shapes_of(numbers: Sequence[int | None], datas: Sequence[Any]) -> tuple[Any, ...]:
    """The shapes of the inputs with these numbers; None for None."""
    found: tuple[Any, ...] = ()
    for i in numbers:  # a comprehension takes 120 ns more
        found += (None if i is None else shape_of(datas[i]),)
    return found


def shape_of(x: Any) -> Any:
    """The shape of an input, or the shapes of a list of inputs."""
    return tuple([y.shape for y in x]) if type(x) is tuple else x.shape

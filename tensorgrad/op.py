"""Ops: NumPy functions that know their derivative.

`@primitive` turns a forward on arrays into an op, and `.gradient` gives the
derivative, one formula per input:

    @primitive(broadcasts=True)
    def multiply(x, y):
        return x * y

    multiply.gradient(x=lambda g, y: g * y, y=lambda g, x: g * x)

A formula names what it needs: `g` (the gradient arriving), an input, `out`, a
setting, or `<input>_shape`. Exactly that is saved, and only where the input it
serves is tracked. Called on arrays an op gives an array, on Tensors a Tensor,
so one formula serves both an ordinary backward pass, on arrays, and one that is
itself recorded (`create_graph`), on Tensors. It must never write to g, which may be
on its way to another input too.

`@fused` is for a function of other ops that runs as one kernel: its body is the
definition, which documents the kernel, tests it, and is what is differentiated
when its derivative has to be recorded.

Both make an `Op` and return its `call`, a plain function built by call.py. The walk
asks for the op's `backward`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np

from . import call
from .aliases import alias, pick
from .differentiate import grad
from .errors import DefinitionError, GraphError, ShapeError
from .graph import Node, Send, wrap
from .mode import ON, recording, set_mode

REGISTRY: dict[str, Op] = {}

Formula = Callable[..., Any]
# A formula as the walk calls it: the number of its input; the formula, of g alone or
# of g and saved[place]; and that place, None, or ALL of `saved`.
Rule = tuple[int, Formula, int | slice | None]
ALL = slice(None)


class Op:
    """A named function on arrays, with its derivative.

    `forward` and `formulas` are as written. What a node saves is laid out as
    `names`: the inputs (a list of inputs is one entry), the output, a fused op's
    statistics, then the settings and shapes that some formula asks for. Places are
    fixed, so that a formula is called with saved[i]; what is not needed is None:

        multiply, where x alone is tracked
            names       x     y        out
            node.saved  None  y's array  None
        layer_norm
            names       x, weight, bias, out, mean, rstd, eps
    """

    def __init__(
        self,
        forward: Formula,
        *,
        broadcasts: bool = False,
        fused: bool = False,
        smooth: str = "everywhere",
        kinks: str = "",
    ) -> None:
        self.name = forward.__name__
        self.forward = forward
        self.definition = forward if fused else None
        self.broadcasts = broadcasts
        self.smooth, self.kinks = smooth, kinks
        kinds = inspect.signature(forward).parameters
        parameters = kinds.values()
        self.inputs = tuple(p.name for p in parameters if p.kind < p.KEYWORD_ONLY)
        self.optional = {n for n in self.inputs if kinds[n].default is None}
        self.settings = {
            p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY
        }
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.formulas: dict[str, Formula | None] = {}
        self.rules: tuple[Any, ...] = (None,)  # a Rule each; () where none has one
        self.joint = False  # whether one rule gives the gradients of all inputs
        self.names: tuple[str, ...] = ()
        self.stats: tuple[str, ...] = ()
        self.shapes: dict[str, int] = {}  # those among `names`, and of which input
        self.keep = call.Keep(self)
        self.call: Callable[..., Any]  # the public function; _function sets it
        if REGISTRY.setdefault(self.name, self) is not self:
            raise DefinitionError(
                f"there is already an op called {self.name!r}: choose another name. To "
                "define one of your own anew, as in a notebook's cell that runs again, "
                f"del tensorgrad.REGISTRY[{self.name!r}] first"
            )

    def exchange(self, forward: Formula) -> Formula:
        """Have calls run `forward` from now on, as a profile does; give the old one."""
        before, self.forward = self.forward, forward
        call: Any = self.call
        for cell in call.__closure__:  # `unary` and `binary` close over it
            if cell.cell_contents is before:
                cell.cell_contents = forward
        return before

    # --- defining the derivative

    def gradient(self, **formulas: Formula | None) -> None:
        """Give each input its formula, or None where there is no derivative."""
        if set(formulas) != set(self.inputs):
            raise DefinitionError(
                f"{self.name}.gradient: give a formula, or None, for each of "
                f"{self.inputs}; got {tuple(formulas)}"
            )
        self.formulas = {name: formulas[name] for name in self.inputs}
        self.joint = self.variadic
        self._compile()

    def _compile(self, stats: tuple[str, ...] = ()) -> None:
        """Check the names that formulas ask for, and turn them into positions."""
        shapes = {f"{name}_shape": i for i, name in enumerate(self.inputs)}
        values = (*self.inputs, "out", *stats, *self.settings)
        allowed = {*values, *shapes, "needed"}
        given = {n: f for n, f in self.formulas.items() if f is not None}
        for name, formula in given.items():
            first, *asked = call.arguments(formula)
            if first != "g" or not allowed.issuperset(asked):
                raise DefinitionError(
                    f"{self.name}: the formula for {name} asks for {(first, *asked)}; "
                    f"it may ask for g, then any of {sorted(allowed)}"
                )
        used = {n for f in given.values() for n in call.arguments(f)}
        self.stats, self.shapes = stats, {n: shapes[n] for n in shapes if n in used}
        settings = used if self.definition is None else {*self.settings}
        unasked = self.settings.keys() - settings
        self.names = (*[n for n in values if n not in unasked], *self.shapes)
        self.keep.clear()
        rules = [self._rule(i, f) for i, f in enumerate(self.formulas.values())]
        self.rules = tuple(rules) if given else ()

    def _rule(self, i: int, formula: Formula | None) -> Rule:
        """The formula for input i, and where in `saved` to find what it asks for."""
        if formula is None:
            return i, functools.partial(self._no_derivative, i), None
        _, *asked = call.arguments(formula)
        places = [(*self.names, "needed").index(name) for name in asked]
        if len(places) < 2:  # spared one more call of Python
            return i, formula, places[0] if places else None
        take = itemgetter(*places)
        return i, lambda g, saved: formula(g, *take(saved)), ALL

    # --- backward

    def backward(
        self,
        node: Node,
        g: Any,
        parents: Sequence[Node | None],
        send: Send,
        saved: Any = None,
    ) -> None:
        """Send each parent that is not None its gradient, in its shape and dtype."""
        if saved is None:
            saved = node.saved
        if self.joint:
            return self._together(g, parents, send, saved)
        for i, formula, place in self.rules:  # a zip with parents would cost 140 ns
            parent = parents[i]
            if parent is None:
                continue
            gx = formula(g) if place is None else formula(g, saved[place])
            try:
                fits = gx.shape == parent.shape and gx.dtype is parent.dtype
            except AttributeError:
                raise self._no_array(gx, i) from None
            send(parent, gx if fits else self._fit(gx, parent))

    def recorded_backward(
        self, node: Node, g: Any, parents: Sequence[Node | None], send: Send
    ) -> None:
        """The same on Tensors, so that the gradients can be differentiated again."""
        if not recording():  # asked first: entering a mode costs as much as an op
            with set_mode(ON):
                return self.recorded_backward(node, g, parents, send)

        def send_recorded(parent: Node, gx: Any) -> None:
            # an array, from a formula that calls what knows no Tensors, is a constant
            send(parent, wrap(gx) if isinstance(gx, np.ndarray) else gx)

        saved = self._reopened(node)
        if self.definition is None:
            self.backward(node, g, parents, send_recorded, saved)
        else:
            self._partials(g, parents, send, saved)

    def _together(
        self, g: Any, parents: Sequence[Node | None], send: Send, saved: Any
    ) -> None:
        """What one formula gives for all inputs."""
        _, formula, place = self.rules[0]
        known = (*saved, tuple([parent is not None for parent in parents]))
        found = formula(g) if place is None else formula(g, known[place])
        for i, parent in enumerate(parents):
            if parent is None:
                continue
            if found[i] is None:
                self._no_derivative(i)
            send(parent, self._fit(found[i], parent))

    def _no_array(self, gx: Any, i: int) -> DefinitionError:
        return DefinitionError(
            f"the formula of {self.name} for input {self.inputs[i]} returned {gx!r}, "
            "not an array or a Tensor"
        )

    def _no_derivative(self, i: int, g: Any = None) -> NoReturn:
        raise GraphError(
            f"{self.name} has no derivative with respect to input {i}: detach it"
        )

    def _fit(self, gx: Any, parent: Node) -> Any:
        """gx as its input was: summed over broadcast axes, in the input's dtype."""
        if gx.shape != parent.shape:
            if not self.broadcasts:
                raise ShapeError(
                    f"the derivative of {self.name} has shape {gx.shape}, its input "
                    f"{parent.shape}. (An op that broadcasts says broadcasts=True.)"
                )
            gx = REGISTRY["sum_to"].call(gx, shape=parent.shape)
        if gx.dtype != parent.dtype:
            gx = REGISTRY["astype"].call(gx, dtype=parent.dtype)
        return gx

    def _reopened(self, node: Node) -> list[Any]:
        """What was saved, its inputs and output as Tensors in the graph again.

        d(x * y)/dx = g * y, and the y that was saved is a bare array. To differentiate
        that product in its turn, y must be a Tensor on the node that it came from, its
        parent's; the output goes on this node itself. Nothing is computed again.
        """
        saved, n = list(node.saved), len(self.inputs)
        if not self.variadic:
            for i, parent in enumerate(node.parents):
                saved[i] = opened(saved[i], parent)
        elif saved[0] is not None:
            saved[0] = tuple(map(opened, saved[0], node.parents))
        out = saved[n]
        saved[n] = pick(out, node) if type(out) is tuple else opened(out, node)
        return saved

    def _partials(
        self, g: Any, parents: Sequence[Node | None], send: Send, saved: Any
    ) -> None:
        """The definition's partial derivatives, with respect to fresh aliases.

        In attention(x, x, x) the gradient of x itself would be that of q, k and v
        together, sent three times. An alias of x for each has its own.
        """
        known = dict(zip(self.names, saved, strict=True))
        inputs = [alias(known[name]) for name in self.inputs]
        out = self.definition(*inputs, **{n: known[n] for n in self.settings})  # type: ignore[misc]
        wanted = [x for x, p in zip(inputs, parents, strict=True) if p is not None]
        found = iter(grad(out, wanted, g, create_graph=True))
        for parent in parents:
            if parent is not None:
                send(parent, next(found))


def opened(value: Any, node: Node | None) -> Any:
    """A saved array as a Tensor on the node that it came from, if it has one."""
    return value if value is None or node is None else wrap(value, node)


# --- decorators ------------------------------------------------------------------


def primitive(forward: Any = None, **about: Any) -> Any:
    """Make `forward`, a function on arrays, an op; give its derivative next.

    Arrays are positional, settings keyword-only. With `broadcasts=True`, gradients
    are summed over the axes along which an input was broadcast. Two strings are for
    readers and for failing gradient checks: `smooth` says where the derivative exists
    ("x > 0"; everywhere unless given), `kinks` what the formula gives where it does
    not ("0 at x = 0").
    """
    if forward is None:
        return functools.partial(primitive, **about)
    return _function(Op(forward, **about))


def fused(definition: Any = None, **about: Any) -> Any:
    """Make `definition`, a function of other ops, an op that runs as one kernel.

    Give the kernel next: `.forward`, arrays to (out, *statistics), and `.backward`,
    which asks for what it needs by name and returns a gradient for each input.
    `smooth` and `kinks` are those of `primitive`.
    """
    if definition is None:
        return functools.partial(fused, **about)
    op = Op(definition, fused=True, **about)
    function = _function(op)

    def forward(kernel: Formula) -> Formula:
        op.forward = kernel
        return kernel

    def backward(kernel: Formula) -> Formula:
        _, *asked = call.arguments(kernel)
        known = {*op.inputs, *op.settings, "out", "needed"}
        op.formulas, op.joint = {"every input": kernel}, True
        op._compile(stats=tuple(name for name in asked if name not in known))
        return kernel

    function.forward, function.backward = forward, backward
    return function


def _function(op: Op) -> Any:
    """The public function: a plain one, so that it can be a method too."""
    simple = not (op.settings or op.variadic or op.optional or op.definition)
    how = {1: call.unary, 2: call.binary}.get(len(op.inputs)) if simple else None
    function: Any = (how or call.general)(op)
    functools.update_wrapper(function, op.definition or op.forward)
    function.op, function.gradient = op, op.gradient
    op.call = function
    return function

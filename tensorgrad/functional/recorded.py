"""One recorded call of a user's function, on which every derivative here is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..differentiate import flow, made_since, useful
from ..errors import ShapeError
from ..graph import Node, Variable, next_order, wrap
from ..memory import alone
from ..mode import ON, recording, set_mode
from .arguments import fitted, opened, output, pair
from .trees import items, leaves, matched, rebuilt

NONE = range(0)


class Recorded:
    """A call of f with each input on a new node, and the graph that it left.

    Nodes older than `since` are not ours: someone else tracks them. If the outputs
    reach one (`outside`), derivatives are recorded too, for whoever wants to
    differentiate them in turn, and a walk has to keep `within` the nodes that lead to
    the inputs. If not, all of the graph does, and derivatives take the quick way.
    """

    def __init__(
        self, name: str, f: Callable[[Any], Any], inputs: Any, has_aux: bool = False
    ) -> None:
        self.name, self.aux = name, None
        self.since = next_order()
        given = list(items(inputs, "input"))
        xs = [opened(name, path, x) for path, x in given]
        self.nodes = [x.node for x in xs]  # f may move its Tensors to others
        tensors = [isinstance(x, Variable) for _, x in given]
        self.tensors = rebuilt(inputs, iter(tensors))  # the tree: False for an array
        with set_mode(ON):
            out = f(rebuilt(inputs, iter(xs)))
        if has_aux:
            out, self.aux = pair(name, out)
        self.out = out
        self.ys = [output(name, path, y) for path, y in items(out, "f's result")]
        ends = [y.node for y in self.ys if y.node is not None]
        made = made_since(self.since, ends)
        self.outside = bool(older(self.since, ends, made))
        self.within = useful(set(self.nodes), made) if self.outside else None
        self.until = next_order()

    def tracked(self, *given: Any) -> bool:
        """Whether the caller can differentiate the derivative, so that it is recorded.

        It depends on what f reaches, and on vectors that were given.
        """
        outside = self.outside or any([x.node is not None for x in given])
        return bool(recording() and outside)

    # --- what goes in at the outputs, and arrives at the inputs

    def one(self) -> list[Any]:
        """The gradient to start from, where f returns one number."""
        if isinstance(self.out, tuple | list | dict) or self.out is None:
            raise ShapeError(
                f"{self.name}: f should return one number, and returned a "
                f"{type(self.out).__name__}. (has_aux=True is for pairs (value, aux))"
            )
        data = self.ys[0]._data
        if data.size != 1:
            raise ShapeError(
                f"{self.name}: f should return one number, and returned the shape "
                f"{data.shape}. Sum it, or use jacobian?"
            )
        return self.ones()

    def ones(self) -> list[Any]:
        """A gradient for each output."""
        return [wrap(np.ones(y._data.shape, y._data.dtype)) for y in self.ys]

    def cotangents(self, tree: Any) -> list[Any]:
        """A gradient for each output, from a tree built like f's result."""
        given = matched(tree, self.out, f"{self.name}: the cotangent")
        pairs = zip(given, self.ys, strict=True)
        return [fitted(g, y._data, path) for (path, g), y in pairs]

    def tangents(self, tree: Any) -> list[Any]:
        """A vector for each input, from a tree built like the inputs."""
        given = matched(tree, self.tensors, f"{self.name}: the tangent")
        pairs = zip(given, self.nodes, strict=True)
        return [fitted(t, node, path) for (path, t), node in pairs]

    def pull(self, gs: Sequence[Any], *, create: bool, retain: bool) -> list[Any]:
        """The gradient for each input, from one for each output; None where none is."""
        pairs = zip(self.ys, gs, strict=True)
        seeds = [(y.node, g if create else g._data) for y, g in pairs if y.node]
        found = flow(
            seeds,
            set(self.nodes),
            self.within,
            retain_graph=retain,
            create_graph=create,
        )
        return [found.get(node) for node in self.nodes]

    def cut_off(self, found: Sequence[Any]) -> None:
        """Make f's values constants in the graph of a derivative by something else.

        Nobody else tracks them, and f's own inputs are out of everyone's reach.
        """
        ends = [g.node for g in found if g is not None and g.node is not None]
        ours = range(self.since, self.until)
        for node in made_since(self.until, ends):
            parents = [p if p and p.order not in ours else None for p in node.parents]
            node.parents = tuple(parents)

    # --- what the caller gets: for arrays arrays, but Tensors of what others track

    def values(self) -> Any:
        """f's result."""
        if self.outside and recording():
            return self.outputs(self.ys)
        return self.outputs([wrap(y._data) for y in self.ys])

    def outputs(self, values: Sequence[Any]) -> Any:
        """A tree built like f's result."""
        tensors = any(leaves(self.tensors))
        return rebuilt(self.out, iter(self.handed([tensors] * len(values), values)))

    def gradients(self, found: Sequence[Any], theirs: range = NONE) -> Any:
        """A tree built like the inputs, with zeros where f does not depend on one."""
        pairs = zip(found, self.nodes, strict=True)
        full = [zeros(node) if g is None else g for g, node in pairs]
        given = self.handed(leaves(self.tensors), full, theirs)
        return rebuilt(self.tensors, iter(given))

    def side_results(self) -> Any:
        """aux as f returned it, but Tensors that only this call tracks are detached."""
        tracked = [x for x in leaves(self.aux) if is_tracked(x)]
        if not tracked:
            return self.aux
        free = iter(self.handed([True] * len(tracked), tracked))
        known = [next(free) if is_tracked(x) else x for x in leaves(self.aux)]
        return rebuilt(self.aux, iter(known))

    def handed(
        self, tensors: Sequence[bool], values: Sequence[Any], theirs: range = NONE
    ) -> list[Any]:
        """The values as Tensors, or as arrays where neither asked for nor tracked.

        Nodes newer than `since` are ours, but for those in `theirs`.
        """
        ends = [x.node for x in values if x.node is not None]
        kept = reaching(self.since, ends, theirs) if ends else ()
        found: list[Any] = []
        for x, tensor in zip(values, tensors, strict=True):
            if x.node is not None and x.node in kept:
                found.append(wrap(x._data, x.node))
            elif tensor:
                found.append(wrap(x._data))
            else:
                own = alone(x._data)  # asked before anything else names the array
                found.append(x._data if own else np.array(x._data))
        return found


def older(since: int, ends: Sequence[Node], made: Sequence[Node]) -> set[Node]:
    """The nodes before `since` at which the graph behind `ends` starts."""
    found = {node for node in ends if node.order < since}
    for node in made:
        found.update([p for p in node.parents if p is not None and p.order < since])
    return found


def reaching(since: int, ends: list[Node], theirs: range) -> set[Node]:
    """The nodes behind `ends` that come from one before `since`, or in `theirs`."""
    found = {node for node in ends if node.order < since}
    for node in made_since(since, ends):
        if node.order in theirs or any(
            [p is not None and (p.order < since or p in found) for p in node.parents]
        ):
            found.add(node)
    return found


def is_tracked(x: Any) -> bool:
    return isinstance(x, Variable) and x.node is not None


def zeros(like: Any) -> Any:
    return wrap(np.zeros(like.shape, like.dtype))

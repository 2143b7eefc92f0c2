"""Ops run again: for values that nothing kept, and for what might have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...graph import Node
from ..known import Known
from ..outline import Vertex, kept_input


def recompute(found: Mapping[Node, Vertex], known: Known) -> None:
    """Add the values that follow from others: of ops whose inputs are all known."""
    for node, vertex in found.items():
        if node.op is None or known.value(vertex) is not None:
            continue
        if node.op.name == "alias":
            known.values[node] = known.value(found[node.parents[0]])  # type: ignore[index]
        inputs = inputs_of(node, found, known)
        if inputs is not None and vertex.shape is not None:
            with np.errstate(all="ignore"):
                known.values[node] = np.asarray(run(node, inputs))


def inputs_of(
    node: Node, found: Mapping[Node, Vertex], known: Known
) -> list[Any] | None:
    """The op's arguments, or None where they, or its settings, are not all known."""
    if node.trace is not None and node.trace.inputs is not None:
        return list(node.trace.inputs)
    names = getattr(node.op, "names", ())
    if not names or not set(names).issuperset(node.op.settings):
        return None
    inputs = []
    for slot, parent in enumerate(node.parents):
        x = kept_input(node, slot)
        if x is None and parent is not None:
            x = known.value(found[parent])
        if x is None and node.op.definition is None:
            return None
        inputs.append(x)
    return inputs


def precise(x: Any) -> Any:
    """x in float64, if it is real."""
    if type(x) is tuple:
        return tuple(map(precise, x))
    floats = isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"
    return np.asarray(x, np.float64) if floats else x


def run(node: Node, inputs: Sequence[Any], *, exact: bool = False) -> Any:
    """The op's result, or a tuple of several, for other arrays than it had.

    `exact` computes in float64 where the op would round to another dtype.
    """
    op, settings = node.op, settings_of(node)
    if exact and np.dtype(settings.get("dtype", float)).kind == "f":
        settings = {k: float if k == "dtype" else v for k, v in settings.items()}
    out = op.forward(*inputs, **settings)
    return out[0] if op.definition is not None else out


def settings_of(node: Node) -> dict[str, Any]:
    """What the op was told."""
    if node.trace is not None and node.trace.inputs is not None:
        return node.trace.settings
    known = dict(zip(node.op.names, node.saved, strict=True))
    return {name: known[name] for name in node.op.settings}


def weighted(out: Any, g: Any) -> float:
    """sum(g * out), over all outputs that a gradient arrives at."""
    if type(out) is not tuple:
        return float(np.sum(precise(g) * out))
    pairs = zip(out, g, strict=True)
    return sum(float(np.sum(precise(gi) * y)) for y, gi in pairs if gi is not None)


class Replay:
    """The program once more, from one leaf on: what the loss would have been."""

    def __init__(self, nodes: Sequence[Node], output: Node, gradient: Any) -> None:
        self.nodes = [node for node in nodes if node.op is not None]
        self.output, self.gradient = output, gradient
        self.numbers = 0
        self.possible = not any([node.hooks for node in nodes])  # they change slopes
        for node in self.nodes:
            if node.op.name in {"alias", "pick"}:
                continue
            if node.trace is None or node.trace.inputs is None:
                self.possible = False
            else:
                self.numbers += sum(np.size(x) for x in node.trace.inputs)

    def loss(self, leaf: Node, value: np.ndarray) -> float:
        """sum(gradient * output) where the leaf is `value`."""
        new: dict[Node | None, Any] = {leaf: value}
        for node in self.nodes:
            if any([parent in new for parent in node.parents]):
                new[node] = self._again(node, new)
        return weighted(new[self.output], self.gradient)

    def _again(self, node: Node, new: dict[Node | None, Any]) -> Any:
        if node.op.name == "alias":
            return new[node.parents[0]]
        if node.op.name == "pick":
            return new[node.parents[0]][node.saved[0]]
        assert node.trace is not None
        assert node.trace.inputs is not None
        pairs = zip(node.parents, node.trace.inputs, strict=True)
        inputs = [new[p] if p in new else precise(x) for p, x in pairs]
        return run(node, inputs, exact=True)

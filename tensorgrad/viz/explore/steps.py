"""The steps of the walk, written down while the engine takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...call import arguments
from ...graph import Node, add, walk
from .. import labels
from ..known import Known
from ..outline import Vertex
from . import checks
from .again import Replay, inputs_of
from .arrays import Arrays
from .order import sendings, single

JOINT = "every input"  # the one formula of ops that give all gradients together


class Recorder:
    """Walks from `seed` and keeps what a reader wants to see of each step.

    `steps` is the record, `total` how many gradients arrived at each node, and `leaf`
    the gradient of each leaf.
    """

    def __init__(
        self,
        seed: tuple[Node, Any],
        found: Mapping[Node, Vertex],
        known: Known,
        arrays: Arrays,
    ) -> None:
        self.found, self.known, self.arrays = found, known, arrays
        self.places = {node: i for i, node in enumerate(found)}
        self.steps: list[dict[str, Any]] = []
        self.total: Counter[Node] = Counter({seed[0]: 1})
        self.leaf: dict[Node, Any] = {}
        self.arrived: dict[Node, Any] = {}
        self.budget = checks.Budget(checks.SECONDS, len(found))
        self.replay = Replay(list(found), *seed)
        for node, g in walk([seed], self.places, retain_graph=True):
            self.budget.next_turn()
            self.arrived.pop(node, None)
            if node.op is None:
                self.steps.append(self._at_leaf(node, g))
            else:
                self.steps.append(self._at_op(node, g))
        self._count()

    def _count(self) -> None:
        """Say of each arrival how many there were in all."""
        nodes = list(self.found)
        for step in self.steps:
            for sent in step["sent"]:
                sent["arrivals"] = self.total[nodes[sent["to"]]]

    def _step(self, node: Node, g: Any) -> dict[str, Any]:
        several = type(g) is tuple
        return {
            "vertex": self.places[node],
            "g": None if several else self.arrays.add(g),
            "parts": [self.arrays.add(part) for part in g] if several else None,
            "hooked": bool(node.hooks),
            "known": {},
            "sent": [],
            "grad": None,
            "checks": [],
        }

    def _at_leaf(self, node: Node, g: Any) -> dict[str, Any]:
        step = self._step(node, g)
        self.leaf[node] = g
        tensor = node.tensor() if node.tensor is not None else None
        if tensor is not None:
            before = None if tensor._grad is None else tensor._grad._data
            after = g if before is None else before + g
            ends = {"before": before, "after": after}
            step["grad"] = {k: self.arrays.add(v) for k, v in ends.items()}
        value = self.known.value(self.found[node])
        step["checks"] = checks.of_leaf(self.replay, node, value, g, self.budget)
        return step

    def _at_op(self, node: Node, g: Any) -> dict[str, Any]:
        step = self._step(node, g)
        step["known"] = {"g": step["g"], **self._saved(node)}
        inputs = inputs_of(node, self.found, self.known)
        slots = [i for i, parent in enumerate(node.parents) if parent is not None]
        for parent, gx in sendings(node, g):
            slot = next(i for i in slots if node.parents[i] is parent)
            slots.remove(slot)  # x * x sends to x twice
            sent = self._sent(node, g, slot, parent, gx)
            if type(gx) is not tuple:
                sent["checks"] = checks.of_op(node, g, inputs, slot, gx, self.budget)
            step["sent"].append(sent)
        return step

    def _sent(
        self, node: Node, g: Any, slot: int, parent: Node, gx: Any
    ) -> dict[str, Any]:
        """One gradient on its way, and what it is added to."""
        before = self.arrived.get(parent)
        self.arrived[parent] = gx if before is None else add(before, gx)
        if before is None and type(gx) is not tuple:
            self.arrived[parent] = np.array(gx)  # the walk may add to its own
        self.total[parent] += 1
        raw, summed = self._before_summing(node, g, slot, parent)
        return {
            "to": self.places[parent],
            "slot": slot,
            "formula": self._formula(node, slot),
            "raw": self.arrays.add(raw),
            "summed": summed,
            "value": self.arrays.add(single(gx)),
            "before": self.arrays.add(single(before)),
            "after": self.arrays.add(single(self.arrived[parent])),
            "arrival": self.total[parent],
            "checks": [],
        }

    def _formula(self, node: Node, slot: int) -> str:
        """Which of the op's formulas gave it."""
        if not getattr(node.op, "formulas", None):
            return ""
        return JOINT if node.op.joint else labels.argument(node, slot)

    def _saved(self, node: Node) -> dict[str, Any]:
        """What the formulas ask for, by name: the place of an array, or a text."""
        formulas = getattr(node.op, "formulas", {})
        asked = {n for f in formulas.values() if f for n in arguments(f)}
        pairs = zip(getattr(node.op, "names", ()), node.saved, strict=False)
        return {
            name: self.arrays.add(x) if isinstance(x, np.ndarray) else said(x)
            for name, x in pairs
            if name in asked and (x is not None or name in node.op.settings)
        }

    def _before_summing(
        self, node: Node, g: Any, slot: int, parent: Node
    ) -> tuple[Any, list[int]]:
        """What the formula gave, if axes of it were then summed, and which."""
        op = node.op
        if not getattr(op, "broadcasts", False) or op.joint or type(g) is tuple:
            return None, []
        if parent.shape == node.shape:
            return None, []
        formula = op.formulas[op.inputs[slot]]
        saved = dict(zip(op.names, node.saved, strict=True))
        raw = formula(g, **{name: saved[name] for name in arguments(formula)[1:]})
        if raw.shape == parent.shape:
            return None, []
        return raw, summed(raw.shape, parent.shape)


def summed(shape: tuple[int, ...], to: tuple[int, ...]) -> list[int]:
    """The axes along which an array of `shape` is summed to become `to`.

    >>> summed((5, 3, 2), (3, 1))
    [0, 2]
    """
    extra = len(shape) - len(to)
    pairs = zip(shape[extra:], to, strict=True)
    return [*range(extra), *[extra + i for i, (n, m) in enumerate(pairs) if n != m]]


def said(x: Any) -> str:
    """A saved setting, or a list of arrays, as a word."""
    if type(x) is tuple and x and all(isinstance(y, np.ndarray) for y in x):
        return ", ".join(f"array {y.shape}" for y in x)
    return labels.setting(x)

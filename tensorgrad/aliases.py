"""What the graph has beside ops: a tensor once more, and one output of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Node, Send, Variable, wrap


class Plumbing:
    """What the graph has beside ops: one input, and nothing that a user calls."""

    inputs: tuple[str, ...] = ("x",)
    variadic, settings = False, dict[str, Any]()
    kinks = ""

    def backward(self, node: Node, g: Any, parents: Any, send: Send) -> None:
        for parent in parents:
            if parent is not None:
                send(parent, self.passed_on(node, g))

    def recorded_backward(self, node: Node, g: Any, parents: Any, send: Send) -> None:
        self.backward(node, g, parents, send)

    def passed_on(self, node: Node, g: Any) -> Any:
        return g


class Alias(Plumbing):
    """The identity, as a node of its own: one tensor in two roles has two gradients."""

    name = "alias"


class Pick(Plumbing):
    """Output i of an op that has several.

    A Tensor has one node, and a node one gradient. So each output gets a small node
    that sends its g to the op's node, as slot i of a tuple; unused ones stay None.
    """

    name = "pick"

    def passed_on(self, node: Node, g: Any) -> Any:
        i, n = node.saved
        return (*[None] * i, g, *[None] * (n - i - 1))


ALIAS, PICK = Alias(), Pick()


def alias(x: Any) -> Any:
    """A tracked x once more, on a node of its own."""
    if not isinstance(x, Variable) or x.node is None:
        return x
    return wrap(x._data, Node(ALIAS, (x.node,), (), like=x._data))


def pick(outs: Sequence[Any], node: Node | None) -> tuple[Any, ...]:
    """A Tensor for each output of an op, each on a node of its own."""
    outs = [np.asarray(out) for out in outs]
    if node is None:
        return tuple(map(wrap, outs))
    n = len(outs)
    picks = [Node(PICK, (node,), (i, n), like=out) for i, out in enumerate(outs)]
    return tuple(map(wrap, outs, picks))

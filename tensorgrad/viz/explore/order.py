"""The walk without its order: what goes wrong where a node does not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...graph import Node, add
from .arrays import Arrays

RULES: dict[str, Callable[[deque[Node]], Node]] = {
    "the node that was reached first": deque.popleft,
    "the node that was reached last": deque.pop,
}


def unsorted_walk(
    seed: tuple[Node, Any],
    total: Mapping[Node, int],
    take: Callable[[deque[Node]], Node],
) -> Iterator[tuple[Node, Any, bool, list[tuple[Node, Any, bool]]]]:
    """Visit each node once, in an order that does not wait for all of its gradient.

    Yields (node, g, whether all of `total` had arrived, [(parent, gx, lost)]). What
    arrives after a node has passed its gradient on is lost. Leaves pass nothing on,
    so they lose nothing: their g is yielded last.
    """
    output, g = seed
    arrived, count = {output: g}, {output: total.get(output, 1)}
    todo, leaves, passed = deque([output]), dict[Node, None](), set[Node]()
    while todo:
        node = take(todo)
        if node.op is None:
            leaves[node] = None
            continue
        g = arrived.pop(node)
        passed.add(node)
        sent: list[tuple[Node, Any, bool]] = []
        for parent, gx in sendings(node, g):
            lost = parent in passed
            sent.append((parent, gx, lost))
            if lost:
                continue
            if parent in arrived:
                arrived[parent] = add(arrived[parent], gx)
            else:
                arrived[parent] = gx
                todo.append(parent)
            count[parent] = count.get(parent, 0) + 1
        yield node, g, count[node] == total.get(node, 1), sent
    for node in leaves:
        yield node, arrived[node], count[node] == total.get(node, 1), []


def sendings(node: Node, g: Any) -> list[tuple[Node, Any]]:
    """What the node's op sends when g has arrived: (parent, its gradient)."""
    found: list[tuple[Node, Any]] = []
    node.op.backward(node, g, node.parents, lambda *sent: found.append(sent))
    return found


def naive(
    seed: tuple[Node, Any],
    right: Mapping[Node, Any],
    total: Mapping[Node, int],
    places: Mapping[Node, int],
    arrays: Arrays,
) -> dict[str, Any]:
    """An unsorted walk beside the right gradients: one that goes wrong, if one does."""
    for rule in RULES:
        steps = list(unsorted_walk(seed, total, RULES[rule]))
        leaves = [(node, g) for node, g, _, _ in steps if node.op is None]
        wrong = {node for node, g in leaves if not close(g, right[node])}
        if wrong:
            break
    return {
        "rule": rule,
        "right": not wrong,
        "steps": [written(*step, places, arrays) for step in steps],
        "leaves": [
            {
                "vertex": places[node],
                "naive": arrays.add(g),
                "right": arrays.add(right[node]),
                "agrees": node not in wrong,
            }
            for node, g in leaves
        ],
    }


def close(g: Any, right: Any) -> bool:
    """Whether two gradients are equal but for rounding."""
    scale = np.abs(right).max(initial=0.0)
    return bool(np.allclose(g, right, rtol=1e-4, atol=1e-5 * scale, equal_nan=True))


def written(
    node: Node,
    g: Any,
    complete: bool,
    sent: list[tuple[Node, Any, bool]],
    places: Mapping[Node, int],
    arrays: Arrays,
) -> dict[str, Any]:
    """A step of it, as JSON."""
    return {
        "vertex": places[node],
        "g": arrays.add(single(g)),
        "complete": complete,
        "sent": [
            {"to": places[p], "value": arrays.add(single(gx)), "lost": lost}
            for p, gx, lost in sent
        ],
    }


def single(g: Any) -> Any:
    """A gradient to show: of several outputs, the one that is there if it is one."""
    if type(g) is not tuple:
        return g
    there = [part for part in g if part is not None]
    return there[0] if len(there) == 1 else None

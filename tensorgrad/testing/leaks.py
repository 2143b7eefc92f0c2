"""Whether a graph outlives the computation that it records."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from ..graph import Node, next_order


@contextmanager
def assert_graph_freed() -> Generator[None, None, None]:
    """Fail if a node recorded inside is still alive at the end of the block.

    A loss kept in a list, or a Tensor on a global, holds all that it was computed
    from. Delete, detach() or item() what should outlive the block. Nothing here waits
    for the garbage collector: a graph has no cycles, and goes with its last reference.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> with assert_graph_freed():
    ...     (x * x).sum().backward()
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    start = next_order()
    yield
    alive = [
        thing
        for thing in gc.get_objects()
        if type(thing) is Node and thing.op is not None and thing.order > start
    ]
    if alive:
        raise AssertionError(_told(alive))


def _told(alive: list[Node]) -> str:
    counts = Counter(node.op.name for node in alive)
    ops = ", ".join(f"{name} x {n}" for name, n in counts.most_common(5))
    newest = max(alive, key=lambda node: node.order)
    line = f", made at {newest.trace}" if newest.trace else ""
    return (
        f"{len(alive)} nodes of a graph are still alive ({ops}). The newest is "
        f"{newest.op.name} of shape {newest.shape}{line}, held by "
        f"{_holders(newest, alive)}. detach() or item() what is meant to be kept"
    )


def _holders(node: Node, alive: list[Node]) -> str:
    """The kinds of objects that refer to a node."""
    kinds = [type(x).__name__ for x in gc.get_referrers(node) if x is not alive]
    return ", ".join(dict.fromkeys(kinds)) or "a variable"

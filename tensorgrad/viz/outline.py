"""The graph behind some tensors as a tree: ops inside the module calls that ran them.

A `Vertex` is an op, a leaf, or an untracked input; a `Group` holds vertices and
groups in the order in which they were made. Nothing here recurses, so a graph may
be as long as memory allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor


class Vertex:
    """An op or a leaf (`node`), or the array of an untracked input (`array`).

    `inputs` are the vertices of an op's arguments, None for one that is not drawn on
    its own. `home` is the innermost group around it. `at` and `slot` are its place in
    time: an op's number and -1, or the number of the first op that uses it and as
    which argument. `before` is its place among the items of its home. The rest is what
    folding notes.
    """

    def __init__(self, node: Node | None, array: Any, home: Group) -> None:
        self.node = node
        self.op: Any = None if node is None else node.op
        self.array = array
        self.order = 0 if node is None else node.order
        self.inputs: list[Vertex | None] = []
        self.home = home
        self.at = self.slot = self.before = -1
        self.kind = 0
        self.twin: Vertex | None = None
        self.repeat: Group | None = None
        self.copy = 0
        self.shown: Item | None = None

    @property
    def shape(self) -> Any:
        """None for an op of several outputs."""
        return self.array.shape if self.node is None else self.node.shape

    @property
    def dtype(self) -> Any:
        return self.array.dtype if self.node is None else self.node.dtype


class Group:
    """A module's call, or what folding put together; the root is its own home.

    `label` is "name Class", or "Class". `since` is the order at which the call began.
    `at` is the number of the first op inside.
    """

    def __init__(self, label: str, home: Group | None, since: int = -1) -> None:
        self.label = label
        self.home = home or self
        self.items: list[Item] = []
        self.since = since
        self.depth: int = 0 if home is None else home.depth + 1
        self.at = self.before = -1 if home else 0
        self.kind = 0
        self.count = 1  # how many alike it stands for
        self.last = label  # the label of the last of them
        self.serial = False  # whether one feeds another
        self.closed = False  # drawn as a single node
        self.more = False  # a stretch left out, not a module

    @property
    def title(self) -> str:
        """The module's class."""
        return self.label.rpartition(" ")[2]

    @property
    def name(self) -> str:
        """The module's name inside the one that holds it, or nothing."""
        return self.label.rpartition(" ")[0]


Item = Vertex | Group


def outline(outputs: Sequence[Node]) -> tuple[Group, dict[Node, Vertex]]:
    """The root of the tree, and the vertex of each node, oldest first."""
    root = Group("", None)
    found = {node: Vertex(node, None, root) for node in reachable(outputs)}
    arrays: dict[int, Vertex] = {}
    for node, vertex in found.items():
        if node.op is not None:
            vertex.inputs = [
                _untracked(node, slot, arrays, root)
                if parent is None
                else found[parent]
                for slot, parent in enumerate(node.parents)
            ]
    _find_calls(found)
    _lift(found.values(), [*filter(_is_data, found.values()), *arrays.values()])
    _arrange(found.values(), root)
    for node in dict.fromkeys(outputs):
        if found[node].at < 0:  # a leaf that no op uses
            root.items.append(found[node])
    return root, found


def reachable(outputs: Sequence[Node]) -> list[Node]:
    """The outputs and all that they were computed from, oldest first."""
    seen = set(outputs)
    todo = list(seen)
    while todo:
        for parent in todo.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return sorted(seen, key=attrgetter("order"))


def kept_input(node: Node, slot: int) -> Any:
    """What the node saved of argument `slot`, or None."""
    names = getattr(node.op, "names", ())
    if not names or node.saved is None:
        return None
    if node.op.variadic:
        return None if node.saved[0] is None else node.saved[0][slot]
    return node.saved[slot]


def _untracked(
    node: Node, slot: int, arrays: dict[int, Vertex], root: Group
) -> Vertex | None:
    """One vertex for each array; a number stands in the label of its op."""
    array = kept_input(node, slot)
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        return None
    if id(array) not in arrays:
        arrays[id(array)] = Vertex(None, array, root)
    return arrays[id(array)]


def _find_calls(found: dict[Node, Vertex]) -> None:
    """Give each vertex its home, newest first: what uses it has its own by then.

    A call ends at its result, whose node is marked, and holds everything behind it
    that is no older than the call. A leaf lives where all of its users do.
    """
    calls: dict[tuple[int, str], Group] = {}
    seen: set[Vertex] = set()
    for node, vertex in reversed(found.items()):
        for since, label in sorted(node.module):  # outer calls began earlier
            if vertex.home.since < since < node.order:
                group = Group(label, vertex.home, since)
                vertex.home = calls.setdefault((since, label), group)
        for used in vertex.inputs:
            if used is None:
                continue
            home = vertex.home
            if used.op is None:
                used.home = meet(used.home, home) if used in seen else home
                seen.add(used)
                continue
            while home.since >= used.order:
                home = home.home
            if home is not used.home:
                used.home = _inner(home, used.home)


def meet(a: Group, b: Group) -> Group:
    """The innermost group around both."""
    while a is not b:
        if a.depth >= b.depth:
            a = a.home
        else:
            b = b.home
    return a


def _beside(item: Any, home: Group) -> Any:
    """`item`, or the group around it, that is directly inside `home`."""
    while item.home is not home:
        item = item.home
    return item


def _inner(a: Group, b: Group) -> Group:
    """The inner one; of two that only overlap, the one in the call that began first.

    Calls overlap where one leaks a result that the call around it does not lead to.
    """
    common = meet(a, b)
    if common is a or common is b:
        return b if common is a else a
    return min(a, b, key=lambda group: _beside(group, common).since)


def within(group: Group, outer: Group) -> bool:
    """Whether `group` is `outer`, or inside it."""
    while group is not outer and group.home is not group:
        group = group.home
    return group is outer


def _is_data(vertex: Vertex) -> bool:
    """Whether it is a leaf that is no module's parameter: those are of a subclass."""
    if vertex.op is not None or vertex.node is None or vertex.node.tensor is None:
        return False
    return type(vertex.node.tensor()) is Tensor


def _lift(vertices: Iterable[Vertex], inputs: Iterable[Vertex]) -> None:
    """Move inputs out of the calls that nothing else enters: they were arguments."""
    entered: set[Group] = set()
    for vertex in vertices:
        for used in vertex.inputs:
            if used is not None and used.op is not None:
                home, common = vertex.home, meet(vertex.home, used.home)
                while home is not common:
                    entered.add(home)
                    home = home.home
    for vertex in inputs:
        while vertex.home not in entered and vertex.home.home is not vertex.home:
            vertex.home = vertex.home.home


def _arrange(vertices: Iterable[Vertex], root: Group) -> None:
    """Fill the groups' items: ops by age, anything else before its first user."""
    number, filled = count(), [root]
    for vertex in vertices:
        if vertex.op is None:
            continue
        vertex.at = vertex.before = next(number)
        home = vertex.home
        while home.at < 0:
            home.at = home.before = vertex.at
            home.home.items.append(home)
            filled.append(home)
            home = home.home
        vertex.home.items.append(vertex)
        for slot, used in enumerate(vertex.inputs):
            if used is not None and used.at < 0:
                used.at, used.slot = vertex.at, slot
                used.before = _beside(vertex, used.home).before
                used.home.items.append(used)
    for group in filled:
        group.items.sort(key=lambda x: (x.before, isinstance(x, Group) or bool(x.op)))

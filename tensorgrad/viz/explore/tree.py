"""The outline as a tree that a page can open and close, never many parts at once.

Groups are calls of modules, repeats of them ("Block × 4", its copies inside), and
stretches, which gather the parts of a list that is long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ...graph import Node
from ..folding import flat, groups, number_kinds, repeat_at, tally
from ..outline import Group, Item, Vertex

MOST = 24  # children of a group
START = 60  # parts drawn at first

Tree = dict[str, Any]


def tree(
    root: Group, found: Mapping[Node, Vertex], places: Mapping[Vertex, int]
) -> Tree:
    """The root as JSON, closed but for what fits into the first view."""
    inside = groups(root)
    if len(inside) > 1:
        number_kinds(inside, found.values())
    numbers, most = count(), MOST if len(found) > START else START
    made: dict[Group, Tree] = {}
    for group in reversed(inside):  # inner before outer, so that nothing recurses
        parts: list[Any] = []
        for child in runs(group.items):
            if isinstance(child, Vertex):
                parts.append(places[child])
            elif isinstance(child, Group):
                parts.append(made[child])
            else:
                parts.append(repeat(child, made, places, most, numbers))
        made[group] = packed(group, few(parts, most, numbers), next(numbers))
    whole = made[root]
    open_first(whole)
    return whole


def runs(items: list[Item]) -> Iterator[Item | list[list[Item]]]:
    """The items; those that repeat as one list of their copies."""
    kinds, i = [item.kind for item in items], 0
    while i < len(items):
        period, times = repeat_at(items, kinds, i)
        end = i + period * times
        if times == 1:
            yield items[i]
        else:
            yield [list(items[k : k + period]) for k in range(i, end, period)]
        i = end


def repeat(
    copies: list[list[Item]],
    made: Mapping[Group, Tree],
    places: Mapping[Vertex, int],
    most: int,
    numbers: Iterator[int],
) -> Tree:
    """Copies that look alike, each a child."""
    children = []
    for copy in copies:
        parts = [made[x] if isinstance(x, Group) else places[x] for x in copy]
        one = len(parts) == 1
        children.append(parts[0] if one else stretch(parts, copy, next(numbers)))
    first, items = copies[0][0], [item for copy in copies for item in copy]
    title = first.title if isinstance(first, Group) and len(copies[0]) == 1 else ""
    node = stretch(few(children, most, numbers), items, next(numbers))
    return {**node, "kind": "repeat", "title": title, "count": len(copies)}


def few(parts: list[Any], most: int, numbers: Iterator[int]) -> list[Any]:
    """The parts; too many are put into stretches, and those again, of even sizes."""
    levels = math.ceil(math.log(max(len(parts), 1), most) - 1e-9)
    size = math.ceil(len(parts) ** (1 / max(levels, 1)) - 1e-9)
    while len(parts) > most:
        starts = range(0, len(parts), size)
        gathered = [parts[i : i + size] for i in starts]
        parts = [x[0] if len(x) == 1 else joined(x, next(numbers)) for x in gathered]
    return parts


def joined(parts: list[Any], number: int) -> Tree:
    """A stretch of parts that are made already."""
    nodes = sum(1 if isinstance(x, int) else x["nodes"] for x in parts)
    held = sum(0 if isinstance(x, int) else x["parameters"] for x in parts)
    return group_of(parts, number, kind="stretch", nodes=nodes, parameters=held)


def stretch(parts: list[Any], items: Sequence[Item], number: int) -> Tree:
    """A stretch of these items."""
    return group_of(parts, number, kind="stretch", **size_of(items))


def packed(group: Group, parts: list[Any], number: int) -> Tree:
    """A module's call."""
    words = {"label": group.label, "title": group.title, "name": group.name}
    return group_of(parts, number, kind="module", **words, **size_of(group.items))


def size_of(items: Sequence[Item]) -> dict[str, int]:
    """How many nodes there are inside, and how many numbers the leaves hold."""
    return {"nodes": sum(1 for _ in flat(items)), "parameters": tally(items)[1]}


def group_of(children: list[Any], number: int, **about: Any) -> Tree:
    plain = {"label": "", "title": "", "name": "", "count": 1, "closed": True}
    return {"id": f"g{number}", **plain, **about, "children": children}


def open_first(root: Tree) -> None:
    """Open groups, outer ones first, while what is drawn stays within `START`.

    A repeat stays closed unless all that there is can be drawn.
    """
    root["closed"] = False
    drawn, todo, everything = len(root["children"]), [root], root["nodes"] <= START
    for group in todo:
        for child in group["children"]:
            if isinstance(child, int) or (child["kind"] == "repeat" and not everything):
                continue
            more = len(child["children"]) - 1
            if drawn + more <= START:
                child["closed"] = False
                drawn += more
                todo.append(child)

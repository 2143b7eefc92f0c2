"""Fewer things to draw: repeats once, deep modules closed, long stretches left out.

Folding changes the tree, never the vertices' inputs. In the second and later copies
of a repeat, each vertex learns its `twin` in the first copy, the `repeat` that hides
it, and the number of its `copy`. What stands for a vertex in the picture, itself or a
closed group, is its `shown`, or that of its twin.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .labels import details
from .outline import Group, Item, Vertex, meet, within

LONGEST_PERIOD = 12  # items: enough for a block and what is between two blocks
ENDS = 8  # items left at either end of a stretch that is left out


def groups(root: Group) -> list[Group]:
    """The open groups, outer before inner."""
    found = [root]
    for group in found:
        found += [x for x in group.items if isinstance(x, Group) and not x.closed]
    return found


def flat(items: Sequence[Item]) -> Iterator[Vertex]:
    """All vertices inside, in order."""
    stack = list(reversed(items))
    while stack:
        item = stack.pop()
        if isinstance(item, Group):
            stack.extend(reversed(item.items))
        else:
            yield item


def tally(items: Sequence[Item]) -> tuple[Counter[str], int]:
    """How often each op runs inside, and how many numbers the leaves hold."""
    ops: Counter[str] = Counter()
    numbers = 0
    stack = [(item, 1) for item in items]
    while stack:
        item, times = stack.pop()
        if isinstance(item, Group):
            stack += [(x, times * item.count) for x in item.items]
        elif item.op is not None:
            ops[item.op.name] += times
        elif item.node is not None:
            numbers += times * math.prod(item.shape)
    return ops, numbers


# --- repeats


def fold_repeats(root: Group, vertices: Iterable[Vertex]) -> None:
    """Keep one of the groups, or runs with groups, that follow each other alike."""
    found = groups(root)
    if len(found) == 1:
        return
    number_kinds(found, vertices)
    todo = [root]
    while todo:
        group = todo.pop()
        group.items = list(_folded(group))
        todo += [item for item in group.items if isinstance(item, Group)]


def number_kinds(found: Sequence[Group], vertices: Iterable[Vertex]) -> None:
    """Equal `kind` for what looks alike and is wired alike, inside.

    An argument is noted where both of its ends are inside, as positions counted from
    the start of that group. What comes from outside may differ.
    """
    wiring: defaultdict[Group, list[tuple[int, ...]]] = defaultdict(list)
    kinds: dict[Any, int] = {}
    for vertex in vertices:
        key: Any = (vertex.shape, vertex.dtype, vertex.node is None)
        if vertex.node is not None and vertex.op is not None:
            key = (*key, vertex.op.name, *details(vertex.node))
        vertex.kind = kinds.setdefault(key, len(kinds))
        for slot, used in enumerate(vertex.inputs):
            if used is not None:
                group = meet(vertex.home, used.home)
                start = group.at
                ends = (vertex.at - start, slot, used.at - start, used.slot)
                wiring[group].append(ends)
    for group in reversed(found):
        inside = tuple([item.kind for item in group.items])
        key = (group.title, inside, tuple(wiring[group]))
        group.kind = kinds.setdefault(key, len(kinds))


def _folded(group: Group) -> Iterator[Item]:
    """The group's items, each repeat as one."""
    items, i = group.items, 0
    kinds = [item.kind for item in items]
    while i < len(items):
        period, times = repeat_at(items, kinds, i)
        end = i + period * times
        copies = [items[k : k + period] for k in range(i, end, period)]
        yield items[i] if times == 1 else _as_one(copies, group)
        i = end


def _as_one(copies: list[list[Item]], home: Group) -> Group:
    """The first copy, in a group of its own if it is not one."""
    first, whole = copies[0], copies[0][0]
    if len(first) > 1 or isinstance(whole, Vertex):
        whole = Group("", home)
        whole.items = first
        for item in first:
            item.home = whole
    else:
        last = copies[-1][0]
        assert isinstance(last, Group)  # it is of the kind of the first
        whole.last = last.label
    whole.count = len(copies)
    for number, copy in enumerate(copies[1:], 1):
        for vertex, twin in zip(flat(copy), flat(first), strict=True):
            vertex.twin, vertex.repeat, vertex.copy = twin, whole, number
    return whole


def repeat_at(items: list[Item], kinds: list[int], i: int) -> tuple[int, int]:
    """(period, times) of the repeat from i on that covers most; (1, 1) for none."""
    best = (1, 1)
    has_group = False
    for period in range(1, LONGEST_PERIOD + 1):
        if i + 2 * period > len(items):
            break
        has_group = has_group or isinstance(items[i + period - 1], Group)
        if not has_group or kinds[i] != kinds[i + period]:
            continue
        times, part = 1, kinds[i : i + period]
        while kinds[i + times * period : i + (times + 1) * period] == part:
            times += 1
        if times > 1 and times * period > best[0] * best[1]:
            best = (period, times)
    return best


# --- limits


def fit(root: Group, limit: int) -> None:
    """Close groups, the deepest first, and leave stretches out, until `limit` is met.

    What stays is at most `limit` nodes, or the few that a stretch needs.
    """
    ends = max(1, min(ENDS, (limit - 1) // 2))
    for group in reversed(groups(root)):
        if len(group.items) > limit:
            _leave_out(group, ends)
    levels = _levels(root)
    for level in reversed(levels[2:]):
        if drawn(root) <= limit:
            return
        for group in level:
            group.closed = True
    excess = drawn(root) - limit
    for group in sorted(levels[1] if levels[1:] else [], key=lambda g: -len(g.items)):
        if excess > 0:
            excess -= _leave_out(group, ends)
    if excess > 0:
        for group in levels[1] if levels[1:] else []:
            group.closed = True


def _levels(root: Group) -> list[list[Group]]:
    """The open groups by depth."""
    levels = [[root]]
    while levels[-1]:
        inside = [item for group in levels[-1] for item in group.items]
        levels.append([x for x in inside if isinstance(x, Group) and not x.closed])
    return levels[:-1]


def drawn(root: Group) -> int:
    """How many nodes the picture has."""
    nodes = 0
    for group in groups(root):
        nodes += sum(isinstance(x, Vertex) or x.closed for x in group.items)
    return nodes


def _leave_out(group: Group, ends: int) -> int:
    """Put the middle of the items into one closed group; by how many they shrank."""
    middle = group.items[ends:-ends]
    if len(middle) < 2:
        return 0
    more = Group("", group)
    more.items, more.closed, more.more = middle, True, True
    for item in middle:
        item.home = more
    group.items[ends:-ends] = [more]
    return len(middle) - 1


# --- what stands for what


class Link(NamedTuple):
    """An arrow: `used` flows, as argument `slot` of `end`, or None for any of them."""

    start: Item
    end: Item
    used: Vertex
    slot: int | None


def links(root: Group, vertices: Iterable[Vertex]) -> list[Link]:
    """The arrows of the picture.

    An arrow between two copies of a repeat is noted on the repeat, as `serial`.
    """
    for group in groups(root):
        for item in group.items:
            inside = flat([item]) if isinstance(item, Vertex) or item.closed else ()
            for vertex in inside:
                vertex.shown = item
    found: dict[Any, Link] = {}
    for vertex in vertices:
        for slot, used in enumerate(vertex.inputs):
            if used is None or _hidden(used, vertex):
                continue
            start, end = shown(used), shown(vertex)
            if start is end:
                continue
            several = isinstance(start, Group) or isinstance(end, Group)
            ends = (start, end)
            key = (*ends, used.shape, used.dtype) if several else (*ends, slot)
            found.setdefault(key, Link(*ends, used, None if several else slot))
    return list(found.values())


def _hidden(used: Vertex, vertex: Vertex) -> bool:
    """Whether the arrow stays in a repeat, which shows those of its first copy."""
    repeat = vertex.repeat
    if repeat is None or not (used.repeat is repeat or within(used.home, repeat)):
        return False
    if vertex.copy != (used.copy if used.repeat is repeat else 0):
        repeat.serial = True
    return True


def shown(vertex: Vertex) -> Item:
    """What stands for the vertex, once `links` has looked."""
    while vertex.shown is None:
        assert vertex.twin is not None
        vertex = vertex.twin
    return vertex.shown

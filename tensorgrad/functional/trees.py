"""Trees: tuples, lists and dicts, nested at will, with leaves of any other kind.

None is a tree without leaves, so an absent bias has no gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from ..errors import ShapeError


def items(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) for each leaf, in order.

    >>> list(items({"w": [1.0, 2.0], "b": None}, "input"))
    [("input['w'][0]", 1.0), ("input['w'][1]", 2.0)]
    """
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from items(part, f"{path}[{key!r}]")
    elif isinstance(tree, tuple | list):
        for i, part in enumerate(tree):
            yield from items(part, f"{path}[{i}]")
    elif tree is not None:
        yield path, tree


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order."""
    return [leaf for _, leaf in items(tree)]


def rebuilt(tree: Any, values: Iterator[Any]) -> Any:
    """The tree with the next of `values` in the place of each leaf.

    >>> rebuilt({"w": [1.0, 2.0], "b": None}, iter("xy"))
    {'w': ['x', 'y'], 'b': None}
    """
    if isinstance(tree, dict):
        twin = copy.copy(tree)  # what else a subclass of dict knows stays
        twin.update([(key, rebuilt(part, values)) for key, part in tree.items()])
        return twin
    if isinstance(tree, tuple | list):
        make = getattr(type(tree), "_make", type(tree))  # a namedtuple's takes a list
        return make([rebuilt(part, values) for part in tree])
    return None if tree is None else next(values)


def matched(tree: Any, like: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(path, leaf) for each leaf of a tree built as `like` is, in the order of `like`.

    >>> list(matched({"b": 1, "a": 2}, {"a": 0, "b": 0}, "g"))
    [("g['a']", 2), ("g['b']", 1)]
    """
    if isinstance(like, dict):
        if not isinstance(tree, dict) or tree.keys() != like.keys():
            raise ShapeError(f"{path} should be a dict with the keys {[*like]}")
        for key in like:
            yield from matched(tree[key], like[key], f"{path}[{key!r}]")
    elif isinstance(like, tuple | list):
        if not isinstance(tree, tuple | list) or len(tree) != len(like):
            kind = type(like).__name__
            raise ShapeError(f"{path} should be a {kind} of {len(like)}")
        for i, (part, other) in enumerate(zip(tree, like, strict=True)):
            yield from matched(part, other, f"{path}[{i}]")
    elif like is not None:
        yield path, tree
    elif tree is not None:
        raise ShapeError(f"{path} should be None, as what it goes with is")

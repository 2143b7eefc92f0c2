"""The words in a drawing: what an op was told, the values that are still known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Node
from .outline import kept_input

SMALL = 9  # elements: up to a 3 x 3 matrix is shown with its values
LONGEST = 40  # characters of one setting


def details(node: Node) -> list[str]:
    """The op's untracked numbers, and its settings where they are not the default.

    Only what the op saved for its derivative is known.
    """
    op = node.op
    names = getattr(op, "names", ())
    if not names or node.saved is None:
        return []
    found = []
    for slot, parent in enumerate(node.parents):
        if parent is None:
            found += _constant(node, slot)
    known = dict(zip(names, node.saved, strict=True))
    for name, default in op.settings.items():
        if known.get(name) is not None:
            text = setting(known[name])
            found += [f"{name}={text}"] if text != setting(default) else []
    return found


def _constant(node: Node, slot: int) -> list[str]:
    name, x = argument(node, slot), kept_input(node, slot)
    if x is None:
        return [] if name in node.op.optional else [f"{name} untracked"]
    return [f"{name} = {number(x)}"] if np.ndim(x) == 0 else []


def argument(node: Node, slot: int) -> str:
    """The name the op has for its argument `slot`."""
    op = node.op
    return f"{op.inputs[0]}[{slot}]" if op.variadic else op.inputs[slot]


def setting(x: Any) -> str:
    """A setting on one line: 1:3 for a slice, the shape of an array.

    >>> setting(slice(1, 3)), setting((3,)), setting([3])
    ('1:3', '(3,)', '[3]')
    """
    text = _setting(x)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _setting(x: Any) -> str:
    if isinstance(x, slice):
        parts = ["" if part is None else str(part) for part in (x.start, x.stop)]
        return ":".join(parts if x.step is None else [*parts, str(x.step)])
    if isinstance(x, tuple | list):
        inside = ", ".join(map(_setting, x[:LONGEST]))
        inside += "," if isinstance(x, tuple) and len(x) == 1 else ""
        return f"[{inside}]" if isinstance(x, list) else f"({inside})"
    if isinstance(x, np.ndarray) and x.ndim:
        return f"{x.dtype} {x.shape}"
    if x is Ellipsis:
        return "..."
    return number(x) if isinstance(x, float | np.generic | np.ndarray) else str(x)


def number(x: Any) -> str:
    """A number with four significant digits; booleans and integers whole."""
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def values(array: np.ndarray) -> str | None:
    """The elements of a small array, a row to a line; None for a large one."""
    if not 0 < array.size <= SMALL:
        return None
    if array.ndim == 0:
        return number(array)
    return np.array2string(
        array, separator=", ", formatter={"all": number}, max_line_width=60
    )


def gradient(array: np.ndarray) -> str:
    """A small gradient's elements, a large one's length."""
    text = values(array)
    if text is not None:
        return f"grad {text}" if "\n" not in text else f"grad\n{text}"
    return f"|grad| {number(np.sqrt(np.sum(np.square(array, dtype=np.float64))))}"


def edge(shape: tuple[int, ...] | None, dtype: Any) -> str:
    """The shape, with any dtype but float32; nothing for one number."""
    if shape is None:  # several outputs, each with its own
        return ""
    parts = [str(shape)] if shape else []
    return " ".join(parts if dtype == np.float32 else [*parts, str(dtype)])


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"

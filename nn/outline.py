"""How a module is shown: what is inside it, and how many parameters each part has."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .module import Module


def outline(module: Module) -> str:
    """The modules inside, nested, with their parameter counts on the right.

    Equal neighbours in a list are folded into `n x`. Their line counts all of them,
    and the lines inside it one.
    """
    lines = lines_of(module)
    left = max(len(text) for text, _ in lines) + 2
    right = max(len(f"{count:,}") for _, count in lines)
    first, *rest = [
        f"{text:<{left}}{count:>{right},}" if count else text for text, count in lines
    ]
    return "\n".join([first + " parameters" * (lines[0][1] > 0), *rest])


def lines_of(part: Any, *above: Any) -> list[tuple[str, int]]:
    """(text, parameters) for each line of a module, or of a function in a list."""
    if not hasattr(part, "named_modules"):
        return [(getattr(part, "__name__", type(part).__name__), 0)]
    head = f"{type(part).__name__}({part.extra_repr()}"
    inside = [
        ("" if name.isdigit() else name, name, lines_of(member, part, *above))
        for name, member in part._members()
        if (hasattr(member, "named_modules") or name.isdigit())
        and not any(member is each for each in (part, *above))
    ]
    if not inside:
        return [(head + ")", part.num_parameters())]
    lines = [(head, part.num_parameters())]
    for (_, body), alike in groupby(inside, lambda entry: (entry[0], entry[2])):
        names = [name for _, name, _ in alike]
        n, (text, count) = len(names), body[0]
        folded = f"({names[0]}-{names[-1]}): {n} x " if n > 1 else f"({names[0]}): "
        lines.append((f"  {folded}{text}", n * count))
        lines += [("  " + text, count) for text, count in body[1:]]
    return [*lines, (")", 0)]

"""How a module is shown in a notebook: its outline, of which parts fold away."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from .outline import lines_of

if TYPE_CHECKING:
    from .module import Module

OPEN = 2  # levels that are unfolded at first
OUTER = "font-family:monospace;font-size:0.85em;max-width:44em"
INNER = "margin-left:0.4em;padding-left:1em;border-left:1px solid rgba(128,128,128,0.4)"


def outline_html(module: Module) -> str:
    """`outline`'s lines, each with what is inside it below it, to be opened."""
    (first, total), *rest = lines_of(module)
    lines = [(first, f"{total:,} parameters" if total else "")]
    lines += [(text, f"{n:,}" if n else "") for text, n in rest if text.strip() != ")"]
    levels = [(len(text) - len(text.lstrip())) // 2 for text, _ in lines] + [0]
    parts = [f'<div style="{OUTER}">']
    for i, (text, count) in enumerate(lines):
        level, after = levels[i : i + 2]
        if after > level:
            unfolded = " open" * (level < OPEN)
            parts.append(f"<details{unfolded}><summary>{line(closed(text), count)}")
            parts.append(f'</summary><div style="{INNER}">')
        else:
            parts.append(f"<div>{line(text, count)}</div>")
        parts += ["</div></details>"] * (level - after)
    return "".join([*parts, "</div>"])


def closed(text: str) -> str:
    """The head of what has others inside, without the bracket that opens for them."""
    return text[:-1] if text.endswith("(") else text + ")"


def line(text: str, count: str) -> str:
    right = f' <span style="float:right">{count}</span>' if count else ""
    return html.escape(text.strip()) + right

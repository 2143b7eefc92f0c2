"""The outline in Graphviz's language: a node for an op, a frame for a module."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor
from . import labels
from .folding import Link, flat, links, shown, tally
from .known import Known
from .outline import Group, Item, Vertex

# Okabe and Ito's colours, which colour-blind readers tell apart: full strength for
# borders, pale inside. Text outside of nodes is a grey that white and black
# backgrounds both carry.
GREY, INK = "#767676", "#1a1a1a"
STYLES = {
    "op": 'shape=box style="rounded,filled" color="#56b4e9" fillcolor="#e6f3fb"',
    "leaf": 'shape=box style=filled color="#e69f00" fillcolor="#fcefd2" penwidth=2',
    "input": 'shape=note style=filled color="#009e73" fillcolor="#d9f0e8"',
    "module": 'shape=folder style=filled color="#cc79a7" fillcolor="#f8e8f0"',
    "more": f'shape=box style="dashed,filled" color="{GREY}" fillcolor="#f2f2f2"',
}
TONES = {
    "title": "<B>{}</B>",
    "module": "{}  <B>{}</B>",
    "detail": '<FONT POINT-SIZE="9" COLOR="#5f5f5f">{}</FONT>',
    "value": '<FONT POINT-SIZE="10" COLOR="#00588c">{}</FONT>',
    "grad": '<FONT POINT-SIZE="10" COLOR="#b34700">{}</FONT>',
}
HEAD = f"""\
digraph {{
  graph [bgcolor=transparent fontname=Helvetica fontsize=11 fontcolor="{GREY}" \
nodesep=0.3 ranksep=0.35 tooltip=" "]
  node [fontname=Helvetica fontsize=11 fontcolor="{INK}" margin="0.12,0.06" height=0.3]
  edge [fontname=Helvetica fontsize=9 fontcolor="{GREY}" color="{GREY}" arrowsize=0.6]
"""
FRAME = f'style="rounded,filled" color="{GREY}" fillcolor="#80808014" penwidth=0.7'

COMMUTE = {"add", "multiply", "maximum", "minimum"}

Line = tuple[str, ...]  # a tone, and the texts it takes


class Picture:
    """What is said about each item, and the lines that say it."""

    def __init__(
        self,
        root: Group,
        found: dict[Node, Vertex],
        outputs: Sequence[Tensor],
        names: dict[str, Any],
        show_values: bool,
    ) -> None:
        self.root = root
        self.show_values = show_values
        self.links = links(root, found.values())
        self.ids: dict[Item, str] = {}
        self.titles: dict[Item | None, str] = {}
        self.outputs = {shown(found[tensor.node]) for tensor in outputs if tensor.node}
        self.known = Known(found, outputs, names)

    def dot(self) -> str:
        return HEAD + "".join(f"{line}\n" for line in self._lines()) + "}\n"

    def _lines(self) -> Iterator[str]:
        """The nodes inside their frames, then the arrows."""
        stack, frames = [iter(self.root.items)], 0
        while stack:
            item = next(stack[-1], None)
            pad = "  " * len(stack)
            if item is None:
                stack.pop()
                if stack:
                    yield "  " * len(stack) + "}"
            elif isinstance(item, Vertex) or item.closed:
                yield pad + self._node(item)
            else:
                frames += 1
                yield f"{pad}subgraph cluster_{frames} {{"
                yield f"{pad}  graph [{FRAME} label={markup(heading(item))}]"
                stack.append(iter(item.items))
        yield from map(self._arrow, self.links)

    def _arrow(self, link: Link) -> str:
        text = labels.edge(link.used.shape, link.used.dtype)
        if name := self._argument(link):
            text = f"{name} {text}"
        marks = [f"label={quote(' ' + text)}"] if text else []
        marks += [] if link.used.node else ["style=dashed"]
        ends = f"  {self.ids[link.start]} -> {self.ids[link.end]}"
        return f"{ends} [{' '.join(marks)}]" if marks else ends

    def _argument(self, link: Link) -> str:
        """Which argument it is, if the picture would not say it and it matters."""
        end = link.end
        if link.slot is None or isinstance(end, Group) or end.node is None:
            return ""
        node, unclear = end.node, []
        for slot, used in enumerate(end.inputs):
            if used is not None and len(end.inputs) > 1:
                name = labels.argument(node, slot)
                unclear += [slot] if self.titles.get(used.shown) != name else []
        if len(unclear) < 2 or link.slot not in unclear or node.op.name in COMMUTE:
            return ""
        return labels.argument(node, link.slot)

    # --- nodes

    def _node(self, item: Item) -> str:
        self.ids[item] = name = f"n{len(self.ids)}"
        rim = " peripheries=2" if item in self.outputs else ""
        if isinstance(item, Group):
            style, text, tip = _closed(item)
        elif item.node is None:
            style, text, tip = "input", self._input(item), "not tracked"
        else:
            style = "leaf" if item.node.op is None else "op"
            text, tip = self._tracked(item, item.node), _tip(item.node)
        self.titles[item] = text[0][-1].rpartition(".")[2]
        return (
            f"{name} [{STYLES[style]}{rim} label={markup(text)} tooltip={quote(tip)}]"
        )

    def _input(self, vertex: Vertex) -> list[Line]:
        title = self.known.title(vertex)
        return [("title", title), *self._numbers(vertex.array, None)]

    def _tracked(self, vertex: Vertex, node: Node) -> list[Line]:
        tensor = self.known.tensor(node)
        grad = None if tensor is None else tensor._grad
        details = [] if node.op is None else labels.details(node)
        if node.saved is None:
            details = ["freed by an earlier backward"]
        lines = [("detail", line) for line in details]
        numbers = self._numbers(self.known.value(vertex), grad)
        return [("title", self.known.title(vertex)), *lines, *numbers]

    def _numbers(self, value: Any, grad: Tensor | None) -> Iterator[Line]:
        """A small value, and the gradient."""
        if self.show_values and value is not None:
            text = labels.values(np.asarray(value)) or ""
            yield from (("value", line) for line in text.splitlines())
        if self.show_values and grad is not None:
            text = labels.gradient(grad._data)
            yield from (("grad", line) for line in text.splitlines())


def _closed(group: Group) -> tuple[str, list[Line], str]:
    """A group drawn as one node: its size."""
    ops, numbers = tally([group])
    total = labels.plural(ops.total(), "op")
    inside = ", ".join(f"{n:,} {name}" for name, n in ops.most_common(4))
    inside += ", …" * (len(ops) > 4)
    size = [("detail", labels.plural(numbers, "parameter"))] if numbers else []
    if group.more:
        if not ops:
            total = labels.plural(sum(1 for _ in flat(group.items)), "input")
        title = f"… {total.replace(' ', ' more ')} …"
        return "more", [("title", title), ("detail", inside)], inside
    return "module", [*heading(group), ("detail", total), *size], inside


def heading(group: Group) -> list[Line]:
    """A frame's title: the class, how many of it, and the module's name."""
    name, title = group.name, group.title
    if group.count > 1:
        title = f"{title} × {group.count}".strip()
        title += "" if group.serial else " side by side"
        last = group.last.rpartition(" ")[0]
        name += f" … {last}" if last != name else ""
    return [("module", name, title)] if name else [("title", title)]


def _tip(node: Node) -> str:
    """The first line of the op's documentation, and the source line if it is known."""
    if node.op is None:
        return "a leaf: gradients end here"
    first = (getattr(node.op, "call", node.op).__doc__ or "").strip().partition("\n")[0]
    tip = first if node.trace is None else f"{first}\n{node.trace}"
    return tip.replace("\\", "/")  # some versions of dot undo a tip's escapes twice


# --- quoting


def quote(text: str) -> str:
    """A string of the DOT language that shows `text` as it is."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def markup(lines: Sequence[Line]) -> str:
    """An HTML-like label, a line for each."""
    marked = [TONES[tone].format(*map(_plain, texts)) for tone, *texts in lines]
    return f"<{'<BR/>'.join(marked)}>"


def _plain(text: str) -> str:
    """`text` for a label: marks escaped, and whatever does not print."""
    shown = [c if c.isprintable() else ascii(c)[1:-1] for c in text]
    # Doubled, because these labels too have escapes such as \\N, the node's name.
    return html.escape("".join(shown).replace("\\", "\\\\"), quote=False)

"""What the tests of pictures share: small graphs, and their text read back."""

import html
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.graph import next_order
from tensorgrad.viz import Drawing


class Parameter(Tensor):
    """A module's own, as nn has it."""

    __slots__ = ()


def leaf(*shape: int, value: float = 0.5, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad=True)


def parameter(*shape: int) -> Tensor:
    return Parameter(np.full(shape, 0.5, np.float32), requires_grad=True)


def call(label: str, function: Callable[..., Tensor], *args: Any) -> Tensor:
    """What a module's call leaves: a mark on the node of its result."""
    since = next_order()
    out = function(*args)
    assert out.node is not None
    out.node.module = (*out.node.module, (since, label))
    return out


class Seen:
    """The nodes, arrows and frames of a drawing, read back from its text."""

    def __init__(self, drawing: Drawing) -> None:
        self.labels: dict[str, str] = {}
        self.styles: dict[str, str] = {}
        self.frames: dict[str, list[str]] = {}  # of a node, outermost first
        self.arrows: list[tuple[str, str]] = []
        self.notes: dict[tuple[str, str], str] = {}
        stack: list[str] = []
        for line in drawing.dot.splitlines()[4:-1]:
            if arrow := re.match(r"  (n\d+) -> (n\d+)(.*)", line):
                self.arrows.append((arrow[1], arrow[2]))
                self.notes[arrow[1], arrow[2]] = arrow[3]
            elif node := re.match(r" *(n\d+) \[(.*?) label=<(.*)> tooltip=", line):
                self.styles[node[1]], self.labels[node[1]] = node[2], text(node[3])
                self.frames[node[1]] = list(stack)
            elif frame := re.match(r" *graph \[.* label=<(.*)>\]", line):
                stack.append(text(frame[1]))
            elif line.strip() == "}":
                stack.pop()
            else:
                assert line.strip().startswith("subgraph"), line
        assert not stack
        assert drawing.nodes == len(self.labels)

    def find(self, start: str) -> str:
        """The only node whose label begins so."""
        (found,) = [n for n, label in self.labels.items() if label.startswith(start)]
        return found


def text(markup: str) -> str:
    lines = re.sub(r"<(?!BR/)[^>]*>", "", markup).replace("<BR/>", "\n")
    return html.unescape(lines).replace("\\\\", "\\")


def linear(x: Any, weight: Tensor, bias: Tensor) -> Tensor:
    return tg.linear(x, weight, bias)


def network(x: Any, sizes: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
    """A Sequential of Linear and ReLU, as nn would mark it."""
    weights = [(parameter(m, n), parameter(m)) for n, m in pairwise(sizes)]

    def forward(x: Any) -> Tensor:
        for i, pair in enumerate(weights):
            x = call(f"{2 * i} Linear", linear, x, *pair)
            x = call(f"{2 * i + 1} ReLU", tg.relu, x)
        return x  # type: ignore[no-any-return]

    names = {}
    for i, (weight, bias) in enumerate(weights):
        names |= {f"{2 * i}.weight": weight, f"{2 * i}.bias": bias}
    return call("Sequential", forward, x), names

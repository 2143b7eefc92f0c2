"""What is noted of the calls of ops: by a trace, and in anomaly mode."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .anomaly import check_forward
from .mode import ANOMALY

if TYPE_CHECKING:
    from .graph import Node

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
MOST_LINES = 8  # of one call: a model in a loss in a loop


class Line(NamedTuple):
    """A line of source code."""

    file: str
    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.code}"


class Trace:
    """A call: the lines that led to it, innermost first, and what it was called with.

    `inputs` are the op's arguments, `settings` those that were given, `out` the
    result, or a tuple of several: None in anomaly mode, which only checks.
    """

    __slots__ = ("lines", "inputs", "settings", "out")

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.lines = lines
        self.inputs: tuple[Any, ...] | None = None
        self.settings: dict[str, Any] = {}
        self.out: Any = None

    def __str__(self) -> str:
        return str(self.lines[0]) if self.lines else "an unknown line"


def note(
    mode: int,
    node: Node,
    inputs: Sequence[Any],
    out: Any,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Note a call on its node; in anomaly mode, check what it gave."""
    settings = settings or {}
    if mode == ANOMALY:
        node.trace = Trace(source_lines(1))
        check_forward(node, (*inputs, *settings.values()), out)
        return
    node.trace = trace = Trace(source_lines())
    pairs = zip(inputs, node.parents, strict=True)
    trace.inputs = tuple([own(x, parent) for x, parent in pairs])
    trace.settings, trace.out = dict(settings), out


def own(x: Any, parent: Node | None) -> Any:
    """An argument to keep: copied where it may be the user's own, to be written to."""
    return x.copy() if parent is None and isinstance(x, np.ndarray) else x


def source_lines(most: int = MOST_LINES) -> tuple[Line, ...]:
    """The lines outside this package that are running, innermost first.

    The program's main file or cell is the last: what runs it is left out, and so are
    methods that only pass a call on to the next.
    """
    frame, found = sys._getframe(1), list[Line]()
    while frame is not None and len(found) < most:
        code, number = frame.f_code, frame.f_lineno
        file = code.co_filename
        ours = os.path.abspath(file).startswith(HERE)
        if not ours and (code.co_name != "__call__" or frame.f_back is None):
            found.append(Line(file, number, linecache.getline(file, number).strip()))
        if code.co_name == "<module>" and not ours:
            break
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(found)

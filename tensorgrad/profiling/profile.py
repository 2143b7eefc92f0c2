"""What a profile found, and its arithmetic."""

from __future__ import annotations

import threading
import time
import weakref
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..functional.checkpointing import CHECKPOINT, Snapshot
from ..functional.trees import leaves
from ..graph import Node
from .counts import Cost, arrays, owner

Key = tuple[str, str]  # an op's name, and "forward" or "backward"

OUTSIDE, PROFILING = ("outside ops", ""), ("profiling", "")


@dataclass
class Row:
    """All calls of one op, forward or backward: sums over them."""

    op: str
    direction: str  # "forward", "backward", or "" for what no op did
    calls: int = 0
    seconds: float = 0.0
    flops: int = 0  # 0 where there is no count
    touched: int = 0  # bytes that had to be read or written at least
    made: int = 0  # bytes of new arrays among the results
    kept: int = 0  # bytes that its nodes were the first to keep for a backward pass

    @property
    def name(self) -> str:
        """What the table calls it: linear, or linear backward."""
        return f"{self.op} backward" if self.direction == "backward" else self.op


class Profile:
    """Where a block's time and memory went: `rows`, and as a table `str(profile)`.

    `wall` is the time of the block, `total` the sum of its rows: more than `wall` if
    several `threads` ran ops. `peak` is the most that nodes kept at once, in bytes.
    """

    def __init__(self, shown: int | None = None) -> None:
        self.shown = shown
        self.began = time.perf_counter()
        self.ended: float | None = None
        self._thread = threading.get_ident()
        self._tally: dict[Key, Row] = {}
        self._busy: dict[int, float] = defaultdict(float)  # by thread
        self._kept = Kept()

    def __str__(self) -> str:
        from .table import table  # which asks for profiles

        return table(self)

    # --- what the probes report, one at a time

    def row(self, key: Key) -> Row:
        if key not in self._tally:
            self._tally[key] = Row(*key)
        return self._tally[key]

    def called(self, key: Key, start: float, end: float, cost: Cost) -> None:
        """An op ran from `start` to `end`."""
        row, seconds = self.row(key), end - max(start, self.began)
        row.calls += 1
        row.seconds += seconds
        row.flops += cost.flops
        row.touched += cost.touched
        row.made += cost.made
        self._busy[threading.get_ident()] += seconds

    def kept(self, key: Key, node: Node) -> None:
        """A node was made."""
        if size := self._kept.add(node):
            self.row(key).kept += size

    def profiled(self, since: float) -> None:
        """The probes themselves worked from `since` until now."""
        seconds = time.perf_counter() - since
        self.row(PROFILING).seconds += seconds
        self._busy[threading.get_ident()] += seconds

    # --- results

    @property
    def wall(self) -> float:
        """Seconds from the begin of the block to its end, or until now."""
        return (self.ended or time.perf_counter()) - self.began

    @property
    def threads(self) -> int:
        """How many threads ran ops, and the one that opened the block."""
        return len({self._thread, *self._busy})

    @property
    def peak(self) -> int:
        """The most bytes that nodes kept at once."""
        return self._kept.peak

    @property
    def total(self) -> float:
        """The seconds of all rows."""
        others = [s for thread, s in self._busy.items() if thread != self._thread]
        return self.wall + sum(others)

    @property
    def rows(self) -> list[Row]:
        """Ops by their time, longest first; then what no op did. They sum to `total`.

        The rest is that of the thread that opened the block, its waiting included.
        """
        outside = Row(*OUTSIDE, seconds=self.wall - self._busy[self._thread])
        profiling = self._tally.get(PROFILING, Row(*PROFILING))
        ops = [row for row in self._tally.values() if row is not profiling]
        ops.sort(key=lambda row: row.seconds, reverse=True)
        return [*ops, outside, profiling]


class Kept:
    """The arrays that nodes keep for the backward pass, each counted once.

    Leaves are not counted: parameters are there anyway. An array is kept until its
    memory is freed, which a weak reference tells.
    """

    def __init__(self) -> None:
        self.held = self.peak = 0
        self._known: dict[int, tuple[Any, int]] = {}  # by id: a weak reference, bytes
        # A callback runs amid anything, so it only leaves a note here.
        self._freed: deque[int] = deque()

    def add(self, node: Node) -> int:
        """The bytes that this node is the first to keep."""
        while self._freed:
            _, size = self._known.pop(self._freed.popleft())
            self.held -= size
        for parent in node.parents:
            leaf = parent.tensor() if parent and parent.tensor else None
            if leaf is not None:
                self._note(leaf._data, counted=False)
        found = sum([self._note(x) for x in saved_arrays(node)])
        self.held += found
        self.peak = max(self.peak, self.held)
        return found

    def _note(self, x: Any, counted: bool = True) -> int:
        whole, freed = owner(x), self._freed
        key = id(whole)
        if key in self._known:
            return 0
        reference = weakref.ref(whole, lambda _: freed.append(key))
        size: int = whole.nbytes if counted else 0
        self._known[key] = reference, size
        return size


def saved_arrays(node: Node) -> list[Any]:
    """The arrays in what a node saves: of a checkpoint, its function's inputs."""
    saved = node.saved
    if node.op is CHECKPOINT:
        (replay,) = saved
        saved = [x.data for x in leaves(replay.given) if isinstance(x, Snapshot)]
    return [x for x in arrays(saved) if isinstance(x, np.ndarray)]

"""How results are printed: rows of Markdown, and numbers with their units."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Options(NamedTuple):
    """How long everything is measured."""

    rounds: int = 9  # bursts of each side
    seconds: float | None = None  # see --seconds
    steps: int = 2000  # of train-small
    seeds: int = 1

    @property
    def burst(self) -> float:
        return 1.0 if self.seconds is None else self.seconds


def head(*columns: str) -> None:
    print("\n| " + " | ".join([*columns]) + " |\n|" + "---|" * len(columns))


def row(cells: Iterable[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def time_text(seconds: float) -> str:
    """
    >>> [time_text(t) for t in (2e-6, 0.02, 2.0, 72.0)]
    ['2.00 us', '20.0 ms', '2.00 s', '72.0 s']
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.2f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def ratio_text(ratios: Sequence[float]) -> str:
    """The median and the range: 1.20 (1.10-1.30)."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def memory_text(bytes_: float) -> str:
    """
    >>> memory_text(2_300_000), memory_text(230_000_000)
    ('2.3 MB', '230 MB')
    """
    megabytes = bytes_ / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"

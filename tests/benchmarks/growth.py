"""How time and memory grow with the batch, the layers and the length of a text.

All sizes of a table are measured in turns, so that they see the same minutes.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import counts, memory
from .pairs import measure_together
from .programs import ATTENTION, BATCHES, LAYERS
from .tables import Options, head, memory_text, ratio_text, row, time_text
from .training import installed


class Growth(NamedTuple):
    """One table of times: a program of several sizes."""

    title: str
    column: str  # what the sizes are
    sizes: Sequence[int]
    measured: str  # what of these times is printed below
    number: Callable[[Sequence[float], Sequence[float]], float]
    expected: str


def last_over_first(sizes: Sequence[float], times: Sequence[float]) -> float:
    return times[-1] / times[0]


def last_slope_over_first(sizes: Sequence[float], times: Sequence[float]) -> float:
    slopes = counts.slopes(sizes, times)
    return slopes[-1] / slopes[0]


TIMES = {
    "batch": Growth(
        "GPT 4/4/128, a token in a step of so many x 64 tokens",
        "batch",
        list(BATCHES),
        "a token of the largest batch over one of the smallest",
        last_over_first,
        "at most 1, flat once arithmetic outweighs each op's overhead",
    ),
    "layers": Growth(
        "GPT of so many layers, 4 heads, 128 channels: a step, 12 x 64 tokens",
        "layers",
        list(LAYERS),
        "a further layer of the deepest over one of the flattest",
        last_slope_over_first,
        "1: linear",
    ),
    "attention": Growth(
        "causal attention alone, 8 heads of 64: forward and backward",
        "tokens",
        list(ATTENTION),
        "exponent of the number of tokens",
        counts.exponent,
        "at most 2: so do the pairs grow, and the rest no faster than linearly",
    ),
}
TITLES = {f"growth-{name}": table.title for name, table in TIMES.items()} | {
    "growth-memory": "causal attention alone, 8 heads of 64: memory"
}


def show(name: str, options: Options) -> None:
    name = name.removeprefix("growth-")
    if name == "memory":
        show_memory()
    else:
        show_times(name, TIMES[name], options)


def sides_here() -> list[str]:
    return ["tensorgrad", *["torch"] * installed("torch")]


def show_times(name: str, growth: Growth, options: Options) -> None:
    print(f"\n{growth.title}")
    sides, names = sides_here(), [f"{name}-{size}" for size in growth.sizes]
    bursts = measure_together(names, sides, options.rounds, options.burst)
    head(growth.column, *sides, *["torch / tensorgrad"] * (len(sides) == 2))
    for size, key in zip(growth.sizes, names, strict=True):
        cells = [time_text(statistics.median(bursts[side][key])) for side in sides]
        if len(sides) == 2:
            pairs = zip(bursts["torch"][key], bursts["tensorgrad"][key], strict=True)
            cells.append(ratio_text([theirs / ours for theirs, ours in pairs]))
        row([str(size), *cells])
    print()
    for side in sides:
        times = [statistics.median(bursts[side][key]) for key in names]
        number = growth.number(growth.sizes, times)
        print(f"{side}: {growth.measured}: {number:.2f}. Expected: {growth.expected}")


def show_memory() -> None:
    """Ours with compiled kernels and with NumPy's, and the peer's."""
    print(f"\n{TITLES['growth-memory']}")
    if not sys.platform.startswith("linux"):
        print("it is read from /proc: on Linux alone")
        return
    sides = ["tensorgrad", "numpy", *["torch"] * installed("torch")]
    sizes = list(ATTENTION)
    held = {side: memory.held(side, sizes) for side in sides}
    head("tokens", *(f"{side}, {what}" for side in sides for what in ("kept", "peak")))
    for T in sizes:
        row([str(T), *(memory_text(held[s][T][i]) for s in sides for i in (0, 1))])
    print()
    for side in sides:
        kept, peak = (
            counts.exponent(sizes, [max(1.0, held[side][T][i]) for T in sizes])
            for i in (0, 1)
        )
        print(
            f"{side}: exponent of the number of tokens: kept {kept:.2f}, peak "
            f"{peak:.2f}. Expected: 1, linear; the peak of NumPy alone at most 2"
        )

"""A check of under a minute: has a step become twice as slow beside PyTorch's?"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from . import generation
from .pairs import measure
from .programs import PROGRAMS
from .tables import head, ratio_text, row, time_text
from .training import installed

ROUNDS, SECONDS = 3, 0.4
# The least ratio to PyTorch that passes: half of what 2 cores reach on a quiet machine
# (1.6, 2.4, 1.15, 1.25, 2.0), so that a busy one passes and a slowdown of 2 x does not.
BOUNDS = {
    "op": 0.8,
    "mlp": 1.2,
    "small": 0.57,
    "encoder-decoder": 0.62,
    "write-small": 1.0,
}

Ratios = Callable[[str], Sequence[float]]


def check() -> int:
    """The exit status: 1 where a ratio is below its bound, twice in a row."""
    if not installed("torch"):
        return 0
    names = [
        n for n in BOUNDS if n not in generation.TASKS or installed("transformers")
    ]
    head("", "tensorgrad", "PyTorch", "PyTorch / tensorgrad", "at least")
    return verdict(names, ratios)


def ratios(name: str) -> list[float]:
    """Measured now, and printed."""
    measured = measure(name, ["tensorgrad", "torch"], ROUNDS, SECONDS)
    found = measured.ratios("torch", "tensorgrad")
    task = generation.TASKS.get(name)
    title = task.title if task else PROGRAMS[name].title
    times = [time_text(median) for median in measured.medians.values()]
    row([title, *times, ratio_text(found), f"{BOUNDS[name]:.2f}"])
    return found


def verdict(names: Sequence[str], measured: Ratios) -> int:
    """1 if a median ratio is too low, and again when measured a second time."""
    slow = {}
    for name in names:
        ratio = statistics.median(measured(name))
        if ratio < BOUNDS[name]:
            ratio = max(ratio, statistics.median(measured(name)))
        if ratio < BOUNDS[name]:
            slow[name] = ratio
    print()
    for name, ratio in slow.items():
        print(
            f"too slow: {name} has {ratio:.2f} of PyTorch's speed, and should have "
            f"{BOUNDS[name]:.2f} or more. Again: python -m tests.benchmarks {name}"
        )
    if not slow:
        print("every ratio is above its bound")
    return 1 if slow else 0

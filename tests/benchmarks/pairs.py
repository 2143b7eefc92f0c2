"""The sides of a benchmark, timed in turns.

Each side runs in a process of its own, started once. They take turns in bursts of
steps, so that all see the same minutes of the same machine; a row gives the median
step of each, the median of the bursts' ratios, and peak memory.

The sides are `tensorgrad`, `numpy`, which is tensorgrad with every op in plain NumPy,
`torch`, and `product`, a matrix product: how fast this machine multiplies.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from .counts import PRODUCT
from .programs import PROGRAMS

Step = Callable[[], Any]
SPAWN = multiprocessing.get_context("spawn")


def build(side: str, name: str) -> tuple[Step, int]:
    """The step of one side, and into how many parts its time is divided."""
    from . import generation, libraries, operations

    if side == "product":
        return product(), 1
    if name in generation.TASKS:
        return generation.build(side, name)
    if name in operations.NAMES:
        return operations.build(side, name), operations.IN_SUM
    if side in libraries.STEPS:
        return libraries.build(side, name), PROGRAMS[name].parts
    if side == "torch":
        from .peer import STEPS
    else:
        from .ours import STEPS
    program = PROGRAMS[name]
    return STEPS[program.kind](**program.sizes), program.parts


def product() -> Step:
    """NumPy's product of two float32 matrices: the library that our step uses, too."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(PRODUCT, PRODUCT)).astype(np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def work(side: str, names: Sequence[str], pipe: Connection) -> None:
    """Take steps for as many seconds as asked, send their times, then peak memory."""
    if side == "numpy":
        os.environ["TENSORGRAD_KERNELS"] = "reference"
    steps = {name: build(side, name) for name in names}
    for step, _ in steps.values():
        for _ in range(3):
            step()
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        name, seconds = asked
        step, parts = steps[name]
        times = []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or not times:
            began = time.perf_counter()
            step()
            times.append((time.perf_counter() - began) / parts)
        pipe.send(times)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


class Side:
    """One side's process, with the steps of some programs."""

    def __init__(self, side: str, names: Sequence[str]) -> None:
        self.side, self.names = side, names
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(
            target=work, args=(side, names, theirs), daemon=True
        )
        self.process.start()
        theirs.close()  # else nobody would notice the end of a process that failed
        self.times: list[float] = []

    def receive(self) -> Any:
        try:
            return self.pipe.recv()
        except EOFError:
            raise SystemExit(
                f"{self.side}'s process for {', '.join(self.names)} ended: what is "
                "above says why"
            ) from None

    def burst(self, name: str, seconds: float) -> float:
        """The median step in so many seconds."""
        self.pipe.send((name, seconds))
        times = self.receive()
        self.times += times
        return statistics.median(times)

    def finish(self) -> float:
        """End the process; its peak memory in bytes."""
        self.pipe.send(None)
        peak: float = self.receive()
        self.process.join()
        return peak


class Measured(NamedTuple):
    """One row, by side."""

    bursts: dict[str, list[float]]  # the median step of each
    medians: dict[str, float]  # of all steps
    peaks: dict[str, float]  # bytes

    def ratios(self, over: str, under: str) -> list[float]:
        """How many times as long `over` takes as `under`, burst by burst."""
        pairs = zip(self.bursts[over], self.bursts[under], strict=True)
        return [a / b for a, b in pairs]


def measure(name: str, sides: Sequence[str], rounds: int, seconds: float) -> Measured:
    """Bursts of all sides in turns, one program."""
    running = start(sides, [name])
    bursts: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for key, side in running.items():
            bursts[key].append(side.burst(name, seconds))
    medians = {key: statistics.median(side.times) for key, side in running.items()}
    return Measured(bursts, medians, {k: side.finish() for k, side in running.items()})


def start(sides: Sequence[str], names: Sequence[str]) -> dict[str, Side]:
    """A process for each side, once all have built their steps and warmed up."""
    running = {side: Side(side, names) for side in sides}
    for side in running.values():
        side.receive()
    return running


def measure_together(
    names: Sequence[str], sides: Sequence[str], rounds: int, seconds: float
) -> dict[str, dict[str, list[float]]]:
    """{side: {name: bursts}} of several programs in turns: their growth, that is."""
    running = start(sides, names)
    bursts: dict[str, dict[str, list[float]]] = {
        side: {name: [] for name in names} for side in sides
    }
    for _ in range(rounds):
        for name in names:
            for key, side in running.items():
                bursts[key][name].append(side.burst(name, seconds))
    for side in running.values():
        side.finish()
    return bursts


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it in a process of its own.

    Its memory would stay in the peak of this one, which later ones inherit.
    """
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(function, *arguments).result()

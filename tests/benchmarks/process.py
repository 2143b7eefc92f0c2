"""Whole processes: `python -m gpt train` beside the same training in PyTorch.

Time and peak memory are the system's, from the start of Python to the end of the
process. The loss is that over all held-out tokens, as each logs it.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .tables import Options, head, memory_text, row, time_text
from .training import installed

TITLES = {"train-small": "python -m gpt train, 4/4/128, 12 x 64 tokens, from outside"}
COMMANDS = {
    "tensorgrad": ["gpt", "train", "--plain"],
    "torch": ["tests.benchmarks.peer_train"],
}
TRIAL = 100  # steps that tell how many a side takes in so many seconds


class Run(NamedTuple):
    """One process, from outside, and what it logged."""

    wall: float  # seconds
    peak: float  # bytes
    steps: int
    training: float  # seconds of `wall`, by its own log
    step: float  # seconds of the median step
    loss: float


def run(side: str, steps: int, seed: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        settings = ["--out", str(out), "--max-steps", str(steps), "--seed", str(seed)]
        wall, peak = watched([sys.executable, "-m", *COMMANDS[side], *settings])
        lines = (out / "metrics.jsonl").read_text().splitlines()
    return Run(wall, peak, *logged([json.loads(line) for line in lines]))


def watched(command: Sequence[str]) -> tuple[float, float]:
    """(seconds, bytes at the peak) of a process; what it prints is shown if it fails.

    The peak counts this process's own too, as a new process begins with it.
    """
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace")
            raise SystemExit(f"{said}\n{' '.join(command)}: status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_maxrss * unit


def logged(records: Sequence[dict[str, float]]) -> tuple[int, float, float, float]:
    """(steps, seconds, seconds of the median step, last loss) of metrics.jsonl."""
    seconds = [0.0, *(record["seconds"] for record in records)]
    steps = [b - a for a, b in itertools.pairwise(seconds)]
    last = records[-1]
    return (
        int(last["step"]),
        last["seconds"],
        statistics.median(steps),
        last["val_loss"],
    )


def same_seconds(runs: dict[str, Run], seconds: float | None) -> dict[str, int]:
    """How many steps each side takes in so many seconds; None: the fastest side's."""
    if seconds is not None:
        return {side: max(1, round(seconds / run.step)) for side, run in runs.items()}
    least = min(run.training for run in runs.values())
    return {
        side: max(1, round(run.steps * least / run.training))
        for side, run in runs.items()
    }


def show(options: Options) -> None:
    """Same steps, then same seconds: a row for each side and seed."""
    print(f"\n{TITLES['train-small']}")
    sides = ["tensorgrad", *["torch"] * installed("torch")]
    head("", "steps", "wall time", "of it, training", "peak memory", "held-out loss")
    for seed in range(options.seeds):
        steps = TRIAL if options.seconds is not None else options.steps
        runs = {side: run(side, steps, seed) for side in sides}
        what = "trial" if options.seconds is not None else "same steps"
        for side in sides:
            print_run(f"{side}, seed {seed}, {what}", runs[side])
        if options.seconds is None and len(sides) == 1:
            continue
        for side, steps in same_seconds(runs, options.seconds).items():
            again = runs[side] if steps == runs[side].steps else run(side, steps, seed)
            print_run(f"{side}, seed {seed}, same seconds", again)


def print_run(title: str, run: Run) -> None:
    times = time_text(run.wall), time_text(run.training)
    row([title, f"{run.steps:,}", *times, memory_text(run.peak), f"{run.loss:.4f}"])

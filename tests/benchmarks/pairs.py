"""Two sides of a benchmark, timed in turns.

Each side runs in a process of its own, started once. The two take turns in bursts
of steps, so that both see the same minutes of the same machine; a row gives the
median step of each, the median of the bursts' ratios, and peak memory.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

CONFIGURATIONS = {
    "small": dict(
        n_layer=4, n_head=4, n_embd=128, block_size=64, vocab_size=65, batch=12
    ),
    "medium": dict(
        n_layer=6, n_head=6, n_embd=384, block_size=256, vocab_size=65, batch=8
    ),
    "large": dict(
        n_layer=12, n_head=12, n_embd=768, block_size=512, vocab_size=50304, batch=2
    ),
}
ENCODER_DECODER = dict(n_layer=2, n_head=8, d_model=128, d_ff=512, vocab_size=100)
TITLES = {
    "op": "one op, 16 elements, forward and backward",
    "mlp": "MLP 2-16-16-1 step, 100 points",
    "small": "GPT 4/4/128 step, 12 x 64 tokens",
    "medium": "GPT 6/6/384 step, 8 x 256 tokens",
    "large": "GPT-2 124M step, 2 x 512 tokens",
    "encoder-decoder": "Transformer 2 + 2/8/128 step, 64 x (32 and 12) tokens",
}


def build(side: str, name: str) -> tuple[Callable[[], Any], int]:
    """The step of one side, and how many ops' time it takes."""
    from . import generation

    if name in generation.TASKS:
        return generation.build(side, name)
    if side == "torch":
        from . import peer as module
    else:
        from . import ours as module  # type: ignore[no-redef]
    if name == "encoder-decoder":
        return module.encoder_decoder_step(**ENCODER_DECODER), 1
    if name in CONFIGURATIONS:
        return module.gpt_step(**CONFIGURATIONS[name]), 1
    return (
        (module.op(), module.OPS_IN_CHAIN) if name == "op" else (module.mlp_step(), 1)
    )


def pairs_of_tokens(
    vocab_size: int, batch: int = 64, S: int = 32, T: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources (B, S), targets read (B, T) and targets to predict (B, T).

    Rows fill from three quarters of that up to all of it; the rest is padding, 0, and
    -100 in what is to be predicted.
    """
    rng = np.random.default_rng(0)
    source = rng.integers(1, vocab_size, (batch, S))
    target = rng.integers(1, vocab_size, (batch, T + 1))
    ends = rng.integers(3 * S // 4, S, (batch, 1), endpoint=True)
    source[np.arange(S) >= ends] = 0
    ends = rng.integers(3 * T // 4, T, (batch, 1), endpoint=True)
    padded = np.arange(T) >= ends
    read, predicted = target[:, :-1].copy(), target[:, 1:].copy()
    read[padded], predicted[padded] = 0, -100
    return source, read, predicted


def work(side: str, name: str, pipe: Connection) -> None:
    """Take steps for as many seconds as asked, send their times, then peak memory."""
    step, share = build(side, name)
    for _ in range(3):
        step()
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        times = []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or not times:
            began = time.perf_counter()
            step()
            times.append((time.perf_counter() - began) / share)
        pipe.send(times)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


class Side:
    """One side's process."""

    def __init__(self, side: str, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(side, name, theirs))
        self.process.start()
        self.times: list[float] = []

    def burst(self, seconds: float) -> float:
        self.pipe.send(seconds)
        times = self.pipe.recv()
        self.times += times
        return statistics.median(times)

    def finish(self) -> float:
        self.pipe.send(None)
        peak: float = self.pipe.recv()
        self.process.join()
        return peak


def compare(name: str, sides: list[str], rounds: int, seconds: float) -> Iterator[str]:
    """The cells of one row: median steps, their ratio, peak memory."""
    running = [Side(side, name) for side in sides]
    for side in running:
        side.pipe.recv()
    bursts = [[side.burst(seconds) for side in running] for _ in range(rounds)]
    yield from (time_text(statistics.median(side.times)) for side in running)
    ratios = sorted(burst[-1] / burst[0] for burst in bursts)
    if len(sides) == 2:
        yield f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    yield from (f"{side.finish():.0f} MB" for side in running)


def time_text(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"

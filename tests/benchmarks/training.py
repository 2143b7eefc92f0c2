"""Steps and written tokens beside PyTorch's, with the share of the machine's rate."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Sequence

from . import counts
from .pairs import Measured, measure
from .tables import Options, head, memory_text, ratio_text, row, time_text

PACKAGES = {"torch": "torch==2.13.0", "transformers": "'transformers>=5,<6'"}

SHARE = f"""
The share: operations in a step's matrix products (6 a weight and token, and for
attention those of the pairs that the causal mask leaves) a second, over NumPy's float32
product, {counts.PRODUCT} x {counts.PRODUCT}, measured in turns with the step."""


def installed(peer: str) -> bool:
    """Whether the other side is there; what to install is printed where it isn't."""
    if importlib.util.find_spec("torch") and importlib.util.find_spec(peer):
        return True
    packages = {PACKAGES["torch"], PACKAGES[peer]}
    print(f"{peer} is not installed: no ratios. pip install {' '.join(packages)}")
    return False


def show(
    titles: dict[str, str],
    options: Options,
    *,
    ours: str = "tensorgrad",
    peer: str = "torch",
    of_rate: bool = True,
) -> None:
    """A table of ours beside the peer's; `of_rate` adds the share for GPTs."""
    called = {"tensorgrad": "tensorgrad", "numpy": "tensorgrad, NumPy alone"}[ours]
    columns = {ours: called} | ({"torch": peer} if installed(peer) else {})
    more = [f"{peer} / tensorgrad"] if len(columns) == 2 else []
    more += ["share of the matrix product's rate"] if of_rate else []
    peaks = [f"peak, {column}" for column in columns.values()]
    head("", *columns.values(), *more, *peaks)
    for name, title in titles.items():
        sides = [*columns, *["product"] * (of_rate and counts.flops(name) is not None)]
        measured = measure(name, sides, options.rounds, options.burst)
        cells = [time_text(measured.medians[side]) for side in columns]
        if len(columns) == 2:
            cells.append(ratio_text(measured.ratios("torch", ours)))
        if of_rate:
            cells.append(share_text(name, ours, measured))
        row([title, *cells, *(memory_text(measured.peaks[side]) for side in columns)])
    if of_rate and any(counts.flops(name) for name in titles):
        print(SHARE)


def share_text(name: str, ours: str, measured: Measured) -> str:
    """Which part of how many operations a second; "-" where nothing is counted."""
    operations = counts.flops(name)
    if operations is None:
        return "-"
    pairs: Sequence[tuple[float, float]] = list(
        zip(measured.bursts[ours], measured.bursts["product"], strict=True)
    )
    share = statistics.median(counts.share_of_rate(operations, *pair) for pair in pairs)
    rate = 2 * counts.PRODUCT**3 / measured.medians["product"]
    return f"{share:.0%} of {rate / 1e9:.0f} GFLOP/s"

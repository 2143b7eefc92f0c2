"""What a run leaves to look at: metrics.jsonl, and loss.png drawn from it."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import CheckpointError, MissingExtra

from .text import StrPath, disk_full, reason

Record = dict[str, Any]
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@final
class MetricsLog:
    """metrics.jsonl: one JSON object per step, for other programs to read.

    Opened at `step`, it drops the lines of later steps, and one that a kill cut in
    half: what follows a resume continues as if nothing had happened. Lines wait in
    memory for at most a second. CheckpointError when the disk is full, or while
    another process has the log open.
    """

    def __init__(self, path: StrPath, step: int = 0) -> None:
        self.path = Path(path)
        self._waiting: list[bytes] = []
        self._written = time.monotonic()
        try:
            # unbuffered: what a full disk refused must not be tried again at exit
            self._file = self.path.open("ab", buffering=0)
            lock(self._file, self.path.parent)
            os.truncate(self.path, _end_of_step(self.path, step))
        except OSError as error:
            raise self._failure(error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a line; numbers that are not finite become null, as JSON has none."""
        plain = dict(record)
        for key, value in record.items():
            if isinstance(value, float) and not math.isfinite(value):
                plain[key] = None
        self._waiting.append(json.dumps(plain).encode() + b"\n")
        if time.monotonic() - self._written >= 1:
            self.flush()

    def flush(self, *, sync: bool = False) -> None:
        """Write the lines that wait; with `sync`, force them to the disk."""
        data, self._waiting = b"".join(self._waiting), []
        self._written = time.monotonic()
        try:
            while data:
                data = data[self._file.write(data) :]
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _failure(self, error: OSError) -> CheckpointError:
        advice = ". Free some space, then resume." if disk_full(error) else "."
        return CheckpointError(f"{reason(error)} while writing {self.path}{advice}")


def lock(file: IO[bytes], run: Path) -> None:
    """CheckpointError if another process trains this run; it ends with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CheckpointError(
            f"{run}: another process is training this run. Wait for it, or stop it"
        ) from None
    except OSError:
        pass  # a file system without locks


def _end_of_step(path: Path, step: int) -> int:
    """How many bytes the whole lines up to a step take."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            try:
                later = json.loads(line)["step"] > step
            except (ValueError, LookupError, TypeError):
                break
            if later or not line.endswith(b"\n"):
                break
            position += len(line)
    return position


def read_metrics(path: StrPath) -> list[Record]:
    """The objects of a metrics.jsonl, in order; a line cut in half is left out."""
    records = []
    for line in Path(path).read_bytes().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def draw_losses(records: Sequence[Record], path: StrPath, title: str) -> None:
    """The curves of `loss` and `val_loss` over `step`, as a picture.

    MissingExtra where matplotlib is not installed.
    """
    figure = new_figure(8, 5)
    axes: Any = figure.subplots()
    train, held_out = curve(records, "loss"), curve(records, "val_loss")
    smooth = smoothed(train[1])
    axes.plot(*train, color="tab:blue", alpha=0.25, linewidth=0.8)
    axes.plot(train[0], smooth, color="tab:blue", label="training (smoothed)")
    axes.plot(*held_out, "o-", color="tab:orange", markersize=4, label="validation")
    _annotate_last(axes, *held_out)
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    # a folder's name: dollars are no formula, and bytes may be none of UTF-8's
    title = title.encode("utf-8", "replace").decode()
    axes.set_title(title, parse_math=False)
    _limit(axes, np.concatenate([smooth, held_out[1]]))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure, so many inches of 120 dots; no window is opened.

    MissingExtra where matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra(
            "the picture needs matplotlib, which comes with the extra `viz`: "
            "pip install '.[viz]' in the checkout"
        ) from None
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: StrPath) -> None:
    """Write a picture; what its font lacks is drawn as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(path)


def curve(records: Sequence[Record], key: str) -> Curve:
    """(steps, values) of the records that hold a number under the key."""
    found = [(r["step"], r[key]) for r in records if r.get(key) is not None]
    steps, values = np.array(found, np.float64).reshape(-1, 2).T
    return steps, values


def smoothed(values: NDArray[np.float64], share: float = 0.02) -> NDArray[np.float64]:
    """The mean over a window around each value: a share of the length, 9 at least.

    It is narrower at both ends, and symmetric, so that it does not shift the curve.

    >>> smoothed(np.array([0.0, 3.0, 0.0, 3.0, 0.0])).tolist()
    [0.0, 1.0, 1.2, 1.0, 0.0]
    """
    n = len(values)
    widest = max(4, int(share * n / 2))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(n)
    half = np.minimum(widest, np.minimum(at, n - 1 - at))
    totals = sums[at + half + 1] - sums[at - half]
    means: NDArray[np.float64] = totals / (2 * half + 1)
    return means


def _annotate_last(
    axes: Any, steps: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    if len(values):
        axes.annotate(
            f"{values[-1]:.3f}",
            (steps[-1], values[-1]),
            xytext=(0, 8),
            textcoords="offset points",
            ha="right",
            color="tab:orange",
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _limit(axes: Any, values: NDArray[np.float64]) -> None:
    """Show from the lowest loss up, and no spike that would flatten the rest."""
    if len(values) and np.ptp(values) > 0:
        low, high = values.min(), np.quantile(values, 0.995)
        room = 0.08 * max(high - low, 1e-3)
        axes.set_ylim(low - room, high + room)

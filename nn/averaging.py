"""The mean of a run's last checkpoints: often better than the last one alone."""

from __future__ import annotations

import numpy as np

from tensorgrad.errors import CheckpointError, ConfigError

from . import checkpoints
from .checkpoints import Array
from .text import StrPath


def average_checkpoints(folder: StrPath, last: int) -> dict[str, Array]:
    """The mean of the model's weights over the `last` newest checkpoints of a run.

    For `load_state_dict`. Sums are float64, results of the weights' own dtype; what is
    no float (a counter in a buffer) is the newest one's. Vaswani et al. (2017, section
    6.1) average 5 checkpoints of the base model, 20 of the big one.
    CheckpointError where there are fewer, or names, shapes or dtypes differ.
    """
    if last < 1:
        raise ConfigError(f"last={last}: must be 1 or more")
    *older, newest = _newest_steps(folder, last)
    weights = _weights(folder, newest)
    sums = {k: w.astype(np.float64) for k, w in weights.items() if w.dtype.kind == "f"}
    for step in older:
        others = _weights(folder, step)
        _check_same(f"{folder}: step-{step}", others, f"step-{newest}", weights)
        for name, total in sums.items():
            total += others[name]
    means = {k: (total / last).astype(weights[k].dtype) for k, total in sums.items()}
    return {**weights, **means}


def _newest_steps(folder: StrPath, count: int) -> list[int]:
    """The last `count` steps up to the one that `latest` names, in order."""
    latest = checkpoints.latest_step(folder)
    # later ones belong to a run that was set back, or are half way through a save
    steps = [s for s in checkpoints.steps(folder) if latest is not None and s <= latest]
    if len(steps) < count:
        there = ", ".join(map(str, steps)) or "none"
        raise CheckpointError(
            f"{folder}: {count} checkpoints are to be averaged and there are "
            f"{len(steps)} (steps: {there}): train with a keep of {count} or more"
        )
    return steps[-count:]


def _weights(folder: StrPath, step: int) -> dict[str, Array]:
    tensors, _ = checkpoints.load(folder, step, only=["model"])
    return tensors["model"]


def _check_same(
    place: str, found: dict[str, Array], other: str, wanted: dict[str, Array]
) -> None:
    """CheckpointError names what one has, and the other has not or otherwise."""
    for name in sorted(found.keys() ^ wanted.keys()):
        has, lacks = (place, other) if name in found else (other, place)
        raise CheckpointError(f"{has} has {name!r} and {lacks} has not: not one model")
    for name, array in found.items():
        here = f"{array.dtype} {array.shape}"
        there = f"{wanted[name].dtype} {wanted[name].shape}"
        if here != there:
            raise CheckpointError(
                f"{place} has {name!r} as {here}, {other} as {there}: not one model"
            )

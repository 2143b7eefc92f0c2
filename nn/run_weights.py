"""The weights of a run, for the commands that use what was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tensorgrad.errors import CheckpointError

from . import checkpoints, runs
from .averaging import average_checkpoints
from .module import Module
from .run_options import damaged, from_json

M = TypeVar("M", bound=Module)


@dataclass(frozen=True)
class Place:
    """Where weights are: a run, the folder in it with the checkpoint, and its step."""

    run: Path
    folder: Path
    step: int


def find(kind: str, program: str, run: str | None = None, best: bool = False) -> Place:
    """The latest weights of a run (default: the newest of its kind), or its best."""
    folder = Path(run) if run else runs.newest(kind, program, trained=True)
    runs.load_config(folder, kind)  # its errors come first: is it such a run at all?
    place = folder / "best" if best else folder
    step = checkpoints.latest_step(place)
    if step is None:
        hint = "train with --keep-best" if best else "train it first, with --resume"
        raise CheckpointError(f"{place}: no checkpoint was saved: {hint}")
    return Place(folder, place, step)


def model_config(kind: Any, folder: Path) -> Any:
    """The model's sizes, from a run's config.json, as this dataclass."""
    try:
        return from_json(kind, runs.load_config(folder)["model"])
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise damaged(folder, error) from None


def load(model: M, place: Place, about: Mapping[str, Any], average: int = 1) -> M:
    """The model with the weights of that place, in eval mode.

    CheckpointError where they are missing, damaged, or were not saved `about` this.
    With `average`, they are the mean of so many of the last checkpoints.
    """
    tensors, state = checkpoints.load(place.folder, place.step, only=["model"])
    saved = state.get("about", {})
    saved = {key: saved.get(key, {}) for key in about}
    runs.check_same(f"{place.folder}/step-{place.step} was saved with", saved, about)
    weights = tensors["model"]
    if average != 1:
        weights = average_checkpoints(place.folder, average)
    model.load_state_dict(weights)
    return model.eval()

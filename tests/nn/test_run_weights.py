"""The weights of a run: the latest, the best, a mean, or an error that says which."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import checkpoints, run_weights, runs
from tensorgrad.errors import CheckpointError
from tests.commands import edit

KIND, PROGRAM = "toy", "python -m toy train"
ABOUT = {"model": {"width": 3}, "tokenizer": "a1b2"}


@dataclass(frozen=True)
class Config:
    width: int = 1
    rate: float = 0.0


def put(folder: Path, *steps: int) -> None:
    """Checkpoints whose weights are all the number of their step."""
    for step in steps:
        weights = {"model": {"weight": np.full((2, 3), step, np.float32)}}
        checkpoints.save(folder, step, weights, {"about": ABOUT})


@pytest.fixture
def run(work: Path) -> Path:
    folder = Path("runs/toy-1")
    put(folder, 10, 20, 60)
    put(folder / "best", 10)
    runs.save_config(folder, {"kind": KIND, "model": {"width": 3, "rate": 1}})
    return folder


def find(*given: Any) -> run_weights.Place:
    return run_weights.find(KIND, PROGRAM, *given)


def load(place: run_weights.Place, average: int = 1, **changes: Any) -> nn.Module:
    model = nn.Linear(3, 2, bias=False)
    return run_weights.load(model, place, ABOUT | changes, average)


def test_the_newest_run_or_the_one_that_is_named(run: Path) -> None:
    latest = run_weights.Place(run, run, 60)
    assert find() == find(str(run)) == latest
    assert find(None, True) == run_weights.Place(run, run / "best", 10)
    Path("runs/toy-2").mkdir()
    runs.save_config(Path("runs/toy-2"), {})
    assert find() == latest, "a run without a checkpoint has nothing to use"


def test_what_latest_names_counts(run: Path) -> None:
    (run / "latest").write_text("step-20\n")
    assert find().step == 20


@pytest.mark.parametrize(
    ("folder", "best", "says"),
    [
        ("gone", False, "gone: not a run"),
        ("started", False, "started: no checkpoint was saved: train it first"),
        ("started", True, "started/best: no checkpoint was saved: .*--keep-best"),
        ("another", False, "another: a run of kind 'gpt', where one of 'toy'"),
    ],
)
def test_there_is_nothing_to_find(
    run: Path, folder: str, best: bool, says: str
) -> None:
    for name, kind in (("started", KIND), ("another", "gpt")):
        Path(name).mkdir()
        runs.save_config(Path(name), {"kind": kind})
    with pytest.raises(CheckpointError, match=f"^{says}"):
        find(folder, best)


def test_weights_come_in_eval_mode(run: Path) -> None:
    model = load(find())
    assert not model.training
    assert (model.state_dict()["weight"] == 60).all()
    assert (load(find(None, True)).state_dict()["weight"] == 10).all()


@pytest.mark.parametrize(("average", "mean"), [(1, 60), (2, 40), (3, 30)])
def test_a_mean_of_the_last_checkpoints(run: Path, average: int, mean: int) -> None:
    assert (load(find(), average).state_dict()["weight"] == mean).all()


def test_more_than_there_are_to_average(run: Path) -> None:
    with pytest.raises(CheckpointError, match=r"4 .* there are 3"):
        load(find(), 4)


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"model": {"width": 4}}, "width 3, and this run has 4"),
        ({"tokenizer": "c3"}, "tokenizer 'a1b2', and this run has 'c3'"),
        ({"new": 1}, "new {}, and this run has 1"),
    ],
)
def test_weights_of_something_else(run: Path, about: dict[str, Any], says: str) -> None:
    with pytest.raises(CheckpointError, match=f"toy-1/step-60 was saved with {says}"):
        load(find(), **about)


def test_what_else_was_saved_about_a_run_is_not_asked_for(run: Path) -> None:
    model = nn.Linear(3, 2, bias=False)
    assert run_weights.load(model, find(), {"model": {"width": 3}}) is model


def test_the_sizes_of_the_model(run: Path) -> None:
    assert run_weights.model_config(Config, run) == Config(3, 1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"width": 3', '"width": "3"', "width is '3'"),
        ('"width": 3', '"height": 3', "height"),
        ('"model": {', '"sizes": {', "it has no 'model'"),
        ('"model": {', '"model": null, "sizes": {', "None is no Config"),
        ('"model": {', '"model": [1], "sizes": {', r"\[1\] is no Config"),
    ],
)
def test_sizes_that_were_edited(run: Path, old: str, new: str, says: str) -> None:
    edit(run / "config.json", old, new)
    with pytest.raises(CheckpointError, match=f"config.json: edited.*{says}"):
        run_weights.model_config(Config, run)

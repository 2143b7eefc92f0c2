"""What a training says and leaves, whatever its model."""

import errno
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tyro.conf import OmitArgPrefixes

import nn
from nn import run_training, runs
from nn.data import DataLoader
from nn.progress import Callback
from nn.recipe import TrainerConfig
from nn.run_options import RunOptions
from nn.run_training import Introduce, check_memory, what_next
from nn.trainer import Trainer
from tensorgrad.errors import CheckpointError, ConfigError
from tests.commands import facts

POINTS = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])


@dataclass(frozen=True)
class Sizes:
    inputs: int = 1


@dataclass(frozen=True)
class ToyOptions(RunOptions):
    KIND = "toy"
    PROGRAM = "python -m toy train"

    model: OmitArgPrefixes[Sizes] = field(default_factory=Sizes)


class StopAt(Callback):
    """Somebody presses Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer, record: Any) -> None:
        if trainer.step == self.step:
            trainer.stop()


def trainer(*callbacks: Callback, **changes: Any) -> Trainer:
    """A line through three points, in the folder `run`."""
    model = nn.Linear(1, 1, rng=0)

    def objective(batch: Any) -> Any:
        errors = model(batch[:, :1]) - batch[:, 1:]
        return (errors * errors).sum(), len(batch)

    config = TrainerConfig(**{"max_steps": 6, "eval_interval": 2, **changes})
    options = ToyOptions(training=config)
    introduce = Introduce(options, Path("run"), Sizes(3), ["a line"], "3 points")
    return Trainer(
        model,
        objective,
        DataLoader(POINTS, 3),
        config,
        held_out=[POINTS],
        folder="run",
        callbacks=[introduce, *callbacks],
    )


def train(trainer: Trainer, resumed: bool = False) -> bool:
    """Whether it came to what is done after a training."""
    done: list[bool] = []
    options = ToyOptions(training=trainer.config)
    Path("run").mkdir(exist_ok=True)
    run_training.train(
        trainer, options, Path("run"), lambda: done.append(True), resumed
    )
    return bool(done)


# --- what is said, from the beginning to the end


def test_a_training_that_runs_to_its_end(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    assert train(trainer())
    loss = facts("run")[-1]["val_loss"]
    assert capsys.readouterr().out.splitlines() == [
        "a line",
        "run: 6 steps of 3 points",
        f"Step 6 after 0 s: validation loss {loss:.4f} over all 3 held-out tokens",
        "run/loss.png shows the losses",
    ]
    config = runs.load_config(Path("run"))
    assert (config["kind"], config["model"]) == ("toy", {"inputs": 3})
    assert config["training"]["max_steps"] == 6


@pytest.mark.usefixtures("undrawn")
def test_a_training_that_is_stopped(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not train(trainer(StopAt(3)))
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Stopped and saved at step 3. To continue:",
        "  python -m toy train --resume --out run",
    ]
    assert train(trainer(), resumed=True)
    out = capsys.readouterr().out
    assert "run: 6 steps of 3 points, from step 3\n" in out
    assert train(trainer(), resumed=True)
    assert "All of them are done; a higher --max-steps" in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_a_training_that_gets_no_better(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(trainer(patience=1, learning_rate=0.0, accumulate=2))
    out = capsys.readouterr().out
    assert "6 steps of 2 x 3 points\n" in out
    assert "No better loss since step 2: stopped early\n" in out
    assert "Step 4 after" in out


def test_a_last_validation_that_is_cut_short(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training.conclude(trainer(), "finished", Path("run"), "train")
    assert "the validation was cut short" in capsys.readouterr().out


def test_a_folder_with_a_space_is_quoted(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training.conclude(trainer(), "stopped", Path("a run"), "train")
    assert capsys.readouterr().out.endswith("--out 'a run'\n")


def test_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    what_next("one", "two")
    assert capsys.readouterr().out == "\nWhat next:\n  one\n  two\n"


# --- what goes wrong once all is trained


@pytest.mark.usefixtures("undrawn")
def test_a_disk_that_is_full_after_the_training(work: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/sample.txt")

    whole = trainer()
    Path("run").mkdir()
    with pytest.raises(
        CheckpointError,
        match=r"disk full while writing run/sample.txt; .* saved, at step 6",
    ):
        run_training.train(
            whole, ToyOptions(training=whole.config), Path("run"), full, False
        )


def test_without_matplotlib_a_line_says_so(
    work: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train(trainer())
    assert capsys.readouterr().out.count("[viz]") == 1
    assert not Path("run/loss.png").exists()


# --- memory


def machine(monkeypatch: pytest.MonkeyPatch, pages: Any) -> None:
    def sysconf(name: str) -> int:
        if isinstance(pages, Exception):
            raise pages
        return 1024 if name == "SC_PAGE_SIZE" else pages

    monkeypatch.setattr(os, "sysconf", sysconf)


@pytest.mark.parametrize(
    ("weights", "batch", "smaller"), [(9, 5, "--width"), (5, 9, "--batch-size")]
)
def test_what_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, weights: int, batch: int, smaller: str
) -> None:
    machine(monkeypatch, 10 << 20)  # 10 GiB
    with pytest.raises(
        ConfigError,
        match=rf"at least 14 GiB \(the model {weights}, a batch {batch}\), and the "
        rf"machine has 10: choose a smaller {smaller}$",
    ):
        check_memory(weights << 30, batch << 30, ("--width", "--batch-size"))


def test_what_fits_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 10 << 20)
    check_memory(5 << 30, 5 << 30, ("--width", "--batch-size"))


@pytest.mark.parametrize("error", [OSError(), ValueError(), AttributeError()])
def test_a_machine_that_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    machine(monkeypatch, error)
    check_memory(1 << 80, 0, ("--width", "--batch-size"))

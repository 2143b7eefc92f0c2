"""Stopped, killed and resumed: the losses are those of a run that never stopped."""

import itertools
import json
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nn import checkpoints, runs
from nn.progress import Callback
from nn.run_options import options_of
from nn.trainer import Trainer
from nn.transformer.options import TrainOptions
from nn.transformer.saved import load, load_vocabularies
from nn.transformer.train import make_trainer
from tensorgrad.errors import CheckpointError
from tensorgrad.testing import laws
from tests.commands import facts, steps, weights

pytestmark = pytest.mark.usefixtures("undrawn")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


class StopAtOnce(Callback):
    def stepped(self, trainer: Trainer, record: Any) -> None:
        trainer.stop()


def test_resumed_equals_uninterrupted(trained: Path, work: Path) -> None:
    """Dropout and the order of the batches go on where they were, epoch by epoch."""
    options = options_of(TrainOptions, trained)
    options = replace(options, training=replace(options.training, eval_interval=1))
    source, target = load_vocabularies(trained)
    number = itertools.count()

    def trainer(folder: Path) -> Trainer:
        trainer = make_trainer(options, trained, source, target)
        trainer.folder, trainer.callbacks = folder, [StopAtOnce()]
        return trainer

    def begun() -> Trainer:
        return trainer(work / f"run-{next(number)}")

    def step(run: Trainer) -> None:
        run.run()

    def save(run: Trainer) -> Path:
        assert run.folder is not None
        return Path(shutil.copytree(run.folder, work / f"saved-{next(number)}"))

    def again(folder: Path) -> Trainer:
        run = trainer(folder)
        assert run.resume() > 0
        return run

    def observe(run: Trainer) -> Any:
        memory, _ = run.optimizer.state_dict()
        return {"step": run.step, "model": run.model.state_dict(), "memory": memory}

    assert options.model.dropout > 0
    laws.resumed_equals_uninterrupted(
        begun, step, save, again, observe, steps=8, at=[1, 5, 7]
    )


@posix
def test_kills_at_random_moments_change_no_loss(
    work: Path, command: Any, tiny: Any, begin: Any
) -> None:
    longer = [*tiny, "--max-steps=120", "--checkpoint-interval=20"]
    assert command(*longer, "--out", "whole").status == 0
    rng, killed = random.Random(), Path("killed")
    for kill in (True, True, False):
        again = ["--resume"] * (killed / "config.json").exists()
        process = begin("-m", "nn.transformer", *longer, "--out", "killed", *again)
        before = steps(killed)
        while kill and process.poll() is None and steps(killed) in (0, before):
            time.sleep(0.01)
        if kill:
            time.sleep(rng.uniform(0.0, 0.06))  # from here on, any moment will do
            process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL * kill), err
    assert facts("killed") == facts("whole")
    assert weights("killed") == weights("whole")


@posix
def test_a_kill_while_pairs_are_prepared_leaves_no_run(
    work: Path, tiny: Any, begin: Any
) -> None:
    """Ten thousand pairs, so that there is something to interrupt."""
    many = "".join(f"{i:05}\t{i:05}\n" for i in range(10_000))
    (work / "many.tsv").write_text(many)
    process = begin(
        "-m", "nn.transformer", *tiny, "--data=many.tsv", "--max-steps=1", "--out=run"
    )
    time.sleep(random.uniform(0.2, 1.2))
    process.kill()
    process.communicate()
    if not runs.is_run(Path("run")):  # then the folder is free
        runs.check_free(Path("run"))


@posix
def test_ctrl_c_saves_and_the_run_goes_on_where_it_was(
    work: Path, command: Any, tiny: Any, begin: Any
) -> None:
    process = begin(
        "-m", "nn.transformer", *tiny, "--max-steps=1000000", "--eval-interval=1000000"
    )
    run = Path("runs/transformer-1")
    while process.poll() is None and steps(run) < 5:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == "\nstopping after this step; again to abort at once\n"
    saved = checkpoints.latest_step(run)
    assert f"Stopped and saved at step {saved:,}" in out
    assert f"python -m nn.transformer train --resume --out {run}" in out
    done = command("train", "--resume", "--max-steps", saved + 3)
    assert (done.status, done.err) == (0, "")
    assert f"from step {saved:,}" in done.out
    assert len(facts(run)) == saved + 3


def test_a_finished_run_can_be_trained_longer(trained: Path, command: Any) -> None:
    first = facts(trained)
    assert command("train", "--resume", "--max-steps", 25).status == 0
    longer = facts(trained)
    assert longer[:20] == first
    assert [record["step"] for record in longer] == list(range(1, 26))
    # the new options stay: the next resume needs none
    config = json.loads((trained / "config.json").read_text())
    assert config["training"]["max_steps"] == 25
    done = command("train", "--resume")
    assert "All of them are done" in done.out
    assert facts(trained) == longer


def test_a_run_without_a_checkpoint_starts_again_from_its_seed(
    trained: Path, command: Any
) -> None:
    first, config = facts(trained), runs.load_config(trained)
    (trained / "latest").unlink()
    for path in trained.glob("step-*"):
        path.rename(trained / f"old-{path.name}")
    assert command("train", "--resume").status == 0
    assert facts(trained) == first
    assert runs.load_config(trained) == config


def test_a_run_goes_on_without_its_pairs(
    trained: Path, command: Any, pairs: Path
) -> None:
    pairs.unlink()
    assert command("train", "--resume", "--max-steps", 21).status == 0


def test_the_newest_run_is_resumed(trained: Path, command: Any, tiny: Any) -> None:
    command(*tiny, "--max-steps", 2)
    done = command("train", "--resume", "--max-steps", 4)
    assert "runs/transformer-2: 4 steps" in done.out


def test_weights_saved_are_the_weights_used(trained: Path) -> None:
    model = load(str(trained)).translator.model
    assert not model.training
    assert weights(trained) == {
        name: array.tobytes() for name, array in model.state_dict().items()
    }


def test_where_there_is_no_run_the_way_to_one_is_shown(work: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"holds no transformer run.*python -m nn.transformer"
    ):
        load()

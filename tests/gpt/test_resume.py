"""Stopped, killed and resumed: the losses are those of a run that never stopped."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt.options import Weights
from gpt.saved import load
from nn import checkpoints, runs
from tensorgrad.errors import CheckpointError
from tests.commands import facts, steps, weights

Begin = Callable[..., "subprocess.Popen[str]"]
pytestmark = pytest.mark.usefixtures("undrawn")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@posix
def test_kills_at_random_moments_change_no_loss(
    work: Path, gpt: Any, tiny: Any, begin: Begin
) -> None:
    longer = [*tiny, "--dropout=0.1", "--max-steps=160", "--checkpoint-interval=20"]
    assert gpt(*longer, "--out", "whole").status == 0
    rng, killed = random.Random(), Path("killed")
    for kill in (True, True, True, False):
        again = ["--resume"] * (killed / "config.json").exists()
        process = begin("-m", "gpt", *longer, "--out", "killed", *again)
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
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_where_it_was(
    work: Path, gpt: Any, tiny: Any, begin: Begin, number: int
) -> None:
    process = begin(
        "-m", "gpt", *tiny, "--max-steps=1000000", "--eval-interval=1000000"
    )
    run = Path("runs/gpt-1")
    while process.poll() is None and steps(run) < 5:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    saved = checkpoints.latest_step(run)
    assert f"Stopped and saved at step {saved:,}" in out
    assert "python -m gpt train --resume --out runs/gpt-1" in out
    assert [record["step"] for record in facts(run.as_posix())][-1] == saved
    done = gpt("train", "--resume", "--max-steps", saved + 3)
    assert (done.status, done.err) == (0, "")
    assert f"from step {saved:,}" in done.out
    assert len(facts(run.as_posix())) == saved + 3


@posix
def test_a_second_ctrl_c_aborts_at_once(work: Path, tiny: Any, begin: Begin) -> None:
    # a step that takes minutes
    process = begin("-m", "gpt", *tiny, "--accumulate=1000000")
    while process.poll() is None and not Path("runs/gpt-1/metrics.jsonl").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "\n"
    assert "again to abort" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "\naborted\n")


def test_a_finished_run_can_be_trained_longer(trained: Path, gpt: Any) -> None:
    first = facts(str(trained))
    done = gpt("train", "--resume", "--max-steps", 25, "--learning-rate", 0.001)
    assert done.status == 0
    longer = facts(str(trained))
    assert longer[:20] == first
    assert [record["step"] for record in longer] == list(range(1, 26))
    assert longer[-1]["lr"] == pytest.approx(0.0001, rel=0.5)
    # the new options stay: the next resume needs none
    config = json.loads((trained / "config.json").read_text())
    assert config["training"]["max_steps"] == 25
    done = gpt("train", "--resume")
    assert "All of them are done" in done.out
    assert facts(str(trained)) == longer


def test_the_newest_run_is_resumed(trained: Path, gpt: Any, tiny: Any) -> None:
    gpt(*tiny, "--max-steps", 2)
    assert "runs/gpt-2: 4 steps" in gpt("train", "--resume", "--max-steps", 4).out
    done = gpt("train", "--resume", "--out", trained, "--max-steps", 21)
    assert "runs/gpt-1: 21 steps" in done.out
    assert "runs/gpt-1: 22 steps" in gpt("train", "--resume", "--max-steps", 22).out


def test_a_run_without_a_checkpoint_starts_again_from_its_seed(
    trained: Path, gpt: Any
) -> None:
    first, config = facts(str(trained)), runs.load_config(trained)
    (trained / "latest").unlink()
    for path in trained.glob("step-*"):
        path.rename(trained / f"old-{path.name}")
    assert gpt("train", "--resume").status == 0
    assert facts(str(trained)) == first
    assert runs.load_config(trained) == config


def test_a_run_goes_on_without_its_text(trained: Path, gpt: Any, text: Path) -> None:
    text.unlink()
    assert gpt("train", "--resume", "--max-steps", 21).status == 0


def test_the_same_text_may_lie_elsewhere_by_another_name(
    trained: Path, gpt: Any, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    run = Path("work") / trained
    done = gpt("train", "--resume", "--out", run, "--data", text.name)
    assert done.status == 0


@posix
def test_two_processes_do_not_train_one_run(
    trained: Path, gpt: Any, begin: Begin, tree: Callable[[Path], Any]
) -> None:
    code = """if True:
        import sys
        from nn.report import MetricsLog
        log = MetricsLog("runs/gpt-1/metrics.jsonl", 20)
        print("open", flush=True)
        sys.stdin.read()
    """
    other = begin("-c", code)
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    before = tree(trained)
    try:
        error = gpt("train", "--resume", "--max-steps", 30).error
    finally:
        other.communicate()
    assert error.startswith("runs/gpt-1: another process is training this run")
    assert tree(trained) == before


def test_weights_saved_are_the_weights_used(trained: Path) -> None:
    saved = load(Weights(run=str(trained)))
    assert weights(str(trained)) == {
        name: array.tobytes() for name, array in saved.model.state_dict().items()
    }


def test_where_there_is_no_run_the_way_to_one_is_shown(work: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no gpt run.*python -m gpt train"):
        load(Weights())

"""A small text, a small run trained on it, and the commands as functions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt.__main__ import main
from tests.commands import Result

TEXT = "".join(
    f"{n} bottles of beer on the wall, {n} bottles of beer.\n"
    f"Take one down and pass it around, {n - 1} bottles of beer on the wall.\n\n"
    for n in range(60, 0, -1)
)
SIZES = {"n-layer": 1, "n-head": 2, "n-embd": 16, "block-size": 16, "batch-size": 4}
STEPS = {"max-steps": 20, "eval-interval": 10, "warmup-steps": 2, "learning-rate": 0.01}
TINY = [f"--{name}={value}" for name, value in (SIZES | STEPS).items()]

Gpt = Callable[..., Result]


@pytest.fixture
def gpt(capsys: pytest.CaptureFixture[str]) -> Gpt:
    """`python -m gpt`, in this process."""

    def run(*argv: Any) -> Result:
        status = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "beer.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def tiny(text: Path) -> list[str]:
    """The options that train a small model on a small text."""
    return ["train", "--data", str(text), *TINY]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has been trained; only to be copied."""
    folder = tmp_path_factory.mktemp("once")
    text = folder / "beer.txt"
    text.write_text(TEXT)
    argv = ["train", "--data", str(text), *TINY, "--keep-best", "--out"]
    assert main([*argv, str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def trained(once: Path, text: Path, work: Path) -> Path:
    """The trained run as runs/gpt-1, to be used and damaged at will."""
    run = work / "runs" / "gpt-1"
    shutil.copytree(once, run)
    config = json.loads((run / "config.json").read_text())
    config["data"] = str(text)
    (run / "config.json").write_text(json.dumps(config))
    return Path("runs/gpt-1")

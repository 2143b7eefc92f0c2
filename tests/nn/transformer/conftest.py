"""A few pairs of words, a small run trained on them, and the commands as functions."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn.transformer.__main__ import main
from tests.commands import Result


def words(count: int, seed: int = 0) -> list[str]:
    """Different words of 1 to 6 letters."""
    rng, found = np.random.default_rng(seed), dict[str, None]()
    while len(found) < count:
        found["".join(rng.choice(list("abcde"), rng.integers(1, 7)))] = None
    return list(found)


# each word, and backwards in capitals
PAIRS = "".join(f"{word}\t{word[::-1].upper()}\n" for word in words(60))
SIZES = {"d-model": 8, "n-head": 2, "d-ff": 16, "n-encoder": 1, "n-decoder": 1}
DATA = {"tokenizer": "char", "max-length": 12, "batch-size": 8, "share": 0.2}
STEPS = {"max-steps": 20, "eval-interval": 10, "warmup-steps": 2, "learning-rate": 0.01}
TINY = [f"--{name}={value}" for name, value in (SIZES | DATA | STEPS).items()]
MORE = ["--keep-best", "--checkpoint-interval=5", "--keep=3"]

Command = Callable[..., Result]


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """`python -m nn.transformer`, in this process; `given` is its standard input."""

    def run(*argv: Any, given: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        status = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return run


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS)
    return path


@pytest.fixture
def tiny(pairs: Path) -> list[str]:
    """The options that train a small model on a few pairs."""
    return ["train", "--data", str(pairs), *TINY]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has been trained; only to be copied."""
    folder = tmp_path_factory.mktemp("once")
    data = folder / "pairs.tsv"
    data.write_text(PAIRS)
    argv = ["train", "--data", str(data), *TINY, *MORE, "--out", str(folder / "run")]
    assert main(argv) == 0
    return folder / "run"


@pytest.fixture
def trained(once: Path, pairs: Path, work: Path) -> Path:
    """The trained run as runs/transformer-1, to be used and damaged at will."""
    run = work / "runs" / "transformer-1"
    shutil.copytree(once, run)
    config = json.loads((run / "config.json").read_text())
    config["data"] = str(pairs)
    (run / "config.json").write_text(json.dumps(config))
    return Path("runs/transformer-1")

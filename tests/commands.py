"""What the tests of commands share: results, and what a run left."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn import checkpoints
from nn.report import read_metrics

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The message of a command that could not use what it was given."""
        assert self.status == 2, self
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("error: ").strip()


def facts(run: Path | str) -> list[dict[str, Any]]:
    """metrics.jsonl without the times."""
    timed = ("tokens_per_s", "seconds")
    return [
        {key: value for key, value in record.items() if key not in timed}
        for record in read_metrics(Path(run, "metrics.jsonl"))
    ]


def weights(run: Path | str) -> dict[str, bytes]:
    tensors, _ = checkpoints.load(run)
    return {name: array.tobytes() for name, array in tensors["model"].items()}


def steps(run: Path) -> int:
    """How many steps a run has logged so far."""
    path = run / "metrics.jsonl"
    return len(read_metrics(path)) if path.exists() else 0


def edit(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))

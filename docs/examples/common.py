"""What the recipes share: options, a folder for what they leave, the way they end.

A recipe is a dataclass of options and a function of them; `main` joins the two to a
program. Nothing of the models is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from nn import cli, runs
from nn.progress import Callback
from nn.report import Record, new_figure, save_figure
from nn.trainer import Trainer
from tensorgrad.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """What every recipe can be told."""

    quick: bool = False
    """A run of a few seconds, to see that it works; it learns less."""
    out: cli.Folder = None
    """The folder for the picture; None: the next free one of runs/NAME-1, ..."""
    seed: int = 0
    """Decides all that is random. Another one shows how far a result is luck."""
    plain: bool = False
    """Plain lines instead of a live display."""

    def __post_init__(self) -> None:
        self.require("seed", self.seed >= 0, "0 or more")

    def require(self, name: str, holds: bool, what: str) -> None:
        """ConfigError for an option outside its range."""
        if not holds:
            raise ConfigError(f"{name} must be {what}; got {getattr(self, name)!r}")


Chosen = TypeVar("Chosen", bound=Options)


def main(
    name: str,
    options: type[Chosen],
    recipe: Callable[[Chosen], None],
    argv: Sequence[str] | None = None,
) -> int:
    """Run a recipe on the options given; 0, or 2 after a line about what was wrong."""

    def command(argv: list[str]) -> None:
        recipe(cli.parse(options, argv, f"python docs/examples/{name}.py"))

    return cli.alone(command, argv)


def new_folder(name: str, options: Options) -> Path:
    """The folder of a new run, with its options in config.json.

    MissingExtra where nothing could be drawn: before the training, not after it.
    """
    new_figure(1, 1)
    if options.out and runs.is_run(Path(options.out)):
        raise ConfigError(
            f"{options.out}: holds another run. Choose a new or an empty folder "
            "with --out"
        )
    config = {"kind": name, **asdict(options)}
    return runs.new(name, options.out, lambda at: runs.save_config(at, config))


def save_picture(figure: Any, path: Path, shows: str) -> None:
    """Write the picture, and say where it is and what it shows."""
    save_figure(figure, path)
    print(f"\n{path} shows {shows}.")


class History(Callback):
    """Keeps what each step reports, to draw curves from."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def stepped(self, trainer: Trainer, record: Record) -> None:
        self.records.append(record)


class Accuracies(History):
    """A history with `accuracy` wherever there is a validation loss."""

    def __init__(self, accuracy: Callable[[], float]) -> None:
        super().__init__()
        self.accuracy = accuracy

    def stepped(self, trainer: Trainer, record: Record) -> None:
        if "val_loss" in record:
            record = {**record, "accuracy": self.accuracy()}
        super().stepped(trainer, record)

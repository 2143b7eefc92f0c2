"""The options of `python -m gpt train`, and the config.json that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import OmitArgPrefixes, Suppress

from nn import cli, runs
from nn.recipe import TrainerConfig

from .config import GPTConfig
from .saved import damaged

PROGRAM = "python -m gpt train"
Preset = Literal["nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"]


@dataclass(frozen=True)
class Sizes(GPTConfig):
    """The model's sizes, over those of the preset."""

    vocab_size: Suppress[int] = 1  # the tokenizer's


def sizes(name: str) -> Sizes:
    """The sizes of a preset, as defaults of the options."""
    return Sizes(**{**asdict(GPTConfig.preset(name)), "vocab_size": 1})


@dataclass(frozen=True)
class TrainOptions:
    """Train a GPT on a text, draw its loss, and let it write.

    Without options: Python's language reference, and a model that takes about a
    minute. The last tenth of the text is held out for validation.
    """

    data: cli.File = None
    """A text file in UTF-8; None: the language reference that comes with Python."""
    tokenizer: Literal["char", "byte"] = "char"
    """What a token is: one of the text's own characters, or a byte of any text."""
    preset: Preset = "nano"
    """The sizes to start from."""
    out: cli.Folder = None
    """The run folder; None: the next free one of runs/gpt-1, runs/gpt-2, ..."""
    resume: bool = False
    """Continue the run in --out, or the newest one, with the options it had."""
    plain: bool = False
    """Plain lines instead of a live display."""
    model: OmitArgPrefixes[Sizes] = field(default_factory=lambda: sizes("nano"))
    training: OmitArgPrefixes[TrainerConfig] = field(default_factory=TrainerConfig)

    @property
    def file(self) -> str | None:
        """The data file, as it is known from everywhere."""
        return None if self.data is None else str(Path(self.data).resolve())


@dataclass(frozen=True)
class First:
    """The options that decide what the defaults of the others are."""

    preset: Preset = "nano"
    out: str | None = None
    resume: bool = False


def read_options(argv: Sequence[str]) -> tuple[TrainOptions, Path | None]:
    """The options, and the folder of the run to continue, if any."""
    first = cli.peek(First, argv, PROGRAM)
    if not first.resume or {"-h", "--help"} & set(argv):
        default = TrainOptions(preset=first.preset, model=sizes(first.preset))
        return cli.parse(TrainOptions, argv, PROGRAM, default), None
    folder = Path(first.out) if first.out else runs.newest("gpt")
    saved = options_of(folder)
    options = cli.parse(TrainOptions, argv, PROGRAM, saved)
    runs.check_same(f"{folder} was trained with", fixed(saved), fixed(options))
    return options, folder


def fixed(options: TrainOptions) -> dict[str, Any]:
    """What a resumed run cannot change."""
    return {
        "data": options.file,
        "tokenizer": options.tokenizer,
        "preset": options.preset,
        "seed": options.training.seed,
        **asdict(options.model),
    }


def as_config(options: TrainOptions, model: GPTConfig) -> dict[str, Any]:
    """The content of config.json."""
    return {
        "kind": "gpt",
        "data": options.file,
        "tokenizer": options.tokenizer,
        "preset": options.preset,
        "model": asdict(model),
        "training": asdict(options.training),
    }


def options_of(folder: Path) -> TrainOptions:
    """The options that a run was started with, from its config.json."""
    config = runs.load_config(folder)
    try:
        if not isinstance(config["data"], str | None):
            raise TypeError(f"data is {config['data']!r}, not the name of a file")
        check_types(TrainerConfig, config["training"])
        return TrainOptions(
            data=config["data"],
            tokenizer=config["tokenizer"],
            preset=config["preset"],
            model=Sizes(**{**config["model"], "vocab_size": 1}),
            training=TrainerConfig(**config["training"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise damaged(folder, error) from None


def check_types(kind: type, values: dict[str, Any]) -> None:
    """TypeError for a value that JSON can hold and a field of the class cannot."""
    for name, hint in get_type_hints(kind).items():
        if name in values and get_origin(hint) is not Literal:
            value = values[name]
            allowed = get_args(hint) or (hint,)
            whole = type(value) is int and float in allowed
            if type(value) not in allowed and not whole:
                raise TypeError(f"{name} is {value!r}")

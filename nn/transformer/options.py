"""The options of `python -m nn.transformer train`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

from tyro.conf import OmitArgPrefixes, Suppress

from tensorgrad.errors import ConfigError

from .. import cli
from ..recipe import TrainerConfig
from ..run_options import RunOptions
from .config import TransformerConfig

Preset = Literal["tiny", "base", "big"]


@dataclass(frozen=True)
class Sizes(TransformerConfig):
    """The model's sizes, over those of the preset."""

    FROM_DATA: ClassVar = ("vocab_size", "target_vocab_size", "pad", "bos", "eos")

    vocab_size: Suppress[int] = 4
    target_vocab_size: Suppress[int | None] = None
    pad: Suppress[int] = 0
    bos: Suppress[int] = 1
    eos: Suppress[int] = 2


def sizes(name: str) -> Sizes:
    """The sizes of a preset, as defaults of the options."""
    return Sizes(**{**asdict(TransformerConfig.preset(name)), "vocab_size": 4})


@dataclass(frozen=True)
class TrainOptions(RunOptions):
    """Train a Transformer on pairs of texts, and show what it makes of some.

    The pairs are lines of a UTF-8 file: a source, a tab, a target.
    """

    KIND = "transformer"
    PROGRAM = "python -m nn.transformer train"
    FILES = ("data", "held_out")

    data: cli.File = None
    """The pairs to train on; needed, except with --resume."""
    preset: Preset = "tiny"
    """The sizes to start from: tiny for toy tasks, base and big from the paper."""
    out: cli.Folder = None
    """The run folder; None: the next free one of runs/transformer-1, ..."""
    held_out: cli.File = None
    """Pairs to validate on; None: a share of the data, no source of which is left."""
    share: float = 0.05
    """How much of the data that is, above 0 and below 1; not used with --held-out."""
    tokenizer: Literal["subword", "char", "byte"] = "subword"
    """What a token is: a subword learnt from the data, a character, or a byte."""
    subwords: int = 8000
    """How many subwords there are at most; 256 of them are the bytes."""
    label_smoothing: float = 0.1
    """The probability spread over all tokens, in training; validation has none."""
    drop_longer: bool = False
    """Leave out pairs longer than --max-length; otherwise they are an error."""
    model: OmitArgPrefixes[Sizes] = field(default_factory=lambda: sizes("tiny"))
    training: OmitArgPrefixes[TrainerConfig] = field(
        default_factory=lambda: TrainerConfig(
            max_steps=3000,
            batch_size=64,
            learning_rate=1e-3,
            warmup_steps=400,
            schedule="noam",
            beta2=0.98,
            eps=1e-9,
            weight_decay=0.0,
            keep=5,
            threads=None,
        )
    )

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"share must be above 0 and below 1; got {self.share}")
        if not 0 <= self.label_smoothing < 1 or math.isnan(self.label_smoothing):
            raise ConfigError(
                f"label_smoothing must be in [0, 1), got {self.label_smoothing}"
            )
        if self.subwords < 256:
            raise ConfigError(
                f"subwords must be 256, one for each byte, or more; got {self.subwords}"
            )


def defaults(preset: str | None) -> TrainOptions:
    """The options where nothing is said but the preset."""
    if preset is None:
        return TrainOptions()
    return TrainOptions(preset=preset, model=sizes(preset))  # type: ignore[arg-type]

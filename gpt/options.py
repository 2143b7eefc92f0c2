"""The options of `python -m gpt train`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, ClassVar, Literal

from tyro.conf import OmitArgPrefixes, Suppress, arg

from nn import cli
from nn.activations import Activation
from nn.run_options import RunOptions
from tensorgrad.errors import ConfigError

from .config import GPTConfig

Names = Annotated[tuple[str, ...], arg(metavar="NAME")]
DEFAULT_NAME = "Python's language reference (pydoc_data.topics)"
PLAIN = ("char", "byte")  # tokenizers that the text alone makes
Preset = Literal["nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"]


@dataclass(frozen=True)
class Sizes(GPTConfig):
    """The model's sizes, over those of the preset."""

    FROM_DATA: ClassVar = ("vocab_size",)  # the tokenizer's

    vocab_size: Suppress[int] = 1
    # those of published weights, for --init-from
    n_inner: Suppress[int | None] = None
    activation: Suppress[Activation] = "gelu_tanh"
    norm_first: Suppress[bool] = True
    norm_eps: Suppress[float] = 1e-5
    scale_attn_weights: Suppress[bool] = True
    scale_attn_by_inverse_layer_idx: Suppress[bool] = False
    tie_word_embeddings: Suppress[bool] = True
    embd_pdrop: Suppress[float | None] = None
    attn_pdrop: Suppress[float | None] = None
    resid_pdrop: Suppress[float | None] = None


def sizes(name: str) -> Sizes:
    """The sizes of a preset, as defaults of the options."""
    return Sizes(**{**asdict(GPTConfig.preset(name)), "vocab_size": 1})


@dataclass(frozen=True)
class TrainOptions(RunOptions):
    """Train a GPT on a text, draw its loss, and let it write.

    Without options: Python's language reference, and a model that takes about a
    minute. The last tenth of the text is held out for validation.
    """

    KIND = "gpt"
    PROGRAM = "python -m gpt train"
    FILES = ("data", "tokenizer", "init_from")
    ADDED = ("init_from", "trainable", "checkpoint_activations")

    data: cli.File = None
    """A text file in UTF-8; None: the language reference that comes with Python."""
    preset: Preset = "nano"
    """The sizes to start from."""
    init_from: cli.Folder = None
    """A folder of published weights, or a run, to train on from; None: from nothing."""
    trainable: Names = ()
    """With --init-from, all that trains: h.11 ln_f, or h.*.ln_1; none named: all."""
    checkpoint_activations: bool = False
    """Run each block again in backward: far less memory, 1.4 times the time."""
    out: cli.Folder = None
    """The run folder; None: the next free one of runs/gpt-1, runs/gpt-2, ..."""
    tokenizer: Annotated[str, arg(metavar="char|byte|PATH")] = "char"
    """What a token is: one of the text's own characters, a byte of any text, or what
    a folder or file says, of python -m gpt tokenize, of a run or as published."""
    model: OmitArgPrefixes[Sizes] = field(default_factory=lambda: sizes("nano"))

    def file(self, name: str) -> str | None:
        plain = name == "tokenizer" and self.tokenizer in PLAIN
        return self.tokenizer if plain else super().file(name)

    def __post_init__(self) -> None:
        if self.trainable and self.init_from is None:
            raise ConfigError("--trainable needs weights: name --init-from DIR")


@dataclass(frozen=True)
class Weights:
    """Which weights are used."""

    model: cli.Folder = None
    """The folder of a model: a published one, or a run; None: the newest run."""
    run: cli.Folder = None
    """The same, for the folder of a run alone."""
    best: bool = False
    """Use a run's weights of the lowest validation loss (train with --keep-best)."""

    def __post_init__(self) -> None:
        if self.run is not None and self.model is not None:
            raise ConfigError(
                f"run {self.run} and model {self.model} both say where the weights "
                "are: leave one out"
            )


def defaults(preset: str | None) -> TrainOptions:
    """The options where nothing is said but the preset."""
    if preset is None:
        return TrainOptions()
    return TrainOptions(preset=preset, model=sizes(preset))  # type: ignore[arg-type]

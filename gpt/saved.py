"""A trained GPT: from its run folder, or as published."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from nn import init, run_weights, runs
from nn.text import corpus_hash
from nn.tokenizer import Tokenizer
from nn.tokenizers import find_tokenizer, load_tokenizer
from tensorgrad.errors import CheckpointError, ConfigError

from .config import GPTConfig
from .model import GPT
from .options import TrainOptions, Weights

TOKENS = "tokens.npy"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Saved:
    """A model in eval mode, and its tokenizer."""

    folder: Path
    step: int | None
    """How far it was trained; None: it was published."""
    model: GPT
    tokenizer: Tokenizer

    @property
    def name(self) -> str:
        step = "" if self.step is None else f" at step {self.step:,}"
        return f"{self.folder}{step}"


def load(weights: Weights) -> Saved:
    """A published model, or a run's latest or best weights.

    CheckpointError where they are missing, damaged, or of another config.
    """
    if weights.model is None or is_run(Path(weights.model)):
        return load_run(weights.run or weights.model, weights.best)
    if weights.best:
        raise ConfigError(f"best: {weights.model} is no run, and has no best weights")
    return load_folder(Path(weights.model))


def is_run(folder: Path) -> bool:
    """Whether the config.json there is a run's, and not a published model's."""
    try:
        return "model" in runs.load_config(folder)
    except CheckpointError:
        return False


def load_run(run: str | None = None, best: bool = False) -> Saved:
    """The latest weights of a run (default: the newest), or its best."""
    place = run_weights.find(TrainOptions.KIND, TrainOptions.PROGRAM, run, best)
    config = run_weights.model_config(GPTConfig, place.run)
    tokenizer = load_tokenizer(place.run / TOKENIZER)
    about = {"model": asdict(config), "tokenizer": tokenizer_hash(tokenizer)}
    with init.deferred():
        model = GPT(config)
    run_weights.load(model, place, about)
    return Saved(place.run, place.step, model, tokenizer)


def load_folder(folder: Path) -> Saved:
    """A model with its config.json, weights and tokenizer, as published or exported."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder: name that of a model")
    tokenizer = find_tokenizer(folder)
    model = GPT.from_pretrained(folder).eval()
    check_tokenizer(folder, tokenizer, model)
    return Saved(folder, None, model, tokenizer)


def check_tokenizer(folder: Path, tokenizer: Tokenizer, model: GPT) -> None:
    """CheckpointError for a tokenizer with more tokens than the model knows."""
    known, V = tokenizer.vocab_size, model.config.vocab_size
    if known > V:
        raise CheckpointError(
            f"{folder}: the tokenizer has {known} tokens, and the model {V}: they are "
            "not of one model"
        )


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """What tells it from another, which would read other text into the same tokens."""
    return corpus_hash(tokenizer.to_json())

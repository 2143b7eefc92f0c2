"""A trained GPT from its run folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from nn import init, run_weights
from nn.text import corpus_hash
from nn.tokenizer import Tokenizer
from nn.tokenizers import load_tokenizer

from .config import GPTConfig
from .model import GPT
from .options import TrainOptions

TOKENS = "tokens.npy"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Saved:
    """A model as it was at a step of its training, in eval mode, and its tokenizer."""

    folder: Path
    step: int
    model: GPT
    tokenizer: Tokenizer


def load(run: str | None = None, best: bool = False) -> Saved:
    """The latest weights of a run (default: the newest), or its best.

    CheckpointError where they are missing, damaged, or of another config.
    """
    place = run_weights.find(TrainOptions.KIND, TrainOptions.PROGRAM, run, best)
    config = run_weights.model_config(GPTConfig, place.run)
    tokenizer = load_tokenizer(place.run / TOKENIZER)
    about = {"model": asdict(config), "tokenizer": tokenizer_hash(tokenizer)}
    with init.deferred():
        model = GPT(config)
    run_weights.load(model, place, about)
    return Saved(place.run, place.step, model, tokenizer)


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """What tells it from another, which would read other text into the same tokens."""
    return corpus_hash(tokenizer.to_json())

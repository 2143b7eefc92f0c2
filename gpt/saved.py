"""A trained GPT from its run folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from nn import checkpoints, runs
from nn.text import corpus_hash
from nn.tokenizer import Tokenizer
from nn.tokenizers import load_tokenizer
from tensorgrad.errors import CheckpointError

from .config import GPTConfig
from .model import GPT

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
    folder = Path(run) if run else runs.newest("gpt", trained=True)
    config = model_config(folder)
    place = folder / "best" if best else folder
    step = checkpoints.latest_step(place)
    if step is None:
        hint = "train with --keep-best" if best else "train it first, with --resume"
        raise CheckpointError(f"{place}: no checkpoint was saved: {hint}")
    tensors, state = checkpoints.load(place, step, only=["model"])
    tokenizer = load_tokenizer(folder / TOKENIZER)
    here = {"model": asdict(config), "tokenizer": tokenizer_hash(tokenizer)}
    about = state.get("about", {})
    saved = {key: about.get(key, {}) for key in here}
    runs.check_same(f"{place}/step-{step} was saved with", saved, here)
    model = GPT(config)
    model.load_state_dict(tensors["model"])
    return Saved(folder, step, model.eval(), tokenizer)


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """What tells it from another, which would read other text into the same tokens."""
    return corpus_hash(tokenizer.to_json())


def model_config(folder: Path) -> GPTConfig:
    """The model's sizes, from a run's config.json."""
    try:
        return GPTConfig(**runs.load_config(folder)["model"])
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise damaged(folder, error) from None


def damaged(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{folder / runs.CONFIG}: edited, or from another version: {error}"
    )

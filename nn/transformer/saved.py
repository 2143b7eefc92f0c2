"""What a run of the encoder-decoder holds, and a trained one from it.

train.tsv, held_out.tsv      the pairs, as they were split
source.json, target.json     the vocabularies
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tensorgrad.errors import CheckpointError

from .. import init, run_weights
from ..text import corpus_hash
from ..vocabulary import Vocabulary
from .config import TransformerConfig
from .encoder_decoder import Transformer
from .options import TrainOptions
from .translation import Translator

TRAIN, HELD_OUT = "train.tsv", "held_out.tsv"
SOURCE, TARGET = "source.json", "target.json"


@dataclass(frozen=True)
class Saved:
    """A model as it was at a step of its training, in eval mode, with vocabularies."""

    folder: Path
    step: int
    translator: Translator


def load(run: str | None = None, best: bool = False, average: int = 1) -> Saved:
    """The latest weights of a run (default: the newest), its best, or a mean.

    CheckpointError where they are missing, damaged, or of another config.
    """
    place = run_weights.find(TrainOptions.KIND, TrainOptions.PROGRAM, run, best)
    config = run_weights.model_config(TransformerConfig, place.run)
    source, target = load_vocabularies(place.run)
    check_sizes(place.run, config, source, target)
    about = {"model": asdict(config), **hashes(source, target)}
    with init.deferred():
        model = Transformer(config)
    run_weights.load(model, place, about, average)
    return Saved(place.run, place.step, Translator(model, source, target))


def load_vocabularies(folder: Path) -> tuple[Vocabulary, Vocabulary]:
    return Vocabulary.load(folder / SOURCE), Vocabulary.load(folder / TARGET)


def hashes(source: Vocabulary, target: Vocabulary) -> dict[str, Any]:
    """What tells vocabularies from others, that read texts into the same tokens."""
    return {
        "source vocabulary": corpus_hash(source.to_json()),
        "target vocabulary": corpus_hash(target.to_json()),
    }


def check_sizes(
    folder: Path, config: TransformerConfig, source: Vocabulary, target: Vocabulary
) -> None:
    """CheckpointError for vocabularies with other numbers of tokens than the model."""
    for name, vocabulary, size in (
        (SOURCE, source, config.vocab_size),
        (TARGET, target, config.target_size),
    ):
        if vocabulary.vocab_size != size:
            raise CheckpointError(
                f"{folder / name} has {vocabulary.vocab_size} tokens, and the model "
                f"{size}: they are not of one run"
            )

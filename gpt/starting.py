"""What a training starts from, if not from nothing: a run, or published weights."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from nn import run_weights
from nn.recipe import TrainerConfig
from nn.tokenizer import Tokenizer
from tensorgrad.errors import ConfigError

from .config import DROPOUTS, GPTConfig
from .model import GPT
from .options import Sizes, TrainOptions
from .saved import check_tokenizer, is_run, load_run

FREE = ("dropout", *DROPOUTS)  # to be changed, as no part of the weights
# Far below what suits a new model: a few hundred steps should not undo what is known.
FINE_TUNING = TrainerConfig(learning_rate=5e-5)


def defaults_from(folder: Path) -> TrainOptions:
    """The options where weights are given: their sizes, their tokenizer, a low rate."""
    if is_run(folder):
        config = run_weights.model_config(GPTConfig, folder)
    else:
        config = GPT.from_pretrained(folder).config
    return TrainOptions(
        init_from=str(folder),
        tokenizer=str(folder),
        model=Sizes(**{**asdict(config), "vocab_size": 1}),
        training=FINE_TUNING,
    )


def check_same_sizes(options: TrainOptions) -> None:
    """ConfigError for an option that contradicts the weights.

    Dropout is free, and a shorter context takes fewer of their positions.
    """
    folder = Path(options.init_from or "")
    usual = defaults_from(folder)
    if options.file("tokenizer") != usual.file("tokenizer"):
        raise ConfigError(
            f"--tokenizer {options.tokenizer}: the weights in {folder} were trained "
            "with the tokenizer there: leave the option out"
        )
    for name in (f.name for f in fields(GPTConfig) if f.name not in FREE):
        here, there = getattr(options.model, name), getattr(usual.model, name)
        if here != there and not (name == "block_size" and here < there):
            raise ConfigError(
                f"{name}={here!r}: {folder} has {there!r}, and its weights fit nothing "
                "else: leave the option out"
            )


def begin(options: TrainOptions, tokenizer: Tokenizer) -> GPT:
    """What `--init-from` names, with the dropout and the context of the options."""
    folder = Path(options.init_from or "")
    if is_run(folder):
        model = load_run(str(folder)).model
    else:
        model = GPT.from_pretrained(folder, dtype=np.float32)
    check_tokenizer(folder, tokenizer, model)
    # some files have more rows than tokens, to a round number
    model.crop(options.model.block_size, tokenizer.vocab_size)
    if options.model.dropout != model.config.dropout:
        changes = {"dropout": options.model.dropout}
        model.config = GPT._changed(model.config, changes)
    return model

"""`python -m nn.transformer train`: from pairs of texts to a trained Transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

import numpy as np

from tensorgrad.errors import ConfigError, DataError

from .. import run_training, runs
from ..pair_batches import TokenPairs
from ..pairs import TextPair, read_pairs, split_pairs
from ..progress import Callback, progress
from ..run_options import as_config, read_options
from ..run_training import Introduce, check_memory, what_next
from ..text import StrPath, TextFile, corpus_hash, write_text
from ..tokenizers import make_tokenizer
from ..trainer import Trainer
from ..vocabulary import Side, Vocabulary
from .config import TransformerConfig
from .encoder_decoder import Transformer
from .options import TrainOptions, defaults
from .saved import (
    HELD_OUT,
    SOURCE,
    TARGET,
    TRAIN,
    check_sizes,
    hashes,
    load_vocabularies,
)
from .translation import Translator, objective

SHOWN = 8  # held-out pairs whose translations are printed


def train(argv: Sequence[str]) -> None:
    options, folder = read_options(TrainOptions, argv, defaults)
    run(options, folder)


def run(
    options: TrainOptions, folder: Path | None = None, name: str = TrainOptions.KIND
) -> tuple[Path, Trainer]:
    """Train in a new run folder, or go on in this one; the folder and the trainer.

    Without `options.out` the new folder is the next one of runs/`name`-1 and so on.
    """
    resumed = folder is not None
    if folder is None:
        folder = prepare(options, name)
    else:
        check_data(options, folder)
    source, target = load_vocabularies(folder)
    trainer = make_trainer(options, folder, source, target)
    translator = Translator(trainer.model, source, target)  # type: ignore[arg-type]

    def finish() -> None:
        show(folder, translator, options)
        advise(trainer, folder)

    run_training.train(trainer, options, folder, finish, resumed)
    return folder, trainer


# --- the pairs


def prepare(options: TrainOptions, name: str) -> Path:
    """A new run folder with pairs and vocabularies, once all of them are good."""
    if options.out:
        runs.check_free(Path(options.out))  # before long files are read
    training, held_out = read_data(options)
    source, target = vocabularies(options, training)
    config = with_data(options, source, target)
    for file, pairs in zip(files_of(options), (training, held_out), strict=True):
        token_pairs(file, pairs, source, target, options)  # is each short enough?
    check_fits(config, options.training.batch_size)

    def fill(folder: Path) -> None:
        write_pairs(folder / TRAIN, training)
        write_pairs(folder / HELD_OUT, held_out)
        source.save(folder / SOURCE)
        target.save(folder / TARGET)
        runs.save_config(folder, as_config(options, config))

    return runs.new(name, options.out, fill)


def files_of(options: TrainOptions) -> tuple[str, str]:
    """Where the training pairs are from, and the held-out ones."""
    if options.data is None:
        raise ConfigError(
            "--data FILE is needed: lines of a source, a tab and a target. "
            "docs/examples/translate_dates.py makes such a file"
        )
    return options.data, options.held_out or options.data


def read_data(options: TrainOptions) -> tuple[list[TextPair], list[TextPair]]:
    """(training, held-out) pairs."""
    data, held_out = files_of(options)
    pairs = read_pairs(data)
    if options.held_out is not None:
        return pairs, read_pairs(held_out)
    try:
        return split_pairs(pairs, options.share, options.training.seed)
    except DataError as error:
        raise DataError(f"{data}: {error}") from None


def vocabularies(
    options: TrainOptions, pairs: Sequence[TextPair]
) -> tuple[Vocabulary, Vocabulary]:
    """One vocabulary for both sides where embeddings are shared, or else two."""
    sides = [[pair.source for pair in pairs], [pair.target for pair in pairs]]
    if options.model.share_embeddings:
        sides = [sides[0] + sides[1]]
    made = [
        Vocabulary(
            make_tokenizer(options.tokenizer, texts, vocab_size=options.subwords)
        )
        for texts in sides
    ]
    return made[0], made[-1]


def with_data(
    options: TrainOptions, source: Vocabulary, target: Vocabulary
) -> TransformerConfig:
    """The model's sizes, those of the vocabularies with them."""
    shared = options.model.share_embeddings
    chosen = replace(
        options.model,
        vocab_size=source.vocab_size,
        target_vocab_size=None if shared else target.vocab_size,
        pad=source.pad,
        bos=target.bos,
        eos=target.eos,
    )
    return TransformerConfig(**asdict(chosen))


def token_pairs(
    file: StrPath,
    pairs: Sequence[TextPair],
    source: Side,
    target: Side,
    options: TrainOptions,
) -> TokenPairs:
    """The pairs of a file; DataError for one that is too long, with file and line."""
    longest, drop = options.model.max_length, options.drop_longer
    try:
        return TokenPairs(pairs, source, target, max_length=longest, drop_longer=drop)
    except DataError as error:
        raise DataError(f"{file}: {error}") from None


def lines(pairs: Sequence[TextPair]) -> str:
    return "".join(f"{pair.source}\t{pair.target}\n" for pair in pairs)


def write_pairs(path: Path, pairs: Sequence[TextPair]) -> None:
    text = lines(pairs)
    # a reader drops one byte-order mark: a text that begins with one needs two
    write_text(path, "\ufeff" * text.startswith("\ufeff") + text)


def check_data(options: TrainOptions, folder: Path) -> None:
    """DataError if the files that a run was trained on hold other pairs now."""
    files = files_of(options)
    if not all(Path(file).exists() for file in files):
        return  # the run has the pairs of its own
    for file, name, pairs in zip(
        files, (TRAIN, HELD_OUT), read_data(options), strict=True
    ):
        if corpus_hash(lines(pairs)) != corpus_hash(TextFile(folder / name)):
            raise DataError(
                f"{file} and {folder / name} no longer hold the same pairs: restore "
                "what was changed, or start a new run"
            )


def check_fits(config: TransformerConfig, batch_size: int) -> None:
    """ConfigError for a model and batch that can't fit, before anything is written.

    Counted are, at 4 bytes, the weights with gradient and AdamW's two means, as much
    for each position, and for a batch of one token each the logits with their gradient:
    the least there can be.
    """
    C, F = config.d_model, config.d_ff
    blocks = config.n_encoder * (4 * C + 2 * F) + config.n_decoder * (8 * C + 2 * F)
    tables = config.vocab_size + config.target_size * (not config.share_embeddings)
    weights = 4 * 4 * C * (blocks + tables + config.max_length)
    batch = 4 * 2 * batch_size * config.target_size
    check_memory(weights, batch, ("--d-model, --d-ff or --max-length", "--batch-size"))


# --- the model


def make_trainer(
    options: TrainOptions, folder: Path, source: Vocabulary, target: Vocabulary
) -> Trainer:
    """The trainer of the pairs in a run folder."""
    training, config = options.training, with_data(options, source, target)
    check_sizes(folder, config, source, target)
    for_model, for_data = np.random.SeedSequence(training.seed).spawn(2)
    model = Transformer(config, np.random.default_rng(for_model))
    files = [folder / TRAIN, folder / HELD_OUT]
    learnt, held_out = (
        token_pairs(file, read_pairs(file), source, target, options) for file in files
    )
    about = {
        "model": asdict(config),
        **{file.name: corpus_hash(TextFile(file)) for file in files},
        **hashes(source, target),
    }
    return Trainer(
        model,
        objective(model, options.label_smoothing),
        learnt.loader(training.batch_size, np.random.default_rng(for_data)),
        training,
        held_out=held_out.batches(training.batch_size),
        folder=folder,
        about=about,
        callbacks=[
            introduce(options, folder, model, learnt, held_out),
            progress(options.plain),
        ],
    )


# --- what is said


def introduce(
    options: TrainOptions,
    folder: Path,
    model: Transformer,
    learnt: TokenPairs,
    held_out: TokenPairs,
) -> Callback:
    sizes, dropped = model.config, learnt.dropped + held_out.dropped
    names = "shared" if sizes.share_embeddings else f"and {sizes.target_size:,}"
    about = (
        f"{options.data or folder / TRAIN}: {len(learnt):,} pairs to train on, "
        f"{len(held_out):,} held out"
        + f", {dropped:,} longer than {sizes.max_length} dropped"
        * (dropped > 0),
        f"Transformer: {sizes.n_encoder} + {sizes.n_decoder} layers, {sizes.n_head} "
        f"heads, {sizes.d_model} channels, {sizes.vocab_size:,} tokens {names}: "
        f"{model.num_parameters():,} parameters",
    )
    return Introduce(
        options, folder, sizes, about, f"{options.training.batch_size} pairs"
    )


def show(folder: Path, translator: Translator, options: TrainOptions) -> None:
    """Some held-out pairs, and what the model makes of them."""
    file, sides = folder / HELD_OUT, (translator.source, translator.target)
    pairs = token_pairs(file, read_pairs(file), *sides, options).texts[:SHOWN]
    translator.model.eval()
    found = translator.translate([pair.source for pair in pairs])
    print("\nHeld-out sources, what it makes of them, and what they were paired with:")
    for pair, [best] in zip(pairs, found, strict=True):
        mark = "=" if best.text == pair.target else "x"
        print(f"  {pair.source}\n  {mark} {best.text}\n    {pair.target}")


def advise(trainer: Trainer, folder: Path) -> None:
    run = quote(str(folder))
    what_next(
        f"python -m nn.transformer translate --run {run}",
        f"python -m nn.transformer evaluate --run {run}",
        f"{TrainOptions.PROGRAM} --resume --out {run} --max-steps {2 * trainer.step}",
    )

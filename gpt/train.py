"""`python -m gpt train`: from a text to a trained model in a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

import numpy as np

from nn import run_training, runs
from nn.data import BlockSampler, sequential_blocks
from nn.progress import progress
from nn.run_options import as_config, read_options
from nn.run_training import Introduce, check_memory, what_next
from nn.text import TextFile, default_corpus, write_text
from nn.token_file import Survey, TokenFile, survey
from nn.tokenizer import Tokenizer
from nn.tokenizers import find_tokenizer, load_tokenizer, make_tokenizer
from nn.trainer import Trainer
from tensorgrad.errors import ConfigError, DataError

from .config import GPTConfig
from .model import GPT
from .objective import objective
from .options import DEFAULT_NAME, PLAIN, TrainOptions, defaults
from .sample import SampleOptions, start, write
from .saved import TOKENIZER, TOKENS, tokenizer_hash


def train(argv: Sequence[str]) -> None:
    options, folder = read_options(TrainOptions, argv, defaults)
    resumed = folder is not None
    if folder is None:
        folder = prepare(options)
    else:
        check_text(options, folder)
    tokenizer, tokens = load_tokenizer(folder / TOKENIZER), TokenFile(folder / TOKENS)
    model, trainer = make_trainer(options, folder, tokenizer, tokens)
    trainer.callbacks.insert(0, introduce(options, folder, model, tokens.survey))

    def finish() -> None:
        show_sample(folder, model, tokenizer, options.training.seed)
        advise(trainer, folder, tokenizer)

    run_training.train(trainer, options, folder, finish, resumed)


# --- the text


def text_of(options: TrainOptions) -> Iterable[str]:
    return TextFile(options.data) if options.data else [default_corpus()]


def prepare(options: TrainOptions) -> Path:
    """A new run folder with the text's tokens, once text and options are good."""
    if options.out:
        runs.check_free(Path(options.out))  # before a long text is read
    given = None if options.tokenizer in PLAIN else given_tokenizer(options.tokenizer)
    text = text_of(options)
    found = survey(text)
    tokenizer = given or make_tokenizer(options.tokenizer, found.vocabulary)
    config = replace(options.model, vocab_size=tokenizer.vocab_size)
    check_fits(config, options.training.batch_size)

    def fill(folder: Path) -> None:
        tokenizer.save(folder / TOKENIZER)
        tokens = TokenFile.write(folder / TOKENS, text, tokenizer, surveyed=found)
        check_length(options, tokens)
        runs.save_config(folder, as_config(options, config))

    return runs.new("gpt", options.out, fill)


def given_tokenizer(path: str) -> Tokenizer:
    if not Path(path).exists():
        raise ConfigError(
            f"tokenizer={path!r}: choose {' or '.join(PLAIN)}, or the folder or file "
            "of a tokenizer, which python -m gpt tokenize makes of a text"
        )
    return find_tokenizer(path)


def check_length(options: TrainOptions, tokens: TokenFile) -> None:
    """DataError for a text of too few tokens, before anything is trained."""
    needed = options.model.block_size + 1
    if len(tokens.train) < needed or len(tokens.held_out) < 2:
        raise DataError(
            f"{options.data or DEFAULT_NAME}: {tokens.survey.characters:,} characters "
            f"are too few: {len(tokens):,} tokens, of which nine tenths must fill a "
            f"block of {needed - 1} and one more. Give a longer text or a smaller "
            "--block-size"
        )


def check_fits(config: GPTConfig, batch_size: int) -> None:
    """ConfigError for a model and batch that can't fit, before anything is written.

    Counted are, at 4 bytes, the weights with gradient and AdamW's two means, and for
    each token some 16 channels a layer and the logits with their gradient.
    """
    T, V, L, C = config.block_size, config.vocab_size, config.n_layer, config.n_embd
    weights = 4 * 4 * ((V + T) * C + 12 * L * C * C)
    batch = 4 * batch_size * T * (16 * L * C + 2 * V)
    check_memory(
        weights, batch, ("--n-embd or --n-layer", "--batch-size or --block-size")
    )


def check_text(options: TrainOptions, folder: Path) -> None:
    """DataError if the file that a run was trained on holds another text now."""
    tokens = TokenFile(folder / TOKENS)
    tokens.check()
    file = options.file("data")
    if file is None or not Path(file).exists():
        return  # the run has the tokens of its own
    saved, now = tokens.survey, survey(TextFile(file))
    if saved.hash != now.hash:
        raise DataError(
            f"{file}: changed since {folder} was trained on it (hash "
            f"{saved.hash} then, {now.hash} now): restore it, or start a new run"
        )


# --- the model


def make_trainer(
    options: TrainOptions, folder: Path, tokenizer: Tokenizer, tokens: TokenFile
) -> tuple[GPT, Trainer]:
    training, sizes = options.training, asdict(options.model)
    config = GPTConfig(**{**sizes, "vocab_size": tokenizer.vocab_size})
    for_model, for_data = np.random.SeedSequence(training.seed).spawn(2)
    model = GPT(config, np.random.default_rng(for_model))
    T, B = config.block_size, training.batch_size
    rng = np.random.default_rng(for_data)
    text = {"characters": tokens.survey.characters, "hash": tokens.survey.hash}
    about = {
        "model": asdict(config),
        "text": text,
        "tokenizer": tokenizer_hash(tokenizer),
    }
    trainer = Trainer(
        model,
        objective(model),
        BlockSampler(tokens.train, T, B, rng),
        training,
        held_out=sequential_blocks(tokens.held_out, T, B),
        folder=folder,
        about=about,
        callbacks=[progress(options.plain)],
    )
    return model, trainer


# --- what is said


def introduce(
    options: TrainOptions, folder: Path, model: GPT, text: Survey
) -> Introduce:
    sizes = model.config
    about = (
        f"{options.data or DEFAULT_NAME}: {text.characters:,} characters, "
        f"{len(text.vocabulary)} different, hash {text.hash}",
        f"GPT: {sizes.n_layer} layers, {sizes.n_head} heads, {sizes.n_embd} channels, "
        f"context {sizes.block_size}, {sizes.vocab_size} tokens: "
        f"{model.num_parameters():,} parameters",
    )
    batch = f"{options.training.batch_size} x {sizes.block_size} tokens"
    return Introduce(options, folder, sizes, about, batch)


def show_sample(folder: Path, model: GPT, tokenizer: Tokenizer, seed: int) -> None:
    """A text, printed as it is written, and kept in sample.txt."""
    print("It writes:\n")
    pieces = []
    rng = np.random.default_rng(seed)
    for piece in write(
        model.eval(), tokenizer, start(tokenizer, ""), SampleOptions(), rng
    ):
        print(piece, end="", flush=True)
        pieces.append(piece)
    print()
    write_text(folder / "sample.txt", "".join(pieces) + "\n")


def advise(trainer: Trainer, folder: Path, tokenizer: Tokenizer) -> None:
    run = quote(str(folder))
    try:
        tokenizer.encode("The ")
        prompt = ' --prompt "The "'
    except DataError:  # a text in another script
        prompt = ""
    what_next(
        f"python -m gpt sample --run {run}{prompt}",
        f"python -m gpt eval --run {run}",
        f"{TrainOptions.PROGRAM} --resume --out {run} --max-steps {2 * trainer.step}",
    )

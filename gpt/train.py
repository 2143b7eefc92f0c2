"""`python -m gpt train`: from a text to a trained model in a run folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

import numpy as np

from nn import cli, runs
from nn.data import BlockSampler, sequential_blocks
from nn.progress import Callback, progress
from nn.report import draw_losses, read_metrics
from nn.text import TextFile, default_corpus, reason, write_text
from nn.token_file import Survey, TokenFile, survey
from nn.tokenizer import Tokenizer
from nn.tokenizers import load_tokenizer, make_tokenizer
from nn.trainer import Outcome, Trainer
from tensorgrad.errors import CheckpointError, ConfigError, DataError, MissingExtra

from .config import GPTConfig
from .model import GPT
from .objective import objective
from .options import PROGRAM, TrainOptions, as_config, read_options
from .sample import SampleOptions, start, write
from .saved import TOKENIZER, TOKENS, tokenizer_hash

DEFAULT_NAME = "Python's language reference (pydoc_data.topics)"


def train(argv: Sequence[str]) -> None:
    options, folder = read_options(argv)
    resumed = folder is not None
    if folder is None:
        folder = prepare(options)
    else:
        check_text(options, folder)
    tokenizer, tokens = load_tokenizer(folder / TOKENIZER), TokenFile(folder / TOKENS)
    model, trainer = make_trainer(options, folder, tokenizer, tokens)
    trainer.callbacks.insert(0, Introduce(options, folder, model, tokens.survey))
    if resumed:
        trainer.resume()
    with cli.stopping(trainer.stop):
        outcome = trainer.run()
    conclude(trainer, outcome, folder)
    if outcome != "stopped":
        finish(trainer, folder, model, tokenizer)


# --- the text


def text_of(options: TrainOptions) -> Iterable[str]:
    return TextFile(options.file) if options.file else [default_corpus()]


def prepare(options: TrainOptions) -> Path:
    """A new run folder with the text's tokens, once text and options are good."""
    if options.out:
        runs.check_free(Path(options.out))  # before a long text is read
    text = text_of(options)
    found = survey(text)
    tokenizer = make_tokenizer(options.tokenizer, found.vocabulary)
    check_length(options, found)
    config = replace(options.model, vocab_size=tokenizer.vocab_size)
    check_memory(config, options.training.batch_size)

    def fill(folder: Path) -> None:
        tokenizer.save(folder / TOKENIZER)
        TokenFile.write(folder / TOKENS, text, tokenizer, surveyed=found)
        runs.save_config(folder, as_config(options, config))

    return runs.new("gpt", options.out, fill)


def check_length(options: TrainOptions, found: Survey) -> None:
    """DataError for a text that is too short, before anything is written.

    Of n characters, int(0.9 n) are trained on. A character is at least one token.
    """
    needed = options.model.block_size + 1
    train = int(0.9 * found.characters)
    if train < needed or found.characters - train < 2:
        raise DataError(
            f"{options.data or DEFAULT_NAME}: {found.characters:,} characters are too "
            f"few: nine tenths of them must fill a block of {needed - 1} and one more. "
            "Give a longer text or a smaller --block-size"
        )


def check_memory(config: GPTConfig, batch_size: int) -> None:
    """ConfigError for a model and batch that can't fit, before anything is written.

    Counted are, at 4 bytes, the weights with gradient and AdamW's two means, and for
    each token some 16 channels a layer and the logits with their gradient.
    """
    T, V, L, C = config.block_size, config.vocab_size, config.n_layer, config.n_embd
    weights = 4 * 4 * ((V + T) * C + 12 * L * C * C)
    batch = 4 * batch_size * T * (16 * L * C + 2 * V)
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return
    if weights + batch > installed:
        larger = "a smaller --n-embd or --n-layer"
        if batch > weights:
            larger = "a smaller --batch-size or --block-size"
        raise ConfigError(
            f"training needs at least {(weights + batch) / 2**30:,.0f} GiB (the model "
            f"{weights / 2**30:,.0f}, a batch {batch / 2**30:,.0f}), and the machine "
            f"has {installed / 2**30:,.0f}: choose {larger}"
        )


def check_text(options: TrainOptions, folder: Path) -> None:
    """DataError if the file that a run was trained on holds another text now."""
    tokens = TokenFile(folder / TOKENS)
    tokens.check()
    if options.file is None or not Path(options.file).exists():
        return  # the run has the tokens of its own
    saved, now = tokens.survey, survey(TextFile(options.file))
    if saved.hash != now.hash:
        raise DataError(
            f"{options.file}: changed since {folder} was trained on it (hash "
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


# --- what is said and left at the end


class Introduce(Callback):
    """Says what is trained, on what and where; keeps the options in config.json."""

    def __init__(
        self, options: TrainOptions, folder: Path, model: GPT, text: Survey
    ) -> None:
        self.options, self.folder, self.model, self.text = options, folder, model, text

    def started(self, trainer: Trainer) -> None:
        text, model, training = self.text, self.model.config, trainer.config
        runs.save_config(self.folder, as_config(self.options, model))
        batches = f"{training.accumulate} x " * (training.accumulate > 1)
        print(
            f"{self.options.data or DEFAULT_NAME}: {text.characters:,} characters, "
            f"{len(text.vocabulary)} different, hash {text.hash}\n"
            f"GPT: {model.n_layer} layers, {model.n_head} heads, {model.n_embd} "
            f"channels, context {model.block_size}, {model.vocab_size} tokens: "
            f"{self.model.num_parameters():,} parameters\n"
            f"{self.folder}: {training.max_steps:,} steps of {batches}"
            f"{training.batch_size} x {model.block_size} tokens"
            + f", from step {trainer.step:,}"
            * (trainer.step > 0),
            flush=True,
        )
        if trainer.step >= training.max_steps:
            print("All of them are done; a higher --max-steps trains on")


def conclude(trainer: Trainer, outcome: Outcome, folder: Path) -> None:
    if outcome == "stopped":
        print(
            f"Stopped and saved at step {trainer.step:,}. To continue:\n"
            f"  {PROGRAM} --resume --out {quote(str(folder))}"
        )
        return
    if outcome == "patience":
        print(f"No better loss since step {trainer.best_step:,}: stopped early")
    counted = sum(y.size for _, y in trainer.held_out)
    measured = (
        "the validation was cut short"
        if trainer.final_loss is None
        else f"validation loss {trainer.final_loss:.4f} over all {counted:,} held-out "
        "tokens"
    )
    print(f"Step {trainer.step:,} after {trainer.seconds:,.0f} s: {measured}")


def finish(trainer: Trainer, folder: Path, model: GPT, tokenizer: Tokenizer) -> None:
    """The picture of the losses, a sample, and what to do next."""
    try:
        draw(folder)
        print("It writes:\n")
        show_sample(folder, model, tokenizer, trainer.config.seed)
    except OSError as error:
        raise CheckpointError(
            f"{reason(error)} while writing {error.filename or folder}; the training "
            f"itself is saved, at step {trainer.step}"
        ) from error
    run = quote(str(folder))
    try:
        tokenizer.encode("The ")
        prompt = ' --prompt "The "'
    except DataError:  # a text in another script
        prompt = ""
    print(
        f"\nWhat next:\n"
        f"  python -m gpt sample --run {run}{prompt}\n"
        f"  python -m gpt eval --run {run}\n"
        f"  {PROGRAM} --resume --out {run} --max-steps {2 * trainer.step}"
    )


def draw(folder: Path) -> None:
    """loss.png, or a line that says why there is none."""
    path = folder / "loss.png"
    try:
        draw_losses(read_metrics(folder / "metrics.jsonl"), path, folder.name)
    except MissingExtra as error:
        print(error)
    else:
        print(f"{path} shows the losses")


def show_sample(folder: Path, model: GPT, tokenizer: Tokenizer, seed: int) -> None:
    """A text, printed as it is written, and kept in sample.txt."""
    pieces = []
    rng = np.random.default_rng(seed)
    for piece in write(
        model.eval(), tokenizer, start(tokenizer, ""), SampleOptions(), rng
    ):
        print(piece, end="", flush=True)
        pieces.append(piece)
    print()
    write_text(folder / "sample.txt", "".join(pieces) + "\n")

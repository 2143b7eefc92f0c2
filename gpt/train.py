"""`python -m gpt train`: from a text to a trained model in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np

from nn import cli, init, run_training, runs
from nn.data import BlockSampler, sequential_blocks
from nn.freezing import count_trained, train_only
from nn.progress import progress
from nn.run_options import as_config, read_options
from nn.run_training import Introduce, check_memory, what_next
from nn.run_weights import model_config
from nn.text import TextFile, default_corpus, write_text
from nn.token_file import TokenFile, survey
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
from .starting import begin, check_same_sizes, defaults_from


def train(argv: Sequence[str]) -> None:
    options, folder = read_options(TrainOptions, argv, defaults_for(argv))
    # a start from weights is their run's step 0
    resumed = folder is not None or options.init_from is not None
    if folder is None:
        folder = prepare(options)
    else:
        check_text(options, folder)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    model, trainer = make_trainer(options, folder)
    trainer.callbacks.insert(0, introduce(options, folder, model))

    def finish() -> None:
        show_sample(folder, model, tokenizer, options.training.seed)
        advise(trainer, folder, tokenizer)

    run_training.train(trainer, options, folder, finish, resumed)


@dataclass(frozen=True)
class First:
    """The option that decides what the defaults of the others are."""

    init_from: str | None = None


def defaults_for(argv: Sequence[str]) -> Callable[[str | None], TrainOptions]:
    """The options where nothing is said, of a preset or of the weights in argv."""
    start = cli.peek(First, argv, TrainOptions.PROGRAM).init_from
    if start is None:
        return defaults

    def from_weights(preset: str | None) -> TrainOptions:
        if preset is not None:
            raise ConfigError(
                f"--preset {preset}: the sizes are those of --init-from {start}: name "
                "one of the two"
            )
        return defaults_from(Path(start))

    return from_weights


# --- the text


def text_of(options: TrainOptions) -> Iterable[str]:
    return TextFile(options.data) if options.data else [default_corpus()]


def prepare(options: TrainOptions) -> Path:
    """A new run folder with the text's tokens, once text and options are good."""
    if options.out:
        runs.check_free(Path(options.out))  # before a long text is read
    if options.init_from:
        check_same_sizes(options)
    given = None if options.tokenizer in PLAIN else given_tokenizer(options.tokenizer)
    text = text_of(options)
    found = survey(text)
    tokenizer = given or make_tokenizer(options.tokenizer, found.vocabulary)
    known = begin(options, tokenizer) if options.init_from else None
    sizes = known.config if known else options.model
    config = replace(sizes, vocab_size=tokenizer.vocab_size)
    check_fits(config, options)

    def fill(folder: Path) -> None:
        tokenizer.save(folder / TOKENIZER)
        tokens = TokenFile.write(folder / TOKENS, text, tokenizer, surveyed=found)
        check_length(options, tokens)
        runs.save_config(folder, as_config(options, config))
        if known:
            model, trainer = make_trainer(options, folder)
            model.load_state_dict(known.state_dict())
            trainer.save()

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


def check_fits(config: GPTConfig, options: TrainOptions) -> None:
    """ConfigError for a model and batch that can't fit, before anything is written.

    Counted are, at 4 bytes, the weights, of those that train the gradient and AdamW's
    two means, and for each token some 16 channels of each layer that is recorded, or
    its input alone where it runs again, and the logits with their gradient.
    """
    T, V, L, C = config.block_size, config.vocab_size, config.n_layer, config.n_embd
    inner, tables = config.n_inner or 4 * C, 1 if config.tie_word_embeddings else 2
    weights = trained = (tables * V + T) * C + L * (4 * C * C + 2 * inner * C)
    if options.trainable:
        trained, L = trained_part(config, options.trainable)
    channels = (L + 16) * C if options.checkpoint_activations else 16 * L * C
    batch = 4 * options.training.batch_size * T * (channels + 2 * V)
    check_memory(
        4 * weights + 3 * 4 * trained,
        batch,
        ("--n-embd or --n-layer", "--batch-size or --block-size"),
    )


def trained_part(config: GPTConfig, names: Sequence[str]) -> tuple[int, int]:
    """How many numbers train, and how many layers there are from the first of them."""
    with init.deferred():
        model = GPT(config)
    train_only(model, names)
    layers = [any(p.requires_grad for p in block.parameters()) for block in model.h]
    below = any(p.requires_grad for e in (model.wte, model.wpe) for p in e.parameters())
    first = 0 if below else layers.index(True) if any(layers) else len(layers)
    return count_trained(model), len(layers) - first


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


def make_trainer(options: TrainOptions, folder: Path) -> tuple[GPT, Trainer]:
    training, tokens = options.training, TokenFile(folder / TOKENS)
    config = model_config(GPTConfig, folder)
    for_model, for_data = np.random.SeedSequence(training.seed).spawn(2)
    model = GPT(config, np.random.default_rng(for_model))
    model.checkpoint_activations = options.checkpoint_activations
    if options.trainable:
        train_only(model, options.trainable)
    T, B = config.block_size, training.batch_size
    rng = np.random.default_rng(for_data)
    text = {"characters": tokens.survey.characters, "hash": tokens.survey.hash}
    about = {
        "model": asdict(config),
        "text": text,
        "tokenizer": tokenizer_hash(load_tokenizer(folder / TOKENIZER)),
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


def introduce(options: TrainOptions, folder: Path, model: GPT) -> Introduce:
    sizes, text = model.config, TokenFile(folder / TOKENS).survey
    about = [
        f"{options.data or DEFAULT_NAME}: {text.characters:,} characters, "
        f"{len(text.vocabulary)} different, hash {text.hash}",
        f"GPT: {sizes.n_layer} layers, {sizes.n_head} heads, {sizes.n_embd} channels, "
        f"context {sizes.block_size}, {sizes.vocab_size} tokens: "
        f"{model.num_parameters():,} parameters",
    ]
    if options.init_from:
        about.append(
            f"from {options.init_from}: {count_trained(model):,} parameters train, at "
            f"a rate of up to {options.training.learning_rate:g} (--learning-rate)"
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
        f"python -m gpt next-token --run {run}{prompt}",
        f"{TrainOptions.PROGRAM} --resume --out {run} --max-steps {2 * trainer.step}",
    )

"""`python -m nn.transformer translate`: texts in, texts out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from tensorgrad.errors import ConfigError, InputError

from .. import cli
from ..decoding import Beams
from .saved import load
from .translation import Translation, Translator

PROGRAM = "python -m nn.transformer translate"
Texts = Annotated[
    tuple[str, ...], Positional, arg(metavar="TEXT ...", help_behavior_hint="")
]


def paper_beams() -> Beams:
    """Four beams with the length penalty of Vaswani et al., section 6.1."""
    return Beams(beam_size=4, length_penalty="google", alpha=0.6)


@dataclass(frozen=True)
class Weights:
    """Which weights of a run are used."""

    run: cli.Folder = None
    """The run folder; None: the newest run under runs/."""
    best: bool = False
    """Use the weights of the lowest validation loss (train with --keep-best)."""
    average: int = 1
    """Use the mean of so many of the last checkpoints."""

    def __post_init__(self) -> None:
        cli.require_positive(self, "average")
        if self.best and self.average > 1:
            raise ConfigError("best is one checkpoint, and average the mean of several")


@dataclass(frozen=True)
class Published:
    """Which published model is used."""

    model: cli.Folder = None
    """A folder with a published Marian, its tokenizer included, in place of a run."""


@dataclass(frozen=True)
class TranslateOptions:
    """Translate texts with a trained or a published Transformer, best first.

    A published one searches as its files say, where no option says otherwise. In front
    of a text, >>fra<< tells it a language, if it knows several.
    """

    texts: Texts = ()
    """What to translate, each in quotes; none: the lines of the standard input."""
    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    published: OmitArgPrefixes[Published] = field(default_factory=Published)
    max_new_tokens: int | None = None
    """The longest a translation can get; None: 50 tokens more than its source."""
    batch_size: int = 64
    """How many texts are translated together."""
    scores: bool = False
    """Print before each translation what it was chosen by, and a tab."""
    beams: OmitArgPrefixes[Beams] = field(default_factory=paper_beams)

    def __post_init__(self) -> None:
        cli.require_positive(self, "max_new_tokens", "batch_size")
        if self.published.model is not None and self.weights != Weights():
            raise ConfigError(
                "run, best and average choose weights of a run, and model is none: "
                "leave one out"
            )


def translate(argv: Sequence[str]) -> None:
    model = cli.peek(Published, argv, PROGRAM).model
    default = None if model is None else defaults(model)
    options = cli.parse(TranslateOptions, argv, PROGRAM, default)
    translator = translator_of(options)
    for first, texts in given(options):
        try:
            answer(translator, first, texts, options)
        except InputError as error:
            if not typed(options):
                raise
            cli.fail(str(error))  # the next one may be better


def answer(
    translator: Translator, first: int, texts: list[str], options: TranslateOptions
) -> None:
    """Print what these texts become, of which the first has that number."""
    for found in translator.translate(
        texts,
        options.beams,
        max_new_tokens=options.max_new_tokens,
        batch_size=options.batch_size,
        first=first,
    ):
        for translation in found:
            print(line(translation, options.scores), flush=True)


def defaults(model: str) -> TranslateOptions:
    """The options as the files of a published model have them."""
    from .published_translator import load_decoding

    found = load_decoding(model)
    return TranslateOptions(beams=found.beams, max_new_tokens=found.max_new_tokens)


def translator_of(options: TranslateOptions) -> Translator:
    """The trained model of a run, or a published one."""
    if options.published.model is None:
        weights = options.weights
        return load(weights.run, weights.best, weights.average).translator
    from .published_translator import load_translator

    return load_translator(options.published.model)


def typed(options: TranslateOptions) -> bool:
    """Whether the texts are typed in a terminal, one after the other."""
    return not options.texts and sys.stdin.isatty()


def given(options: TranslateOptions) -> Iterator[tuple[int, list[str]]]:
    """(the number of the first, texts), a batch at a time."""
    if options.texts:
        yield 1, list(options.texts)
        return
    if typed(options):
        print("Type a text and Enter; Ctrl-D ends.", file=sys.stderr)
        yield from batches(cli.standard_input(), 1)
    else:
        yield from batches(cli.standard_input(), options.batch_size)


def batches(lines: Iterable[str], size: int) -> Iterator[tuple[int, list[str]]]:
    lines, first = iter(lines), 1
    while texts := [text.rstrip("\r\n") for text in islice(lines, size)]:
        yield first, texts
        first += len(texts)


def line(translation: Translation, scores: bool) -> str:
    """One line, also of a text with newlines: what follows stays in its place."""
    text = re.sub(r"[\r\n]+", " ", translation.text)
    return f"{translation.score:.4f}\t{text}" if scores else text

"""`python -m nn.transformer evaluate`: how well a model translates pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tyro.conf import OmitArgPrefixes

from tensorgrad.errors import DataError, MissingExtra

from .. import cli
from ..decoding import Beams
from ..evaluation import evaluate as mean_loss
from ..pair_batches import TokenPairs
from ..pairs import read_pairs
from ..parts import threads_for
from ..progress import counting
from ..text import StrPath
from .saved import HELD_OUT, load
from .translate import Weights, paper_beams
from .translation import Translator, objective

PROGRAM = "python -m nn.transformer evaluate"


@dataclass(frozen=True)
class EvalOptions:
    """Measure how well a trained Transformer translates pairs."""

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    data: cli.File = None
    """Lines of a source, a tab and a target; None: what the run held out."""
    batch_size: int = 64
    """Pairs at a time."""
    drop_longer: bool = False
    """Leave out pairs longer than the model's context, which are an error in FILE."""
    plain: bool = False
    """No live display."""
    beams: OmitArgPrefixes[Beams] = field(default_factory=paper_beams)

    def __post_init__(self) -> None:
        cli.require_positive(self, "batch_size")


def evaluate(argv: Sequence[str]) -> None:
    options = cli.parse(EvalOptions, argv, PROGRAM)
    weights = options.weights
    saved = load(weights.run, weights.best, weights.average)
    # what training left out of the pairs it held out is no error here either
    drop = options.drop_longer or options.data is None
    path = options.data or saved.folder / HELD_OUT
    tokens = read_tokens(saved.translator, path, drop)
    loss, count = loss_of(saved.translator, tokens, options.batch_size)
    pairs = tokens.texts
    with counting("translating", options.plain) as told:
        found = saved.translator.translate(
            [pair.source for pair in pairs],
            options.beams,
            batch_size=options.batch_size,
            told=told,
        )
    texts, targets = [best[0].text for best in found], [pair.target for pair in pairs]
    exact = sum(text == target for text, target in zip(texts, targets, strict=True))
    print(
        f"{saved.folder} at step {saved.step:,}, over {len(pairs):,} pairs of {path}"
        + f", {tokens.dropped:,} longer ones left out" * (tokens.dropped > 0)
        + "\n"
        f"loss         {loss:.4f} nats per token, over {count:,}\n"
        f"perplexity   {math.exp(min(loss, 700)):.4g}\n"
        f"exact match  {exact / len(pairs):.2%}"
    )
    print_scores(texts, targets)


def read_tokens(translator: Translator, path: StrPath, drop: bool) -> TokenPairs:
    """The pairs of a file; DataError for one over the context, unless they `drop`."""
    pairs, longest = read_pairs(path), translator.model.config.max_length
    source, target = translator.source, translator.target
    try:
        return TokenPairs(pairs, source, target, max_length=longest, drop_longer=drop)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def loss_of(
    translator: Translator, tokens: TokenPairs, batch_size: int
) -> tuple[float, int]:
    """(the mean of -log p(target token), how many), each target given its source."""
    model, batches = translator.model, tokens.batches(batch_size)
    threads = threads_for(model, None)
    return mean_loss(model, objective(model), batches, threads=threads)


def print_scores(texts: Sequence[str], targets: Sequence[str]) -> None:
    """BLEU and chrF as sacreBLEU has them, or a line that says why there are none."""
    try:
        for score in corpus_scores(texts, targets):
            print(f"{score.name:<11}  {score.score:.2f}")
    except MissingExtra as error:
        print(error)


def corpus_scores(texts: Sequence[str], targets: Sequence[str]) -> list[Any]:
    """sacreBLEU's BLEU and chrF2 (Post, A Call for Clarity, arXiv 1804.08771)."""
    try:
        import sacrebleu
    except ImportError:
        raise MissingExtra(
            "BLEU and chrF need the package sacrebleu, which comes with the extra "
            "`text`: pip install '.[text]' in the checkout"
        ) from None
    references = [list(targets)]
    return [
        sacrebleu.corpus_bleu(list(texts), references),
        sacrebleu.corpus_chrf(list(texts), references),
    ]

"""Masked words: BERT in small. Pre-train an encoder on a text, then fine-tune it.

1. Some tokens of a text are hidden, and the model says what they were: 15 % of them,
   of which 80 % become [MASK], 10 % any other token, and 10 % stay. To guess well it
   has to learn how the text goes, from both sides. The text is Python's language
   reference, where every paragraph counts once (it quotes itself), cut into subwords;
   the last tenth is held out. The guesses compete with counting: which token stood
   most often between these neighbours, up to one or up to three on each side
   (two_sided.py). All get the same hidden text, and on so little of it three
   neighbours are right a little more often than BERT, if less sure of what they say.

2. The encoder gets a new head, and both are trained to tell which language the name
   of a country or a language is in ("Norvège", "norvegese"; language_names.py). The
   same model without the pre-training gets as many steps. The text was English, and
   of other alphabets the model has seen only single bytes; yet it helps, by about ten
   points of a hundred.

A small BERT learns little at first: what is hidden says nothing itself, and until
attention has learned to look at its neighbours, nothing else does. Two settings
shorten that time, both in `new_model`: larger first weights, and positions that begin
as sine waves, so that "one place back" is the same turn everywhere. Without one of
them, the model was right half as often about [MASK] after 1,500 steps (one seed).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import language_names
import tensorgrad as tg
from common import Accuracies, Options, main, new_folder
from language_names import Data, Learned
from masked_pictures import draw_languages, draw_words
from nn import init
from nn.evaluation import evaluating
from nn.losses import IGNORED
from nn.progress import progress
from nn.recipe import TrainerConfig
from nn.report import Record
from nn.text import default_corpus
from nn.tokenizers import make_tokenizer
from nn.trainer import Trainer
from nn.transformer import Bert, BertConfig, BertForMaskedLM, sinusoids
from nn.transformer.masking import MaskedBlocks, Tokens, masked, objective
from nn.vocabulary import BERT, Vocabulary
from two_sided import Probabilities, tuned

Batch = tuple[Tokens, Tokens]  # inputs and targets, both (B, T)
T = 32  # tokens in a block, [CLS] and [SEP] included
STD = 0.04  # of the first weights: twice BERT's, which has six times the channels


@dataclass(frozen=True)
class MaskedWordsOptions(Options):
    """Pre-train a small BERT on masked words, then teach it to tell languages."""


# --- the text


class Text(NamedTuple):
    vocabulary: Vocabulary
    train: Tokens  # (N,)
    held_out: list[Batch]  # each hides other tokens of all that is held out


def paragraphs() -> str:
    """The corpus, a paragraph to a line, each once, with single spaces."""
    whole = re.sub(r"(?<=\w)-\n\s*", "-", default_corpus())  # read-only
    pieces = re.split(r"\n\s*\n", whole)
    return "\n".join(dict.fromkeys(" ".join(piece.split()) for piece in pieces))


def load_text(options: Options) -> Text:
    text = paragraphs()
    if options.quick:
        text = text[: len(text) // 5]
    cut = len(text) * 9 // 10
    tokenizer = make_tokenizer("subword", text[:cut], vocab_size=1024)
    vocabulary = Vocabulary(tokenizer, BERT)
    tokens = vocabulary.encode(text[cut:])
    blocks = tokens[: len(tokens) // (T - 2) * (T - 2)].reshape(-1, T - 2)
    rng = np.random.default_rng([options.seed, 1])
    drawings = 1 if options.quick else 6  # so that each token is hidden about once
    held_out = [masked(blocks, vocabulary, rng) for _ in range(drawings)]
    return Text(vocabulary, vocabulary.encode(text[:cut]), held_out)


# --- 1: what was hidden


def new_model(text: Text, options: Options) -> BertForMaskedLM:
    """A small BERT; another call gives the same first values."""
    d_model, d_ff = (32, 64) if options.quick else (128, 512)
    config = BertConfig(
        d_model=d_model,
        n_head=4,
        d_ff=d_ff,
        n_layer=2,
        vocab_size=len(text.vocabulary),
        max_length=T,
        dropout=0.05,
        attention_dropout=0.05,
    )
    model = BertForMaskedLM(Bert(config, options.seed), options.seed)
    init.bert_(model, std=STD, rng=options.seed)
    positions = model.bert.positions.embedding.weight.writable()  # (T, C)
    # The faster half of twice as many waves: the others hardly move in T places. The
    # mean square of a wave is 1/2.
    C = positions.shape[1]
    positions[...] = STD * 2**0.5 * sinusoids(T, 2 * C)[:, :C]
    return model


def pretrain(model: BertForMaskedLM, text: Text, options: Options) -> list[Record]:
    rng = np.random.default_rng([options.seed, 2])
    watch = Accuracies(
        lambda: score(probabilities_of(model), text, drawings=1).everywhere
    )
    steps = 40 if options.quick else 3500
    trainer = Trainer(
        model,
        objective(model),
        MaskedBlocks(text.train, text.vocabulary, T - 2, 64, rng),
        TrainerConfig(
            max_steps=steps,
            learning_rate=2e-3,
            warmup_steps=steps // 20,
            beta2=0.98,
            eval_interval=steps // (2 if options.quick else 10),
            eval_batches=1,  # one drawing on the way, all of them at the end
        ),
        held_out=text.held_out,
        callbacks=[watch, progress(options.plain, "hidden tokens")],
    )
    trainer.run()
    return watch.records


# Inputs and targets (B, T) to P(token) at the N places that have a target: (N, V).
Guesser = Callable[[Tokens, Tokens], Probabilities]


def probabilities_of(model: BertForMaskedLM) -> Guesser:
    def guess(inputs: Tokens, targets: Tokens) -> Probabilities:
        with evaluating(model), tg.no_grad():
            scores = model(inputs, places=np.nonzero(targets != IGNORED))
            p: Probabilities = tg.softmax(scores).numpy()
        return p

    return guess


class Score(NamedTuple):
    everywhere: float  # how often right, wherever there was a target
    at_mask: float  # and where there stood [MASK]
    loss: float  # the mean of -log p


def score(guess: Guesser, text: Text, drawings: int | None = None) -> Score:
    right, at_mask, losses = [], [], []
    for inputs, targets in text.held_out[:drawings]:
        p, chosen = guess(inputs, targets), targets != IGNORED
        right.append(p.argmax(axis=1) == targets[chosen])
        at_mask.append(inputs[chosen] == text.vocabulary.mask)
        losses.append(-np.log(p[np.arange(len(p)), targets[chosen]]))
    hits, masks = np.concatenate(right), np.concatenate(at_mask)
    return Score(hits.mean(), hits[masks].mean(), np.concatenate(losses).mean())


def baselines(text: Text) -> dict[str, Guesser]:
    near, far = (tuned(text.train, text.vocabulary, reach, T - 2) for reach in (1, 3))

    def most_frequent(inputs: Tokens, targets: Tokens) -> Probabilities:
        n = np.count_nonzero(targets != IGNORED)
        return np.repeat(near.alone()[None], n, axis=0)

    return {
        "most frequent token": most_frequent,
        "counts, 1 each side": near.probabilities,
        "counts, 3 each side": far.probabilities,
    }


# --- the two parts


def masked_words(options: MaskedWordsOptions) -> None:
    names = language_names.load_names()
    text = load_text(options)
    folder = new_folder("masked_words", options)

    model = new_model(text, options)
    print(
        f"1. Words: {model.num_parameters():,} parameters, {len(text.train):,} tokens"
    )
    records = pretrain(model, text, options)
    guessers = baselines(text) | {"BERT": probabilities_of(model)}
    scores = {name: score(guess, text) for name, guess in guessers.items()}
    shown = {name: guess(*text.held_out[0]) for name, guess in guessers.items()}
    draw_words(folder / "masked_words.png", records, scores, text, shown)
    report_words(scores, text)

    data = language_names.load_data(names, text.vocabulary, T, options.seed)
    print("\n2. Languages, with the pre-trained encoder")
    learned = {"pre-trained": language_names.learn(model.bert, data, options)}
    print("\nthe same, from new first values")
    new = new_model(text, options).bert
    learned["from scratch"] = language_names.learn(new, data, options)
    draw_languages(folder / "languages.png", learned, data)
    report_languages(learned, data)


def report_words(scores: dict[str, Score], text: Text) -> None:
    places = sum(int((targets != IGNORED).sum()) for _, targets in text.held_out)
    print(
        f"\nHow often right, of {places:,} tokens hidden in the text held out: of all, "
        "and of\nthose that became [MASK]. The loss is the mean of -log p.\n"
    )
    print(f"{'':<21}     all  [MASK]    loss")
    for name, row in scores.items():
        print(f"{name:<21} {row.everywhere:7.1%} {row.at_mask:7.1%} {row.loss:7.3f}")


def report_languages(learned: dict[str, Learned], data: Data) -> None:
    held_out, shared = data.held_out, data.held_out.shared()
    uses = np.bincount(held_out.languages)
    print(
        f"\nHow often right, of {len(held_out):,} uses of {len(set(held_out.texts)):,} "
        f"names held out, {uses.min()} to {uses.max()} in each\n"
        "language. Nobody can know in which of its languages a shared name is used "
        f"({shared.mean():.0%} of\nthem): the last column is of all others.\n"
    )
    print(f"{'':<21}     all  unshared")

    def line(name: str, right: NDArray[np.bool_]) -> None:
        print(f"{name:<21} {right.mean():7.1%} {right[~shared].mean():9.1%}")

    line("most frequent one", data.most_frequent())
    for name, result in learned.items():
        line(name, result.said == held_out.languages)
    best = held_out.best_possible(), held_out.at(~shared).best_possible()
    print(f"{'best possible':<21} {best[0]:7.1%} {best[1]:9.1%}")


if __name__ == "__main__":
    sys.exit(main("masked_words", MaskedWordsOptions, masked_words))

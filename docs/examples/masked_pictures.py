"""The pictures of masked_words.py: curves, guesses at words, and confused languages."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import save_picture
from language_names import LANGUAGES, Data, Learned
from nn.losses import IGNORED
from nn.report import Record, curve, new_figure, smoothed
from nn.transformer.masking import Tokens
from nn.vocabulary import Vocabulary
from two_sided import Probabilities

HIDDEN = 4  # how many words the sentence that is drawn has to have hidden
SHOWN = 5  # candidates for each
COLORS = {"BERT": "tab:blue", "counts of neighbours": "tab:orange"}


def draw_words(
    path: Path,
    records: Sequence[Record],
    levels: Mapping[str, tuple[float, float]],
    batch: tuple[Tokens, Tokens],
    guesses: Mapping[str, Probabilities],
    vocabulary: Vocabulary,
) -> None:
    """Curves beside others' (accuracy, loss), and what was guessed of one block."""
    figure = new_figure(12, 8)
    above, below = figure.subfigures(2, 1, height_ratios=[5, 6])
    accuracy, loss = above.subplots(1, 2)
    accuracy.plot(*curve(records, "accuracy"), "o-", color="tab:blue", label="BERT")
    steps, losses = curve(records, "loss")
    loss.plot(
        steps, smoothed(losses), color="tab:blue", alpha=0.4, label="BERT, in training"
    )
    loss.plot(
        *curve(records, "val_loss"), "o-", color="tab:blue", label="BERT, held out"
    )
    styles = zip(levels.items(), ("dotted", "dashed"), strict=True)
    for (name, (right, surprise)), style in styles:
        line = {"color": "tab:orange", "linestyle": style, "label": name}
        accuracy.axhline(right, **line)
        loss.axhline(surprise, **line)
    accuracy.set(title="how often right on hidden, held-out tokens", ylim=(0, None))
    loss.set(title="loss: the mean of -log p")
    for axes in (accuracy, loss):
        axes.set(xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    draw_guesses(below, batch, guesses, vocabulary)
    save_picture(figure, path, "the learning, and guesses at the words of a sentence")


def draw_guesses(
    figure: Any,
    batch: tuple[Tokens, Tokens],
    guesses: Mapping[str, Probabilities],
    vocabulary: Vocabulary,
) -> None:
    """The first block with so many words hidden, all by [MASK], and candidates."""
    inputs, targets = batch
    chosen = targets != IGNORED
    fits = (chosen.sum(axis=1) == HIDDEN) & ((inputs == vocabulary.mask) == chosen).all(
        axis=1
    )
    row = int(fits.argmax())
    first = int(chosen[:row].sum())  # of the guesses at this block
    words = [vocabulary.decode([token]) for token in inputs[row]]
    hidden = np.flatnonzero(chosen[row])[:HIDDEN]
    for number, column in enumerate(hidden, 1):
        words[column] = f" [ {number} ] "
    sentence = textwrap.fill(" ".join("".join(words).split()), 110)
    figure.suptitle(f"A held-out block: ... {sentence} ...", parse_math=False)
    for i, (axes, column) in enumerate(
        zip(figure.subplots(1, HIDDEN), hidden, strict=False)
    ):
        of_this = {name: p[first + i] for name, p in guesses.items()}
        draw_candidates(axes, int(targets[row, column]), of_this, vocabulary)
        axes.set_title(f"[ {i + 1} ]")
        if not i:
            axes.legend(loc="lower right")


def draw_candidates(
    axes: Any, truth: int, p: Mapping[str, Any], vocabulary: Vocabulary
) -> None:
    """BERT's best candidates, and the true word if it is none of them."""
    best = np.argsort(-p["BERT"])[:SHOWN].tolist()
    best += [truth] * (truth not in best)
    places = np.arange(len(best))
    height = 0.8 / len(p)
    for i, (name, each) in enumerate(p.items()):
        axes.barh(
            places + i * height, each[best], height, color=COLORS[name], label=name
        )
    labels = [visible(vocabulary.decode([token])) for token in best]
    axes.set_yticks(places + height / 2, labels, parse_math=False)
    for token, label in zip(best, axes.get_yticklabels(), strict=True):
        if token == truth:
            label.set(color="tab:green", fontweight="bold")
    axes.set(xlim=(0, 1), xlabel="probability; green: the true one")
    axes.invert_yaxis()


def visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "¶")


def draw_languages(path: Path, learned: Mapping[str, Learned], data: Data) -> None:
    figure = new_figure(13, 6.5)
    table, curves = figure.subplots(1, 2, width_ratios=[5, 4])
    draw_confusion(table, learned["pre-trained"], data)
    for name, color in {
        "pre-trained": "tab:blue",
        "from scratch": "tab:orange",
    }.items():
        steps_and_values = curve(learned[name].records, "accuracy")
        curves.plot(*steps_and_values, "o-", color=color, label=name)
    held_out = data.held_out
    most = np.bincount(data.train.languages).argmax()
    guess = float(np.mean(held_out.languages == most))
    best = held_out.best_possible()
    curves.axhline(best, color="black", linestyle="dashed", label="best possible")
    curves.axhline(guess, color="gray", linestyle="dotted", label="most frequent one")
    curves.set(title="how often right about held-out names", xlabel="step", ylim=(0, 1))
    curves.grid(alpha=0.3)
    curves.legend(loc="lower right")
    save_picture(figure, path, "which languages are taken for which, and the learning")


def draw_confusion(axes: Any, learned: Learned, data: Data) -> None:
    n = len(LANGUAGES)
    counts = np.zeros((n, n))
    np.add.at(counts, (data.held_out.languages, learned.said), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(shares >= 0.05):
        color = "white" if shares[i, j] > 0.5 else "black"
        axes.text(
            j,
            i,
            f"{100 * shares[i, j]:.0f}",
            ha="center",
            va="center",
            color=color,
            size=8,
        )
    axes.set_xticks(range(n), LANGUAGES)
    axes.set_yticks(range(n), [f"{name} ({code})" for code, name in LANGUAGES.items()])
    axes.set(
        title="of the names of a language (row), % said to be of another (column)",
        xlabel="what the pre-trained one says (5 % and more in figures)",
    )

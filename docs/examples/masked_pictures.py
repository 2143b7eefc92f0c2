"""The pictures of masked_words.py: the learning, candidates, and confused languages."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import save_picture
from language_names import LANGUAGES, Data, Learned
from nn.losses import IGNORED
from nn.report import Record, curve, new_figure, smoothed
from nn.vocabulary import Vocabulary
from two_sided import Probabilities

if TYPE_CHECKING:
    from masked_words import Batch, Score, Text

STYLES = ("dotted", "dashed", "solid")  # of the baselines, the weakest first
COLORS = ("tab:blue", "tab:orange")  # of the model, and of what it is compared with
PANELS = 4  # for as many hidden words of the sentence drawn
CANDIDATES = 5


# --- words


def draw_words(
    path: Path,
    records: Sequence[Record],
    scores: Mapping[str, Score],
    text: Text,
    said: Mapping[str, Probabilities],
) -> None:
    """What all said of the first batch held out; the model and the best come last."""
    figure = new_figure(12, 8)
    above, below = figure.subfigures(2, 1, height_ratios=[5, 6])
    draw_curves(above, records, scores)
    *_, best, model = said
    two = {model: said[model], best: said[best]}
    draw_sentence(below, text.held_out[0], two, text.vocabulary)
    save_picture(
        figure, path, "the learning, and candidates for the words of a sentence"
    )


def draw_curves(
    figure: Any, records: Sequence[Record], scores: Mapping[str, Score]
) -> None:
    accuracy, loss = figure.subplots(1, 2)
    blue, orange = COLORS
    steps, losses = curve(records, "loss")
    accuracy.plot(*curve(records, "accuracy"), "o-", color=blue, label="BERT")
    loss.plot(*curve(records, "val_loss"), "o-", color=blue, label="BERT")
    loss.plot(steps, smoothed(losses), color=blue, alpha=0.4, label="BERT, in training")
    *baselines, _ = scores.items()
    for (name, level), style in zip(baselines, STYLES, strict=True):
        line = {"color": orange, "linestyle": style, "label": name}
        accuracy.axhline(level.everywhere, **line)
        loss.axhline(level.loss, **line)
    accuracy.set(title="how often right about hidden tokens, held out", ylim=(0, None))
    loss.set(title="loss: the mean of -log p")
    for axes in (accuracy, loss):
        axes.set(xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()


def draw_sentence(
    figure: Any, batch: Batch, said: Mapping[str, Probabilities], vocabulary: Vocabulary
) -> None:
    inputs, targets = batch
    row = most_words(batch, vocabulary)
    earlier = np.count_nonzero(targets[:row] != IGNORED)  # (N, V) has them first
    hidden = np.flatnonzero(targets[row] != IGNORED)
    pieces = [vocabulary.decode([token]) for token in inputs[row]]
    for number, column in enumerate(hidden, 1):
        pieces[column] = f" [{number}]"
    sentence = textwrap.fill(" ".join("".join(pieces).split()), 100)
    figure.suptitle(f"... {sentence} ...", parse_math=False)
    for i, axes in enumerate(np.ravel(figure.subplots(1, min(len(hidden), PANELS)))):
        truth = int(targets[row, hidden[i]])
        p = {name: each[earlier + i] for name, each in said.items()}
        draw_candidates(axes, truth, p, vocabulary)
        was = visible(vocabulary.decode([truth]))
        axes.set_title(f"[{i + 1}] was {was}", parse_math=False)
        if not i:
            axes.legend(loc="lower right")


def most_words(batch: Batch, vocabulary: Vocabulary) -> int:
    """The row with the most hidden, all of them whole words that became [MASK]."""
    whole = np.array(
        [
            vocabulary.decode([token])[:1] == " "
            and vocabulary.decode([token])[1:].isalpha()
            for token in range(len(vocabulary))
        ]
    )
    inputs, targets = batch
    hidden = targets != IGNORED
    following = np.roll(targets * hidden + inputs * ~hidden, -1, axis=1)
    alone = hidden & (inputs == vocabulary.mask) & whole[targets] & whole[following]
    count = hidden.sum(axis=1)
    return int((count * (alone.sum(axis=1) == count)).argmax())


def draw_candidates(
    axes: Any, truth: int, p: Mapping[str, Probabilities], vocabulary: Vocabulary
) -> None:
    """The first guesser's best candidates, and the true word if it is none of them."""
    best = np.argsort(-next(iter(p.values())))[:CANDIDATES].tolist()
    best += [truth] * (truth not in best)
    places, height = np.arange(len(best)), 0.8 / len(p)
    for i, (name, each) in enumerate(p.items()):
        axes.barh(places + i * height, each[best], height, color=COLORS[i], label=name)
    labels = [visible(vocabulary.decode([token])) for token in best]
    axes.set_yticks(places + height / 2, labels, parse_math=False)
    for token, label in zip(best, axes.get_yticklabels(), strict=True):
        if token == truth:
            label.set(color="tab:green", fontweight="bold")
    axes.set(xlim=(0, 1), xlabel="probability")
    axes.invert_yaxis()


def visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "¶")


# --- languages


def draw_languages(path: Path, learned: Mapping[str, Learned], data: Data) -> None:
    figure = new_figure(13, 6.5)
    table, curves = figure.subplots(1, 2, width_ratios=[5, 4])
    first, *_ = learned
    draw_confusion(table, learned[first], data)
    for (name, result), color in zip(learned.items(), COLORS, strict=True):
        curves.plot(*curve(result.records, "accuracy"), "o-", color=color, label=name)
    most = data.most_frequent().mean()
    best = data.held_out.best_possible()
    curves.axhline(best, color="black", linestyle="dashed", label="best possible")
    curves.axhline(most, color="gray", linestyle="dotted", label="most frequent one")
    curves.set(title="how often right about names, held out", xlabel="step")
    curves.set(ylim=(0, 1))
    curves.grid(alpha=0.3)
    curves.legend(loc="upper right")
    save_picture(figure, path, "which languages are taken for which, and the learning")


def draw_confusion(axes: Any, learned: Learned, data: Data) -> None:
    """Of names in one language alone: others belong to any of theirs."""
    n, unshared = len(LANGUAGES), ~data.held_out.shared()
    counts = np.zeros((n, n))
    truth, said = data.held_out.languages[unshared], learned.said[unshared]
    np.add.at(counts, (truth, said), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(shares >= 0.02):
        axes.text(
            *(j, i, f"{100 * shares[i, j]:.0f}"),
            ha="center",
            va="center",
            color="white" if shares[i, j] > 0.5 else "black",
            size=8,
        )
    axes.set_xticks(range(n), LANGUAGES)
    axes.set_yticks(range(n), [f"{name} ({code})" for code, name in LANGUAGES.items()])
    axes.set(
        title="what is said of names of one language alone, in %",
        ylabel="it is",
        xlabel="the pre-trained encoder says (from 2 % on)",
    )

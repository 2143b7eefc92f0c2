"""A picture of cross-attention: where a translator looks as it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from common import save_picture
from nn.report import new_figure
from nn.transformer.translation import Translator
from nn.vocabulary import Side


def draw_attention(path: Path, translator: Translator, sources: Sequence[str]) -> None:
    """For each of up to four sources, the decoder's last layer, the mean of its heads.

    A row is a token of the translation, and shows of which tokens of the source the
    decoder thought when it wrote that one.
    """
    figure = new_figure(13, 9)
    panels = figure.subplots(2, 2).flat
    last = f"decoder.{len(translator.model.decoder) - 1}.cross_attention"
    for axes, source, [best] in zip(
        panels, sources, translator.translate(sources), strict=False
    ):
        weights = translator.attention(source, best.text)[last].mean(axis=0)
        axes.imshow(weights, cmap="Blues", vmin=0, aspect="auto")
        read, written = (
            pieces(vocabulary, text)
            for vocabulary, text in (
                (translator.source, source),
                (translator.target, best.text),
            )
        )
        long = max(map(len, read)) > 2
        axes.set_xticks(range(len(read) + 1), [*read, "end"], rotation=90 * long)
        axes.set_yticks(range(len(written) + 1), [*written, "end"])
        axes.set(xlabel="read", ylabel="written")
        axes.set_title(shorten(source, 50, placeholder=" ..."), parse_math=False)
    for axes in panels:  # what is left over
        axes.remove()
    shows = "where the decoder looks for each token that it writes"
    save_picture(figure, path, shows)


def pieces(vocabulary: Side, text: str) -> list[str]:
    """The tokens of a text, each as text, where a space can be seen."""
    tokens = vocabulary.encode(text)
    return [vocabulary.decode([t]).replace(" ", "\u2423") or "?" for t in tokens]

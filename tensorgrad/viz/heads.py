"""attention(): an interactive page of where each head of a model looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConfigError, InputError, ShapeError
from .page import Page
from .texts import Reader, Text, packed, read_texts, reads_two, require_method

MOST = 2**21  # weights on a page: 8 MiB, 11 as they are written
# what looks, and at what; any other kind is of the one text to itself
AXES = {
    "encoder": ("source", "source"),
    "decoder": ("target", "target"),
    "cross": ("target", "source"),
}


def attention(
    model: Any,
    text: str | ArrayLike,
    target: str | ArrayLike | None = None,
    *,
    tokenizer: Any = None,
    target_tokenizer: Any = None,
    labels: Sequence[str] | None = None,
    target_labels: Sequence[str] | None = None,
    segments: ArrayLike | None = None,
    layers: Iterable[int] | None = None,
    title: str = "Attention",
) -> Page:
    """A page of who looks where as a model reads a text: every layer, every head.

    The text is a string, with the tokenizer that makes tokens of it, or token ids
    (T,); `labels` then names the vocabulary's tokens. An encoder-decoder reads it as
    the source; without a target (with its own `target_tokenizer` and `target_labels`
    where they differ) it writes the likeliest one first. `segments` (T,) are BERT's.

    >>> class Even:  # a model of two layers of two heads that look everywhere alike
    ...     def attention_maps(self, tokens):
    ...         T = len(tokens)
    ...         return {"self": np.full((2, 2, T, T), 1 / T)}
    >>> page = attention(Even(), [0, 1, 0], labels=["to", "be"])
    >>> page.data["kinds"][0]["layers"], page.data["texts"]["text"]["labels"]
    ([0, 1], ['to', 'be', 'to'])

    The model says what it knows by `attention_maps(tokens)`, or `(source, target)`:
    for each kind of attention the weights (L, H, T, S) of L layers and H heads, where
    `encoder`, `decoder` and `cross` are those of an encoder-decoder. InputError for a
    model without, and for more than 2,097,152 weights, 11 MB of HTML: at 12 layers of
    12 heads, 120 tokens. `layers` chooses some of them, by number.
    """
    require_method("attention", model, "attention_maps", "says where each head looks")
    if target is not None and not reads_two(model):
        raise ConfigError(
            f"attention: a {type(model).__name__} reads one text, and has no target"
        )
    reader = Reader("attention", tokenizer, labels)
    other = reader.beside(target_tokenizer, target_labels)
    texts = read_texts(model, reader, text, other, target)
    given = {} if segments is None else {"segments": np.asarray(segments)}
    maps = model.attention_maps(*(each.tokens for each in texts.values()), **given)
    chosen = None if layers is None else list(layers)
    kinds = [_kind(name, maps[name], texts, chosen) for name in maps]
    _check_size(kinds, texts)
    data = {
        "title": title,
        "model": type(model).__name__,
        "texts": {name: text.as_data() for name, text in texts.items()},
        "kinds": [{**kind, "weights": packed(kind["weights"])} for kind in kinds],
    }
    return Page("attention", data, title)


def _kind(
    name: str,
    weights: NDArray[Any],
    texts: Mapping[str, Text],
    layers: list[int] | None,
) -> dict[str, Any]:
    """One kind of attention: weights (L, H, T, S), and what their axes are."""
    rows, columns = AXES[name] if name in AXES and len(texts) == 2 else ("text", "text")
    weights = np.asarray(weights)
    fitting = len(texts[rows].tokens), len(texts[columns].tokens)
    if weights.ndim != 4 or weights.shape[2:] != fitting:
        raise ShapeError(
            f"attention: attention_maps gave {weights.shape} for {name!r}; it should "
            f"be (layers, heads, {fitting[0]}, {fitting[1]}), by the tokens"
        )
    L = len(weights)
    layers = list(range(L)) if layers is None else layers
    if wrong := [i for i in layers if not 0 <= i < L]:
        raise ConfigError(
            f"attention: layer {wrong[0]} of {name!r}, which has {L}: from 0 to {L - 1}"
        )
    shown = weights[layers].astype(np.float32)
    return {
        "name": name,
        "rows": rows,
        "columns": columns,
        "layers": layers,
        "weights": shown,
    }


def _check_size(kinds: Sequence[Mapping[str, Any]], texts: Mapping[str, Text]) -> None:
    """InputError for more than a page should hold."""
    if (size := sum(kind["weights"].size for kind in kinds)) > MOST:
        T = " and ".join(f"{len(text.tokens):,}" for text in texts.values())
        raise InputError(
            f"attention: {T} tokens make {size:,} weights, and a page holds {MOST:,}: "
            "shorten the text, or choose some of the layers"
        )

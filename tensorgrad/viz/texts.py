"""A text as a model reads it, for the pages that show what the model makes of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, ShapeError


@dataclass(frozen=True)
class Text:
    """Tokens (T,), and how each is shown."""

    tokens: NDArray[np.int64]
    labels: list[str]

    def as_data(self) -> dict[str, Any]:
        return {"tokens": self.tokens.tolist(), "labels": self.labels}


class Reader:
    """Makes tokens of texts, and labels of tokens.

    A tokenizer has `encode(text)`, and for labels `labels(tokens)`, or else
    `decode(tokens)`: those of nn and transformers' do. Without one, `names` may be the
    labels of the vocabulary, token by token.
    """

    def __init__(
        self, page: str, tokenizer: Any, names: Sequence[str] | None = None
    ) -> None:
        self.page, self.tokenizer, self.names = page, tokenizer, names

    def beside(self, tokenizer: Any, names: Sequence[str] | None) -> Reader:
        """That of the other side: the same, where neither is given."""
        if tokenizer is None and names is None:
            return self
        return Reader(self.page, tokenizer, names)

    def read(
        self, text: str | ArrayLike, *, start: int | None = None, end: int | None = None
    ) -> Text:
        """The tokens of a text, with what starts and ends it; or tokens as they are.

        InputError for no tokens, or what makes none.
        """
        if isinstance(text, str):
            tokens = self._encoded(text, start, end)
        else:
            tokens = np.asarray(text)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or not tokens.size:
            raise InputError(
                f"{self.page}: a text is a string, or one or more token ids (T,); this "
                f"has shape {tokens.shape} and dtype {tokens.dtype}"
            )
        return Text(tokens.astype(np.int64), self.labels(tokens))

    def _encoded(
        self, text: str, start: int | None, end: int | None
    ) -> NDArray[np.int64]:
        if self.tokenizer is None:
            raise InputError(
                f"{self.page}: {text!r:.40} is text, and nothing says what its tokens "
                "are: give tokenizer=, or token ids in place of the text"
            )
        whole = getattr(self.tokenizer, "inputs", None)  # with [CLS], [SEP] and so on
        alone = start is None and end is None
        tokens = whole(text).tokens if whole and alone else self.tokenizer.encode(text)
        found = [] if start is None else [start]
        found += [int(token) for token in tokens]
        found += [] if end is None else [end]
        return np.array(found, np.int64)

    def labels(self, tokens: ArrayLike) -> list[str]:
        """How these tokens (T,) are shown: without a tokenizer, by their numbers."""
        numbers = np.asarray(tokens).tolist()
        if self.names is not None:
            missing = [i for i in numbers if not 0 <= i < len(self.names)]
            if missing:
                raise InputError(
                    f"{self.page}: labels name {len(self.names)} tokens, and one is "
                    f"{missing[0]}: give a label for each of the vocabulary"
                )
            return [str(self.names[i]) for i in numbers]
        if self.tokenizer is None:
            return [str(i) for i in numbers]
        if not hasattr(self.tokenizer, "labels"):
            return [str(self.tokenizer.decode([i])) for i in numbers]
        size = getattr(self.tokenizer, "vocab_size", np.inf)
        known = self.tokenizer.labels([i for i in numbers if i < size])
        # a model may have more tokens than its tokenizer
        rest = iter(known)
        return [next(rest) if i < size else f"token {i}" for i in numbers]


def read_texts(
    model: Any, first: Reader, text: Any, second: Reader, target: Any
) -> dict[str, Text]:
    """What the model reads: one text, or a source and a target.

    A model that has `write(source)` reads two, and knows the tokens that start a target
    and end a source: `config.bos`, `config.eos`. Without a target, it writes one.
    """
    if not reads_two(model):
        return {"text": first.read(text)}
    bos, eos = int(model.config.bos), int(model.config.eos)
    source = first.read(text, end=eos)
    if target is None:
        # what is written last is read by nobody
        target = model.write(source.tokens)[:-1]
    return {"source": source, "target": second.read(target, start=bos)}


def reads_two(model: Any) -> bool:
    """Whether it writes a target for a source."""
    return callable(getattr(model, "write", None))


def require_method(page: str, model: Any, name: str, does: str) -> None:
    """InputError for a model that cannot say what a page shows."""
    if not callable(getattr(model, name, None)):
        raise InputError(
            f"{page}: a {type(model).__name__} has no method {name}(), which {does}. "
            f"A model of your own can have one: see tensorgrad.viz.{page}"
        )


def packed(array: ArrayLike) -> dict[str, Any]:
    """An array whose every bit is in the page: base64, little-endian.

    >>> packed(np.array([1, 2], np.int32))
    {'dtype': 'int32', 'shape': [2], 'base64': 'AQAAAAIAAAA='}
    """
    x = np.asarray(array)
    if x.dtype.name not in ("int32", "float32", "float64"):
        raise ShapeError(f"no page holds {x.dtype}")
    plain = np.ascontiguousarray(x, x.dtype.newbyteorder("<"))
    text = base64.b64encode(plain.tobytes()).decode("ascii")
    return {"dtype": x.dtype.name, "shape": list(x.shape), "base64": text}


def unpacked(data: dict[str, Any]) -> NDArray[Any]:
    """The array that was packed."""
    raw = base64.b64decode(data["base64"])
    return np.frombuffer(raw, f"<{np.dtype(data['dtype']).str[1:]}").reshape(
        data["shape"]
    )

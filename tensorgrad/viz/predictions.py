"""next_token(): an interactive page of what a model holds for likely, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConfigError, InputError
from .candidates import Grid, candidates_of
from .lens import last, lens
from .page import Page
from .texts import Reader, Text, read_texts, reads_two, require_method, unpacked

MOST = 2**19  # candidates on a page, over all places and checkpoints: 6 MB


def next_token(
    model: Any,
    prompt: str | ArrayLike | None = None,
    *,
    source: str | ArrayLike | None = None,
    tokenizer: Any = None,
    source_tokenizer: Any = None,
    labels: Sequence[str] | None = None,
    source_labels: Sequence[str] | None = None,
    checkpoints: Any = None,
    candidates: int = 200,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    suppress: Iterable[int] = (),
    title: str = "Next token",
) -> Page:
    """A page of what may follow each token of a prompt, and how it comes to that.

    It shows the likeliest candidates with their probabilities, then what temperature,
    top-k and top-p make of them, which start as given here and move on the page; what
    each layer alone would say, its output read as if it were the last's; and, with
    `checkpoints`, how all this was learnt.

    The prompt is a string, with the tokenizer that makes tokens of it, or token ids
    (T,); `labels` then names the vocabulary's tokens. An encoder-decoder goes on from
    the prompt as the target of a `source` (with its own `source_tokenizer` and
    `source_labels` where they differ); without a prompt, it writes the likeliest.
    `checkpoints` is the folder of a run, or (step, model) pairs, or a dict of those.
    Tokens to `suppress` are no candidates, as in nn.decoding.

    >>> class Alternating:  # after token 0 comes 1, and the other way round
    ...     def layer_logits(self, tokens):
    ...         return [np.eye(2)[1 - np.asarray(tokens)]]
    >>> page = next_token(Alternating(), [0, 1, 0], labels=["tick", "tock"])
    >>> page.data["text"]["labels"], page.data["followed"]
    (['tick', 'tock', 'tick'], [1, 0, 1])

    The model says what it knows by `layer_logits(tokens)`, or `(source, target)`: the
    logits (T, V) of the embeddings and then of each layer, the model's own at last.
    All numbers are exact, whatever the vocabulary: of the tokens beyond the first
    `candidates`, the page has the sums at each value of its sliders. InputError for a
    model without the method, and for more than 524,288 candidates, over all places
    and checkpoints: 6 MB of HTML.
    """
    does = "gives the logits that each layer would"
    require_method("next_token", model, "layer_logits", does)
    grid = Grid(candidates, temperature, top_k, top_p, tuple(suppress))
    reader = Reader("next_token", tokenizer, labels)
    other = reader.beside(source_tokenizer, source_labels)
    texts = _texts(model, reader, prompt, other, source)
    *_, text = texts.values()
    states, followed = _states(model, texts, grid, checkpoints)
    data = {
        "title": title,
        "model": type(model).__name__,
        "text": text.as_data(),
        "source": texts["source"].as_data() if "source" in texts else None,
        "followed": followed.tolist(),
        "names": _names(reader, states, followed),
        "grid": grid.as_data(),
        "states": states,
    }
    return Page("next_token", data, title)


def _texts(
    model: Any, reader: Reader, prompt: Any, other: Reader, source: Any
) -> dict[str, Text]:
    name = type(model).__name__
    if reads_two(model):
        if source is None:
            raise InputError(f"next_token: a {name} needs what it translates: source=")
        return read_texts(model, other, source, reader, prompt)
    if source is not None:
        raise ConfigError(f"next_token: a {name} reads one text, and has no source")
    if prompt is None:
        raise InputError(f"next_token: a {name} needs a prompt to go on from")
    return read_texts(model, reader, prompt, reader, None)


def _states(
    model: Any, texts: Mapping[str, Text], grid: Grid, checkpoints: Any
) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    """What the page shows of each checkpoint; and the tokens (T,) that follow.

    That of the last place is what the model would write.
    """
    rows = [text.tokens for text in texts.values()]
    followed = np.append(rows[-1][1:], 0)
    logits = last(model.layer_logits(*rows), len(followed))
    allowed = grid.allowed(logits.shape[-1])
    followed[-1] = allowed[logits[-1, allowed].argmax()]
    states: list[dict[str, Any]] = []
    for step, each in _models(model, checkpoints):
        seen, logits = lens(each.layer_logits(*rows), followed)
        listed = candidates_of(logits, grid)
        states.append({"step": step, "lens": seen, "candidates": listed})
        _check_size(states)
    if not states:
        raise InputError("next_token: there are no checkpoints to show")
    return states, followed


def _models(model: Any, checkpoints: Any) -> Iterator[tuple[str | None, Any]]:
    """(what its step is called, the model as it was then), oldest first."""
    if checkpoints is None:
        yield None, model
        return
    if isinstance(checkpoints, str | PathLike):
        does = "gives the model at each step of a run"
        require_method("next_token", model, "at_checkpoints", does)
        checkpoints = model.at_checkpoints(checkpoints)
    pairs = checkpoints.items() if isinstance(checkpoints, Mapping) else checkpoints
    for pair in pairs:
        try:
            step, each = pair
        except (TypeError, ValueError):
            raise ConfigError(
                "next_token: checkpoints are the folder of a run, or pairs of a step "
                f"and a model; not a {type(pair).__name__}"
            ) from None
        require_method("next_token", each, "layer_logits", "gives its layers' logits")
        yield f"{step:,}" if isinstance(step, int) else str(step), each


def _check_size(states: Sequence[Mapping[str, Any]]) -> None:
    """InputError for more than a page should hold."""
    shapes = [state["candidates"]["logits"]["shape"] for state in states]
    if (size := sum(T * N for T, N in shapes)) > MOST:
        T, N = shapes[0]
        raise InputError(
            f"next_token: {N:,} candidates for {T:,} tokens at {len(states)} "
            f"checkpoints are {size:,} numbers, and a page holds {MOST:,}: shorten the "
            "prompt, or take fewer candidates or checkpoints"
        )


def _names(
    reader: Reader, states: Sequence[Mapping[str, Any]], followed: NDArray[np.int64]
) -> dict[str, str]:
    """How each token that the page mentions is shown."""
    found = [followed]
    for state in states:
        for part in ("lens", "candidates"):
            found.append(unpacked(state[part]["tokens"]).ravel())
    numbers = np.unique(np.concatenate(found))
    labels = reader.labels(numbers)
    return {str(i): label for i, label in zip(numbers.tolist(), labels, strict=True)}

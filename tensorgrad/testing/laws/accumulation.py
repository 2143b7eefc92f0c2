"""Gradients of micro-batches, and of the batch that they are parts of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...differentiate import grad
from ...errors import ConfigError, ShapeError
from ...mode import enable_grad
from ...tensor import Tensor
from .compare import Arrays, agree, arrays, leaves, margin, settled

LAW = "accumulated_equals_full_batch"
Named = dict[str, Tensor]


def accumulated_equals_full_batch(
    loss: Callable[[Any], Any],
    model: Any,
    batch: Any,
    *,
    parts: Sequence[int] | None = None,
    count: Callable[[Any], float] | None = None,
    accumulate: Callable[[list[Any]], Any] | None = None,
    tolerance: float | None = None,
) -> None:
    """sum_i n_i grad mean_i / sum_i n_i = grad mean, over any parts i of a batch.

    loss(batch) is a mean over n = count(batch) things, by default the rows; or it
    returns (sum, n). A batch is an array, or a tuple, list or dict of arrays that
    share their first axis. Without `parts` (the rows in each) it is cut into one row
    and the rest, and into single rows. `model` has the parameters, or is a list of
    them.

    `accumulate` is your own loop, to be checked: given the list of parts, it leaves the
    gradient of the mean in each `.grad`, or returns the gradients by name or in order.
    Parameters and their gradients are afterwards as they were.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> def loss(x):
    ...     return ((x @ w) ** 2).mean()
    >>> def loop(parts):
    ...     for part in parts:
    ...         loss(part).backward()
    >>> accumulated_equals_full_batch(loss, [w], np.eye(2))
    >>> accumulated_equals_full_batch(loss, [w], np.eye(2), accumulate=loop)
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: accumulated_equals_full_batch:
    gradient['0'][1] is 4.0 in parts of [1, 1] rows and 2.0 in the full batch (2 of 2
    elements differ, this one most). All of it is 2 times ...
    """
    parameters, B = named(model), rows(batch)

    def gradient(pieces: list[Any]) -> Arrays:
        return mean_gradient(loss, parameters, pieces, count)

    whole = settled(LAW, gradient, [batch], name="gradient")
    if not any(g.any() for g in whole.values()):
        raise ConfigError(f"{LAW}: the full batch's gradient is 0: nothing to compare")
    for sizes in [list(parts)] if parts else cuts(B):
        pieces = pieces_of(batch, sizes, B)
        if accumulate is None:
            found = arrays(gradient(pieces), "gradient")
        else:
            found = arrays(left_by(accumulate, parameters, pieces), "gradient")
        agree(
            LAW,
            found,
            whole,
            (f"in parts of {sizes} rows", "in the full batch"),
            likely(found, whole, len(sizes), tolerance),
            tolerance=tolerance,
        )


def named(model: Any) -> Named:
    """The parameters of a model or an iterable, by name or by position."""
    if hasattr(model, "named_parameters"):
        return dict(model.named_parameters())
    given: Iterable[Any] = model.parameters() if hasattr(model, "parameters") else model
    return dict(p if isinstance(p, tuple) else (str(i), p) for i, p in enumerate(given))


def mean_gradient(
    loss: Callable[[Any], Any],
    parameters: Named,
    pieces: list[Any],
    count: Callable[[Any], float] | None,
) -> Arrays:
    """Each part's gradient, weighed by what counts in it, over all that counts."""
    totals = {name: np.zeros(p.shape, p.dtype) for name, p in parameters.items()}
    counted = 0.0
    for piece in pieces:
        with enable_grad():
            value = loss(piece)
        if isinstance(value, tuple):
            (value, n), weight = value, 1.0
        else:
            n = weight = float(length(piece) if count is None else count(piece))
        counted += n
        if (
            getattr(value, "node", None) is None and len(pieces) > 1
        ):  # nothing of this part counts
            continue
        found = grad(value, list(parameters.values()), allow_unused=True)
        for name, g in zip(parameters, found, strict=True):
            if g is not None:
                totals[name] += g.data * weight
    if not counted:
        raise ConfigError(f"{LAW}: nothing in the batch counts in the loss")
    return {name: total / counted for name, total in totals.items()}


def left_by(
    accumulate: Callable[[list[Any]], Any], parameters: Named, pieces: list[Any]
) -> Any:
    """The gradients that someone's own loop returns, or else leaves in `.grad`."""
    with kept(parameters), enable_grad():
        returned = accumulate(pieces)
        if isinstance(returned, Mapping):
            return returned
        if returned is None:
            returned = [p.grad for p in parameters.values()]
        pairs = zip(parameters.items(), returned, strict=True)
        return {k: np.zeros_like(p.data) if g is None else g for (k, p), g in pairs}


@contextmanager
def kept(parameters: Named) -> Iterator[None]:
    """Without gradients inside, and at the end everything as it was."""
    saved = [(p, p.data.copy(), p.grad) for p in parameters.values()]
    for p in parameters.values():
        p.grad = None
    try:
        yield
    finally:
        for p, value, g in saved:
            p.writable()[...] = value
            p.grad = g


def rows(batch: Any) -> int:
    lengths = {len(a) for _, a in leaves(batch) if np.ndim(a)}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ShapeError(
            f"{LAW}: a batch needs two rows or more, and as many in each of its "
            f"arrays; these have {sorted(lengths)}"
        )
    return lengths.pop()


def length(batch: Any) -> int:
    return next(len(a) for _, a in leaves(batch) if np.ndim(a))


def cuts(B: int) -> list[list[int]]:
    return [[1, B - 1], [1] * B] if B > 2 else [[1, 1]]


def pieces_of(batch: Any, sizes: Sequence[int], B: int) -> list[Any]:
    if sum(sizes) != B or min(sizes) < 1:
        raise ShapeError(f"{LAW}: parts {sizes} should add up to {B} rows")
    ends = np.cumsum(sizes).tolist()
    return [
        sliced(batch, slice(end - size, end))
        for end, size in zip(ends, sizes, strict=True)
    ]


def sliced(batch: Any, chosen: slice) -> Any:
    """The rows of every array in a batch."""
    if isinstance(batch, Mapping):
        return {key: sliced(item, chosen) for key, item in batch.items()}
    if isinstance(batch, list | tuple):
        items = [sliced(item, chosen) for item in batch]
        named_tuple = hasattr(batch, "_fields")
        return type(batch)(*items) if named_tuple else type(batch)(items)
    return batch[chosen] if np.ndim(batch) else batch


def likely(found: Arrays, whole: Arrays, parts: int, tolerance: float | None) -> str:
    """What to look for: a factor common to all gradients says most."""
    if found.keys() == whole.keys():
        one, two = (
            np.concatenate([np.ravel(a[k]).astype(np.float64) for k in whole])
            for a in (found, whole)
        )
        square = float(two @ two)
        if one.shape == two.shape and square > 0:
            ratio = float(one @ two) / square
            allowed = margin(found, whole, tolerance) * max(1.0, abs(ratio))
            common = np.abs(one - ratio * two).max() <= 2 * allowed
            if common and not np.isclose(ratio, 1):
                return factor(ratio, parts)
    return (
        "Each part weighs by its share of what the mean is over: of the rows, unless "
        "the loss returns (sum, n) or count= says otherwise. Statistics of a batch, as "
        "in batch norm, do not add up"
    )


def factor(ratio: float, parts: int) -> str:
    hint = "divide what is summed by what is counted in all parts"
    if np.isclose(ratio, parts):
        hint = "the parts' means were added: weigh each by its share first"
    return f"All of it is {ratio:.4g} times that of the full batch: {hint}"

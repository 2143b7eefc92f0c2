"""What a model of sequences may see, and what must not matter to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...differentiate import grad
from ...errors import ShapeError
from ...graph import Variable
from ...mode import enable_grad
from ...tensor import Tensor
from .compare import Array, Arrays, LawError, agree, arrays, leaves, place, settled
from .inputs import Substitutes, check_lead, data_of, like, long_enough, part

SEES = (
    "It sees what comes later: is the mask off by one, or is a mean, a norm or a "
    "softmax taken over time?"
)


def causality(
    f: Callable[[Any], Any],
    x: Any,
    *,
    vocab_size: int | None = None,
    axis: int = 1,
    seed: int = 0,
) -> None:
    """d f(x)[:, t] / d x[:, s] = 0 exactly, for every s > t.

    f takes tokens (B, T) or floats (B, T, ...) and gives (B, T, ...), or several of
    that; time is `axis` of both. Each x[:, s] in turn is changed, and nothing before s
    may change, not by a bit. Where x is a Tensor of floats, or f gives Tensors, the
    gradient must be 0 as well: there, even a leak that rounding hides shows. Other
    tokens are drawn from range(vocab_size), or else from those in x.

    >>> causality(lambda x: np.cumsum(x, axis=1), [[3, 1, 2]])
    >>> causality(lambda x: np.flip(x, 1), [[3, 1, 2]])
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: causality: output[0, 0] is 1 after
    x[:, 2] changed and 2 before (1 of 2 elements differ, this one most). It sees what
    comes later: is the mask off by one, ...
    """
    law, array = "causality", data_of(x)
    T = long_enough(law, array, axis)
    substitutes = Substitutes(law, array, vocab_size, seed)
    before = settled(law, f, like(x, array.copy()))
    check_lead(law, before, array.shape[: axis + 1])
    for s in range(1, T):
        changed, late = array.copy(), part(axis, s)
        changed[late] = substitutes.other(array[late])
        after = arrays(f(like(x, changed)))
        early = part(axis, slice(0, s))
        agree(
            law,
            {name: out[early] for name, out in after.items()},
            {name: out[early] for name, out in before.items()},
            (f"after x{at_time(axis, s)} changed", "before"),
            SEES,
        )
    if substitutes.floats and (isinstance(x, Variable) or gives_tensors(f(array))):
        no_gradient_from_later(law, f, array, axis, substitutes.rng)


def gives_tensors(result: Any) -> bool:
    return any(isinstance(out, Variable) for _, out in leaves(result))


def no_gradient_from_later(
    law: str,
    f: Callable[[Any], Any],
    array: Array,
    axis: int,
    rng: np.random.Generator,
) -> None:
    """Weighs each time's outputs at random: ones would cancel in a norm."""
    x, T = Tensor(array, requires_grad=True), array.shape[axis]
    with enable_grad():
        outs = [(n, out) for n, out in leaves(f(x)) if isinstance(out, Variable)]
        for name, out in outs:
            for t in range(T - 1):
                now: Any = out[part(axis, t)]  # type: ignore[index]
                if now.node is None:
                    continue
                total = (now * rng.standard_normal(now.shape).astype(now.dtype)).sum()
                g = grad(total, x, retain_graph=True, allow_unused=True)
                if g is not None:
                    refuse_later(law, name, g.data, axis, t)


def refuse_later(law: str, name: str, g: Array, axis: int, t: int) -> None:
    late = g[part(axis, slice(t + 1, None))]
    if not late.any():
        return
    at = list(np.unravel_index(int(np.argmax(np.abs(late))), late.shape))
    value = late[tuple(at)]
    at[axis] += t + 1
    raise LawError(
        f"{law}: d {name}{at_time(axis, t)} / d {place('x', tuple(map(int, at)))} is "
        f"{value} for outputs weighed at random, and should be 0. {SEES}"
    )


def at_time(axis: int, t: int) -> str:
    return f"[{':, ' * axis}{t}]"


def padding_invariance(
    f: Callable[[Any, Any], Any],
    x: Any,
    *,
    lengths: Sequence[int] | None = None,
    pad: Any = None,
    extra: int = 1,
    vocab_size: int | None = None,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """f(padded, mask)[b, :n] = f(x[b:b+1, :n], all True)[0] for each row b of length n.

    f takes tokens (B, T) or floats (B, T, ...) with a mask (B, T) that is True where
    they are real, and gives (B, T, ...), or (B, ...) for a whole row. Padding is
    `pad`, or else drawn at random, since what is masked must not matter; a model that
    finds its mask by itself needs its own `pad`. Rows have `lengths` (by default T,
    T - 1 and so on), and `extra` times follow the longest.

    >>> def mean(x, mask):
    ...     return (x * mask).sum(1) / mask.sum(1)
    >>> padding_invariance(mean, np.ones((2, 3)))
    >>> padding_invariance(lambda x, mask: (x * mask).mean(1), np.ones((2, 3)))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: padding_invariance: output[0] is 0.75
    padded and 1.0 alone. Row 0 has 3 real times of 4. ...
    """
    law, array = "padding_invariance", data_of(x)
    mask = real_times(law, array, lengths, extra)
    padded = np.concatenate([array, array[:, :1].repeat(extra, axis=1)], axis=1)
    drawn = Substitutes(law, array, vocab_size, seed).fresh(padded)
    padded[~mask] = drawn[~mask] if pad is None else pad
    together = settled(law, f, like(x, padded), mask)
    check_lead(law, together, array.shape[:1])
    for b, n in enumerate(mask.sum(axis=1).tolist()):
        row = slice(b, b + 1), slice(0, n)
        alone = arrays(f(like(x, array[row]), mask[row]))
        agree(
            law,
            {name: real(name, out[b:], alone, n) for name, out in together.items()},
            {name: out[0] for name, out in alone.items()},
            ("padded", "alone"),
            f"Row {b} has {n} real times of {mask.shape[1]}. Does padding count in a "
            "mean, a norm or a softmax, or is the mask another row's?",
            tolerance=tolerance,
            at=(b,),
        )


def real_times(law: str, x: Array, lengths: Sequence[int] | None, extra: int) -> Array:
    """The mask (B, T + extra): True for the first times of each row."""
    B, T = long_enough(law, x, 0, 1), long_enough(law, x, 1, 1)
    sizes = [T - b % T for b in range(B)] if lengths is None else list(lengths)
    if len(sizes) != B or not all(1 <= n <= T for n in sizes) or extra < 1:
        raise ShapeError(
            f"{law}: lengths {sizes} should be {B} numbers from 1 to {T}, and extra "
            f"{extra} at least 1"
        )
    return np.arange(T + extra) < np.array(sizes)[:, None]


def real(name: str, rows: Array, alone: Arrays, n: int) -> Array:
    """The first of the rows, without what belongs to its padding."""
    shape = alone[name].shape if name in alone else ()
    timed = rows.ndim > 1 and shape[1:2] == (n,) and rows.shape[1] > n
    return rows[0][:n] if timed else rows[0]


def cached_equals_uncached(
    full: Callable[[Any], Any],
    cached: Callable[[Any, Any], tuple[Any, Any]],
    x: Any,
    *,
    chunks: Sequence[int] | None = None,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """full(x)[:, t] = what `cached` gives for t, however x is cut into chunks.

    full: tokens (B, T) or floats (B, T, ...) -> (B, T, ...). cached(chunk, state) ->
    (outputs, state), the first time with state None; outputs are for all of the
    chunk's times or for its last one only, as (B, 1, ...). Without `chunks` (their
    lengths) it is tried one by one, all at once, in halves, and cut at random.

    >>> def running(chunk, total):
    ...     sums = np.cumsum(chunk, axis=1) + (0 if total is None else total)
    ...     return sums, sums[:, -1:]
    >>> cached_equals_uncached(lambda x: np.cumsum(x, axis=1), running, [[1, 2, 3]])
    """
    law, array = "cached_equals_uncached", data_of(x)
    T = long_enough(law, array, 1)
    whole = settled(law, full, like(x, array))
    check_lead(law, whole, array.shape[:2])
    for sizes in [list(chunks)] if chunks else cuts(T, seed):
        agree(
            law,
            in_chunks(law, cached, x, sizes, whole),
            whole,
            (f"in chunks {sizes}", "in one pass"),
            "Do positions and mask start from the cache's length, and does each chunk "
            "enter the cache whole, and once?",
            tolerance=tolerance,
        )


def in_chunks(
    law: str,
    cached: Callable[[Any, Any], tuple[Any, Any]],
    x: Any,
    sizes: Sequence[int],
    whole: Arrays,
) -> Arrays:
    array, found = data_of(x), {name: out.copy() for name, out in whole.items()}
    if sum(sizes) != array.shape[1] or min(sizes) < 1:
        raise ShapeError(
            f"{law}: chunks {sizes} should add up to {array.shape[1]} times"
        )
    state, end = None, 0
    for size in sizes:
        end += size
        outputs, state = cached(like(x, array[:, end - size : end]), state)
        put(law, found, arrays(outputs), size, end)
    return found


def put(law: str, found: Arrays, outputs: Arrays, size: int, end: int) -> None:
    """A chunk's outputs in the place of those that `found` has."""
    for name, whole in found.items():
        out = outputs.get(name, np.zeros(0))
        times = out.shape[1:2]
        wanted = (*whole.shape[:1], *times, *whole.shape[2:])
        if times not in ((size,), (1,)) or out.shape != wanted:
            raise LawError(
                f"{law}: {name} has shape {out.shape} for the {size} times up to {end} "
                f"of {whole.shape} in one pass"
            )
        if out.dtype.itemsize > whole.dtype.itemsize:
            found[name] = whole = whole.astype(out.dtype)
        whole[:, end - times[0] : end] = out


def cuts(T: int, seed: int) -> list[list[int]]:
    """T in ones, in one piece, in halves, and in pieces of random lengths."""
    rng = np.random.default_rng(seed)
    pieces: list[int] = []
    while sum(pieces) < T:
        pieces.append(int(rng.integers(1, T - sum(pieces) + 1)))
    return [[1] * T, [T], [T // 2, T - T // 2], pieces]

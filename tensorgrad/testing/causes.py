"""The mistakes that authors of derivatives make: each recognised by its numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from .evidence import Evidence, alike


def _flat(e: Evidence) -> Iterator[str]:
    if not e.numeric[e.known].any():
        yield (
            "the function is flat here, its derivative 0: it rounds, compares, casts "
            "to integers, or doesn't use this input"
        )


def _factor(e: Evidence) -> Iterator[str]:
    """The same ratio everywhere."""
    some = e.known & (np.abs(e.numeric) > 1e-6 * np.abs(e.numeric[e.known]).max())
    ratios = e.analytic[some] / e.numeric[some]
    ratio = float(np.median(ratios))
    spread = min(1e-4, abs(ratio - 1) / 10)  # else it is no factor but 1
    if not np.allclose(ratios, ratio, spread, 0) or abs(ratio) < 1e-6:
        return
    if (e.wrong & ~some).any() or (e.known.sum() == 1 < e.analytic.size):
        return
    if abs(ratio + 1) < 1e-4:
        yield "the sign: every element is minus what it should be"
    what = f"a factor: every element is {ratio:.6g} times what it should be"
    yield what + e.hint(ratio)


def _slight(e: Evidence) -> Iterator[str]:
    """So near that whatever follows would take it for right."""
    if e.fits(e.analytic):
        yield (
            "a small error: the first four digits are right. Has a constant too few of "
            "them, or is a part of it computed in float32?"
        )


def _rearranged(e: Evidence) -> Iterator[str]:
    """The right numbers in the wrong places."""
    orders = itertools.permutations(range(e.analytic.ndim))
    for axes in itertools.islice(orders, 1, None):  # the first is the one it has
        if e.fits(e.analytic.transpose(axes)):
            yield f"a transpose: it is right with its axes in the order {axes}"
        shape = tuple(e.analytic.shape[axis] for axis in axes)
        if e.fits(e.analytic.reshape(shape).transpose(np.argsort(axes))):
            yield (
                "a reshape that should be a transpose: the elements are right, their "
                "order is not"
            )
    for axis, length in enumerate(e.analytic.shape):
        for by in sorted(range(1 - length, length), key=abs)[: min(length, 9)]:
            if by and e.fits(np.roll(e.analytic, by, axis)):
                off = "off by one: " if abs(by) == 1 else ""
                yield f"{off}it is right when shifted by {by} along axis {axis}"
        if e.fits(np.flip(e.analytic, axis)):
            yield f"axis {axis} runs backward: it is right when flipped"


def _exchanged(e: Evidence) -> Iterator[str]:
    """The gradient of another input, before or after it was summed."""
    for other, i in enumerate(e.problem.places):
        theirs = e.by_input(other) if other != e.n else None
        if theirs is not None and alike(*theirs):
            yield f"the formulas are exchanged: this is the gradient for input {i}"


def _transposed_input(e: Evidence) -> Iterator[str]:
    """Right, were another input's matrices transposed."""
    for other, i in enumerate(e.problem.places):
        x = e.problem.point[other]
        if x.ndim < 2 or x.shape[-1] != x.shape[-2] or (other == e.n):
            continue
        point = list(e.problem.point)
        point[other] = x.mT.copy()
        if e.is_numerically(e.problem.twin(point=point)):
            yield f"a transpose: it is right for input {i} transposed. Is .mT missing?"


def _outputs(e: Evidence) -> Iterator[str]:
    """The gradients of several outputs mixed up, or one of them wrong."""
    parts = e.parts()
    if parts is None or len(parts) < 2:
        return
    shares = np.linalg.lstsq(np.stack(parts, 1), e.values, rcond=None)[0]
    if not alike(np.stack(parts, 1) @ shares, e.values):
        for one, other in itertools.combinations(range(len(parts)), 2):
            if e.exchanged_outputs(one, other):
                yield f"the outputs are mixed up: g[{one}] stands for g[{other}]"
        return
    for k, share in enumerate(shares):
        if abs(share) < 1e-4:
            yield f"output {k}: its gradient, g[{k}], is not used"
        elif abs(share - 1) > 1e-4:
            what = "minus" if abs(share + 1) < 1e-4 else f"{share:.6g} times"
            yield f"output {k}: its part of the gradient is {what} what it should be"


def _one_slice(e: Evidence) -> Iterator[str]:
    """What one slice of the output alone contributes."""
    if e.columns is None or len(e.problem.weights) != 1:
        return
    weight = e.problem.weights[0]
    for axis, length in enumerate(weight.shape):
        for j in (0, length - 1) if length > 1 else ():
            only = np.zeros_like(weight)
            key = (slice(None),) * axis + (j,)
            only[key] = weight[key]
            if alike(e.columns @ only.ravel(), e.values):
                yield (
                    f"a missing sum: only slice {j} along axis {axis} of the output "
                    "has sent its gradient. Where an input is broadcast along an axis, "
                    "its gradient is summed over it: say @primitive(broadcasts=True)"
                )


def _overwritten(e: Evidence) -> Iterator[str]:
    """Where several outputs contribute, one alone arrived."""
    if e.columns is None:
        return
    single = e.columns * np.concatenate([w.ravel() for w in e.problem.weights])
    hits = np.isclose(single, e.values[:, None], 1e-4, 0).any(axis=1)
    right = np.isclose(single.sum(1), e.values, 1e-4, 1e-9)
    several = (np.abs(single) > 1e-6 * np.abs(single).max(initial=0)).sum(1) > 1
    if (right | (hits & several)).all() and not right.all():
        yield (
            "`=` for `+=`: where several elements of the output come from one of the "
            "input, one has sent its gradient and the others are lost. `out[index] = "
            "g` keeps the last of a repeated index; tg.scatter_add and tg.add_at, or "
            "np.add.at on arrays, add them all"
        )


def _ignored_g(e: Evidence) -> Iterator[str]:
    """Whether it would be right if the gradient that arrives were all ones."""
    if e.columns is None:
        return
    if alike(e.analytic_for(lambda w: w + 1.5), e.values):
        yield (
            "g: the formula gives the same whatever gradient arrives. Is a `g *` "
            "missing?"
        )
    if alike(e.columns.sum(1), e.analytic_for(np.ones_like)):
        yield (
            "g: the formula is right for a gradient of ones and for no other, so g's "
            "elements arrive in the wrong places: an axis that a reduction dropped and "
            "nothing put back (keepdims, expand_dims), the wrong axis, order or index"
        )


CAUSES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    _flat,
    _factor,
    _slight,
    _rearranged,
    _outputs,
    _exchanged,
    _one_slice,
    _overwritten,
    _ignored_g,
    _transposed_input,
)

"""Statements that move elements: views, indexing, joining and cutting."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from ... import ops
from ..domains.index import keys
from .reductions import any_axis, axis, dims
from .scope import one, two
from .statement import Kind, named


def new_shape(draw: st.DrawFn, x: np.ndarray) -> Any:
    """A shape for the same elements."""
    shape = x.shape
    return draw(st.sampled_from([(-1,), shape[::-1], (1, *shape), (*shape, 1)]))


def wider(draw: st.DrawFn, x: np.ndarray) -> Any:
    """A shape that x.shape broadcasts to."""
    stretched = tuple([3 if n == 1 else n for n in x.shape])
    return draw(st.sampled_from([(2, *x.shape), stretched, (1, *stretched)]))


def order(draw: st.DrawFn, x: np.ndarray) -> Any:
    return tuple(draw(st.permutations(range(x.ndim))))


def gap(draw: st.DrawFn, x: np.ndarray) -> Any:
    """Where to put a new axis."""
    return draw(st.integers(-x.ndim - 1, x.ndim))


def ones(draw: st.DrawFn, x: np.ndarray) -> Any:
    """The axes to squeeze: all of length 1, or one of them."""
    return draw(st.sampled_from([None, *[i for i, n in enumerate(x.shape) if n == 1]]))


def key(draw: st.DrawFn, x: np.ndarray) -> Any:
    return draw(keys(x.shape))


def half(draw: st.DrawFn, x: np.ndarray) -> Any:
    return draw(st.integers(0, 1))


def joints(x: np.ndarray, y: np.ndarray) -> list[int]:
    """The axes along which x and y can be concatenated."""
    if x.ndim != y.ndim:
        return []
    unlike = [i for i in range(x.ndim) if x.shape[i] != y.shape[i]]
    return unlike * (len(unlike) == 1) if unlike else list(range(x.ndim))


def joint(draw: st.DrawFn, x: np.ndarray, y: np.ndarray) -> int:
    axis = draw(st.sampled_from(joints(x, y)))
    return draw(st.sampled_from([axis, axis - x.ndim]))


def has_axes(x: np.ndarray) -> Any:
    return x.ndim > 0


def stacked(x: np.ndarray) -> Any:
    return x.ndim > 1


def sliced(x: np.ndarray) -> Any:
    return x.ndim > 0 and all(x.shape)


def picked(torch: Any, x: Any, key: Any) -> Any:
    """x[key] for any NumPy key: PyTorch has no negative steps, for one."""
    places = np.arange(x.numel()).reshape(tuple(x.shape))[key]
    return x.reshape(-1)[torch.tensor(np.array(places, order="C"))]


VIEWS = (
    Kind("{0}[{key}]", one(key=key), lambda x, key: x[key], picked),
    named(
        "reshape",
        one(shape=new_shape),
        lambda torch, x, shape: x.reshape(shape),
        "shape",
    ),
    named("transpose", one(axes=order), lambda torch, x, axes: x.permute(axes), "axes"),
    Kind(
        "{0}.T",
        one(),
        lambda x: x.T,
        lambda torch, x: x.permute(tuple(reversed(range(x.ndim)))),
    ),
    Kind(
        "{0}.mT",
        one(stacked),
        lambda x: x.mT,
        lambda torch, x: x.transpose(-1, -2),
    ),
    named(
        "expand_dims",
        one(axis=gap),
        lambda torch, x, axis: x.unsqueeze(axis),
        "axis",
    ),
    named(
        "squeeze",
        one(axis=ones),
        lambda torch, x, axis: x.squeeze() if axis is None else x.squeeze(axis),
        "axis",
    ),
    named(
        "broadcast_to",
        one(shape=wider),
        lambda torch, x, shape: x.broadcast_to(shape),
        "shape",
    ),
    named("flip", one(axis=axis), lambda torch, x, axis: x.flip(dims(x, axis)), "axis"),
    Kind(
        "tg.roll({0}, shift=1, axis={axis})",
        one(sliced, axis=any_axis),
        lambda x, axis: ops.roll(x, shift=1, axis=axis),
        lambda torch, x, axis: torch.roll(x, 1, axis),
    ),
    Kind(
        "tg.repeat({0}, 2, axis={axis})",
        one(sliced, axis=any_axis),
        lambda x, axis: ops.repeat(x, 2, axis=axis),
        lambda torch, x, axis: torch.repeat_interleave(x, 2, axis),
    ),
    named("diagonal", one(stacked), "diagonal"),
    named("tril", one(stacked), "tril"),
    Kind(
        "tg.split({0}, indices_or_sections=[1], axis={axis})[{part}]",
        one(sliced, axis=any_axis, part=half),
        lambda x, axis, part: ops.split(x, indices_or_sections=[1], axis=axis)[part],
        lambda torch, x, axis, part: torch.tensor_split(x, [1], axis)[part],
    ),
    Kind(
        "tg.unstack({0}, axis={axis})[0]",
        one(sliced, axis=any_axis),
        lambda x, axis: ops.unstack(x, axis=axis)[0],
        lambda torch, x, axis: torch.unbind(x, axis)[0],
    ),
)

JOINS = (
    Kind(
        "tg.concatenate([{0}, {1}], axis={axis})",
        two(joints, axis=joint),
        lambda x, y, axis: ops.concatenate([x, y], axis=axis),
        lambda torch, x, y, axis: torch.cat([x, y], axis),
    ),
    Kind(
        "tg.stack([{0}, {1}], axis={axis})",
        two(lambda x, y: x.shape == y.shape, axis=lambda draw, x, y: gap(draw, x)),
        lambda x, y, axis: ops.stack([x, y], axis=axis),
        lambda torch, x, y, axis: torch.stack([x, y], axis),
    ),
    Kind(
        "tg.concatenate(tg.split({0}, indices_or_sections=[1])[::-1])",
        one(has_axes),
        lambda x: ops.concatenate(ops.split(x, indices_or_sections=[1])[::-1]),
        lambda torch, x: torch.cat(torch.tensor_split(x, [1])[::-1]),
    ),
    Kind(
        "tg.pad({0}, pad_width=1)",
        one(has_axes),
        lambda x: ops.pad(x, pad_width=1),
        lambda torch, x: torch.nn.functional.pad(x, [1] * (2 * x.ndim)),
    ),
)

"""Ops that move elements, pick them and put them back, in PyTorch."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F


def placed(x: Any, key: Any, shape: Any) -> Any:
    index = torch.arange(int(np.prod(shape))).reshape(shape).numpy()[key].ravel()
    out = torch.zeros(int(np.prod(shape)), dtype=x.dtype)
    return out.index_add(0, torch.as_tensor(index), x.reshape(-1)).reshape(shape)


def picked(x: Any, key: Any) -> Any:
    index = np.arange(x.numel()).reshape(tuple(x.shape))[key]
    return x.reshape(-1)[torch.as_tensor(np.array(index, order="C"))]


def assigned(x: Any, value: Any, key: Any) -> Any:
    index = np.arange(x.numel()).reshape(tuple(x.shape))[key]
    last = {place: n for n, place in enumerate(index.ravel().tolist())}
    lead = value.ndim - np.ndim(index)
    value = value.reshape(value.shape[max(lead, 0) :]).expand(np.shape(index))
    flat = list(x.reshape(-1))
    for place, n in last.items():
        flat[place] = value.reshape(-1)[n]
    return torch.stack(flat).reshape(x.shape) if flat else x * 1


def padded(x: Any, pad_width: Any, constant_values: float) -> Any:
    pairs = np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2))[::-1]
    return F.pad(x, pairs.ravel().tolist(), value=constant_values)


def repeated(x: Any, shape: Any) -> Any:
    return x.expand(shape)


def permuted(x: Any, axes: Any) -> Any:
    return x.permute(axes or tuple(reversed(range(x.ndim))))


def expanded(x: Any, axis: Any) -> Any:
    shape = np.expand_dims(np.empty(tuple(x.shape)), axis).shape
    return x.reshape(shape)


def squeezed(x: Any, axis: Any) -> Any:
    return x.squeeze() if axis is None else x.squeeze(axis)


def parts(x: Any, indices_or_sections: Any, axis: int) -> Any:
    return torch.tensor_split(x, indices_or_sections, dim=axis)


def taken(x: Any, indices: Any, axis: Any) -> Any:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    flat = (indices.reshape(-1) + x.shape[axis]) % x.shape[axis]
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, flat).reshape(shape)


def rows_added(x: Any, tokens: Any, rows: int) -> Any:
    out = torch.zeros(rows, x.shape[-1], dtype=x.dtype)
    flat = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
    return out.index_add(0, tokens.reshape(-1), flat)


def summed_to(x: Any, shape: Any) -> Any:
    return x.sum_to_size(shape)


def added(x: Any, value: Any, key: Any) -> Any:
    picked = np.empty(tuple(x.shape))[key]
    return x + placed(value.expand(np.shape(picked)), key, tuple(x.shape))


def flipped(x: Any, axis: Any) -> Any:
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).astype(int).tolist()
    return torch.flip(x, tuple(axes))


def rolled(x: Any, shift: Any, axis: Any) -> Any:
    if axis is None:
        return torch.roll(x, shift)
    axes = np.atleast_1d(axis).astype(int)
    shifts = np.broadcast_to(shift, axes.shape)
    return torch.roll(x, shifts.tolist(), axes.tolist()) if len(axes) else x * 1


def in_a_row(x: Any, repeats: Any, axis: Any) -> Any:
    counts = torch.as_tensor(repeats, dtype=torch.long)
    return torch.repeat_interleave(x, counts, axis)


def tiled(x: Any, reps: Any) -> Any:
    return torch.tile(x, reps if isinstance(reps, tuple) else (reps,))


SHAPES = {
    "swapaxes": lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
    "moveaxis": torch.moveaxis,
    "ravel": torch.ravel,
    "flip": flipped,
    "roll": rolled,
    "hstack": lambda *xs: torch.hstack(xs),
    "vstack": lambda *xs: torch.vstack(xs),
    "tile": tiled,
    "repeat": in_a_row,
    "add_at": added,
    "diagonal": lambda x, offset, axis1, axis2: x.diagonal(offset, axis1, axis2),
    "trace": lambda x, offset, axis1, axis2: x.diagonal(offset, axis1, axis2).sum(-1),
    "diag": lambda x, k: torch.diag(x, k),
    "tril": lambda x, k: torch.tril(x, k),
    "triu": lambda x, k: torch.triu(x, k),
    "astype": lambda x, dtype: x * 1,
    "sum_to": summed_to,
    "broadcast_to": repeated,
    "reshape": torch.reshape,
    "transpose": permuted,
    "matrix_transpose": lambda x: x.mT,
    "expand_dims": expanded,
    "squeeze": squeezed,
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "stack": lambda *xs, axis: torch.stack(xs, axis),
    "split": parts,
    "unstack": lambda x, axis: torch.unbind(x, axis),
    "pad": padded,
    "getitem": picked,
    "scatter_add": placed,
    "setitem": assigned,
    "take": taken,
    "take_along_axis": lambda x, indices, axis: torch.take_along_dim(x, indices, axis),
    # F.embedding has no second derivative of empty arrays
    "embedding": lambda weight, tokens: weight[tokens],
    "scatter_rows": rows_added,
}

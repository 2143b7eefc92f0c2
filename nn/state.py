"""Loading values into a model's tensors, by name: all of them or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad import Tensor
from tensorgrad.errors import StateDictError

from .text import shown

Tied = Sequence[tuple[list[str], Any]]  # (all of its names, the tensor)


def load(
    owner: str, tied: Tied, state: Mapping[str, ArrayLike], strict: bool
) -> tuple[list[str], list[str]]:
    """Copy the values of `state` in, and return the names (missing, unexpected).

    StateDictError lists everything that does not fit; then nothing was changed.
    """
    known = {name for names, _ in tied for name in names}
    missing: dict[str, tuple[int, ...]] = {}
    unexpected = {n: as_array(v).shape for n, v in state.items() if n not in known}
    wrong: list[str] = []
    values = []
    for names, tensor in tied:
        given = {name: as_array(state[name]) for name in names if name in state}
        wrong += misfits(tensor, given)
        if given:
            values.append((tensor, next(iter(given.values()))))
        else:
            missing[names[0]] = tensor.shape
    if wrong or (strict and (missing or unexpected)):
        raise StateDictError(
            f"{owner}.load_state_dict: {differences(missing, unexpected, wrong)}. "
            "Nothing was changed. Was it saved from a model of another size or kind?"
        )
    for tensor, array in values:
        tensor.writable()[...] = array
    return list(missing), list(unexpected)


def as_array(value: Any) -> NDArray[Any]:
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def misfits(tensor: Tensor, given: dict[str, NDArray[Any]]) -> Iterator[str]:
    """What is wrong with the values that a tensor's names stand for."""
    first = next(iter(given), "")
    for name, array in given.items():
        if array.dtype.kind not in "fiub":
            yield f"{name} holds {array.dtype}, not numbers"
        elif array.shape != tensor.shape:
            yield f"{name} {array.shape} should be {tensor.shape}"
        elif name != first and not np.array_equal(array, given[first]):
            yield f"{name} differs from {first}, to which it is tied"


def differences(
    missing: Mapping[str, Any], unexpected: Mapping[str, Any], wrong: list[str]
) -> str:
    """ "missing: a (2, 3); unexpected: b (4,), c (4,)", and so on, in one line."""
    parts = {
        "missing": [f"{shown(name)} {shape}" for name, shape in missing.items()],
        "unexpected": [f"{shown(name)} {shape}" for name, shape in unexpected.items()],
        "wrong": wrong,
    }
    return "; ".join(f"{k}: {', '.join(found)}" for k, found in parts.items() if found)


def hold(tensor: Any, array: NDArray[Any]) -> None:
    """Let a parameter or buffer stand for this array from now on, without a copy.

    Its gradient is forgotten. If the array is a view of something, such as a mapped
    file, the first write goes into a copy: see `writable`.
    """
    tracked = tensor.requires_grad
    # a leaf's place in the graph knows its shape and dtype: give it a new one
    tensor.requires_grad = False
    tensor._data = array
    tensor.requires_grad = tracked
    tensor.zero_grad()

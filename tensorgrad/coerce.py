"""What users pass, made into what ops take: arrays, numbers and settings."""

from __future__ import annotations

import copy
import operator
from typing import Any

import numpy as np

from .errors import DtypeError, GraphError
from .graph import Variable

PLAIN = frozenset({bool, int, float, str, type(None)})  # constants as they are


def constant(x: Any, *, own: bool = False) -> Any:
    """A setting without Tensors and NumPy scalars, inside a tuple or a slice too.

    If it is to be its `own`, with copies of the user's arrays and lists, which can
    change later.
    """
    if isinstance(x, Variable):
        if x.node is not None:
            raise GraphError("a setting has no derivative: detach() the Tensor first")
        return x._data
    if type(x) is tuple:
        if PLAIN.issuperset(map(type, x)):  # most are: shapes and axes
            return x
        return tuple([constant(part, own=own) for part in x])
    if type(x) is slice:
        bounds = x.start, x.stop, x.step
        if PLAIN.issuperset(map(type, bounds)):
            return x
        return slice(*[b if b is None else operator.index(b) for b in bounds])
    if own and isinstance(x, np.ndarray | list):
        return copy.deepcopy(x)
    return x.item() if isinstance(x, np.generic) else x


def listless(x: Any) -> Any:
    """x, as an array if it is a list: [1] + [2] would join them."""
    return np.asarray(x) if type(x) is list or type(x) is tuple else x


def weak(x: Any, dtype: Any) -> Any:
    """An input beside a Tensor of `dtype`.

    Python and NumPy scalars, and Python floats in lists, don't decide the dtype.
    """
    if isinstance(x, np.generic):
        x = x.item()
    known = isinstance(x, np.ndarray) and x.dtype.kind in "fiub"
    if x is None or known or isinstance(x, (int, float)):
        return x
    return as_array(x, floats=dtype if dtype.kind == "f" else np.float32)


def as_array(x: Any, dtype: Any = None, floats: Any = np.float32) -> np.ndarray:
    """x as an array of its own; Python floats, alone or in lists, become `floats`."""
    array = np.array(x, dtype)
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            f"tensors hold real numbers, integers or booleans; got {array.dtype} from "
            f"{type(x).__name__}"
        )
    if array.dtype == np.float64 and dtype is None and not _from_numpy(x):
        array = array.astype(floats)
    return array


def _from_numpy(x: Any) -> bool:
    while isinstance(x, list | tuple) and x:
        x = x[0]
    return hasattr(x, "dtype")

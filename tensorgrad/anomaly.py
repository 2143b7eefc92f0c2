"""Anomaly mode: which op made the first NaN or infinity, and where it was called."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import AnomalyError

if TYPE_CHECKING:
    from .graph import Node

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def source_line() -> str:
    """The innermost line outside this package, as `file:number: code`."""
    frame = sys._getframe(1)
    while frame.f_back and os.path.abspath(frame.f_code.co_filename).startswith(_HERE):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{number}: {linecache.getline(file, number).strip()}"


def check_forward(node: Node, inputs: Iterable[Any], out: Any) -> None:
    """Note the line, and raise if finite inputs gave something that is not."""
    node.line = source_line()
    bad = _first_bad(out)
    if bad is not None and all(_first_bad(x) is None for x in inputs):
        raise AnomalyError(
            f"{node.op.name} gave {bad} from finite inputs, at {node.line}"
        )


def check_backward(node: Node, g: Any, gradients: Iterable[Any]) -> None:
    """Raise if a finite gradient arrived and one that is not leaves."""
    if _first_bad(g) is not None:
        return
    for i, gx in enumerate(gradients):
        if (bad := _first_bad(gx)) is not None:
            where = node.line or "an unknown line: run the forward under it too"
            raise AnomalyError(
                f"the derivative of {node.op.name} for input {i} gave {bad} from a "
                f"finite gradient; the op was called at {where}"
            )


def _first_bad(x: Any) -> str | None:
    """The first NaN or infinity in x, with its index, or None."""
    if isinstance(x, tuple):
        return next(filter(None, map(_first_bad, x)), None)
    data = np.asarray(getattr(x, "_data", x)) if x is not None else None
    if data is None or data.dtype.kind != "f" or np.isfinite(data).all():
        return None
    index = np.unravel_index(np.argmin(np.isfinite(data)), data.shape)
    return f"{data[index]} at index {tuple(map(int, index))}"

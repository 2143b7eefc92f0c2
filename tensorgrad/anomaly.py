"""Anomaly mode: which op made the first NaN or infinity, and where it was called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import AnomalyError

if TYPE_CHECKING:
    from .graph import Node, Send


def check_forward(node: Node, inputs: Iterable[Any], out: Any) -> None:
    """Raise if finite inputs gave something that is not."""
    bad = _first_bad(out)
    if bad is not None and all(_first_bad(x) is None for x in inputs):
        raise AnomalyError(
            f"{node.op.name} gave {bad} from finite inputs, at {node.trace}"
        )


def checking(node: Node, g: Any, send: Send) -> Send:
    """`send`, for a node's gradients: an error if a finite g gives one that is not."""
    inputs = list(range(len(node.parents)))

    def checked(parent: Node, gx: Any) -> None:
        i = next(i for i in inputs if node.parents[i] is parent)
        inputs.remove(i)  # x * x sends to x twice
        if (bad := _first_bad(gx)) is not None:
            where = node.trace or "an unknown line: run the forward under it too"
            raise AnomalyError(
                f"the derivative of {node.op.name} for input {i} gave {bad} from a "
                f"finite gradient; the op was called at {where}"
            )
        send(parent, gx)

    return checked if _first_bad(g) is None else send


def _first_bad(x: Any) -> str | None:
    """The first NaN or infinity in x, with its index, or None."""
    if isinstance(x, tuple):
        return next(filter(None, map(_first_bad, x)), None)
    data = np.asarray(getattr(x, "_data", x)) if x is not None else None
    if data is None or data.dtype.kind != "f" or np.isfinite(data).all():
        return None
    index = np.unravel_index(np.argmin(np.isfinite(data)), data.shape)
    return f"{data[index]} at index {tuple(map(int, index))}"

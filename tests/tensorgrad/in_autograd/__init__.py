"""Every op with a derivative as HIPS/autograd has it, by our name, with our settings.

What it lacks is spelt out in ops that it has, where a few lines do; a comment that
starts with `differs:` says why a function that it has is not called as ours is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .elementwise import ELEMENTWISE
from .networks import NETWORKS
from .products import PRODUCTS
from .reduce import REDUCTIONS
from .shape import SHAPES

AUTOGRAD: dict[str, Callable[..., Any]] = {
    **ELEMENTWISE,
    **NETWORKS,
    **PRODUCTS,
    **REDUCTIONS,
    **SHAPES,
}
MISSING = {
    "median": "has no derivative there, and its sort is for vectors alone",
    "qr": "has no derivative there",
}


def plain(*xs: Any, subscripts: str) -> bool:
    """Whether an einsum has one length for each label, and none twice in a term."""
    lengths: dict[str, int] = {}
    for term, x in zip(subscripts.partition("->")[0].split(","), xs, strict=True):
        labels = term.replace("...", "XYZ"[len(term) - x.ndim :])
        if len(set(labels)) < len(labels):
            return False
        pairs = zip(labels, x.shape, strict=True)
        if any([lengths.setdefault(label, n) != n for label, n in pairs]):
            return False
    return True


# The cases for which it has a right answer, where those aren't all.
ONLY: dict[str, Callable[..., Any]] = {
    # it warns of the mean of an empty slice
    "batch_norm": lambda x, weight, bias, **_: x.size > 0,
    # it can't put a gradient onto a diagonal, nor differentiate twice what broadcasts
    "contract": plain,
    "einsum": plain,
    # it stacks no empty list
    "cumprod": lambda x, axis: x.size if axis is None else x.shape[axis],
    "linear_recurrence": lambda x, y, axis, reverse: x.shape[axis],
    # it divides by the determinant
    "det": lambda x: np.all(np.abs(np.linalg.det(x)) > 0.1),
    # it takes the gradient for that of a square matrix that the diagonal crosses
    "diag": lambda x, k: x.ndim == 1 or x.shape[0] == x.shape[1] >= abs(k),
    # it gives an empty gradient a length of 1
    "diff": lambda x, n, axis: n < x.shape[axis],
    # it gives a number's gradient an axis
    "logsumexp": lambda x, axis, keepdims: x.ndim > 0,
    # it has the derivative of these alone
    "norm": lambda x, ord, axis, keepdims: (
        ord in (None, "fro", "nuc")
        or (1 < ord < np.inf and (isinstance(axis, int) or x.ndim == 1))
    ),
    # it divides by the factors
    "prod": lambda x, axis, keepdims: np.all(x != 0),
    # it repeats every element as often
    "repeat": lambda x, repeats, axis: isinstance(repeats, int),
    # its derivatives lose their digits near 0
    "sinc": lambda x, order: np.all(np.abs(x) > 0.02),
    # it sorts vectors alone
    "sort": lambda x, axis: x.ndim == 1 or axis is None,
    "topk": lambda x, k, axis, largest: x.ndim == 1,
    # it divides by the number of copies
    "tile": lambda x, reps: np.all(np.asarray(reps) > 0),
}

"""Ops with a derivative as MyGrad has them, by our name, with our settings.

What it lacks is spelt out in ops that it has, where a few lines do; a comment that
starts with `differs:` says why a function that it has is not called as ours is.
"""

from collections.abc import Callable
from typing import Any

from .elementwise import ELEMENTWISE
from .networks import NETWORKS
from .reduce import PRODUCTS, REDUCTIONS
from .shape import SHAPES

MYGRAD: dict[str, Callable[..., Any]] = {
    **ELEMENTWISE,
    **NETWORKS,
    **PRODUCTS,
    **REDUCTIONS,
    **SHAPES,
}
CONSTANT = "ceil floor floor_divide fmod remainder sign trunc"
NONE = """
    add_at attention cholesky deg2rad det diag diff dot eigh eigvalsh erf fold inner
    inv linear_recurrence matrix_power median qr rad2deg round scatter_add scatter_rows
    slogdet solve sort sum_to svd tensordot tile topk
"""
MISSING = {
    "astype": "gives a new leaf there",
    **dict.fromkeys(CONSTANT.split(), "refuses what is not constant there"),
    **dict.fromkeys(NONE.split(), "has no counterpart there"),
}


def filled(*xs: Any, **_: Any) -> bool:
    return all([x.size for x in xs])


# The cases for which it has a right answer, where those aren't all.
ONLY: dict[str, Callable[..., Any]] = {
    # it refuses empty arrays, or warns of them
    "batch_norm": lambda x, weight, bias, eps: x.size > 0,
    "cross_entropy": filled,
    "log_softmax": filled,
    "max_pool2d": filled,
    "repeat": filled,
    # it finds no labels in an empty diagonal
    "contract": filled,
    "einsum": filled,
    # it has no erf
    "gelu": lambda x, approximate: approximate == "tanh",
    # it has norms of vectors alone, and counting has no derivative
    "norm": lambda x, ord, axis, keepdims: (
        ord not in (0, "fro", "nuc")
        and not isinstance(axis, tuple)
        and (axis is not None or ord is None or x.ndim == 1)
    ),
    "vector_norm": lambda x, axis, keepdims, ord: ord != 0,
    # it has no derivatives of higher order
    "sinc": lambda x, order: order == 0,
}

"""Every op, each with its derivative beside it."""

from .elementwise import (
    absolute,
    add,
    clip,
    cos,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    power_constant,
    relu,
    sigmoid,
    sign,
    sin,
    sqrt,
    subtract,
    tanh,
    where,
    zeros_like,
)
from .fused import (
    attention,
    cross_entropy,
    erf,
    gelu,
    layer_norm,
    log_softmax,
    softmax,
)
from .index import (
    embedding,
    getitem,
    scatter_add,
    scatter_rows,
    setitem,
    take,
    take_along_axis,
)
from .linalg import contract, einsum, linear, matmul
from .reduce import logsumexp, max, mean, min, sum, var
from .shape import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    matrix_transpose,
    pad,
    reshape,
    split,
    squeeze,
    stack,
    sum_to,
    transpose,
    unstack,
)

__all__ = [name for name in dir() if not name.startswith("_")]

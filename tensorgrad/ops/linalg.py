"""Products of matrices, and sums of products."""

import itertools
import string

import numpy as np

from ..errors import ShapeError
from ..op import primitive
from .reduce import sum
from .shape import expand_dims, matrix_transpose, reshape, squeeze


@primitive(broadcasts=True)
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); leading axes broadcast.

    A 1-D x is a row, a 1-D y a column, and that axis is dropped from the result.

    >>> matmul(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.], dtype=float32)
    """
    if x.ndim and y.ndim and x.shape[-1] != y.shape[-1 if y.ndim == 1 else -2]:
        raise ShapeError(
            f"matmul: {x.shape} @ {y.shape}: the last axis of the left ({x.shape[-1]}) "
            f"must equal the {'only' if y.ndim == 1 else 'second to last'} of the right "
            f"({y.shape[-1 if y.ndim == 1 else -2]}). Transpose one with .mT?"
        )
    return np.matmul(x, y)


def _matmul_x(g, x_shape, y):
    """g @ y.T, as matrices."""
    y = expand_dims(y, axis=-1) if y.ndim == 1 else y
    gx = _as_matrix(g, x_shape, y.shape) @ matrix_transpose(y)
    return squeeze(gx, axis=-2) if len(x_shape) == 1 else gx


def _matmul_y(g, x, y_shape):
    """x.T @ g, as matrices; one product when y has no leading axes."""
    g = _as_matrix(g, x.shape, y_shape)
    x = expand_dims(x, axis=0) if x.ndim == 1 else x
    if len(y_shape) <= 2 < g.ndim:
        x = reshape(x, shape=(-1, x.shape[-1]))
        g = reshape(g, shape=(-1, g.shape[-1]))
    gy = matrix_transpose(x) @ g
    return squeeze(gy, axis=-1) if len(y_shape) == 1 else gy


def _as_matrix(g, x_shape, y_shape):
    """g with the axes back that matmul drops for 1-D inputs."""
    if len(y_shape) == 1:
        g = expand_dims(g, axis=-1)
    return expand_dims(g, axis=-2) if len(x_shape) == 1 else g


matmul.gradient(x=_matmul_x, y=_matmul_y)


@primitive
def linear(x, weight, bias=None):
    """x @ weight.T + bias: (..., n) and (m, n) and (m,) -> (..., m).

    >>> linear(Tensor([1.0, 2.0]), Tensor([[3.0, 4.0]]), Tensor([0.5]))
    Tensor([11.5], dtype=float32)
    """
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: x {x.shape} needs a weight (outputs, {x.shape[-1:]}); "
            f"this one is {weight.shape}"
        )
    # One product of two matrices is far quicker than a batch of small ones.
    out = x.reshape(-1, x.shape[-1]) @ weight.T
    if bias is not None:
        out += bias
    return out.reshape(*x.shape[:-1], len(weight))


linear.gradient(
    x=lambda g, weight: linear(g, matrix_transpose(weight)),
    weight=lambda g, x: matrix_transpose(_rows(g)) @ _rows(x),
    bias=lambda g: sum(_rows(g), axis=0),
)


def _rows(x):
    return reshape(x, shape=(-1, x.shape[-1]))


def einsum(subscripts, *operands):
    """Einstein's sum: the products over `operands`, summed over labels not kept.

    >>> einsum("ij,j->i", Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.], dtype=float32)
    """
    return contract(*operands, subscripts=explicit(subscripts, operands))


@primitive(broadcasts=True)
def contract(*xs, subscripts):
    """einsum with `subscripts` in full, such as "ij,jk->ik": no ellipsis, no spaces."""
    return np.einsum(subscripts, *xs, optimize=len(xs) > 2)


def _contract_xs(g, xs, subscripts, needed):
    """The derivative for each operand: g contracted with all of the others."""
    labels, out = subscripts.split("->")
    labels = labels.split(",")
    return [
        _contract_one(g, xs, labels, out, i) if wanted else None
        for i, wanted in enumerate(needed)
    ]


def _contract_one(g, xs, labels, out, i):
    others = [(x, l) for j, (x, l) in enumerate(zip(xs, labels, strict=True)) if j != i]
    terms, target = [(g, out), *others], ""
    unused = (c for c in string.ascii_letters if c not in "".join([*labels, out]))
    present = set(out).union(*[l for _, l in others])
    for label, n in zip(labels[i], xs[i].shape, strict=True):
        if label in target:  # a diagonal was read: put it back with an identity
            second = next(unused)
            terms.append((np.eye(n, dtype=g.dtype), label + second))
            label = second
        elif label not in present:  # summed away here alone: spread it with ones
            terms.append((np.ones(n, g.dtype), label))
        target += label
    arrays, names = zip(*terms, strict=True)
    return contract(*arrays, subscripts=f"{','.join(names)}->{target}")


contract.gradient(xs=_contract_xs)


def explicit(subscripts, operands):
    """Subscripts with the ellipsis spelt out, and an output if none was given."""
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ShapeError(
            f"einsum: {subscripts!r} names {len(terms)} operands, got {len(operands)}"
        )
    unused = [c for c in string.ascii_letters if c not in subscripts]
    lengths = [
        np.ndim(x) - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)
    ]
    widest = max(itertools.chain([0], (n for t, n in zip(terms, lengths) if "..." in t)))
    spread = "".join(unused[:widest])
    spelt = [
        t.replace("...", spread[widest - n :]) if "..." in t else t
        for t, n in zip(terms, lengths, strict=True)
    ]
    if not arrow:
        named = inputs.replace(",", "").replace(".", "")
        out = "..." + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    return f"{','.join(spelt)}->{out.replace('...', spread)}"

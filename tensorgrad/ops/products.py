"""Products of matrices, and sums of products."""

import string

import numpy as np

from ..errors import ShapeError
from ..op import primitive
from .reduce import sum
from .shape import expand_dims, matrix_transpose, rows, squeeze

__all__ = [
    "contract",
    "einsum",
    "linear",
    "matmul",
]


@primitive(broadcasts=True)
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); leading axes broadcast.

    A 1-D x is a row, a 1-D y a column, and that axis is dropped from the result.

    >>> matmul(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.], dtype=float32)
    """
    if x.ndim and y.ndim and x.shape[-1] != y.shape[-1 if y.ndim == 1 else -2]:
        raise ShapeError(
            f"matmul: {x.shape} @ {y.shape}: the last axis of the left "
            f"({x.shape[-1]}) must equal the "
            f"{'only axis' if y.ndim == 1 else 'second to last'} of the right "
            f"({y.shape[-1 if y.ndim == 1 else -2]}). Transpose one with .mT?"
        )
    return np.matmul(x, y)


def _matmul_x(g, x_shape, y):
    """g @ y.T, as matrices."""
    g = _as_matrix(g, x_shape, y.shape)
    y = expand_dims(y, axis=-1) if y.ndim == 1 else y
    gx = g @ matrix_transpose(y)
    return squeeze(gx, axis=-2) if len(x_shape) == 1 else gx


def _matmul_y(g, x, y_shape):
    """x.T @ g, as matrices; one product when y has no leading axes."""
    g = _as_matrix(g, x.shape, y_shape)
    x = expand_dims(x, axis=0) if x.ndim == 1 else x
    if len(y_shape) <= 2 < g.ndim:
        x, g = rows(x), rows(g)
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
            f"linear: x {x.shape} and weight {weight.shape} should be (..., n) "
            "and (m, n)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear: weight {weight.shape} with a bias of {bias.shape}")
    # One product of two matrices is far quicker than a batch of small ones.
    out = rows(x) @ weight.T
    if bias is not None:
        out = np.add(out, bias, out if bias.dtype == out.dtype else None)
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], len(weight))


linear.gradient(
    x=lambda g, weight: linear(g, matrix_transpose(weight), None),
    weight=lambda g, x: matrix_transpose(rows(g)) @ rows(x),
    bias=lambda g: sum(rows(g), axis=0),
)


def einsum(subscripts, *operands):
    """Einstein's sum: the products over `operands`, summed over labels not kept.

    >>> einsum("ij,j->i", Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.], dtype=float32)
    """
    return contract(*operands, subscripts=explicit(subscripts, operands))


@primitive(broadcasts=True)
def contract(*xs, subscripts):
    """einsum with `subscripts` in full, such as "ij,jk->ik": no ellipsis, no spaces.

    >>> contract(Tensor([[1.0, 2.0], [3.0, 4.0]]), subscripts="ii->")
    Tensor(5., dtype=float32)
    """
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
    others = [j for j in range(len(xs)) if j != i]
    terms, target = [(g, out), *((xs[j], labels[j]) for j in others)], ""
    unused = (c for c in string.ascii_letters if c not in "".join([*labels, out]))
    lengths = {}
    for x, names in terms:
        sizes = zip(names, x.shape, strict=True)
        lengths |= {c: n for c, n in sizes if lengths.get(c, 1) == 1}
    for label, n in zip(labels[i], xs[i].shape, strict=True):
        if label in target:  # a diagonal was read: put it back with an identity
            second = next(unused)
            terms.append((np.eye(n, dtype=g.dtype), label + second))
            label = second
        elif lengths.get(label, 1) == 1:  # summed or stretched here: spread with ones
            terms.append((np.ones(n, g.dtype), label))
        target += label
    arrays, names = zip(*terms, strict=True)
    return contract(*arrays, subscripts=f"{','.join(names)}->{target}")


contract.gradient(xs=_contract_xs)


def explicit(subscripts, operands):
    """Subscripts with the ellipsis spelt out, and an output if none was given."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum: first the subscripts, a string such as 'ij,jk->ik'")
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ShapeError(
            f"einsum: {subscripts!r} names {len(terms)} operands, got {len(operands)}"
        )
    extra = [
        np.ndim(x) - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(terms, operands, strict=True)
    ]
    unused = [c for c in string.ascii_letters if c not in subscripts]
    spread = "".join(unused[: max([0, *extra])])
    spelt = [
        term.replace("...", spread[len(spread) - n :])
        for term, n in zip(terms, extra, strict=True)
    ]
    if not arrow:
        named = inputs.replace(",", "").replace(".", "")
        out = "..." + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    if spread and "..." not in out:
        raise ShapeError(f"einsum: {subscripts!r} drops the axes of its ellipsis")
    return f"{','.join(spelt)}->{out.replace('...', spread)}"

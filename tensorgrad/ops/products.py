"""Products of matrices, and sums of products."""

import math
import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple as axis_numbers

from ..coerce import weak
from ..errors import ShapeError
from ..graph import Variable
from ..kernels import kernel
from ..op import primitive
from .axes import rows
from .elementwise import multiply
from .matrices import as_matrices
from .reduce import sum
from .shape import expand_dims, matrix_transpose, reshape, squeeze, transpose

__all__ = [
    "contract",
    "dot",
    "einsum",
    "inner",
    "linear",
    "matmul",
    "outer",
    "tensordot",
]


@primitive(broadcasts=True)
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); leading axes broadcast.

    A 1-D x is a row, a 1-D y a column, and that axis is dropped from the result.

    >>> matmul(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.], dtype=float32)
    """
    try:
        x, y = np.asarray(x), np.asarray(y)
        return kernel("matmul", x)(x, y)
    except ValueError:
        raise _no_product(np.shape(x), np.shape(y)) from None


def _no_product(x_shape, y_shape):
    """Why there is no x @ y."""
    what = f"matmul: {x_shape} @ {y_shape}: "
    if not x_shape or not y_shape:
        return ShapeError(what + "a number has no axis to sum over. Multiply with *?")
    k, n = x_shape[-1], y_shape[max(-2, -len(y_shape))]
    if k == n:
        return ShapeError(what + "the axes before the last two must broadcast")
    return ShapeError(
        f"{what}the last axis of the left ({k}) must equal the "
        f"{'only axis' if len(y_shape) == 1 else 'second to last'} of the right ({n}). "
        "Transpose one with .mT?"
    )


def _matmul_x(g, x_shape, y):
    """g @ y.T, as matrices."""
    if y.ndim == 1:  # each element of the result is one row with y
        return (g if len(x_shape) == 1 else expand_dims(g, axis=-1)) * y
    if len(x_shape) > 1:
        return g @ matrix_transpose(y)
    return squeeze(expand_dims(g, axis=-2) @ matrix_transpose(y), axis=-2)


def _matmul_y(g, x, y_shape):
    """x.T @ g, as matrices; one product when y has no leading axes."""
    if x.ndim == 1:  # each element of the result is x with one column
        if len(y_shape) == 1:
            return g * x
        return expand_dims(x, axis=-1) * expand_dims(g, axis=-2)
    g = expand_dims(g, axis=-1) if len(y_shape) == 1 else g
    if len(y_shape) <= 2 < g.ndim:
        x, g = rows(x), rows(g)
    gy = matrix_transpose(x) @ g
    return squeeze(gy, axis=-1) if len(y_shape) == 1 else gy


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
    out = kernel("linear", weight)(rows(x), weight, bias)
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], len(weight))


linear.gradient(
    x=lambda g, weight: linear(g, weight.mT, None),
    weight=lambda g, x: matmul(rows(g).mT, rows(x)),
    bias=lambda g: sum(rows(g), axis=0),
)


def dot(x, y):
    """x . y as NumPy has it: over the last axis of x and the second to last of y.

    x * y where one of them has no axes, the sum over the only axis of a 1-D y, and
    x @ y for matrices. Beyond matrices it differs from @: no axes are paired, and
    (..., k) with (..., k, m) gives all the other axes of x, then those of y.

    >>> dot(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    Tensor(11., dtype=float32)
    """
    x, y = _arrays(x, y)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    return matmul(x, y) if y.ndim <= 2 else tensordot(x, y, axes=(-1, -2))


def inner(x, y):
    """sum_k x[..., k] y[..., k]: over the last axes, the others of x, then of y.

    x * y where one of them has no axes.

    >>> inner(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 10.0]))
    Tensor([21., 43.], dtype=float32)
    """
    x, y = _arrays(x, y)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    return matmul(x, y) if y.ndim == 1 else tensordot(x, y, axes=(-1, -1))


def outer(x, y):
    """x_i y_j: every product, (n, m), of the elements of x and y, both flattened.

    >>> outer(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    Tensor([[3., 4.], [6., 8.]], dtype=float32)
    """
    x, y = _arrays(x, y)
    return multiply(reshape(x, shape=(-1, 1)), reshape(y, shape=(-1,)))


def tensordot(x, y, axes=2):
    """Products summed over the last `axes` axes of x and the first of y, in order.

    Or over those named: axes = (axes of x, axes of y), each an int or a list, the
    first with the first. The result has the other axes of x, then those of y.

    >>> tensordot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 10.0]), axes=(0, 0))
    Tensor([31., 42.], dtype=float32)
    """
    x, y = _arrays(x, y)
    summed_x, summed_y = _paired(axes, x, y)
    free_x = [i for i in range(x.ndim) if i not in summed_x]
    free_y = [i for i in range(y.ndim) if i not in summed_y]
    n, k, m = (
        math.prod([z.shape[i] for i in chosen])
        for z, chosen in ((x, free_x), (x, summed_x), (y, free_y))
    )
    left = reshape(transpose(x, axes=(*free_x, *summed_x)), shape=(n, k))
    right = reshape(transpose(y, axes=(*summed_y, *free_y)), shape=(k, m))
    shape = [x.shape[i] for i in free_x] + [y.shape[i] for i in free_y]
    return reshape(matmul(left, right), shape=tuple(shape))


def _paired(axes, x, y):
    """The axes of x and of y to sum over, counted from the front."""
    if isinstance(axes, int | np.integer):
        axes = (range(-axes, 0), range(axes))
    of_x, of_y = axes
    of_x, of_y = axis_numbers(of_x, x.ndim), axis_numbers(of_y, y.ndim)
    if [x.shape[i] for i in of_x] != [y.shape[i] for i in of_y]:
        raise ShapeError(
            f"tensordot: axes {of_x} of {x.shape} with axes {of_y} of {y.shape}: those "
            "paired must be equally long. Name others with axes=(of x, of y)?"
        )
    return of_x, of_y


def _arrays(x, y):
    """x and y as arrays or Tensors; numbers and lists don't decide the dtype."""
    return _array(x, y), _array(y, x)


def _array(x, other):
    if isinstance(x, Variable):
        return x
    if isinstance(other, Variable):
        x = weak(x, other.dtype)
        if not isinstance(x, np.ndarray) and other.dtype.kind == "f":
            return np.asarray(x, other.dtype)
    return np.asarray(x)


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
    # of smaller ones the detour takes longer than the sum
    if len(xs) == 2 and min(xs[0].size, xs[1].size) >= 256:
        out = as_matrices(*xs, subscripts)
        if out is not None:
            return out
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

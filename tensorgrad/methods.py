"""What a Tensor does as an array: NumPy's operators and methods, each of them an op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .graph import wrap
from .writing import Writable

if TYPE_CHECKING:
    from .tensor import Tensor


INTEGER = (int, np.integer)


class Methods(Writable):
    """Operators, and methods with NumPy's names and positions."""

    __slots__ = ()

    # --- operators: the ops themselves, which are plain functions

    __add__ = ops.add
    __sub__ = ops.subtract
    __mul__ = ops.multiply
    __truediv__ = ops.divide
    __matmul__ = ops.matmul
    __floordiv__ = ops.floor_divide
    __mod__ = ops.remainder
    __neg__ = ops.negative
    __abs__ = ops.absolute
    __eq__ = ops.equal
    __ne__ = ops.not_equal
    __lt__ = ops.less
    __le__ = ops.less_equal
    __gt__ = ops.greater
    __ge__ = ops.greater_equal
    __and__ = ops.logical_and
    __or__ = ops.logical_or
    __invert__ = ops.logical_not
    __radd__ = ops.add
    __rmul__ = ops.multiply
    __rand__ = ops.logical_and
    __ror__ = ops.logical_or

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ops.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return ops.remainder(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __pow__(self, exponent: Any) -> Tensor:
        if isinstance(exponent, int | float | np.generic):
            return ops.power_constant(self, exponent=exponent)
        return ops.power(self, exponent)

    def __rpow__(self, base: Any) -> Tensor:
        return ops.power(base, self)

    def __getitem__(self, key: Any) -> Tensor:
        return ops.getitem(self, key=key)

    # --- methods: NumPy's names and positions

    exp = ops.exp
    log = ops.log
    sqrt = ops.sqrt
    sin = ops.sin
    cos = ops.cos
    tanh = ops.tanh
    sigmoid = ops.sigmoid
    relu = ops.relu
    abs = ops.absolute

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return ops.matrix_transpose(self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        return ops.var(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis=axis, keepdims=keepdims)

    def softmax(self, axis: int = -1) -> Tensor:
        return ops.softmax(self, axis=axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        return ops.log_softmax(self, axis=axis)

    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.logsumexp(self, axis=axis, keepdims=keepdims)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        return ops.clip(self, min=min, max=max)

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.all(self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.any(self, axis=axis, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        return ops.std(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.prod(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Tensor:
        return ops.cumsum(self, axis=axis)

    def cumprod(self, axis: Any = None) -> Tensor:
        return ops.cumprod(self, axis=axis)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.argmin(self, axis=axis, keepdims=keepdims)

    def argsort(self, axis: Any = -1) -> Tensor:
        return ops.argsort(self, axis=axis)

    def round(self, decimals: int = 0) -> Tensor:
        return ops.round(self, decimals=decimals)

    __round__ = round

    def reshape(self, *shape: Any) -> Tensor:
        return ops.reshape(self, shape=_spread(shape))

    def transpose(self, *axes: Any) -> Tensor:
        return ops.transpose(self, axes=_spread(axes) or None)

    def squeeze(self, axis: Any = None) -> Tensor:
        return ops.squeeze(self, axis=axis)

    def ravel(self) -> Tensor:
        """As one axis."""
        return ops.reshape(self, shape=(-1,))

    flatten = ravel

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return ops.swapaxes(self, axis1, axis2)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        return ops.repeat(self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return ops.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return ops.trace(self, offset, axis1, axis2)

    def dot(self, other: Any) -> Tensor:
        return ops.dot(self, other)

    def take(self, indices: Any, axis: Any = None) -> Tensor:
        return ops.take(self, indices, axis=axis)

    def astype(self, dtype: Any) -> Tensor:
        """In another dtype; only floats stay tracked."""
        if np.dtype(dtype).kind == "f":
            return ops.astype(self, dtype=dtype)
        return wrap(self._data.astype(dtype))


# A method without a docstring says what the op of its name does.
for _name, _method in vars(Methods).items():
    if _name in ops.__all__ and not _method.__doc__:
        _first = (getattr(ops, _name).__doc__ or "").partition("\n")[0]
        _method.__doc__ = f"{_first}\n\nSee `tensorgrad.{_name}`."


def _spread(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """(2, 3) from either f(2, 3) or f((2, 3)), as NumPy's methods take both."""
    return args if len(args) != 1 or isinstance(args[0], INTEGER) else tuple(args[0])

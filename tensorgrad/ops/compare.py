"""Comparisons and their logic: booleans, through which no gradient passes."""

import numpy as np

from ..errors import DtypeError
from ..op import primitive

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "not_equal",
]

_boolean = primitive(smooth="nowhere: its values are booleans")


@_boolean
def equal(x, y):
    """x == y, element by element

    >>> equal(Tensor([1.0, 2.0]), 2.0)
    Tensor([False,  True], dtype=bool)
    """
    return x == y


@_boolean
def not_equal(x, y):
    """x != y, element by element

    >>> not_equal(Tensor([1.0, 2.0]), 2.0)
    Tensor([ True, False], dtype=bool)
    """
    return x != y


@_boolean
def less(x, y):
    """x < y, element by element

    >>> less(Tensor([1.0, 2.0]), 2.0)
    Tensor([ True, False], dtype=bool)
    """
    return x < y


@_boolean
def less_equal(x, y):
    """x <= y, element by element

    >>> less_equal(Tensor([1.0, 2.0]), 2.0)
    Tensor([ True,  True], dtype=bool)
    """
    return x <= y


@_boolean
def greater(x, y):
    """x > y, element by element

    >>> greater(Tensor([1.0, 2.0]), 2.0)
    Tensor([False, False], dtype=bool)
    """
    return x > y


@_boolean
def greater_equal(x, y):
    """x >= y, element by element

    >>> greater_equal(Tensor([1.0, 2.0]), 2.0)
    Tensor([False,  True], dtype=bool)
    """
    return x >= y


@_boolean
def isnan(x):
    """Whether x is not a number, element by element

    >>> isnan(Tensor([1.0, np.nan, -np.inf]))
    Tensor([False,  True, False], dtype=bool)
    """
    return np.isnan(x)


@_boolean
def isinf(x):
    """Whether x is infinity or -infinity, element by element

    >>> isinf(Tensor([1.0, np.nan, -np.inf]))
    Tensor([False, False,  True], dtype=bool)
    """
    return np.isinf(x)


@_boolean
def isfinite(x):
    """Whether x is neither infinite nor NaN, element by element

    >>> isfinite(Tensor([1.0, np.nan, -np.inf]))
    Tensor([ True, False, False], dtype=bool)
    """
    return np.isfinite(x)


@_boolean
def logical_and(x, y):
    """x & y, for booleans

    >>> logical_and(Tensor([True, True]), Tensor([True, False]))
    Tensor([ True, False], dtype=bool)
    """
    return np.logical_and(_checked(x), _checked(y))


@_boolean
def logical_or(x, y):
    """x | y, for booleans

    >>> logical_or(Tensor([False, True]), False)
    Tensor([False,  True], dtype=bool)
    """
    return np.logical_or(_checked(x), _checked(y))


@_boolean
def logical_not(x):
    """~x, for booleans

    >>> logical_not(Tensor([True, False]))
    Tensor([False,  True], dtype=bool)
    """
    return np.logical_not(_checked(x))


def _checked(x):
    """x, if it is a boolean: for integers NumPy's & and logical_and differ."""
    if np.asarray(x).dtype != bool:
        raise DtypeError(
            f"&, | and ~ are for booleans, and this is {np.asarray(x).dtype}: compare "
            "it with something first"
        )
    return x


for _op in (equal, not_equal, less, less_equal, greater, greater_equal):
    _op.gradient(x=None, y=None)
for _op in (logical_and, logical_or):
    _op.gradient(x=None, y=None)
for _op in (isnan, isinf, isfinite, logical_not):
    _op.gradient(x=None)

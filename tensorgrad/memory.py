"""Who else can see an array: the reference count that guards every write.

Tensors have value semantics. A write goes into an array's own memory when
nothing else can see it, and into a copy otherwise. CPython already counts who
sees an array: values saved in a graph, NumPy views (their `base`), other
Tensors and the user's own variables are all references. A count that is too
high costs a copy and never a wrong number.
"""

import sys
from typing import Any

import numpy as np

ndarray = np.ndarray
_count = getattr(sys, "getrefcount", lambda x: sys.maxsize)  # PyPy has no counts


def _references(x: Any) -> int:
    return _count(x)


# What the count reads, from inside a function, for something one container holds.
_held = [object()]
_ONE_HOLDER = _references(_held[0])


def alone(array: Any) -> bool:
    """Whether the one container that `array` was just read from is all that sees it.

    Call it on the attribute or item itself, `alone(self._data)`: a local variable
    would be a second holder.
    """
    return (
        type(array) is ndarray and array.base is None and _count(array) <= _ONE_HOLDER
    )

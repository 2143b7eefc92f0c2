"""What the fused ops ask of their arrays."""

import numpy as np

from ..errors import DtypeError
from ..kernels import kernel


def fast(name, x):
    """The kernel for x, which must hold floats."""
    if x.dtype.kind != "f":
        raise DtypeError(f"{name} needs floats, not {x.dtype}: convert it with astype")
    return kernel(name, x)


def promoted(*xs):
    """The arrays in their common dtype: a kernel knows one."""
    first = xs[0].dtype
    if first.isnative and all([x is None or x.dtype is first for x in xs]):
        return xs
    dtype = np.result_type(*[x for x in xs if x is not None])
    return [x if x is None else x.astype(dtype, copy=False) for x in xs]

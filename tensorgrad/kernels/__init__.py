"""Two sets of kernels with the same names and results, and the choice between them.

`reference` is plain NumPy. `numba` compiles; it is imported at the first array large
enough to gain from it. TENSORGRAD_KERNELS=reference keeps every array in NumPy.
"""

import contextlib
import os

import numpy as np

from . import reference

_SMALL = 1 << 14  # below it a compiler's seconds would never be earned back
_COMPILED_DTYPES = np.dtype("float32"), np.dtype("float64")
_fast = None


def kernel(name, array):
    """The function called `name` that is fastest for arrays like this one.

    It depends on the array's size and dtype and on the environment alone, never on
    what has been compiled so far, so that a run repeats bit for bit.
    """
    if array.size >= _SMALL and array.dtype in _COMPILED_DTYPES:
        return getattr(_fast or _load(), name)
    return getattr(reference, name)


def _load():
    global _fast
    found = reference
    if os.environ.get("TENSORGRAD_KERNELS") != "reference":
        # absent, or at odds with this NumPy: then NumPy does it all
        with contextlib.suppress(Exception):
            from . import numba as found
    _fast = found  # once: another thread must not see a passing choice
    return found

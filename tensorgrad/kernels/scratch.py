"""Memory that a thread keeps for what its kernels compute on the way."""

import math
import threading

import numpy as np

TILE = 1 << 20  # bytes of it to compute at a time: about one core's L2 cache
_kept = threading.local()


def scratch(name, shape, dtype):
    """This thread's array of that name; it holds whatever was left there.

    Kept, since fresh memory costs a page fault for every 4 KiB, at each call.
    """
    size, item = math.prod(shape), np.dtype(dtype).itemsize
    memory = getattr(_kept, name, None)
    if memory is None or memory.nbytes < size * item:
        memory = _aligned(max(TILE, size * item))
        setattr(_kept, name, memory)
    return memory.view(dtype)[:size].reshape(shape)


def _aligned(size):
    """Bytes that are whole lines of the cache, and so whole numbers of any dtype."""
    whole = (size + 63) // 64 * 64
    memory = np.empty(whole + 64, np.uint8)
    memory.fill(0)  # to ask ahead for a page never written to is as slow each time
    start = -memory.ctypes.data % 64
    return memory[start : start + whole]

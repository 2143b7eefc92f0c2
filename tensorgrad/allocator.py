"""What happens to the memory of arrays that are no longer needed."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_MOST = 2**31 - 1  # mallopt takes an int
_LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc accepts no more


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed arrays, for the next ones.

    A training step frees and allocates the same large arrays over and over. glibc
    gives such memory back to the system each time, and the system clears every page
    of it when it is next touched, which can cost a fifth of a step. Call it once, at
    the start of a program that trains; nn's trainer does. Returns whether it took
    effect: elsewhere than on Linux with glibc, or where the environment sets
    TENSORGRAD_ALLOCATOR=system, nothing changes.
    """
    if os.environ.get("TENSORGRAD_ALLOCATOR") == "system":
        return False
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD),
        (_M_TRIM_THRESHOLD, _MOST),
    )
    return all([mallopt(option, value) for option, value in settings])

"""What happens to the memory of arrays that are no longer needed."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # from glibc's malloc.h


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed arrays, for the next ones.

    A training step frees and allocates the same large arrays over and over. glibc
    gives such memory back to the system each time, and the system clears every page
    of it when it is next touched, which can cost a fifth of a step. Call it once, at
    the start of a program that trains; nn's trainer does. From then on nothing is given
    back, no array has a mapping of its own, and threads that start share one arena.
    Where the sizes of large arrays vary, memory between them can stay unused: a fifth,
    in a test with arrays of 10 to 200 MB. Returns whether it took effect: elsewhere
    than on Linux with glibc, or where the environment sets TENSORGRAD_ALLOCATOR=system,
    nothing changes.
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
        (_M_TRIM_THRESHOLD, -1),  # never
        (_M_MMAP_MAX, 0),  # no mappings of their own, which end with the array
        (_M_ARENA_MAX, 1),  # those of other threads have no room for large arrays
    )
    return all([mallopt(option, value) for option, value in settings])

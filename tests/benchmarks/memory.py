"""How much memory attention holds: `python -m tests.benchmarks.memory torch 128 256`.

It prints, as JSON, for each number of tokens T the bytes kept between forward and
backward, and the most that was held during both. Counted are the process's pages, for
both sides alike, so it needs Linux, and an allocator that gives back what is freed:
`held` starts this module with glibc's so set.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# every larger array is a mapping of its own, gone when freed
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def held(side: str, sizes: Sequence[int]) -> dict[int, tuple[float, float]]:
    """{T: (bytes kept, bytes at the peak)}, in a process of its own."""
    kernels = {"TENSORGRAD_KERNELS": "reference"} if side == "numpy" else {}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.memory", side, *map(str, sizes)],
        env=os.environ | ALLOCATOR | kernels,
        stdout=subprocess.PIPE,
        check=True,
    )
    return {int(T): tuple(both) for T, both in json.loads(done.stdout).items()}


def measure(side: str, T: int) -> tuple[float, float]:
    """The medians of five steps, after two that are not counted."""
    if side == "torch":
        from .peer import attention
    else:
        from .ours import attention  # type: ignore[assignment]
    forward, backward = attention(T)
    kept, most = [], []
    for _ in range(7):
        CLEAR.write_text("5")  # the peak begins anew
        before = pages("VmRSS")
        out = forward()
        kept.append(pages("VmRSS") - before)
        backward(out)
        del out
        most.append(pages("VmHWM") - before)
    return statistics.median(kept[2:]), statistics.median(most[2:])


def pages(field: str) -> int:
    """Bytes in memory now (VmRSS) or at most (VmHWM)."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps({T: measure(sys.argv[1], int(T)) for T in sys.argv[2:]}))

"""keep_freed_memory(): what it asks of glibc and when, and what comes of it."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorgrad import keep_freed_memory


class Library:
    """A C library that notes the settings it is given, and takes or refuses them."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.given = list(answers), dict[int, int]()

    def mallopt(self, option: int, value: int) -> int:
        self.given[option] = value
        return self.answers.pop(0)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make this process run on Linux, with that C library."""
    monkeypatch.delenv("TENSORGRAD_ALLOCATOR", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return lambda found: monkeypatch.setattr(ctypes, "CDLL", lambda name: found)


@pytest.mark.parametrize("answers", [(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_all_settings_are_asked_for_and_all_have_to_be_taken(
    library: Any, answers: tuple[int, ...]
) -> None:
    glibc = Library(*answers)
    library(glibc)
    assert keep_freed_memory() == all(answers)
    # M_TRIM_THRESHOLD is -1, M_MMAP_MAX -4 and M_ARENA_MAX -8 in glibc's malloc.h
    assert glibc.given == {-1: -1, -4: 0, -8: 1}


def test_another_c_library_is_left_as_it_is(library: Any) -> None:
    library(object())  # musl's has no mallopt
    assert not keep_freed_memory()

    def missing(name: Any) -> Any:
        raise OSError("no such library")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctypes, "CDLL", missing)
        assert not keep_freed_memory()


@pytest.mark.parametrize("reason", ["environment", "platform"])
def test_where_it_is_not_wanted_nothing_is_asked(
    library: Any, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    glibc = Library()
    library(glibc)
    if reason == "environment":
        monkeypatch.setenv("TENSORGRAD_ALLOCATOR", "system")
    else:
        monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
    assert not glibc.given


HELD = """
import os
import threading
from pathlib import Path
import numpy as np, tensorgrad as tg

took_effect = tg.keep_freed_memory()
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1])
before = pages()
large = threading.Thread(target=np.ones, args=[12_000_000])  # 96 MB, freed at once
large.start()
large.join()
print(int(took_effect), (pages() - before) * os.sysconf("SC_PAGE_SIZE"))
"""


def held_afterwards(**environment: str) -> tuple[bool, int]:
    """Whether it took effect, and the bytes of a freed array that are held still."""
    done = subprocess.run(
        [sys.executable, "-c", HELD],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    took_effect, size = map(int, done.stdout.split())
    return bool(took_effect), size


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="for Linux alone")
def test_a_large_array_that_a_thread_freed_stays_with_the_process() -> None:
    took_effect, kept = held_afterwards(TENSORGRAD_ALLOCATOR="")
    if not took_effect:
        pytest.skip("another C library than glibc")
    without, given_back = held_afterwards(TENSORGRAD_ALLOCATOR="system")
    assert not without
    assert given_back < 10_000_000 < 90_000_000 < kept

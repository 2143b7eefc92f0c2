"""Threads: how many there are to use, a pool of them, and those inside BLAS."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from itertools import pairwise
from typing import Any


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def pool(threads: int) -> ThreadPoolExecutor:
    """That many threads beside the caller's."""
    return ThreadPoolExecutor(threads, "tensorgrad")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=pool.cache_clear)


def in_threads(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """`function(item)` for each item, in a thread for each: what they gave, in order.

    There is one at least; the first is the caller's own, and all have its context. It
    returns, or raises, when all have stopped. Not to be called inside: a thread could
    wait for one that waits for it.
    """
    started: list[Any] = []
    try:
        with suppress(RuntimeError):  # the interpreter is about to end: no more threads
            for item in items[1:]:
                submit = pool(len(items) - 1).submit
                started.append(submit(copy_context().run, function, item))
        here = items[0], *items[1 + len(started) :]
        first, *late = [function(item) for item in here]
    finally:
        try:
            wait(started)
        except BaseException:  # an interrupt
            wait(started)
            raise
    return [first, *[other.result() for other in started], *late]


_sharing: ContextVar[bool] = ContextVar("a part of shared work", default=False)


def share(work: Callable[[int, int], object], count: int) -> None:
    """work(first, last) for parts of range(count), in as many threads as BLAS has.

    Or as there are processors, where threadpoolctl is missing. Worth it for
    milliseconds: a thread takes some 50 us to wake. Shared work that shares work does
    that alone.
    """
    if _sharing.get():
        work(0, count)
        return
    found = [1] if _blas_users else [blas.get_num_threads() for blas in _blas()]
    threads = max(1, min(max(found, default=processors()), count))
    ends = [count * i // threads for i in range(threads + 1)]
    token = _sharing.set(True)
    try:
        in_threads(lambda part: work(*part), [*pairwise(ends)])
    finally:
        _sharing.reset(token)


# --- BLAS's own threads

_blas_lock = threading.Lock()
_blas_users = 0
_blas_before: list[tuple[Any, int]] = []


@functools.cache
def _blas() -> list[Any]:
    """The BLAS libraries in this process, which can be told how many threads to use."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return ThreadpoolController().select(user_api="blas").lib_controllers


def can_limit_blas() -> bool:
    """Whether products of matrices can be kept to one thread each."""
    return bool(_blas())


def blas_has_one_thread() -> bool:
    """Whether a product takes one thread: in `single_threaded_blas`, or everywhere."""
    return bool(_blas_users) or _one_by_environment()


@functools.cache  # since a product of small matrices asks too
def _one_by_environment() -> bool:
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    set_to = [os.environ[name] for name in names if name in os.environ]
    return processors() == 1 or "1" in set_to[:1]


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """One thread for each product of matrices, inside; then as many as before."""
    global _blas_users
    with _blas_lock:
        _blas_users += 1
        if _blas_users == 1:
            _blas_before[:] = [(blas, blas.get_num_threads()) for blas in _blas()]
            for blas, _ in _blas_before:
                blas.set_num_threads(1)
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users -= 1
            if not _blas_users:
                for blas, threads in _blas_before:
                    blas.set_num_threads(threads)

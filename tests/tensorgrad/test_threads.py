"""Threads: work that is shared, and BLAS's own."""

import sys
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad import Tensor, backward_each, threads


class Blas(NamedTuple):
    """As threadpoolctl has it."""

    threads: int

    def get_num_threads(self) -> int:
        return self.threads


@given(st.integers(0, 9), st.integers(1, 5))
def test_shared_work_is_done_once_each(count: int, number: int) -> None:
    done, lock = [], threading.Lock()

    def work(first: int, last: int) -> None:
        with lock:
            done.extend(range(first, last))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_blas", lambda: [Blas(number)])
        threads.share(work, count)
    assert sorted(done) == list(range(count))


def test_shared_work_runs_at_once_and_its_error_is_raised(monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "_blas", lambda: [Blas(2)])
    both = threading.Barrier(2, timeout=60)

    def work(first: int, last: int) -> None:
        both.wait()
        if first == 0:
            raise ValueError("the first half")

    with pytest.raises(ValueError, match="the first half"):
        threads.share(work, 4)


def test_shared_work_has_the_callers_context(monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "_blas", list)
    monkeypatch.setattr(threads, "processors", lambda: 2)
    seen = []
    with np.errstate(over="raise", under="ignore"):
        threads.share(lambda *_: seen.append(np.geterr()), 4)
        assert seen == [np.geterr()] * 2


def test_shared_work_that_shares_work_does_it_alone(monkeypatch: Any) -> None:
    monkeypatch.setattr(threads, "_blas", lambda: [Blas(2)])
    seen: list[tuple[int, int]] = []

    def work(first: int, last: int) -> None:
        threads.share(lambda *part: seen.append(part), 4)

    for _ in range(2):
        seen.clear()
        threads.share(work, 2)
        assert seen == [(0, 4), (0, 4)]


def test_at_the_interpreters_end_work_is_not_shared(monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(threads, "_blas", lambda: [Blas(2)])
    monkeypatch.setattr(threads.ThreadPoolExecutor, "submit", refuse)
    own, seen = threading.get_ident(), []
    threads.share(lambda *part: seen.append((*part, threading.get_ident())), 4)
    assert seen == [(0, 2, own), (2, 4, own)]


def test_where_blas_has_one_thread_no_work_is_shared() -> None:
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    for one_thread in threads.single_threaded_blas(), limits(1):
        seen: list[int] = []
        with one_thread:
            threads.share(lambda *part, seen=seen: seen.extend(part), 4)
        assert seen == [0, 4]


def test_parts_that_share_work_wait_for_no_thread(monkeypatch: Any) -> None:
    """Also where BLAS's threads can't be told: the pool's are all busy with parts."""
    monkeypatch.setattr(threads, "_blas", list)
    monkeypatch.setattr(threads, "processors", lambda: 2)
    w = Tensor(np.ones(3), requires_grad=True)
    seen: list[tuple[int, ...]] = []

    def loss(part: float) -> Tensor:
        threads.share(lambda *ends: seen.append(ends), 4)
        return (w * part).sum()

    backward_each(loss, [1.0, 2.0], threads=2)
    assert seen == [(0, 4), (0, 4)]


@pytest.mark.parametrize(
    ("environment", "processors", "expected"),
    [
        ({}, 2, False),
        ({}, 1, True),
        ({"OPENBLAS_NUM_THREADS": "1"}, 2, True),
        ({"OMP_NUM_THREADS": "1"}, 2, True),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}, 2, False),
    ],
)
def test_whether_products_take_one_thread(
    environment: dict[str, str], processors: int, expected: bool, monkeypatch: Any
) -> None:
    for name in "OPENBLAS", "MKL", "OMP":
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads, "processors", lambda: processors)
    threads._one_by_environment.cache_clear()
    try:
        assert threads.blas_has_one_thread() == expected
        with threads.single_threaded_blas():
            assert threads.blas_has_one_thread()
    finally:
        threads._one_by_environment.cache_clear()


def test_blas_has_its_threads_back() -> None:
    pytest.importorskip("threadpoolctl")
    assert threads.can_limit_blas()
    w = Tensor(np.ones((3, 3)), requires_grad=True)

    def now() -> list[int]:
        return [blas.get_num_threads() for blas in threads._blas()]

    before, inside = now(), []

    def loss(part: int) -> Tensor:
        inside.append(now())
        if part == 3:
            raise ValueError
        return w.sum()

    for parts in ([0, 1], [3, 0]):
        try:
            backward_each(loss, parts, threads=2)
        except ValueError:
            assert parts[0] == 3
        assert now() == before
    assert all(each == 1 for found in inside for each in found)


def test_without_threadpoolctl_products_keep_their_threads(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._blas.cache_clear()
    try:
        assert not threads.can_limit_blas()
        w = Tensor(np.ones((3, 3)), requires_grad=True)
        backward_each(lambda part: (w * part).sum(), [1.0, 2.0], threads=2)
        assert w.grad is not None
    finally:
        threads._blas.cache_clear()

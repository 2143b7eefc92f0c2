"""Grad mode: where it holds, and where it must not leak."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, detect_anomaly, enable_grad, is_grad_enabled, no_grad
from tensorgrad.errors import AnomalyError


def tracked() -> bool:
    """Whether an op is recorded here and now."""
    return (Tensor([1.0], requires_grad=True) * 2.0).requires_grad


def test_nothing_is_recorded_inside() -> None:
    with no_grad():
        assert not tracked()
        assert not is_grad_enabled()
        with enable_grad():
            assert tracked()
            with no_grad():
                assert not tracked()
        assert not tracked()
    assert tracked()
    assert is_grad_enabled()


def test_an_instance_can_be_nested_in_itself() -> None:
    mode = no_grad()
    with mode:
        with mode:
            assert not tracked()
        assert not tracked()
        with enable_grad(), mode:
            assert not tracked()
        assert not tracked()
    assert tracked()
    with mode:
        assert not tracked()


def test_an_error_restores_the_mode() -> None:
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert tracked()


def test_a_decorated_function_keeps_its_name_and_recurses() -> None:
    @no_grad()
    def countdown(n: int) -> list[bool]:
        """Whether anything was tracked, at each level."""
        return [tracked(), *(countdown(n - 1) if n else [])]

    assert countdown(3) == [False] * 4
    assert tracked()
    assert countdown.__name__ == "countdown"
    assert countdown.__doc__


def test_a_decorated_generator_leaves_its_callers_mode_alone() -> None:
    @no_grad()
    def steps() -> Generator[bool, int, str]:
        received = yield tracked()
        yield received == 5 and not tracked()
        with enable_grad():
            inside = tracked()
        yield inside
        return "done"

    running = steps()
    assert next(running) is False
    assert tracked()
    assert running.send(5) is True
    assert tracked()
    with no_grad():
        assert next(running) is True
        assert not tracked()
    with pytest.raises(StopIteration, match="done"):
        next(running)
    assert tracked()


def test_a_decorated_generator_can_be_closed() -> None:
    closed = []

    @no_grad()
    def steps() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    running = steps()
    next(running)
    del running
    assert closed
    assert tracked()


def test_threads_have_modes_of_their_own() -> None:
    inside, found = threading.Barrier(2, timeout=10), []

    def other() -> None:
        inside.wait()
        found.append(tracked())
        inside.wait()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.wait()
        inside.wait()
        assert not tracked()
    thread.join()
    assert found == [True]


def test_tasks_have_modes_of_their_own() -> None:
    found = []

    async def quiet() -> None:
        with no_grad():
            await asyncio.sleep(0)
            found.append(tracked())

    async def loud() -> None:
        await asyncio.sleep(0)
        found.append(tracked())

    async def both() -> None:
        await asyncio.gather(quiet(), loud())

    asyncio.run(both())
    assert found == [False, True]


def test_anomaly_mode_records() -> None:
    with detect_anomaly():
        assert tracked()
        with no_grad():
            assert not tracked()
    assert is_grad_enabled()


def test_recording_again_does_not_end_anomaly_mode() -> None:
    x = tg.Tensor([0.0], requires_grad=True)
    with tg.detect_anomaly(), np.errstate(all="ignore"):
        with tg.no_grad(), tg.enable_grad(), pytest.raises(AnomalyError):
            tg.log(x)
        tg.exp(x)


def test_async_functions_are_refused() -> None:
    with pytest.raises(TypeError, match="inside"):

        @tg.no_grad()
        async def evaluate() -> None: ...


def test_generators_get_what_is_sent_and_thrown() -> None:
    @tg.no_grad()
    def echo() -> Any:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield tg.is_grad_enabled()

    steps = echo()
    assert next(steps) == "ready"
    assert steps.send(3) == 3
    assert steps.throw(KeyError()) is False
    assert tg.is_grad_enabled()
    steps.close()

"""Grad mode: where it holds, and where it must not leak."""

import asyncio
import threading
from collections.abc import Generator, Iterator

import pytest

from tensorgrad import Tensor, detect_anomaly, enable_grad, is_grad_enabled, no_grad


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

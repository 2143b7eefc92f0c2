"""Grad mode: whether ops on tracked tensors are recorded, here and now.

A ContextVar holds it, so threads and async tasks each have their own.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# Above ON, each call of an op is noted too (tracing.py).
OFF, ON, TRACED, ANOMALY = 0, 1, 2, 3
_mode: ContextVar[int] = ContextVar("tensorgrad mode", default=ON)
_outer: ContextVar[Any] = ContextVar("the modes around this one", default=None)
recording = _mode.get


class set_mode:  # noqa: N801 - used as a context manager, like contextlib's own
    """A context manager and decorator that sets the grad mode. It can be nested."""

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        _outer.set((_mode.get(), _outer.get()))
        _mode.set(_around() if self.mode == ON else self.mode)

    def __exit__(self, *_: object) -> None:
        mode, outer = _outer.get()
        _mode.set(mode)
        _outer.set(outer)

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        @functools.wraps(function)
        def steps(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
            # Set anew for each step: a generator runs in its caller's context, so
            # a mode held across a yield would leak into the caller's code.
            running = function(*args, **kwargs)
            resume = functools.partial(next, running)
            while True:
                with self:
                    try:
                        value = resume()
                    except StopIteration as stop:
                        return stop.value
                try:
                    sent = yield value
                except BaseException as error:  # of the caller's throw() or close()
                    resume = functools.partial(running.throw, error)
                else:
                    resume = functools.partial(running.send, sent)

        if inspect.iscoroutinefunction(function):
            raise TypeError("use `with no_grad():` inside an async function")
        generator = inspect.isgeneratorfunction(function)
        return steps if generator else wrapped  # type: ignore[return-value]


def _around() -> int:
    """The mode around here that records: recording again does not end a trace."""
    mode, outer = _mode.get(), _outer.get()
    while outer is not None and mode <= ON:
        mode, outer = outer
    return max(mode, ON)


def no_grad() -> set_mode:
    """Record nothing inside: `with no_grad():`, or `@no_grad()` on a function."""
    return set_mode(OFF)


def enable_grad() -> set_mode:
    """Record again, inside a `no_grad`."""
    return set_mode(ON)


def detect_anomaly() -> set_mode:
    """Raise AnomalyError at the first NaN or infinity, forward or backward.

    The error names the op that made it from finite inputs and the source line
    that called it. Slow: every result is searched. It records, inside `no_grad` too.
    """
    return set_mode(ANOMALY)


def trace_calls() -> set_mode:
    """Keep what each op was called with, what it gave, and the lines that called it.

    For `viz.explore`, which then shows every value and the program's own lines, and
    checks every derivative. The graph holds all of it, for as long as the graph lives.
    """
    return set_mode(TRACED)


def is_grad_enabled() -> bool:
    """Whether ops on tracked tensors are recorded here and now."""
    return _mode.get() != OFF

"""Parts of a batch at once, each in a thread of its own, forward and backward.

Threads inside every op would have to meet again after each, a hundred times a step.
Parts of a batch meet once, when their gradients are added up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from .differentiate import seed
from .errors import ConfigError, GraphError
from .graph import Node, walk, wrap
from .threads import in_threads, processors, single_threaded_blas

_inside: ContextVar[bool] = ContextVar("inside a part", default=False)


def backward_each(
    function: Callable[[Any], Any],
    parts: Iterable[Any],
    *,
    threads: int | None = None,
) -> list[Any]:
    """`function(part)` and its `backward()` for each part, in several threads at once.

    It does what this loop does:

        for part in parts:
            function(part).backward()

    except that no `.grad` changes if a part raises. The gradients are added up in the
    order of the parts, so two threads give the same bits as three. The loop gives them
    too, but for large products: in threads these leave BLAS (see the kernel `matmul`),
    and the last digits may differ. `function` gives a loss, or a
    tuple that begins with one; all of them are returned, in order. The losses should
    be sums, so that their gradients add up to those of the whole batch. What else
    `function` changes it shares between threads: draw random numbers before. (Context
    variables that it sets hold until the end of its backward pass.)

    There are as many threads as processors unless `threads` says otherwise. While they
    run, each product of matrices takes one thread (with the extra `fast`, which has
    threadpoolctl), and the gradients of every part wait for those of the parts before:
    that takes at most the memory of another set of them for each thread.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> points = [np.array([1.0, 0.0]), np.array([1.0, 3.0])]
    >>> losses = backward_each(lambda x: (w * x).sum(), points, threads=2)
    >>> w.grad, [loss.item() for loss in losses]
    (Tensor([2., 3.], dtype=float32), [1.0, 7.0])
    """
    parts = list(parts)
    if threads is not None and threads < 1:
        raise ConfigError(f"backward_each: threads={threads} must be 1 or more")
    threads = min(threads or processors(), len(parts))
    work = Work(function, parts)
    at_once(lambda _: work.run(), range(threads or 1))
    return work.finish()


def at_once(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """`function(item)` for each item, in a thread for each: what they gave, in order.

    While several run, each product of matrices takes one thread (with threadpoolctl).
    Inside another call, the items take turns.
    """
    if _inside.get():
        return [function(item) for item in items]
    token = _inside.set(True)
    try:
        if len(items) <= 1:
            return [function(item) for item in items]
        with single_threaded_blas():
            return in_threads(function, items)
    finally:
        _inside.reset(token)


class Work:
    """The parts still to be done, and the gradients of those that are."""

    def __init__(self, function: Callable[[Any], Any], parts: list[Any]) -> None:
        self.function, self.parts = function, parts
        self.lock = threading.Lock()
        self.todo = iter(range(len(parts)))
        self.outs: dict[int, Any] = {}
        self.error: tuple[int, BaseException] | None = None
        self.sums: dict[Node, Any] = {}
        # of each leaf: the part whose gradient is added next, and those that came early
        self.turns: dict[Node, int] = {}
        self.early: dict[Node, dict[int, Any]] = {}

    def run(self) -> None:
        """Do part after part, until none is left."""
        while (i := self._next()) is not None:
            try:
                copy_context().run(self._do, i)
            except BaseException as error:
                self._fail(i, error)

    def _next(self) -> int | None:
        with self.lock:
            return None if self.error else next(self.todo, None)

    def _fail(self, i: int, error: BaseException) -> None:
        with self.lock:
            if self.error is None or i < self.error[0]:
                self.error = i, error

    def _do(self, i: int) -> None:
        out = self.function(self.parts[i])
        loss: Any = out[0] if type(out) is tuple and out else out
        if not hasattr(loss, "node"):
            raise GraphError(
                f"backward_each: function gave {loss!r:.80}, not a Tensor: it should "
                "return the loss itself, not its value, or a tuple that begins with it"
            )
        for node, g in walk([seed(loss, None, False)]):
            own = g if node.op is None else np.array(g)
            with self.lock:
                self.early.setdefault(node, {})[i] = own
                self._add_up(node)
            del g, own
        with self.lock:
            self.outs[i] = out
            for node in self.early:
                self._add_up(node)

    def _add_up(self, node: Node) -> None:
        """Add what has come whose turn it is: the order decides the rounding."""
        early, turn = self.early[node], self.turns.get(node, 0)
        while turn in early or turn in self.outs:
            if turn in early:
                self._add(node, early.pop(turn))
            turn += 1
        self.turns[node] = turn

    def _add(self, node: Node, g: Any) -> None:
        if node in self.sums:
            self.sums[node] += g
            return
        tensor = node.tensor and node.tensor()
        old = None if tensor is None else tensor._grad
        self.sums[node] = g if old is None else old._data + g

    def finish(self) -> list[Any]:
        """What the function gave, once every leaf has its gradient."""
        if self.error is not None:
            raise self.error[1]
        for node, g in self.sums.items():
            tensor = node.tensor and node.tensor()
            if tensor is not None:
                tensor._grad = wrap(g)
        return [self.outs[i] for i in range(len(self.parts))]

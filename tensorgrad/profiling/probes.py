"""The context manager, and the probes that it puts around ops while it is open.

A probe stands where work is done: around the forward of every op, around its backward
(`Op.backward` and `Op.recorded_backward`), and at the birth of a node. Outside a
profile none is there, so it costs nothing then.

What an op calls inside is its own work: the ops that a formula uses belong to the
derivative that it computes, also where they are recorded. A probe therefore looks first
whether it is inside another.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TextIO

from ..graph import Node, Send
from ..op import REGISTRY, Formula, Op
from .counts import Cost, backward_cost, forward_cost
from .profile import Key, Profile

clock = time.perf_counter


@contextmanager
def profile(
    *, quiet: bool = False, file: TextIO | None = None, rows: int | None = 20
) -> Generator[Profile, None, None]:
    """Measure the ops that run inside, and print where time and memory went.

    A table goes to `file` (stdout) at the end, unless `quiet` or after an exception:
    its first `rows` rows, the others in one; None for all. The profile that the block
    is given holds them as data too. Results are what they are without. All threads
    are counted. Profiles may be nested: each reports all that ran while it was open.

    >>> import tensorgrad as tg
    >>> x = Tensor(np.ones((8, 16)), requires_grad=True)
    >>> weight = Tensor(np.ones((4, 16)), requires_grad=True)
    >>> with tg.profile(quiet=True) as found:
    ...     tg.linear(x, weight).sum().backward()
    >>> for row in sorted(found.rows[:-2], key=lambda row: row.name):
    ...     print(row.name, row.calls, row.flops)
    linear 1 1024
    linear backward 1 2048
    sum 1 0
    sum backward 1 0
    """
    found = Profile(rows)
    open_(found)
    try:
        yield found
    finally:
        close(found)
    if not quiet:
        print(found, file=file)


# --- which profiles are open

lock = threading.RLock()
opened: tuple[Profile, ...] = ()
undo: list[Callable[[], Any]] = []  # what takes the probes away again


def open_(found: Profile) -> None:
    """Report to this profile too; the first to open brings the probes."""
    global opened
    with lock:
        if not opened:
            attach()
        opened = (*opened, found)
        found.began = clock()


def close(found: Profile) -> None:
    """Report to it no more; the last to close takes the probes away."""
    global opened
    found.ended = clock()
    with lock:
        opened = tuple([other for other in opened if other is not found])
        if not opened:
            detach()


def attach() -> None:
    for op in REGISTRY.values():
        before = op.exchange(around_forward(op, op.forward))
        undo.append(functools.partial(op.exchange, before))
    for owner, name, probe in (
        (Op, "backward", around_backward),
        (Op, "recorded_backward", around_backward),
        (Node, "__init__", after_birth),
    ):
        method = getattr(owner, name)
        setattr(owner, name, probe(method))
        undo.append(functools.partial(setattr, owner, name, method))


def detach() -> None:
    while undo:
        undo.pop()()


# --- the probes


class Here(threading.local):
    """What this thread is at: the row of the op that runs, None outside ops."""

    row: Key | None = None


here = Here()


def around_forward(op: Op, forward: Formula) -> Formula:
    key = op.name, "forward"

    @functools.wraps(forward)
    def run(*inputs: Any, **settings: Any) -> Any:
        if here.row is not None:
            return forward(*inputs, **settings)
        here.row, start = key, clock()
        try:
            out = forward(*inputs, **settings)
        finally:
            end, here.row = clock(), None
        report(key, start, end, forward_cost(op, inputs, settings, out))
        return out

    return run


def around_backward(method: Any) -> Any:
    @functools.wraps(method)
    def run(op: Op, node: Node, g: Any, parents: Any, send: Send, *saved: Any) -> None:
        if here.row is not None:
            return method(op, node, g, parents, send, *saved)
        found: list[tuple[Node, Any]] = []  # adding them up is not the op's work
        here.row = key = op.name, "backward"
        start = clock()
        try:
            method(op, node, g, parents, lambda *sent: found.append(sent), *saved)
        finally:
            end, here.row = clock(), None
        gradients = [gx for _, gx in found]
        report(key, start, end, backward_cost(op, node, g, parents, gradients))
        del gradients
        while found:
            send(*found.pop(0))

    return run


def after_birth(method: Any) -> Any:
    @functools.wraps(method)
    def run(node: Node, op: Any, parents: Any, saved: Any, like: Any) -> None:
        method(node, op, parents, saved, like)
        if op is None:  # a leaf
            return
        start, key = clock(), here.row or (op.name, "forward")
        with lock:
            for found in opened:
                found.kept(key, node)
                if here.row is None:
                    found.profiled(start)

    return run


def report(key: Key, start: float, end: float, cost: Cost) -> None:
    with lock:
        for found in opened:
            found.called(key, start, end, cost)
            found.profiled(end)

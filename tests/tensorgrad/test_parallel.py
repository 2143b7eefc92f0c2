"""backward_each: the gradients of a loop, whatever the threads."""

import threading
import time
from concurrent.futures import wait
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad import Tensor, backward_each
from tensorgrad.errors import AnomalyError, ConfigError, GraphError
from tensorgrad.parallel import at_once


def leaves(seed: int) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=(3, 3)), requires_grad=True) for _ in range(3)]


def loss_of(w: list[Tensor], part: tuple[Any, list[int]]) -> Tensor:
    """A sum over some of the parameters, in which one may occur several times."""
    x, chosen = part
    for i in chosen:
        x = tg.tanh(x @ w[i])
    return (x * w[0]).sum()


PARTS = st.lists(
    st.tuples(st.integers(0, 99), st.lists(st.integers(0, 2), max_size=3)), max_size=6
)


def drawn(parts: Any) -> list[Any]:
    return [
        (np.random.default_rng(seed).normal(size=(3, 3)), chosen)
        for seed, chosen in parts
    ]


@given(PARTS, st.integers(1, 4), st.booleans())
def test_it_does_what_a_loop_does(parts: Any, threads: int, before: bool) -> None:
    parts = drawn(parts)
    ours, theirs = leaves(0), leaves(0)
    for w in (*ours, *theirs) if before else ():
        w.grad = Tensor(np.full((3, 3), 0.1))
    expected = []
    for part in parts:
        expected.append(loss_of(theirs, part))
        expected[-1].backward()
    found = backward_each(lambda part: loss_of(ours, part), parts, threads=threads)
    assert [loss.item() for loss in found] == [loss.item() for loss in expected]
    for one, other in zip(ours, theirs, strict=True):
        if other.grad is None:
            assert one.grad is None
        else:
            np.testing.assert_array_equal(one.grad.data, other.grad.data)


def test_parts_run_at_the_same_time() -> None:
    w, meeting = leaves(0)[0], threading.Barrier(2)

    def loss(part: int) -> tuple[Tensor, int]:
        meeting.wait(10)
        return w.sum() * part, part

    found = backward_each(loss, [1, 2], threads=2)
    assert [part for _, part in found] == [1, 2]
    assert w.grad is not None
    assert w.grad.tolist() == [[3.0] * 3] * 3


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_gradient_changes_if_a_part_raises(threads: int) -> None:
    w = leaves(0)[0]
    w.grad = Tensor(np.ones((3, 3)))

    def loss(part: int) -> Tensor:
        if part:
            raise ValueError(f"part {part}")
        return w.sum()

    with pytest.raises(ValueError, match="part 1"):
        backward_each(loss, range(2), threads=threads)
    assert w.grad.tolist() == [[1.0] * 3] * 3


def test_threads_have_the_callers_modes() -> None:
    x = Tensor(np.zeros(2), requires_grad=True)
    with tg.no_grad(), pytest.raises(GraphError):
        backward_each(lambda part: (x * part).sum(), [1.0, 2.0], threads=2)
    with np.errstate(all="ignore"), tg.detect_anomaly(), pytest.raises(AnomalyError):
        backward_each(lambda part: tg.log(x * part).sum(), [1.0, 2.0], threads=2)


def test_it_can_be_nested() -> None:
    w = leaves(0)[0]

    def outer(part: int) -> Tensor:
        backward_each(lambda x: (w * x).sum(), [1.0, 2.0], threads=2)
        return w.sum() * 0.0

    backward_each(outer, range(3), threads=2)
    assert w.grad is not None


def test_retained_gradients_and_hooks_are_kept() -> None:
    w, kept, seen = leaves(0)[0], [], []
    w.register_hook(lambda g: seen.append(g.shape))

    def loss(part: float) -> Tensor:
        y = w * part
        y.retain_grad()
        kept.append(y)
        return y.sum()

    backward_each(loss, [1.0, 2.0], threads=2)
    assert [y.grad.tolist() for y in kept] == [[[1.0] * 3] * 3] * 2
    assert seen == [(3, 3)] * 2


@pytest.mark.parametrize("count", range(4))
def test_at_once_gives_what_a_loop_gives(count: int) -> None:
    def square(i: int) -> list[int]:
        return at_once(lambda j: i * j, range(i))  # and inside it too

    assert at_once(square, range(count)) == [square(i) for i in range(count)]


@pytest.mark.parametrize("failing", [{0}, {1}, {0, 1}])
def test_at_once_raises_when_all_have_ended(failing: set[int]) -> None:
    ended = []

    def part(i: int) -> None:
        if i in failing:
            raise ValueError(f"part {i}")
        time.sleep(0.01)
        ended.append(i)

    with pytest.raises(ValueError, match=f"part {min(failing)}"):
        at_once(part, range(3))
    assert {*ended} == {0, 1, 2} - failing


def test_an_interrupt_ends_it_when_all_have_ended(monkeypatch: Any) -> None:
    ended, calls = [], []

    def interrupted(others: Any) -> None:
        calls.append(others)
        if len(calls) == 1:
            raise KeyboardInterrupt
        wait(others)

    def part(i: int) -> list[int]:
        time.sleep(0.05 * i)
        ended.append(i)
        return at_once(lambda j: threading.get_ident(), range(2))

    monkeypatch.setattr("tensorgrad.threads.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        at_once(part, range(2))
    assert ended == [0, 1]
    assert len({*at_once(lambda i: threading.get_ident(), range(2))}) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_what_runs_inside_a_part_stays_in_its_thread(threads: int) -> None:
    def part(i: int) -> tuple[Tensor, Any]:
        seen = at_once(lambda j: threading.get_ident(), range(3))
        return Tensor(0.0, requires_grad=True), {*seen} - {threading.get_ident()}

    for _, others in backward_each(part, range(threads), threads=threads):
        assert not others


def test_a_number_of_threads_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="threads=0"):
        backward_each(lambda part: part, [], threads=0)


@pytest.mark.parametrize("gives", [3.0, (3.0, 1), (), None])
def test_a_loss_is_a_tensor(gives: Any) -> None:
    with pytest.raises(GraphError, match=r"not a Tensor: .* the loss itself"):
        backward_each(lambda part: gives, [1, 2], threads=2)

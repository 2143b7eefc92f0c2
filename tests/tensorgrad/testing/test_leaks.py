"""assert_graph_freed sees a graph that outlives its block, and no other."""

import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.testing import assert_graph_freed


def test_what_is_dropped_is_freed() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    with assert_graph_freed():
        loss = (tg.exp(x) * x).sum()
        loss.backward()
        del loss
        history = (x * x).sum().item()
    assert history == 5


def test_what_is_kept_is_named() -> None:
    x, kept = Tensor([1.0, 2.0], requires_grad=True), []
    with (
        pytest.raises(AssertionError, match=r"2 nodes .*multiply x 1.*sum of shape"),
        assert_graph_freed(),
    ):
        kept.append((x * x).sum())


def test_the_line_is_known_under_anomaly_mode() -> None:
    x, kept = Tensor([1.0, 2.0], requires_grad=True), []
    with (
        pytest.raises(AssertionError, match=r"test_leaks.py:\d+: kept.append"),
        assert_graph_freed(),
        tg.detect_anomaly(),
    ):
        kept.append(x * x)


def test_an_older_graph_is_not_blamed() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    before = x * x
    with assert_graph_freed():
        Tensor([1.0], requires_grad=True)
    assert before.requires_grad


def test_an_exception_inside_passes_through() -> None:
    x, kept = Tensor([1.0], requires_grad=True), []  # type: tuple[Any, list[Any]]

    def fails() -> None:
        kept.append(x * x)
        raise KeyError

    with pytest.raises(KeyError), assert_graph_freed():
        fails()

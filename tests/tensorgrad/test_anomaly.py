"""Anomaly mode names the op and the line of the first NaN or infinity."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, detect_anomaly, grad
from tensorgrad.errors import AnomalyError
from tests.tensorgrad.checks import vector

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own


def test_forward_names_the_op_the_element_and_the_line() -> None:
    x = vector(1.0, 0.0)
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        (x * 2.0).log().sum()  # this line
    message = str(caught.value)
    assert message.startswith("log gave -inf at index (1,) from finite inputs")
    assert f"{__file__}:" in message
    assert message.endswith("(x * 2.0).log().sum()  # this line")


def test_backward_names_the_op_and_the_line_of_its_forward() -> None:
    x = vector(1.0, 0.0)
    with detect_anomaly():
        y = tg.sqrt(x * x).sum()  # the forward
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    message = str(caught.value)
    assert message.startswith("the derivative of sqrt for input 0 gave inf")
    assert "at index (1,) from a finite gradient" in message
    assert message.endswith("y = tg.sqrt(x * x).sum()  # the forward")
    assert x.grad is None


def test_backward_alone_says_how_to_learn_the_line() -> None:
    y = tg.sqrt(vector(0.0)).sum()
    with detect_anomaly(), pytest.raises(AnomalyError, match="unknown line: run the"):
        y.backward()


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda x: x / (x - x), "divide"),
        (lambda x: (x * 1e300) * 1e300, "multiply"),
        (lambda x: tg.exp(x * 1e3), "exp"),
        (lambda x: tg.split(x / 0.0, indices_or_sections=2)[0], "divide"),
        (lambda x: tg.linear(x * 1e200, (x * 1e200)[None]), "linear"),
        (lambda x: tg.logsumexp(x) * (x - 3.0) ** 0.5, "power_constant"),
    ],
)
def test_the_first_op_is_named(function: Any, op: str) -> None:
    with detect_anomaly(), pytest.raises(AnomalyError, match=f"^{op} gave"):
        function(vector(1.0, 2.0))


def test_second_order() -> None:
    with detect_anomaly():
        x = vector(0.0)
        y = (x**1.5).sum()
        first = grad(y, x, create_graph=True)
        assert first.item() == 0
        with pytest.raises(AnomalyError, match=r"derivative of power_constant.*inf"):
            grad(first, x)


def test_infinities_that_were_given_are_not_anomalies() -> None:
    with detect_anomaly():
        x = vector(1.0, 2.0)
        masked = x + np.array([0.0, -np.inf])
        tg.softmax(masked).sum().backward()
        assert np.isfinite(x.grad.data).all()
        allowed = np.array([[True, False]])
        q = Tensor(np.ones((1, 2)), requires_grad=True)
        k = Tensor(np.ones((2, 2)))
        tg.attention(q, k, k, allowed, causal=True).sum().backward()
        (tg.where(x > 1.0, x, -np.inf)[1] * 1.0).backward()


def test_the_input_is_named_although_one_tensor_is_both() -> None:
    @tg.primitive
    def ratio(x: Any, y: Any) -> Any:
        return x / y

    try:
        ratio.gradient(x=lambda g, y: g / y, y=lambda g, x: g * x / 0.0)
        with detect_anomaly():
            x = vector(1.0, 2.0)
            y = ratio(x, x).sum()
            with pytest.raises(AnomalyError, match="derivative of ratio for input 1"):
                y.backward()
    finally:
        del tg.REGISTRY["ratio"]


def test_a_gradient_that_arrives_infinite_is_not_the_ops_fault() -> None:
    x = vector(1.0, 2.0)
    with detect_anomaly():
        y = x * 2.0
        y.backward(np.array([np.inf, 1.0]))
    assert x.grad.tolist() == [np.inf, 2]


def test_one_of_several_outputs() -> None:
    @tg.primitive
    def roots(x: Any) -> Any:
        return x + 1.0, np.sqrt(x)

    try:
        roots.gradient(x=lambda g, out: g[1] * 0.5 / out[1])
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"^roots gave nan"):
            roots(vector(1.0, -1.0))
    finally:
        del tg.REGISTRY["roots"]


def test_nothing_is_checked_outside() -> None:
    x = vector(0.0)
    y = tg.log(x)
    assert y.item() == -np.inf
    y.backward()
    assert x.grad.item() == np.inf


def test_a_write_is_named_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with detect_anomaly():
        y = vector(1.0, 2.0) * 2.0
        y[0] = 5.0  # this line
        assert y.node is not None
        assert str(y.node.trace).endswith("y[0] = 5.0  # this line")
        right = tg.REGISTRY["setitem"].formulas
        try:
            tg.REGISTRY["setitem"].gradient(**right | {"x": lambda g: g / 0.0})
            with np.errstate(all="ignore"), pytest.raises(AnomalyError) as caught:
                y.sum().backward()
        finally:
            tg.REGISTRY["setitem"].gradient(**right)
    assert "setitem" in str(caught.value)
    assert "y[0] = 5.0  # this line" in str(caught.value)

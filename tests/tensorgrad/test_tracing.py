"""A trace keeps what each op was called with, and the lines that called it."""

import numpy as np

import nn
import tensorgrad as tg
from tensorgrad import Tensor
from tests.tensorgrad.checks import vector


def test_a_call_is_kept_whole() -> None:
    x, scale = vector(1.0, 2.0), np.array([3.0, 4.0])
    with tg.trace_calls():
        y = tg.sum(x * scale, axis=0, keepdims=True)
    scale[:] = 0.0  # the trace has its own
    node = y.node
    assert node is not None
    trace = node.trace
    assert trace is not None
    assert trace.settings == {"axis": 0, "keepdims": True}
    assert trace.out is y._data
    [product] = node.parents
    assert product is not None
    assert product.trace is not None
    assert product.trace.inputs is not None
    np.testing.assert_array_equal(product.trace.inputs[1], [3.0, 4.0])


def test_the_lines_are_those_of_the_program_innermost_first() -> None:
    def inner(x: Tensor) -> Tensor:
        return tg.exp(x)  # in here

    with tg.trace_calls():
        y = inner(vector(1.0))  # from here
        z = nn.Linear(1, 1, rng=0)(Tensor([1.0]))
    assert y.node is not None
    assert y.node.trace is not None
    first, second, *_ = y.node.trace.lines
    assert (first.file, first.code) == (__file__, "return tg.exp(x)  # in here")
    assert second.code == "y = inner(vector(1.0))  # from here"
    assert z.node.trace.lines[0].file.endswith("layers.py")
    codes = [line.code for line in z.node.trace.lines]
    assert "z = nn.Linear(1, 1, rng=0)(Tensor([1.0]))" in codes[1]


def test_recording_again_does_not_end_a_trace() -> None:
    x = vector(1.0)
    with tg.trace_calls():
        with tg.no_grad():
            assert (x * 2.0).node is None
            with tg.enable_grad():
                y = x * 2.0
        g = tg.grad((x * x).sum(), x, create_graph=True)
    assert y.node is not None
    assert y.node.trace is not None
    [parent] = g.node.parents  # behind an alias
    while parent is not None and parent.op.name == "alias":
        [parent] = parent.parents
    assert parent is not None
    assert parent.trace is not None
    assert (x * 2.0).node.trace is None


def test_a_write_keeps_what_was_there() -> None:
    x = vector(5.0)
    with tg.trace_calls():
        buffer = Tensor(np.zeros(2))
        buffer[0] = x[0]
        buffer[1] = x[0]
    node = buffer.node
    assert node is not None
    assert node.trace is not None
    assert node.trace.inputs is not None
    np.testing.assert_array_equal(node.trace.inputs[0], [5.0, 0.0])

"""The page says what the engine does: its steps are those of the walk."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import nn
import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, GraphError, InputError
from tensorgrad.functional import checkpoint
from tensorgrad.testing.programs import Program, programs
from tensorgrad.viz import explore
from tests.tensorgrad.checks import leaf
from tests.tensorgrad.viz.explore.reading import Steps


def close(found: np.ndarray, expected: Any) -> None:
    """Equal to the digits that a page keeps."""
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-6, atol=1e-300)


@settings(max_examples=30)
@given(programs())
def test_what_leaves_have_at_the_end_is_what_backward_gives(program: Program) -> None:
    leaves = program.tensors()
    seen = Steps(
        lambda: program.run(*leaves), params={str(i): x for i, x in enumerate(leaves)}
    )
    assert all(x.grad is None for x in leaves)
    program.run(*leaves).backward()
    for i, x in enumerate(leaves):
        if x.grad is not None:
            close(seen.array(seen.titled(str(i))["grad"]["after"]), x.grad.numpy())


@settings(max_examples=30)
@given(programs())
def test_gradients_add_up_on_the_way(program: Program) -> None:
    leaves = program.tensors()
    seen = Steps(lambda: program.run(*leaves))
    arrived: dict[int, Any] = {seen.data["output"]: seen.steps[0]["g"]}
    for step in seen.steps:
        if step["parts"] is None:  # one gradient, not one of each of several outputs
            assert step["g"] == arrived[step["vertex"]]
        for sent in step["sent"]:
            assert sent["arrival"] <= sent["arrivals"]
            if sent["after"] is None or sent["value"] is None:
                continue
            assert sent["before"] == arrived.get(sent["to"])
            value, after = seen.array(sent["value"]), seen.array(sent["after"])
            if sent["before"] is not None:
                value = value + seen.array(sent["before"])
            np.testing.assert_allclose(value, after, rtol=1e-5, atol=1e-5)
            arrived[sent["to"]] = sent["after"]


@settings(max_examples=30)
@given(programs())
def test_finite_differences_agree_traced_or_not(program: Program) -> None:
    leaves = program.tensors()
    traced = Steps(lambda: program.run(*leaves))
    plain = Steps(program.run(*leaves))
    assert traced.checks
    assert not traced.data["notes"]
    for check in (*traced.checks, *plain.checks):
        assert check["agrees"], check


@settings(max_examples=30)
@given(programs())
def test_the_graph_is_left_as_it_was(program: Program) -> None:
    leaves = program.tensors()
    loss = program.run(*leaves)
    json.dumps(explore(loss).data, allow_nan=False)
    loss.backward()
    gradients = program.gradients()
    for x, g in zip(leaves, gradients.values(), strict=True):
        np.testing.assert_array_equal(0.0 if x.grad is None else x.grad.numpy(), g)


def test_formulas_numbers_and_lines() -> None:
    x, w = leaf(3.0), leaf(2.0)

    def loss() -> Tensor:
        y = x * w  # the product
        return y + x

    seen = Steps(loss)
    product = seen.titled("multiply")
    vertex = seen.vertices[product["vertex"]]
    assert vertex["arguments"] == ["x", "y"]
    assert vertex["lines"][0]["code"] == "y = x * w  # the product"
    assert vertex["lines"][0]["file"] == __file__
    to_x, to_w = product["sent"]
    assert [seen.title(part["to"]) for part in (to_x, to_w)] == ["x", "w"]
    formula = seen.data["ops"]["multiply"]["formulas"][to_w["formula"]]
    assert formula["code"] == "g * x"
    assert formula["tokens"] == [{"name": "g"}, {"text": " * "}, {"name": "x"}]
    assert formula["pointwise"]
    assert seen.array(product["known"]["x"]) == 3.0
    assert seen.array(to_w["value"]) == 3.0
    assert (to_x["arrival"], to_x["arrivals"]) == (2, 2)
    assert seen.array(to_x["after"]) == 3.0


def test_lines_of_libraries_are_told_from_the_program_s_own() -> None:
    layer = nn.Linear(2, 1, rng=0)
    seen = Steps(lambda: layer(np.ones((3, 2), np.float32)).sum())
    first, second, *_ = seen.vertices[seen.titled("linear")["vertex"]]["lines"]
    assert first["library"]
    assert first["file"].endswith("layers.py")
    assert not second["library"]
    assert second["file"] == __file__


def test_the_grad_before_is_added_to() -> None:
    x = leaf(3.0)
    (x * x).backward()
    end = Steps(lambda: x * x).titled("x")["grad"]
    assert end["before"] != end["after"]
    assert x.grad is not None
    assert x.grad.item() == 6.0


def test_the_sum_over_broadcast_axes_is_told() -> None:
    b = Tensor(np.ones((3, 1)), requires_grad=True)
    x = np.arange(30.0).reshape(5, 3, 2)
    seen = Steps(lambda: (x * b).sum())
    [sent] = seen.titled("multiply")["sent"]
    assert sent["summed"] == [0, 2]
    raw = seen.array(sent["raw"])
    assert raw.shape == (5, 3, 2)
    close(seen.array(sent["value"]), raw.sum(axis=(0, 2))[:, None])


@pytest.mark.parametrize(
    ("function", "right"),
    [
        (lambda x: tg.sin(x * 2.0), True),  # a chain
        (lambda x: tg.sin(x) * tg.cos(x), True),  # a leaf may be reached twice
        (lambda x: (y := x * 2.0) + tg.sin(y), False),
        (lambda x: (y := x * 2.0) * tg.exp(tg.sin(y)), False),
    ],
)
def test_an_order_that_does_not_wait(function: Any, right: bool) -> None:
    x = leaf(0.5)
    seen = Steps(lambda: function(x))
    naive = seen.data["naive"]
    assert naive["right"] == right
    [end] = naive["leaves"]
    assert end["agrees"] == right
    assert end["right"] == seen.titled("x")["grad"]["after"]
    assert any(sent["lost"] for s in naive["steps"] for sent in s["sent"]) != right
    assert all(step["complete"] for step in naive["steps"]) == right


def test_a_hook_is_not_called_a_wrong_derivative_or_a_wrong_order() -> None:
    x, calls = leaf(2.0), []

    def loss() -> Tensor:
        y = x * x
        y.register_hook(lambda g: calls.append(g) or g * 3.0)
        return tg.sin(y)

    seen = Steps(loss)
    assert len(calls) == 1
    assert seen.titled("multiply")["hooked"]
    assert all(check["agrees"] for check in seen.checks)
    assert seen.titled("x")["checks"] == []
    assert seen.data["naive"] is None
    assert "hooks" in seen.data["notes"][0]


def test_a_program_too_large_for_a_page_is_refused() -> None:
    x = y = leaf(1.0)
    for _ in range(20_000):
        y = y + x
    with pytest.raises(InputError, match="20,001 nodes; a page holds 20,000"):
        explore(y)


def test_second_order_assignment_outputs_checkpoints_and_hooks() -> None:
    x = leaf(2.0)
    x.register_hook(lambda g: g * 3.0)

    def loss() -> Tensor:
        buffer = Tensor(np.zeros(3))
        buffer[0] = x * x
        buffer[1] = x
        y, z = tg.split(buffer, indices_or_sections=[2])
        s = (y * y).sum() + z.sum()
        g = tg.grad(s, x, create_graph=True)
        return g * g + checkpoint(tg.sin, x)

    seen = Steps(loss)
    loss().backward()
    assert x.grad is not None
    end = seen.titled("x")
    assert end["hooked"]
    close(seen.array(end["grad"]["after"]), x.grad.numpy())
    titles = {vertex["title"] for vertex in seen.vertices}
    assert {"setitem", "output 0", "checkpoint"} <= titles


def test_values_that_nothing_kept_are_computed_again() -> None:
    x = leaf(2.0)
    loss = tg.exp((x + x) - (x * x))
    seen = Steps(loss)
    assert "computed again" in seen.data["notes"][0]
    values = {v["title"]: seen.array(v["value"]).item() for v in seen.vertices}
    assert values == {
        **{"x": 2.0, "add": 4.0, "multiply": 4.0, "subtract": 0.0},
        "loss: exp": 1.0,
    }


def test_names_come_from_where_explore_is_called() -> None:
    layer = nn.Linear(2, 1, rng=0)
    points = np.ones((3, 2), np.float32)
    seen = Steps(lambda: layer(points).sum(), params={"offset": layer.bias})
    found = {v["name"] for v in seen.vertices}
    assert found == {"layer.weight", "offset", "points", None}
    data = explore(lambda: layer(points).sum(), title="mine").data
    assert {v["name"] for v in data["vertices"]} == {
        *("layer.weight", "layer.bias", "points"),
        None,
    }
    assert data["title"] == "mine"


def test_what_can_not_be_explored_is_refused() -> None:
    x = leaf(1.0)
    with pytest.raises(ConfigError, match="only a Tensor has a graph; got int"):
        explore(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="function returned a float, no Tensor"):
        explore(lambda: 3.0)  # type: ignore[arg-type, return-value]
    with pytest.raises(GraphError, match="explore: there is no graph"):
        explore(Tensor(1.0))
    y = x * x
    y.backward()
    with pytest.raises(GraphError, match="Explore it before"):
        explore(y)
    with pytest.raises(GraphError, match="needs a gradient of that shape"):
        explore(leaf(1.0, 2.0) * 2.0)
    weighed = Steps(leaf(1.0, 2.0) * 2.0, gradient=[1.0, 10.0])
    close(weighed.array(weighed.steps[0]["g"]), [1.0, 10.0])


def test_nan_infinity_and_size_zero() -> None:
    x = leaf(0.0, np.inf, np.nan)
    empty = Tensor(np.zeros((0, 3)), requires_grad=True)
    seen = Steps(lambda: tg.sqrt(x).sum() + (empty * 2.0).sum())
    text = json.dumps(seen.data, allow_nan=False)
    last = seen.titled("sqrt")["sent"][0]["checks"][-1]  # of NaN
    assert last["agrees"]
    assert last["why"] == "neither is a number"
    assert '"nan"' in text
    assert '"inf"' in text

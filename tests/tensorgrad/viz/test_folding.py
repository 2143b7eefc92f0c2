"""Frames and repeats: nothing lost, nothing invented, never too much to see."""

import gc
import weakref
from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.graph import Node, next_order
from tensorgrad.viz import draw
from tensorgrad.viz.folding import (
    LONGEST_PERIOD,
    drawn,
    fit,
    flat,
    fold_repeats,
    groups,
    links,
)
from tensorgrad.viz.outline import outline, reachable, within
from tests.tensorgrad.viz.reading import Seen, call, leaf, linear, network, parameter


def test_modules_are_frames_and_parameters_live_in_theirs() -> None:
    x = np.ones((5, 2), np.float32)
    out, names = network(Tensor(x), [2, 3, 4])
    seen = Seen(draw(out.sum(), params=names))
    frames = {seen.labels[n].split("\n")[0]: f for n, f in seen.frames.items()}
    assert frames["input"] == []  # it came from outside
    assert frames["sum"] == []
    assert ["Sequential", "0  Linear"] in seen.frames.values()
    assert ["Sequential", "3  ReLU"] in seen.frames.values()
    first = {n for n, f in seen.frames.items() if f[-1:] == ["0  Linear"]}
    assert {seen.labels[n].split("\n")[0] for n in first} == {
        "weight",
        "bias",
        "linear",
    }


def test_a_module_gives_the_names() -> None:
    class Model:
        def __init__(self, names: dict[str, Tensor]) -> None:
            self.names = names

        def named_parameters(self) -> Any:
            return iter(self.names.items())

    out, names = network(Tensor(np.ones((5, 2))), [2, 3])
    assert draw(out, params=Model(names)).dot == draw(out, params=names).dot


def test_repeats_are_drawn_once() -> None:
    x = leaf(5, 4)
    out, _ = network(x, [4, 4, 4, 4, 2])
    folded, unfolded = Seen(draw(out)), Seen(draw(out, fold=False))
    assert len(unfolded.labels) == 1 + 4 * 4
    assert len(folded.labels) == 1 + 2 * 4  # Linear and ReLU, three times; the last two
    assert any("× 3" in frames for frames in folded.frames.values())
    names = [label.split("\n")[0] for label in folded.labels.values()]
    assert names.count("relu") == 2


def test_blocks_in_a_row_and_heads_side_by_side() -> None:
    x = y = leaf(4)
    weights = [parameter(4) for _ in range(12)]
    for i, w in enumerate(weights):
        y = call(f"h.{i} Block", lambda y, w: tg.tanh(y * w), y, w)
    seen = Seen(draw(y))
    assert ["h.0 … h.11  Block × 12"] in seen.frames.values()
    assert len(seen.labels) == 4
    assert len(seen.arrows) == 3
    heads = [call(f"{i} Head", tg.tanh, x) for i in range(3)]
    seen = Seen(draw(tg.concatenate(heads)))
    assert ["0 … 2  Head × 3 side by side"] in seen.frames.values()
    assert Counter(seen.arrows)[seen.find("leaf"), seen.find("tanh")] == 1
    assert Counter(seen.arrows)[seen.find("tanh"), seen.find("concatenate")] == 3


@pytest.mark.parametrize("other", ["shape", "op", "class", "setting", "wiring"])
def test_what_differs_is_not_folded(other: str) -> None:
    def block(x: Tensor, odd: bool) -> Tensor:
        a = tg.tanh(x)
        b = tg.sin(x) if odd and other == "op" else tg.cos(x)
        y = (a + a) if odd and other == "wiring" else (a + b)
        y = y + (b if odd and other == "wiring" else a)
        return y * (3.0 if odd and other == "setting" else 2.0)

    x = call("0 Block", block, leaf(1, 4), False)
    x = x + leaf(3, 4) if other == "shape" else x
    x = call("1 Other" if other == "class" else "1 Block", block, x, True)
    assert "×" not in draw(x).dot
    assert "×" in draw(call("2 Block", block, call("1 Block", block, x, 0), 0)).dot


def test_a_shared_weight_stays_outside_of_the_calls_that_share_it() -> None:
    w, x = parameter(4), leaf(4)
    y = x
    for _ in range(5):
        y = call("cell Cell", lambda y: tg.tanh(y * w), y)
    seen = Seen(draw(y, params={"w": w}))
    assert seen.frames[seen.find("w")] == []
    assert ["cell  Cell × 5"] in seen.frames.values()


def test_a_repeat_is_looked_for_among_many_items() -> None:
    x = leaf(4)
    for i in range(3):
        x = call(f"{i} Block", tg.tanh, x)
        for _ in range(LONGEST_PERIOD - 1):
            x = tg.sin(x) if i == 1 else tg.cos(x)
    seen = Seen(draw(x, max_nodes=None))
    assert not any("×" in frame for frames in seen.frames.values() for frame in frames)
    assert len(seen.labels) == 1 + 3 * LONGEST_PERIOD
    for i in range(4):
        x = call(f"{i} Block", tg.sin, x)
    seen = Seen(draw(x, max_nodes=None))
    assert ["0 … 3  Block × 4"] in seen.frames.values()


def test_a_call_with_two_results_is_one_frame() -> None:
    def cell(x: Tensor, later: list[Tensor]) -> Tensor:
        state = tg.sin(x)
        later.append(state)
        return tg.exp(state)

    later: list[Tensor] = []
    out = call("cell Cell", cell, leaf(2), later)
    assert out.node is not None
    assert later[0].node is not None
    later[0].node.module = out.node.module  # nn marks each result of a call
    seen = Seen(draw(out + later[0]))
    assert seen.frames[seen.find("sin")] == ["cell  Cell"]
    assert seen.frames[seen.find("exp")] == ["cell  Cell"]
    assert seen.frames[seen.find("add")] == []


def test_a_constant_array_is_no_parameter() -> None:
    def block(x: Tensor, weight: Tensor, function: Any) -> Any:
        return function(x * weight) * np.full((2, 3), 0.5, np.float32)

    first = x = leaf(2, 3)
    for i in range(4):
        function = tg.tanh if i % 2 else tg.sin
        x = call(f"{i} Block", block, x, parameter(3), function)
    seen = Seen(draw(x, max_nodes=4))
    assert seen.labels[seen.find("3  Block")] == "3  Block\n3 ops\n3 parameters"
    assert seen.frames[seen.find("leaf")] == []
    del first  # a leaf that nobody holds any longer would be taken for a parameter


def test_an_output_inside_a_repeat_is_marked() -> None:
    x = y = leaf(4)
    for i in range(3):
        y = call(f"{i} Block", tg.tanh, y)
    seen = Seen(draw(y, params={"x": x}))
    assert "peripheries=2" in seen.styles[seen.find("tanh")]


# --- laws, on graphs of random calls in random calls


@st.composite
def computations(draw_: Any) -> tuple[Tensor, list[Tensor]]:
    """A tensor computed through nested marked calls, and every result on the way."""
    made = [leaf(2), leaf(2)]
    classes = st.sampled_from(["A", "B"])

    def forward(depth: int) -> Tensor:
        for step in range(draw_(st.integers(1, 4))):
            if depth < 3 and draw_(st.booleans()):
                made.append(call(f"{step} {draw_(classes)}", forward, depth + 1))
            else:
                x = made[draw_(st.integers(max(0, len(made) - 3), len(made) - 1))]
                made.append(tg.sin(x) if draw_(st.booleans()) else x * made[-1])
        return made[-1]

    return forward(0), made


@given(computations())
def test_unfolded_it_is_the_graph(computation: tuple[Tensor, list[Tensor]]) -> None:
    out, _ = computation
    assert out.node is not None
    seen = Seen(draw(out, fold=False, max_nodes=None))
    nodes = reachable([out.node])
    parents = [p for node in nodes for p in node.parents]
    assert len(seen.labels) == len(nodes)
    assert len(seen.arrows) == len(parents)


@given(computations())
def test_a_frame_holds_what_its_call_made(
    computation: tuple[Tensor, list[Tensor]],
) -> None:
    out, _ = computation
    assert out.node is not None
    root, found = outline([out.node])
    calls: dict[tuple[int, str], set[Node]] = {}
    for node in found:
        for since, label in node.module:
            inside = {n for n in reachable([node]) if n.order > since and n.op}
            calls.setdefault((since, label), set()).update(inside)
    frames = {
        (g.since, g.label): {v.node for v in flat(g.items) if v.op is not None}
        for g in groups(root)[1:]
    }
    # A call that leaks a result can overlap with the one around it; then it gives way.
    pairs = combinations(calls.values(), 2)
    if all(a <= b or b <= a or not a & b for a, b in pairs):
        assert frames == calls
    assert all(inside <= calls[key] for key, inside in frames.items())


def test_a_call_that_leaks_gives_way_to_the_one_around_it() -> None:
    x, leaked = leaf(2), []

    def inner(x: Tensor) -> Tensor:
        leaked.append(tg.sin(x))
        return tg.exp(leaked[0])

    def outer(x: Tensor) -> Tensor:
        leaked.append(call("inner Inner", inner, x))
        return tg.cos(leaked[0])

    out = call("outer Outer", outer, x) + leaked[1]
    seen = Seen(draw(out))
    assert seen.frames[seen.find("sin")] == ["outer  Outer"]
    assert seen.frames[seen.find("exp")] == ["inner  Inner"]


@given(computations(), st.booleans(), st.integers(3, 12))
def test_folded_it_is_small_acyclic_and_nothing_floats(
    computation: tuple[Tensor, list[Tensor]], fold: bool, limit: int
) -> None:
    out, _ = computation
    seen = Seen(draw(out, fold=fold, max_nodes=limit))
    assert len(seen.labels) <= limit
    assert {n for arrow in seen.arrows for n in arrow} <= set(seen.labels)
    todo = {node: {a for a, b in seen.arrows if b == node} for node in seen.labels}
    while ready := {node for node, before in todo.items() if not before & set(todo)}:
        todo = {n: before for n, before in todo.items() if n not in ready}
    assert not todo, "the arrows run in a circle"


@given(computations(), st.integers(3, 12))
def test_everything_has_its_place_in_the_picture(
    computation: tuple[Tensor, list[Tensor]], limit: int
) -> None:
    out, _ = computation
    assert out.node is not None
    root, found = outline([out.node])
    fold_repeats(root, found.values())
    fit(root, limit)
    links(root, found.values())
    for vertex in found.values():
        while vertex.shown is None:
            assert vertex.twin is not None
            assert vertex.twin.kind == vertex.kind
            vertex = vertex.twin
        assert within(vertex.home, root)
    assert drawn(root) <= limit


# --- size


def test_a_long_chain_is_left_out_in_the_middle() -> None:
    x = w = leaf(2)
    for _ in range(50_000):
        x = x * w + 1.0
    seen = Seen(draw(x))
    assert len(seen.labels) < 30
    assert "99,985 more ops" in seen.labels[seen.find("…")]
    assert len(draw(x, max_nodes=5).dot) < 3000


def test_many_inputs_and_many_modules_are_few_nodes() -> None:
    assert Seen(draw(tg.stack([leaf(2) for _ in range(2000)]))).find(
        "… 1,985 more inputs"
    )


def test_deep_modules_are_closed() -> None:
    starts = [next_order() for _ in range(2000)]
    x = leaf(2)
    for depth, since in enumerate(reversed(starts)):
        x = tg.sin(x)
        assert x.node is not None
        x.node.module = ((since, f"inner Net{depth}"),)
    seen = Seen(draw(x))
    assert len(seen.labels) <= 300
    assert any("1,701 ops" in label for label in seen.labels.values())


def test_a_closed_module_counts_what_it_hides() -> None:
    def outer(x: Tensor) -> Tensor:
        for i in range(4):
            x = call(f"{i} Linear", linear, x, parameter(2, 2), parameter(2))
        return call("last Linear", linear, x, parameter(3, 2), parameter(3))

    def model(x: Tensor) -> Tensor:
        return tg.tanh(call("body Body", outer, tg.tanh(x)))

    out = call("Model", model, leaf(5, 2))
    linears = set(Seen(draw(out, max_nodes=7)).labels.values())
    assert "0 … 3  Linear × 4\n4 ops\n24 parameters" in linears
    assert "last  Linear\n1 op\n9 parameters" in linears
    assert (
        "body  Body\n5 ops\n33 parameters"
        in Seen(draw(out, max_nodes=4)).labels.values()
    )


def test_a_drawing_holds_no_graph() -> None:
    x = leaf(2)
    y = tg.sin(x)
    drawing = draw(y, params={"x": x})
    gone = weakref.ref(x._data)
    del x, y
    gc.collect()
    assert gone() is None
    assert "sin" in str(drawing)

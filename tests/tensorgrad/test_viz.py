"""draw(): nothing lost, nothing invented, and never too much to look at."""

import gc
import html
import re
import shutil
import sys
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, GraphError, MissingExtra
from tensorgrad.graph import Node, next_order
from tensorgrad.viz import Drawing, draw
from tensorgrad.viz.folding import drawn, fit, flat, fold_repeats, groups, links
from tensorgrad.viz.outline import outline, reachable, within

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz's program dot is not installed"
)


def leaf(*shape: int, value: float = 0.5, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad=True)


def call(label: str, function: Callable[..., Tensor], *args: Any) -> Tensor:
    """What a module's call leaves: a mark on the node of its result."""
    since = next_order()
    out = function(*args)
    assert out.node is not None
    out.node.module = (*out.node.module, (since, label))
    return out


class Seen:
    """The nodes, arrows and frames of a drawing, read back from its text."""

    def __init__(self, drawing: Drawing) -> None:
        self.labels: dict[str, str] = {}
        self.styles: dict[str, str] = {}
        self.frames: dict[str, list[str]] = {}  # of a node, outermost first
        self.arrows: list[tuple[str, str]] = []
        self.notes: dict[tuple[str, str], str] = {}
        stack: list[str] = []
        for line in drawing.dot.splitlines()[4:-1]:
            if arrow := re.match(r"  (n\d+) -> (n\d+)(.*)", line):
                self.arrows.append((arrow[1], arrow[2]))
                self.notes[arrow[1], arrow[2]] = arrow[3]
            elif node := re.match(r" *(n\d+) \[(.*?) label=<(.*)> tooltip=", line):
                self.styles[node[1]], self.labels[node[1]] = node[2], text(node[3])
                self.frames[node[1]] = list(stack)
            elif frame := re.match(r" *graph \[.* label=<(.*)>\]", line):
                stack.append(text(frame[1]))
            elif line.strip() == "}":
                stack.pop()
            else:
                assert line.strip().startswith("subgraph"), line
        assert not stack
        assert drawing.nodes == len(self.labels)

    def find(self, start: str) -> str:
        """The only node whose label begins so."""
        (found,) = [n for n, label in self.labels.items() if label.startswith(start)]
        return found


def text(markup: str) -> str:
    lines = re.sub(r"<(?!BR/)[^>]*>", "", markup).replace("<BR/>", "\n")
    return html.unescape(lines).replace("\\\\", "\\")


# --- what is said


def test_values_names_and_gradients() -> None:
    x, y = Tensor(3.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    z = x * x + tg.exp(y)
    before = Seen(draw(z, params={"x": x}))
    assert before.labels[before.find("x")] == "x\n3"
    z.backward(retain_graph=True)
    seen = Seen(draw(z, params={"x": x, "y": y, "z": z}))
    assert seen.labels[seen.find("x")] == "x\n3\ngrad 6"
    assert seen.labels[seen.find("y")] == "y\n2\ngrad 7.389"
    assert seen.labels[seen.find("z")] == "z: add\n16.39"
    assert seen.labels[seen.find("exp")] == "exp\n7.389"  # its derivative kept it
    x_twice = (seen.find("x"), seen.find("multiply"))
    assert Counter(seen.arrows)[x_twice] == 2
    assert "peripheries=2" in seen.styles[seen.find("z")]
    silent = draw(z, params={"x": x}, show_values=False).dot
    assert "grad" not in silent
    assert "7.389" not in silent


def test_a_value_that_only_a_user_saved_is_shown() -> None:
    x = leaf(2, value=1.5)
    y = (x + x) * leaf(2)
    seen = Seen(draw(y))
    assert seen.labels[seen.find("add")] == "add\n[3, 3]"


def test_a_large_gradient_is_shown_by_its_length() -> None:
    x = leaf(5, 5)
    (x * 2.0).sum().backward()
    assert "|grad| 10" in draw(x).dot


def test_shapes_and_dtypes_are_on_the_arrows() -> None:
    x, w = leaf(2, 3, dtype=np.float64), leaf(3, 1, dtype=np.float64)
    seen = Seen(draw((x @ w).sum().astype(np.float32) * 2.0, params={"x": x, "w": w}))
    product = seen.find("matmul")
    assert '"  x (2, 3) float64"' not in seen.notes[seen.find("x"), product]
    assert '" x (2, 3) float64"' in seen.notes[seen.find("x"), product]
    assert '" y (3, 1) float64"' in seen.notes[seen.find("w"), product]
    assert '" float64"' in seen.notes[seen.find("sum"), seen.find("astype")]
    assert seen.notes[seen.find("astype"), seen.find("multiply")] == ""


def test_settings_and_untracked_numbers_stand_in_the_op() -> None:
    x = leaf(4, 3)
    y = (tg.sum(x, axis=0) * 2.0 + 1.0)[..., 1:]
    seen = Seen(draw(y))
    assert seen.labels[seen.find("sum")] == "sum\naxis=0"
    assert "y = 2" in seen.labels[seen.find("multiply")]
    assert "y untracked" in seen.labels[seen.find("add")]
    assert "key=(..., 1:)" in seen.labels[seen.find("getitem")]
    plain = Seen(draw(tg.softmax(leaf(20))))
    assert "softmax" in plain.labels.values()  # defaults are not repeated
    index = Seen(draw(leaf(4)[np.array([1, 2])]))
    assert "int64 (2,)" in index.labels[index.find("getitem")]


def test_untracked_arrays_are_inputs_and_drawn_once() -> None:
    data = np.ones((5, 2), np.float32)
    x, w = Tensor(data), leaf(2, 2)
    seen = Seen(draw((x * (x @ w)).sum(), params={"x": x}))
    node = seen.find("x")
    assert "note" in seen.styles[node]
    assert sum(start == node for start, _ in seen.arrows) == 2
    assert "dashed" in seen.notes[node, seen.find("matmul")]
    loss = tg.cross_entropy(leaf(2, 3), np.array([0, 1]))
    assert Seen(draw(loss)).find("targets")


def test_several_outputs_optional_inputs_and_lists() -> None:
    a, b = tg.split(leaf(4), indices_or_sections=2)
    y = tg.layer_norm(tg.concatenate([b, a, np.ones(2, np.float32)]))
    seen = Seen(draw([y, a]))
    assert {"output 0", "output 1"} <= {v.split("\n")[0] for v in seen.labels.values()}
    assert "untracked" not in seen.labels[seen.find("layer_norm")]
    assert '"xs[0] (2,)"' in seen.notes[
        seen.find("output 1"), seen.find("concatenate")
    ].replace('" ', '"')


def test_the_graph_of_a_gradient_is_drawn_too() -> None:
    x = leaf(3)
    gx = tg.grad((x * x * x).sum(), x, create_graph=True)
    assert Seen(draw(gx)).labels


def test_the_source_line_is_in_the_tip() -> None:
    with tg.detect_anomaly():
        y = tg.sin(leaf())
    assert "test_viz.py" in draw(y).dot


# --- what is refused


def test_a_freed_graph_is_said_to_be_freed() -> None:
    x = leaf(2)
    half = x * 2.0
    loss = half.sum()
    loss.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        draw(loss)
    seen = Seen(draw((leaf(2) * half).sum()))
    assert "freed by an earlier backward" in "".join(seen.labels.values())


def test_what_has_no_graph_is_refused() -> None:
    with pytest.raises(GraphError, match="requires_grad"):
        draw(Tensor([1.0]))
    for wrong in (None, 3.0, np.ones(2), (leaf(), None)):
        with pytest.raises(ConfigError, match="only a Tensor"):
            draw(wrong)  # type: ignore[arg-type]
    for params in (3, [leaf()], {"x": 3.0}):
        with pytest.raises(ConfigError, match="params"):
            draw(leaf(), params=params)
    with pytest.raises(ConfigError, match="max_nodes"):
        draw(leaf(), max_nodes=0)


# --- modules


def linear(x: Any, weight: Tensor, bias: Tensor) -> Tensor:
    return tg.linear(x, weight, bias)


def network(x: Any, sizes: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
    """A Sequential of Linear and ReLU, as nn would mark it."""
    pairs = list(zip(sizes, sizes[1:], strict=False))
    weights = [(leaf(m, n), leaf(m)) for n, m in pairs]

    def forward(x: Any) -> Tensor:
        for i, pair in enumerate(weights):
            x = call(f"{2 * i} Linear", linear, x, *pair)
            x = call(f"{2 * i + 1} ReLU", tg.relu, x)
        return x  # type: ignore[no-any-return]

    names = {}
    for i, (weight, bias) in enumerate(weights):
        names |= {f"{2 * i}.weight": weight, f"{2 * i}.bias": bias}
    return call("Sequential", forward, x), names


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
    out, _ = network(leaf(5, 4), [4, 4, 4, 4, 2])
    folded, unfolded = Seen(draw(out)), Seen(draw(out, fold=False))
    assert len(unfolded.labels) == 1 + 4 * 4
    assert len(folded.labels) == 1 + 2 * 4  # Linear and ReLU, three times; the last two
    assert any("× 3" in frames for frames in folded.frames.values())
    names = [label.split("\n")[0] for label in folded.labels.values()]
    assert names.count("relu") == 2


def test_blocks_in_a_row_and_heads_side_by_side() -> None:
    x = leaf(4)
    y = x
    for i in range(12):
        w = leaf(4)
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
    w, x = leaf(4), leaf(4)
    for _ in range(5):
        x = call("cell Cell", lambda x: tg.tanh(x * w), x)
    seen = Seen(draw(x, params={"w": w}))
    assert seen.frames[seen.find("w")] == []
    assert ["cell  Cell × 5"] in seen.frames.values()


def test_an_output_inside_a_repeat_is_marked() -> None:
    x = leaf(4)
    for i in range(3):
        x = call(f"{i} Block", tg.tanh, x)
    seen = Seen(draw(x))
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
    assert frames == calls


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
    assert "99,986 more ops" in seen.labels[seen.find("…")]
    assert len(draw(x, max_nodes=5).dot) < 3000


def test_many_inputs_and_many_modules_are_few_nodes() -> None:
    assert Seen(draw(tg.stack([leaf(2) for _ in range(2000)]))).find("… 0 more ops")


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
            x = call(f"{i} Linear", linear, x, leaf(2, 2), leaf(2))
        return call("last Linear", linear, x, leaf(3, 2), leaf(3))

    def model(x: Tensor) -> Tensor:
        return tg.tanh(call("body Body", outer, tg.tanh(x)))

    seen = Seen(draw(call("Model", model, leaf(5, 2)), max_nodes=7))
    (closed,) = [s for s in seen.labels.values() if "body" in s]
    assert closed == "body  Body\n5 ops\n33 parameters"


def test_a_drawing_holds_no_graph() -> None:
    x = leaf(2)
    y = tg.sin(x)
    drawing = draw(y, params={"x": x})
    gone = weakref.ref(y.node)
    del y
    gc.collect()
    assert gone() is None
    assert "sin" in str(drawing)


# --- text and files


@given(st.text(), st.text())
def test_any_name_is_shown_as_it_is(name: str, label: str) -> None:
    x = leaf()
    y = call(label, tg.sin, x)
    dot = draw(y, params={name: x}).dot
    dot.encode()  # lone surrogates too can be written
    shown = Seen(Drawing(dot, 2))
    expected = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name or "leaf")
    first = shown.labels["n0"].split("\n")[0]
    assert first in (expected, expected.rpartition(".")[2])


NASTY = 'a"b\\N<i>&amp;é→ \\" \ud800\x07\n]->'


@needs_dot
def test_dot_reads_it_and_shows_names_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("graphviz")
    x = leaf(2)
    y = call(f"{NASTY} {NASTY}", tg.sin, x * 2.0)
    svg = draw(y, params={NASTY: x}).save(tmp_path / "y.svg").read_text("utf-8")
    texts = html.unescape("".join(re.findall(r"<text.*?>(.*?)</text>", svg)))
    assert texts.count('a"b\\N<i>&amp;é→ \\" \\ud800\\x07\\n]->') == 3


@needs_dot
def test_pictures_are_saved_and_shown(tmp_path: Path) -> None:
    pytest.importorskip("graphviz")
    drawing = draw(tg.sin(leaf(2)))
    assert drawing.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert drawing.save(tmp_path / "a.PDF").read_bytes().startswith(b"%PDF")
    bundle = drawing._repr_mimebundle_(include=None, exclude=None)
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == repr(drawing)
    with pytest.raises(ConfigError, match=r"\.svg"):
        drawing.save(tmp_path / "a.doc")


def test_text_is_saved_without_graphviz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    drawing = draw(tg.sin(leaf(2)))
    for name in ("a.dot", "a.gv"):
        path = drawing.save(str(tmp_path / name))
        assert path.read_text("utf-8") == str(drawing) == drawing.dot
    with pytest.raises(MissingExtra, match=r"pip install 'tensorgrad\[viz\]'"):
        drawing.save(tmp_path / "a.svg")
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "tensorgrad[viz]" in bundle["text/plain"]
    assert bundle["text/plain"].endswith(drawing.dot)
    assert not (tmp_path / "a.svg").exists()


def test_without_the_program_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = draw(tg.sin(leaf(2)))
    with pytest.raises(MissingExtra, match="apt install graphviz"):
        drawing.save(tmp_path / "a.svg")
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "apt install graphviz" in bundle["text/plain"]
    assert bundle["text/plain"].endswith(drawing.dot)


def test_a_huge_drawing_is_not_laid_out_unasked() -> None:
    x = leaf(2)
    for _ in range(2500):
        x = tg.sin(x)
    drawing = draw(x, max_nodes=None)
    assert drawing.nodes == 2501
    assert "lower max_nodes" in drawing._repr_mimebundle_()["text/plain"]

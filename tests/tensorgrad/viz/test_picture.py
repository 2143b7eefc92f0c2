"""What a picture says: values, names, shapes, settings, inputs."""

from collections import Counter

import numpy as np

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.viz import draw
from tests.tensorgrad.viz.reading import Seen, call, leaf


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
    assert "grad 6" not in silent
    assert "7.389" not in silent


def test_a_value_that_only_a_user_saved_is_shown() -> None:
    x = leaf(2, value=1.5)
    y = (x + x) * leaf(2)
    seen = Seen(draw(y))
    assert seen.labels[seen.find("add")] == "add\n[3, 3]"


def test_a_retained_gradient_is_shown_inside_the_graph() -> None:
    x = leaf(2, value=1.5)
    y = call("Square", lambda x: x * x, x)
    y.retain_grad()
    (y * 3.0).sum().backward(retain_graph=True)
    z = call("Outer", lambda y: tg.exp(y + y), y)
    seen = Seen(draw(z))
    assert seen.labels[seen.find("multiply")] == "multiply\n[2.25, 2.25]\ngrad [3, 3]"
    assert seen.frames[seen.find("multiply")] == ["Square"]


def test_a_large_gradient_is_shown_by_its_length() -> None:
    x = leaf(5, 5)
    (x * 2.0).sum().backward()
    assert "|grad| 10" in draw(x).dot


def test_shapes_and_dtypes_are_on_the_arrows() -> None:
    a, b = leaf(2, 3, dtype=np.float64), leaf(3, 1, dtype=np.float64)
    total = (a @ b).sum().astype(np.float32) * 2.0
    seen = Seen(draw(total, params={"a.1": a, "b": b}))
    product = seen.find("matmul")
    assert '" x (2, 3) float64"' in seen.notes[seen.find("a.1"), product]
    assert '" y (3, 1) float64"' in seen.notes[seen.find("b"), product]
    named = Seen(draw(total, params={"x": a, "b": b}))
    assert '" (3, 1) float64"' in named.notes[named.find("b"), product]
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
    assert "test_picture.py" in draw(y).dot
    assert Seen(draw(y)).labels

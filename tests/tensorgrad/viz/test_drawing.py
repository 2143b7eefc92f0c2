"""draw(): what it refuses, and its text and pictures with and without Graphviz."""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, GraphError, MissingExtra, TensorgradError
from tensorgrad.viz import Drawing, draw
from tests.tensorgrad.viz.reading import Seen, call, leaf

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz's program dot is not installed"
)


def test_what_is_no_op_is_drawn_too() -> None:
    x = leaf(2)
    first, _ = tg.unstack(tg.functional.checkpoint(tg.sin, x.copy()))
    text = draw(first).dot
    assert all(name in text for name in ("alias", "checkpoint", "unstack"))


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


# --- text and files


def test_one_leaf_alone_is_a_graph_too() -> None:
    x = leaf(2)
    assert draw([x, x]).nodes == draw(x).nodes == 1
    assert draw([]).nodes == 0


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


def stand_in(folder: Path, *lines: str) -> str:
    """A program called dot, and the PATH to find it by."""
    program = folder / "dot"
    program.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    program.chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"]])


@pytest.mark.skipif(os.name != "posix", reason="a script stands in for dot")
def test_dot_is_given_the_text_and_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", stand_in(tmp_path, 'echo "<svg> $*"', "cat"))
    drawing = draw(tg.sin(leaf(2)))
    drawn = drawing.save(tmp_path / "a.SVG").read_text("utf-8")
    assert drawn.startswith("<svg> -Kdot -Tsvg\n")
    assert drawn.endswith(drawing.dot)
    bundle = drawing._repr_mimebundle_()
    assert bundle == {"image/svg+xml": drawn, "text/plain": repr(drawing)}
    with pytest.raises(ConfigError, match=r"no picture has the suffix '.doc'"):
        drawing.save(tmp_path / "a.doc")
    assert not (tmp_path / "a.doc").exists()


@pytest.mark.skipif(os.name != "posix", reason="a script stands in for dot")
def test_dots_complaint_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("graphviz")
    refuses = stand_in(tmp_path, "cat >/dev/null", "echo no memory >&2", "exit 1")
    monkeypatch.setenv("PATH", refuses)
    drawing = draw(tg.sin(leaf(2)))
    with pytest.raises(TensorgradError, match=r"draw this graph: no memory$"):
        drawing.save(tmp_path / "a.png")
    shown = drawing._repr_mimebundle_()["text/plain"]
    assert shown.startswith("dot can't draw this graph: no memory")
    assert shown.endswith(drawing.dot)


NASTY = 'a"b\\N<i>&amp;é→\\"\ud800\x07\n]->'


@needs_dot
def test_dot_reads_it_and_shows_names_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("graphviz")
    x = leaf(2)
    y = call(f"{NASTY} {NASTY}", tg.sin, x * 2.0)
    svg = draw(y, params={NASTY: x}).save(tmp_path / "y.svg").read_text("utf-8")
    texts = html.unescape("".join(re.findall(r"<text.*?>(.*?)</text>", svg)))
    assert texts.count('a"b\\N<i>&amp;é→\\"\\ud800\\x07\\n]->') == 3


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


@needs_dot
def test_what_dot_refuses_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("graphviz")
    broken = Drawing("digraph {", 1)
    with pytest.raises(TensorgradError, match="syntax error"):
        broken.save(tmp_path / "a.svg")
    assert "syntax error" in broken._repr_mimebundle_()["text/plain"]


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


def test_viz_is_imported_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tg, "viz", raising=False)
    assert tg.viz.draw is draw
    with pytest.raises(AttributeError, match="no attribute 'vis'"):
        tg.vis  # noqa: B018


def test_graphviz_is_imported_when_a_picture_is_asked_for() -> None:
    code = """if True:
        import sys, tensorgrad
        assert not any("viz" in name for name in sys.modules)
        from tensorgrad.viz import draw
        str(draw(tensorgrad.Tensor(1.0, requires_grad=True)))
        assert "graphviz" not in sys.modules
    """
    root = str(Path(tg.__file__).parent.parent)
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)

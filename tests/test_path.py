"""The chapters of docs/path run, and their exercises tell right from wrong."""

import contextlib
import doctest
import importlib
import io
import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.commands import ROOT
from tests.wrong_answers import WRONG

PATH = ROOT / "docs" / "path"
PAGES = sorted(PATH.glob("[0-9][0-9]-*.md"))
UNANSWERED = "not answered yet: put your answer in place of the ...\n"


@pytest.fixture(scope="module")
def chapter() -> Iterator[ModuleType]:
    """docs/path/chapter.py, with what the chapters import beside it."""
    names = ("chapter", "exercises", "scalar")
    sys.path.insert(0, str(PATH))
    try:
        yield importlib.import_module("chapter")
    finally:
        sys.path.remove(str(PATH))
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))


class Reader:
    """Runs a chapter's cells one after another, and does its exercises."""

    def __init__(self, page: Path, cells: list[Any]) -> None:
        self.number = int(page.name[:2])
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.cells = [cell for cell in cells if cell.kind == "code"]
        self.done: list[str] = []

    def run(self, code: str) -> str:
        """What the code prints."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, f"chapter {self.number}", "exec"), self.names)
        return printed.getvalue()

    def read(self) -> None:
        for i, cell in enumerate(self.cells):
            # what exercises ask does not depend on how long a model was trained
            quick = re.sub(r"^steps = \d+$", "steps = 10", cell.text, flags=re.M)
            said = self.run(quick.replace("n=100", "n=5"))
            doubts = set(re.findall(r"^(.*)\bFalse$", said, re.MULTILINE))
            assert doubts <= {"under no_grad: ", "detached: "}
            if "check" in cell.tags:
                assert said == UNANSWERED
                self.fail_then_pass(cell.text, self.cells[i + 1].text)

    def fail_then_pass(self, check: str, answer: str) -> None:
        name = f"{self.number}.{len(self.done) + 1}"
        self.done.append(name)
        for wrong, told in WRONG[name]:
            said = self.run(f"{wrong}\n{check}")
            assert said.startswith("not yet: "), (name, said)
            assert told in said, (name, said)
            assert "again:" not in said
        assert self.run(answer) == "right\n", name
        assert self.run(check) == "right\n", name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_chapter_runs_and_its_exercises_can_be_done(
    page: Path, chapter: ModuleType
) -> None:
    reader = Reader(page, chapter.cells(page.read_text(encoding="utf-8")))
    reader.read()
    assert reader.done == [f"{reader.number}.{k}" for k in (1, 2, 3)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_chapter_has_the_form_of_all(page: Path, chapter: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(r"^\*About \d\d minutes\.\*", text, re.MULTILINE)
    cells = chapter.cells(text)
    code = [cell for cell in cells if cell.kind == "code"]
    assert any("plt.show()" in cell.text for cell in code)
    assert text.count("{code-cell}") == len(code)
    assert max(len(line) for cell in code for line in cell.text.splitlines()) <= 88
    tags = [cell.tags for cell in code if cell.tags]
    assert tags == [("exercise",), ("check",), ("answer", "hide-cell")] * 3


def test_the_engine_fits_on_a_page() -> None:
    lines = (PATH / "scalar.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60


def test_a_notebook_leaves_the_answers_out(
    chapter: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = chapter.write(["1", "--out", str(tmp_path)])
    assert path == tmp_path / "01-one-scalar.ipynb"
    assert str(path) in capsys.readouterr().out
    assert (tmp_path / "scalar.py").exists()
    assert (tmp_path / "exercises.py").exists()
    made = json.loads(path.read_text(encoding="utf-8"))
    tags = [cell["metadata"].get("tags", []) for cell in made["cells"]]
    assert ["exercise"] in tags
    assert not any("answer" in of for of in tags)
    text = "".join(line for cell in made["cells"] for line in cell["source"])
    assert "class Scalar:" in text  # the file that the page includes
    assert "literalinclude" not in text
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.from_dict(made))


def test_links_of_a_notebook_lead_to_the_pages(
    chapter: ModuleType, tmp_path: Path
) -> None:
    made = json.loads(chapter.write(["02", "--out", str(tmp_path)]).read_text("utf-8"))
    text = "".join(line for cell in made["cells"] for line in cell["source"])
    links = re.findall(r"\]\(<([^>]+)>\)", text)
    assert links
    assert all((tmp_path / link).exists() for link in links)


def test_an_answer_is_never_written_over(chapter: ModuleType, tmp_path: Path) -> None:
    chapter.write(["01", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="may hold your answers"):
        chapter.write(["01", "--out", str(tmp_path)])


def test_a_script_runs_as_the_page_does(
    chapter: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = chapter.write(["01", "--script", "--out", str(tmp_path)])
    runpy.run_path(str(path))
    assert capsys.readouterr().out.count(UNANSWERED) == 3
    answered = chapter.write(["01", "--script", "--answers", "--out", f"{tmp_path}/2"])
    runpy.run_path(str(answered))
    assert capsys.readouterr().out.count("right\n") >= 3


def test_a_chapter_that_is_not_there(chapter: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"no chapter 77(.|\n)*01-one-scalar"):
        chapter.write(["77"])


# --- what the checks say


@pytest.fixture(scope="module")
def exercises(chapter: ModuleType) -> ModuleType:
    return importlib.import_module("exercises")


def test_the_examples_of_the_checks(exercises: ModuleType) -> None:
    failed, tried = doctest.testmod(exercises)
    assert tried
    assert not failed


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (3, 3.0, "right"),
        (3 + 1e-9, 3.0, "right"),
        ([True, False], [True, False], "right"),
        (..., 3, UNANSWERED.strip()),
        (None, 3, UNANSWERED.strip()),
        (4, 3, "not yet: yours is 4, and 3 is right: off by 1"),
        ([1, 2], [1, 2, 3], "not yet: the shape is (2,), and (3,) is right"),
        (
            [[1.0, 2.0], [3.0, 5.0]],
            [[1.0, 2.0], [3.0, 4.0]],
            "not yet: 1 of 4 elements differ. At [1, 1] yours is 5.0, and 4.0 is "
            "right: off by 1",
        ),
        (
            ["a", "c"],
            ["a", "b"],
            "not yet: 1 of 2 elements differ. At [1] yours is 'c', and 'b' is right",
        ),
        ([[1], [1, 2]], [1.0], "not yet: its rows have different lengths"),
        (
            ["1"],
            [1.0],
            "not yet: 1 of 1 elements differ. At [0] yours is '1', and 1.0 is right",
        ),
        ([1.0, ...], [1.0, 2.0], UNANSWERED.strip()),
        (
            [float("nan")],
            [1.0],
            "not yet: 1 of 1 elements differ. At [0] yours is nan, and 1.0 is right: "
            "off by nan",
        ),
    ],
)
def test_check_says_what_differs_where_and_by_how_much(
    exercises: ModuleType,
    capsys: pytest.CaptureFixture[str],
    answer: Any,
    expected: Any,
    said: str,
) -> None:
    exercises.check(answer, expected)
    assert capsys.readouterr().out == said + "\n"

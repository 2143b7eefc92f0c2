"""The site is whole: no page, no block of code and no public name is left out."""

import importlib
import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.pages import Page

DOCS = ROOT / "docs"
PACKAGES = ["tensorgrad", "nn", "gpt"]
# Modules whose __all__ says what they offer.
OFFERED = [
    *PACKAGES,
    "tensorgrad.functional",
    "tensorgrad.profiling",
    "tensorgrad.testing",
    "tensorgrad.testing.laws",
    "tensorgrad.testing.mutants",
    "tensorgrad.testing.strategies",
    "tensorgrad.viz",
    "nn.decoding",
    "nn.optim",
    "nn.published",
    "nn.transformer",
]
# Pages that show code which no test runs, and why.
NOT_RUN = {"path/09-gpt-2.md": "it loads GPT-2's published files, which are not here"}


def pages() -> list[str]:
    paths = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return sorted(p.as_posix() for p in paths if p.parts[0] != "_build")


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "made_by"), [("ops.md", "main"), ("reference/ops.md", "one_by_one")]
)
def test_the_pages_of_ops_are_what_the_registry_says(page: str, made_by: str) -> None:
    made = runpy.run_path(str(DOCS / "op_table.py"))[made_by]()
    assert text_of(page) == made, "python docs/op_table.py writes it anew"


def test_every_page_is_in_one_table_of_contents() -> None:
    listed = [
        (DOCS / page).parent.joinpath(entry).resolve()
        for page in pages()
        for block in re.findall(r"```+\{toctree\}\n(.*?)```", text_of(page), re.DOTALL)
        for entry in re.findall(r"^(?!:)(?:.*<)?([^\s>]+)>?$", block, re.MULTILINE)
    ]
    expected = {(DOCS / page).with_suffix("") for page in pages()}
    expected.remove(DOCS / "index")
    assert sorted(listed) == sorted(expected)


@pytest.mark.parametrize("page", pages())
def test_links_have_a_text(page: str) -> None:
    """Sphinx would put the title of the page there; GitHub shows nothing."""
    assert "[](" not in text_of(page)


def is_notebook(page: str) -> bool:
    """Whether the build runs its cells."""
    return "file_format: mystnb" in text_of(page).partition("\n---\n")[0]


@pytest.mark.parametrize("page", [page for page in pages() if is_notebook(page)])
def test_every_picture_is_also_in_words(page: str) -> None:
    cells = re.findall(r"```\{code-cell\}\n(.*?)\n```", text_of(page), re.DOTALL)
    pictures = [cell for cell in cells if "plt.show()" in cell]
    assert all("    alt: " in cell for cell in pictures)


def has_a_test() -> set[str]:
    """The pages that a test of their own runs."""
    tests = (path.read_text("utf-8") for path in ROOT.glob("tests/test_*page.py"))
    return {name for text in tests for name in re.findall(r'Page\("(.+?)"\)', text)}


@pytest.mark.parametrize("page", pages())
def test_the_python_of_every_page_is_run_or_quoted_from_the_code(
    page: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = Page(page).blocks("python")
    if page in has_a_test() or page in NOT_RUN or not blocks:
        return
    quoted = "\n".join(
        path.read_text(encoding="utf-8")
        for package in [*PACKAGES, "docs/examples"]
        for path in (ROOT / package).rglob("*.py")
    )
    foreign = [block for block in blocks if block.strip() not in quoted]
    if is_notebook(page):
        assert not foreign, (
            "a {code-cell} is run, and a {literalinclude} is of the code"
        )
    elif foreign:
        Page(page).run()


def described() -> Iterator[tuple[str, str]]:
    """(module, name) of each directive of the reference; "" for all of its names."""
    directive = re.compile(
        r"^\.\. (currentmodule|auto\w+):: ([\w.]+).*((?:\n   :.*)*)", re.MULTILINE
    )
    for page in (DOCS / "reference").glob("*.md"):
        current = ""
        for kind, name, options in directive.findall(page.read_text("utf-8")):
            if kind in ("currentmodule", "automodule"):
                current = name
            if kind == "automodule":
                yield name, ""
                if re.search(r":members:$", options, re.MULTILINE):
                    shown = (n for n in all_of(name) if has_a_docstring(name, n))
                    yield from ((name, offered) for offered in shown)
            elif kind != "currentmodule":
                module, _, name = name.rpartition(".")
                yield module or current, name


def all_of(module: str) -> list[str]:
    return [*getattr(importlib.import_module(module), "__all__", ())]


def has_a_docstring(module: str, name: str) -> bool:
    """Whether autodoc shows it unasked: not if it is a value, such as a table."""
    found = getattr(importlib.import_module(module), name)
    return inspect.isclass(found) or inspect.isroutine(found)


@pytest.mark.parametrize("module", OFFERED)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    places = list(described())
    modules = {place for place, name in places if not name}
    # by identity: a name may stand in two modules, and is described in one
    objects = {id(getattr(importlib.import_module(m), n)) for m, n in places if n}
    for name in all_of(module):
        offered = getattr(importlib.import_module(module), name)
        if inspect.ismodule(offered):
            assert offered.__name__ in modules, name
        else:
            assert id(offered) in objects, name

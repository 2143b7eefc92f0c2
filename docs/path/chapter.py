"""A chapter of the path as a notebook or a script, with room for your answers.

python docs/path/chapter.py 03            my-answers/03-broadcasting.ipynb
python docs/path/chapter.py 03 --script   my-answers/03-broadcasting.py
python docs/path/chapter.py 03 --answers  ... with the answers

The checks that a chapter imports are copied beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BESIDE = ("exercises.py", "scalar.py")
FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)\n(?::.*\n)*```$", re.MULTILINE)
LINK = re.compile(r"\]\(([^():]+\.md(?:#[\w-]+)?)\)")
TAGS = re.compile(r"\A:tags: \[(.*)\]\n+")


@dataclass(frozen=True)
class Cell:
    """A piece of a page: prose, or code with its tags."""

    kind: str
    text: str
    tags: tuple[str, ...] = field(default=())


def cells(page: str) -> list[Cell]:
    """The page, MyST Markdown, as cells in order."""
    page = FRONT.sub("", page)
    found: list[Cell] = []
    end = 0
    for match in CELL.finditer(page):
        found.append(Cell("markdown", plain(page[end : match.start()])))
        code = FRONT.sub("", match[1])  # what the site alone reads of a picture
        tags = TAGS.match(code)
        code = code[tags.end() :] if tags else code
        names = tuple(re.split(r",\s*", tags[1])) if tags else ()
        found.append(Cell("code", code.strip(), names))
        end = match.end()
    found.append(Cell("markdown", plain(page[end:])))
    return [cell for cell in found if cell.text]


def plain(text: str) -> str:
    """Prose as any notebook shows it: files that a page includes stand in it."""

    def included(match: re.Match[str]) -> str:
        code = (HERE / match[1]).read_text(encoding="utf-8")
        return f"```python\n{code}```"

    return INCLUDE.sub(included, text).strip()


def linked(cell: Cell, folder: Path) -> Cell:
    """The cell with links that lead from `folder` to the pages here."""
    if cell.kind == "code":
        return cell
    here = Path(os.path.relpath(HERE, folder.resolve())).as_posix()
    return replace(cell, text=LINK.sub(rf"](<{here}/\1>)", cell.text))


def notebook(chapter: Sequence[Cell]) -> str:
    """The cells in Jupyter's format, version 4."""
    made = []
    for i, cell in enumerate(chapter):
        entry: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{i}"}
        entry |= {"metadata": {"tags": [*cell.tags]} if cell.tags else {}}
        entry |= {"source": cell.text.splitlines(keepends=True)}
        if cell.kind == "code":
            entry |= {"execution_count": None, "outputs": []}
        made.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}}
    return json.dumps(whole | {"nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def script(chapter: Sequence[Cell]) -> str:
    """The cells as Python, prose in comments; editors run such a file cell by cell."""
    parts = []
    for cell in chapter:
        if cell.kind == "code":
            parts.append(f"# %%\n{cell.text}\n")
        else:
            lines = [f"# {line}".rstrip() for line in cell.text.splitlines()]
            parts.append("\n".join(["# %% [markdown]", *lines, ""]))
    return "\n".join(parts)


def page_of(number: str) -> Path:
    """The chapter's page; SystemExit that lists the chapters if there is none."""
    pages = {path.name[:2]: path for path in sorted(HERE.glob("[0-9][0-9]-*.md"))}
    if number.zfill(2) not in pages:
        names = "\n".join([f"  {path.stem}" for path in pages.values()])
        raise SystemExit(f"error: no chapter {number}. There are:\n{names}")
    return pages[number.zfill(2)]


def write(argv: Sequence[str] | None = None) -> Path:
    """Write the file that the command line asks for, and print what opens it."""
    parser = argparse.ArgumentParser(
        description="Write a chapter of the path, with room for your answers."
    )
    parser.add_argument("number", help="of the chapter: 01 to 09")
    parser.add_argument("--answers", action="store_true", help="keep the answers")
    parser.add_argument("--script", action="store_true", help="Python, no notebook")
    parser.add_argument("--out", default="my-answers", type=Path, help="the folder")
    options = parser.parse_args(argv)
    page = page_of(options.number)
    chapter = cells(page.read_text(encoding="utf-8"))
    chapter = [linked(cell, options.out) for cell in chapter]
    if not options.answers:
        chapter = [cell for cell in chapter if "answer" not in cell.tags]
    path: Path = options.out / f"{page.stem}{'.py' if options.script else '.ipynb'}"
    if path.exists():
        raise SystemExit(
            f"error: {path} may hold your answers: rename it, or use --out"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        shutil.copy(HERE / name, options.out)
    path.write_text((script if options.script else notebook)(chapter), encoding="utf-8")
    print(f"{'python' if options.script else 'jupyter lab'} {path}")
    return path


if __name__ == "__main__":
    write(sys.argv[1:])

"""Docstrings as the site shows them.

In the code a docstring is plain text: paragraphs, `code` between single backticks,
examples after >>>, blocks of code or tables further in, and lists. Sphinx takes it for
reStructuredText, to which x * y and |x| are markup. Here the first is turned into the
second, so that no docstring has to be written for Sphinx.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

CODE = re.compile(r"`([^`]+)`")
MARKUP = re.compile(r"([\\*|_])")
NAME = re.compile(r"[A-Za-z_][\w.]*(\(\))?")
ITEM = re.compile(r"[-*] ")


def process(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Sphinx's autodoc-process-docstring: change the lines in place."""
    if type(obj) is dict and lines[:1] == str(dict.__doc__).splitlines()[:1]:
        lines.clear()  # says what any dictionary is
    lines[:] = converted(lines)


def process_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, given: Any, returned: Any
) -> tuple[str | None, str | None]:
    """Sphinx's autodoc-process-signature: its arguments and result, to be replaced."""
    return (readable(given) if given else given), returned


def skip(
    app: Any, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Sphinx's autodoc-skip-member: `forward` is shown for its arguments' sake."""
    return False if name == "forward" and callable(obj) else None


def readable(signature: str) -> str:
    """A class by its name; `...` for a default that no name stands for."""
    signature = re.sub(r"<class '([^']*)'>", r"\1", signature)
    return re.sub(r"<function \S*<lambda>>|<factory>", "...", signature)


def converted(lines: list[str]) -> list[str]:
    """The same text as reStructuredText."""
    found: list[str] = []
    for block in blocks(lines):
        if block[0].startswith(">>>"):
            found += block
        elif block[0].startswith(" "):
            found += ["::", "", *(f"   {line}" for line in block)]
        else:
            found += prose("\n".join(block)).split("\n")
        found.append("")
    return found


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines: an example, what is further in, or a paragraph or list.

    What is further in goes on over empty lines, and is no block of its own in a list.
    """
    block: list[str] = []
    for line, after in pairwise([*lines, ""]):
        inside = bool(block) and block[0].startswith(" ")
        if line or (inside and after.startswith(" ")):
            if block and begins_anew(block, line):
                yield block
                block = []
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def begins_anew(block: list[str], line: str) -> bool:
    """Whether a line belongs to no block that begins as this one does."""
    if block[0].startswith(">>>"):
        return False
    if line.startswith(">>>"):
        return True
    further_in = line.startswith(" ")
    if block[0].startswith(" "):
        return bool(line) and not further_in
    return further_in and not ITEM.match(block[0])


def prose(text: str) -> str:
    """Text whose code is marked as code, and whose other characters mean themselves."""
    parts = CODE.split(text)
    parts[0::2] = [MARKUP.sub(r"\\\1", part) for part in parts[0::2]]
    parts[1::2] = [code(part) for part in parts[1::2]]
    text = "".join(parts)
    # the mark of a list's item is one
    return re.sub(r"^\\\* ", "* ", text, flags=re.MULTILINE)


def code(text: str) -> str:
    """A name as a link to where it is described, if it is; all else as it stands."""
    text = " ".join(text.split())
    # the backslashes end the markup where no space does
    if NAME.fullmatch(text):
        return rf"\ :py:obj:`{text}`\ "
    return rf"\ ``{text}``\ "

"""One prompt after another: typed in a terminal, or the lines of a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from nn import cli
from tensorgrad.errors import InputError

MARKER = "> "
HELP = "A prompt and Enter: the model goes on. Ctrl-C stops a text, Ctrl-D leaves."


def converse(answer: Callable[[str], None]) -> None:
    """`answer` each prompt. What is wrong with one is said, and the next one follows.

    In a terminal an interrupt stops the answer, and ends the whole between answers.
    """
    terminal = sys.stdin.isatty()
    asked = typed() if terminal else cli.standard_input()
    for i, line in enumerate(asked):
        if i and not terminal:
            print("---")
        try:
            answer(line.rstrip("\r\n"))
        except InputError as error:
            sys.stdout.flush()
            cli.fail(str(error))
        except KeyboardInterrupt:
            if not terminal:
                raise
            print(flush=True)


def typed() -> Iterator[str]:
    """What is typed, line by line, until Ctrl-D or Ctrl-C."""
    print(HELP, file=sys.stderr)
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - lets `input` edit a line and recall others
    while True:
        try:
            line = ask()
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            return
        except UnicodeDecodeError as error:
            cli.fail(f"what was typed is not {error.encoding.upper()}")
            continue
        yield line


def ask() -> str:
    if sys.stdout.isatty():
        return input(MARKER)
    print(MARKER, end="", file=sys.stderr, flush=True)  # the text alone goes elsewhere
    return input()

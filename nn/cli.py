"""What the commands of every model share: options, one-line errors, Ctrl-C.

Options are the fields of a dataclass, their docstrings the text of --help. Exit
statuses: 0 done, or stopped and saved; 2 something the user gave cannot be used; 130
aborted.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Annotated, Any, TypeVar

import tyro

from tensorgrad.errors import ConfigError, DataError, InputError, MissingExtra

from .text import reason

T = TypeVar("T")
# How --help shows paths; None, the default, is explained there in words.
File = Annotated[str | None, tyro.conf.arg(metavar="FILE")]
Folder = Annotated[str | None, tyro.conf.arg(metavar="DIR")]
Command = Callable[[list[str]], None]


def main(
    program: str, commands: Mapping[str, Command], argv: Sequence[str] | None = None
) -> int:
    """Run `program COMMAND OPTIONS`; the status to exit with.

    The first line of a command's docstring stands in the overview.
    """

    def command(argv: list[str]) -> None:
        if not argv or argv[0] in ("-h", "--help"):
            print(overview(program, commands))
        else:
            _find(program, commands, argv[0])(argv[1:])

    return alone(command, argv)


def alone(command: Command, argv: Sequence[str] | None = None) -> int:
    """Run a program that is one command, `program OPTIONS`; the status to exit with."""
    # Python has none where it was started with the stream closed
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - up to the end
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # what the terminal's encoding lacks is no reason to stop writing
            stream.reconfigure(errors="replace")
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        command(argv)
        sys.stdout.flush()
        return 0
    except (InputError, MissingExtra) as error:
        return fail(str(error))
    except MemoryError as error:
        return fail(f"not enough memory ({error}): make the batch or the model smaller")
    except KeyboardInterrupt:
        print("\naborted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()  # whoever read it has left
        return 141
    except OSError as error:
        # what a command did not expect: of the output, say, when its disk is full
        _drop_output()
        return fail(f"{error.filename or 'the output'}: {reason(error)}")


def _drop_output() -> None:
    """What is buffered must not be tried again, and fail again, at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str) -> int:
    """Say what is wrong, in one line on stderr."""
    with contextlib.suppress(OSError):
        print("error:", " ".join(message.splitlines()), file=sys.stderr, flush=True)
    return 2


def overview(program: str, commands: Mapping[str, Command]) -> str:
    width = max(map(len, commands))
    lines = [
        f"  {name:<{width}}  {(inspect.getdoc(command) or '').splitlines()[0]}"
        for name, command in commands.items()
    ]
    return "\n".join(
        [
            f"usage: {program} COMMAND [OPTIONS]",
            "",
            *lines,
            "",
            f"{program} COMMAND --help explains the options.",
        ]
    )


def _find(program: str, commands: Mapping[str, Command], name: str) -> Command:
    if name in commands:
        return commands[name]
    close = difflib.get_close_matches(name, commands, n=1)
    meant = f"did you mean {close[0]}?" if close else "see"
    raise ConfigError(
        f"{program}: no command {name!r} among {', '.join(commands)}; {meant}"
        + f" {program} --help" * (not close)
    )


def parse(
    options: type[T], argv: Sequence[str], program: str, default: T | None = None
) -> T:
    """The options given, over the defaults. Exits after --help, or a misspelt option.

    A value that the dataclass refuses is its own InputError, in one line.
    """
    given: dict[str, Any] = {} if default is None else {"default": default}

    def read() -> T:
        found: T = tyro.cli(options, prog=program, args=argv, **given)
        return found

    return _parsed(program, read)


def require_positive(options: Any, *names: str) -> None:
    """ConfigError for the first of these numbers that is below 1; None may be."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be 1 or more; got {value}")


def peek(options: type[T], argv: Sequence[str], program: str) -> T:
    """These options alone, among any others: to choose the defaults of the others."""

    def read() -> T:
        found, _ = tyro.cli(
            options, prog=program, args=argv, return_unknown_args=True, add_help=False
        )
        return found

    return _parsed(program, read)


def _parsed(program: str, read: Callable[[], T]) -> T:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return read()
    except SystemExit as leaving:
        if not leaving.code:
            raise
        # tyro makes a box of several lines of every ValueError, then exits
        cause: BaseException | None = leaving
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__context__
        refused = cause or ConfigError(
            f"{_unboxed(said.getvalue())}. See {program} --help"
        )
    raise refused


def _unboxed(box: str) -> str:
    """The first part of tyro's box, in one line, and the name it suggests."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", box)  # in a terminal it has colours
    rows = [row.strip(" │|╭╮╰╯+") for row in plain.splitlines()[1:-1]]
    text = "\n".join("" if set(row) <= set("─-") else row for row in rows)
    said, *others = text.split("\n\n")
    for part in others:
        if part.startswith("Perhaps you meant"):
            said += f"; perhaps you meant {part.splitlines()[1].split()[0].rstrip(',')}"
    return " ".join(said.split()).rstrip(".")


def standard_input() -> Iterator[str]:
    """Its lines; DataError for what is no text."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="strict")  # in some locales any byte would do
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise DataError(
            f"the standard input: not {error.encoding.upper()} ({error.reason}). "
            "Convert it, from Latin 1 for example: iconv -f LATIN1 -t UTF-8"
        ) from None


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Inside, the first Ctrl-C, SIGTERM or SIGHUP calls `stop`; a second one aborts."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()
        if number == signal.SIGINT:
            # not print: the signal may have come in the middle of one
            os.write(2, b"\nstopping after this step; again to abort at once\n")

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {n: signal.signal(n, handle) for n in (getattr(signal, s) for s in names)}
    try:
        yield
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)

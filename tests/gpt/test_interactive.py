"""Prompts one after another, in a pipe and in a terminal."""

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpt import interactive
from gpt.interactive import HELP, MARKER, converse
from tensorgrad.errors import DataError
from tests.commands import ROOT

OPTIONS = ["sample", "--interactive", "--max-new-tokens=6", "--seed=1"]


def test_in_a_pipe_each_line_is_a_prompt(
    trained: Path, gpt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "9 bot\n\n\u732b\nTake one down and pass it\r\n8"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    done = gpt(*OPTIONS)
    assert done.status == 0
    texts = done.out.split("---\n")
    assert len(texts) == 5
    assert texts[0].startswith("9 bot")
    assert len(texts[0]) == 5 + 6 + 1
    assert len(texts[1]) == 6 + 1  # the model began by itself
    assert texts[2] == texts[3] == ""
    assert texts[4].startswith("8")
    errors = done.err.splitlines()
    assert len(errors) == 2
    assert "lacks '\u732b'" in errors[0]
    assert "prompt has 25 tokens" in errors[1]
    # the first has what it has alone
    alone = gpt("sample", "--prompt=9 bot", "--max-new-tokens=6", "--seed=1")
    assert texts[0] == alone.out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the user will type; an error is what the terminal raises."""
    script: list[Any] = []

    def ask() -> str:
        said = script.pop(0) if script else EOFError()
        if isinstance(said, BaseException):
            raise said
        return str(said)

    monkeypatch.setattr(interactive, "ask", ask)
    monkeypatch.setattr("sys.stdin", Terminal())
    yield script
    assert not script


def test_a_terminal_goes_on_after_what_is_wrong(
    typed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []

    def answer(prompt: str) -> None:
        heard.append(prompt)
        if prompt == "bad":
            raise DataError("no\nsuch character")
        if prompt == "long":
            raise KeyboardInterrupt

    half = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    typed += ["one", "bad", half, "long", "", "two"]
    converse(answer)
    assert heard == ["one", "bad", "long", "", "two"]
    out, err = capsys.readouterr()
    assert out == "\n"  # after what was interrupted
    assert err.splitlines() == [
        HELP,
        "error: no such character",
        "error: what was typed is not UTF-8",
        "",
    ]


def test_an_interrupt_between_texts_leaves(typed: list[Any]) -> None:
    heard: list[str] = []
    typed += ["one", KeyboardInterrupt()]
    converse(heard.append)
    assert heard == ["one"]


def test_an_interrupt_in_a_pipe_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(prompt: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    with pytest.raises(KeyboardInterrupt):
        converse(answer)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_user_at_a_terminal(trained: Path) -> None:
    """A marker, a text, one that is interrupted, and Ctrl-D."""
    import pty

    ours, theirs = pty.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    argv = ["sample", "--interactive", "--max-new-tokens=1000000", "--stop=."]
    process = subprocess.Popen(
        [sys.executable, "-m", "gpt", *argv],
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: take_terminal(theirs),
    )
    os.close(theirs)
    shown = b""

    def until(mark: bytes, times: int = 1) -> None:
        nonlocal shown
        end = time.monotonic() + 60
        while shown.count(mark) < times and time.monotonic() < end:
            with contextlib.suppress(OSError):
                shown += os.read(ours, 1 << 16)
        assert shown.count(mark) >= times, shown

    marker = MARKER.encode()
    until(marker)
    assert HELP.encode() in shown
    os.write(ours, b"9 \n")
    until(b"9 ", 2)
    os.write(ours, b"\x03")
    until(marker, 2)
    os.write(ours, b"\x04")
    assert process.wait(60) == 0
    os.close(ours)


def take_terminal(terminal: int) -> None:
    """Make it the one that Ctrl-C is typed at."""
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

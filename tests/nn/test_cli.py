"""The plumbing of commands: options from docstrings, one line per error, signals."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from tyro.conf import OmitArgPrefixes

from nn import cli
from tensorgrad.errors import ConfigError, DataError, MissingExtra

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "python -m toy"


@dataclass(frozen=True)
class Inner:
    """The inner ones."""

    rate: float = 0.5
    """How fast."""
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ConfigError(f"rate must be 0 or more; got {self.rate}")


@dataclass(frozen=True)
class Options:
    """Do it."""

    inner: OmitArgPrefixes[Inner] = field(default_factory=Inner)
    n_layer: int = 4
    """How many layers are stacked."""
    data: str | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.n_layer < 1:
            raise ConfigError(f"n_layer must be 1 or more; got {self.n_layer}")


@dataclass(frozen=True)
class Few:
    resume: bool = False
    data: str | None = None


def run(*argv: str, **commands: Any) -> int:
    return cli.main(PROGRAM, commands or {"go": go}, argv)


def go(argv: list[str]) -> None:
    """Go on."""
    print(cli.parse(Options, argv, f"{PROGRAM} go"))


# --- options


def test_options_are_the_fields_without_prefixes() -> None:
    argv = ["--n-layer", "6", "--rate", "0.1", "--data", "x.txt", "--resume"]
    parsed = cli.parse(Options, argv, PROGRAM)
    assert parsed == Options(Inner(0.1), 6, "x.txt", True)
    assert cli.parse(Options, [], PROGRAM) == Options()


def test_what_is_not_given_comes_from_the_defaults() -> None:
    default = Options(Inner(0.25, "b"), 9, "d.txt")
    parsed = cli.parse(Options, ["--n_layer=2"], PROGRAM, default)
    assert parsed == Options(Inner(0.25, "b"), 2, "d.txt")


def test_peek_sees_its_own_options_among_others() -> None:
    argv = ["--n-layer", "0", "--data", "x", "--resume", "--help"]
    assert cli.peek(Few, argv, PROGRAM) == Few(True, "x")


def test_help_explains_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.parse(Options, ["--help"], PROGRAM)
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    for text in (PROGRAM, "Do it.", "--n-layer", "How many layers", "--rate", "0.5"):
        assert text in out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--rate -1", "rate must be 0 or more; got -1.0"),
        ("--n-layer 0", "n_layer must be 1 or more; got 0"),
        ("--n-layers 3", "--n-layers.*perhaps you meant --n-layer"),
        ("--resum", "perhaps you meant --resume. See"),
        ("--n-layer three", "--n-layer.*'three'"),
        ("--n-layer", "--n-layer"),
        ("--kind c", "invalid choice 'c'.*'a', 'b'"),
        ("stray", "stray"),
    ],
)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_a_wrong_option_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    argv: str,
    says: str,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run("go", *argv.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert re.search(says, err)


# --- commands


def test_the_overview_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ((), ("--help",), ("-h",)):
        assert run(*argv) == 0
        assert "  go  Go on." in capsys.readouterr().out


def test_a_program_may_be_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.alone(go, ["--n-layer", "2"]) == 0
    assert "n_layer=2" in capsys.readouterr().out
    assert cli.alone(go, ["--n-layer", "0"]) == 2
    assert capsys.readouterr().err == "error: n_layer must be 1 or more; got 0\n"


def test_a_command_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("og", go=go) == 2
    assert run("train", go=go) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "no command 'og'" in first
    assert "see python -m toy --help" in second


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (DataError("x.txt: two\nlines"), 2, "error: x.txt: two lines\n"),
        (MissingExtra("needs viz"), 2, "error: needs viz\n"),
        (MemoryError("8 GiB"), 2, "error: not enough memory (8 GiB): make the batch"),
        (OSError(28, "", "x"), 2, "error: x: disk full\n"),
        (KeyboardInterrupt(), 130, "\naborted\n"),
    ],
)
def test_what_ends_a_command_is_no_traceback(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, says: str
) -> None:
    def fails(argv: list[str]) -> None:
        """Fail."""
        raise error

    assert run("fails", fails=fails) == status
    assert capsys.readouterr().err.startswith(says)


def test_a_mistake_of_ours_is_a_traceback() -> None:
    def fails(argv: list[str]) -> None:
        """Fail."""
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run("fails", fails=fails)


def in_a_process(code: str, **settings: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = """if True:
        import os, subprocess, sys
        writer = '''if True:
            import sys
            from nn import cli
            def go(argv):
                "Write a lot."
                for _ in range(100_000):
                    print("all work and no play")
            sys.exit(cli.main("toy", {"go": go}, ["go"]))
        '''
        command, pipe = [sys.executable, "-c", writer], subprocess.PIPE
        done = subprocess.Popen(command, stdout=pipe, stderr=pipe)
        done.stdout.readline()
        done.stdout.close()
        err = done.stderr.read()
        assert err == b"", err
        assert done.wait() == 141
    """
    done = in_a_process(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("output", "status", "says"),
    [
        (">/dev/full", 2, "error: the output: disk full\n"),
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="as on Linux")
def test_an_output_that_takes_nothing(output: str, status: int, says: str) -> None:
    program = """if True:
        import sys
        from nn import cli
        def go(argv):
            "Say it."
            print("all work and no play")
        sys.exit(cli.main("toy", {"go": go}, ["go"]))
    """
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {output}', sys.executable, program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (status, says)


def test_what_the_terminal_cannot_show_is_replaced() -> None:
    code = """if True:
        import sys
        from nn import cli
        def go(argv):
            "Say it."
            print("na\\u00efve \\u732b")
        sys.exit(cli.main("toy", {"go": go}, ["go"]))
    """
    done = in_a_process(code, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "na?ve ?\n"), done.stderr


# --- signals


@pytest.mark.parametrize(
    "name", [n for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
)
def test_the_first_signal_asks_and_the_second_aborts(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    number, asked = getattr(signal, name), []
    before = signal.getsignal(number)
    with cli.stopping(lambda: asked.append(True)):
        os.kill(os.getpid(), number)
        assert asked == [True]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert asked == [True]
    assert signal.getsignal(number) is before
    assert ("again to abort" in capfd.readouterr().err) is (name == "SIGINT")


def test_an_error_in_a_terminal_is_one_line_without_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(ConfigError) as refused:
        cli.parse(Options, ["--stepz", "3"], "train")
    assert "\x1b" not in str(refused.value)
    assert str(refused.value).startswith("Unrecognized options: --stepz")


@pytest.mark.parametrize("value", [None, 1, 7])
def test_positive_numbers_are_let_through_and_others_named(value: Any) -> None:
    cli.require_positive(SimpleNamespace(size=value), "size")
    with pytest.raises(ConfigError, match="rate must be 1 or more; got 0"):
        cli.require_positive(SimpleNamespace(size=value, rate=0), "size", "rate")

"""What is shown while a model trains."""

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from nn.progress import Lines, Live, progress


def trainer(stops: list[bool] | None = None) -> Any:
    stop = (stops if stops is not None else []).append
    config = SimpleNamespace(max_steps=2000)
    return SimpleNamespace(config=config, step=0, stop=lambda: stop(True))


def record(step: int, **more: float) -> dict[str, Any]:
    return {"step": step, "loss": 4.0 / step, "tokens_per_s": 12345.6, **more}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "plain", "env", "expected"),
    [
        (Terminal, False, {}, Live),
        (Terminal, True, {}, Lines),
        (Terminal, False, {"NO_COLOR": "1"}, Lines),
        (Terminal, False, {"TERM": "dumb"}, Lines),
        (io.StringIO, False, {}, Lines),
    ],
)
def test_the_display_suits_the_output(
    monkeypatch: pytest.MonkeyPatch,
    out: type[io.StringIO],
    plain: bool,
    env: dict[str, str],
    expected: type,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in ({"TERM": "xterm"} | env).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", out())
    assert type(progress(plain)) is expected


def test_lines_come_at_first_at_evaluations_and_every_so_often(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 4.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr("nn.progress.time.monotonic", lambda: next(clock))
    lines = Lines(seconds=10)
    for step in range(1, 5):
        lines.stepped(trainer(), record(step))
    lines.stepped(trainer(), record(5, val_loss=1.25))
    assert capsys.readouterr().out.splitlines() == [
        "step    1/2000  loss 4.0000  12,346 tokens/s",
        "step    3/2000  loss 1.3333  12,346 tokens/s",
        "step    5/2000  loss 0.8000  val loss 1.2500  12,346 tokens/s",
    ]


def test_the_unit_is_what_the_losses_are_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = progress(plain=True, unit="images")
    lines.stepped(trainer(), record(1))
    assert capsys.readouterr().out.endswith("12,346 images/s\n")


def test_a_reader_that_leaves_stops_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    stops: list[bool] = []
    monkeypatch.setattr(sys, "stdout", Gone())
    Lines().stepped(trainer(stops), record(1))
    assert stops == [True]


def test_the_live_line_shows_where_training_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Terminal()
    for name, value in {"TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", out)
    live, run = Live(), trainer()
    live.started(run)
    live.evaluated(run, 3, 62)
    live.stepped(run, record(250, val_loss=1.25))
    live.stepped(run, record(251))
    live.ended(run)
    shown = out.getvalue()
    assert "step    250  loss 0.0160  val loss 1.2500\n" in shown
    last = shown[shown.rindex("training") :]
    for part in ("251/2000", "loss 0.016", "val loss 1.250", "12,346 tokens/s"):
        assert part in last

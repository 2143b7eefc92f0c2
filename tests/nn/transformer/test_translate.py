"""`python -m nn.transformer translate`: a line in, a line or n_best of them out."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import checkpoints
from nn.pairs import read_pairs
from nn.transformer.__main__ import main
from nn.transformer.saved import load
from nn.transformer.translate import given, line, paper_beams
from nn.transformer.translation import Translation
from tests.commands import ROOT

TEXTS = ["abc", "e", "dcbaed", "abc", "edcb"]


def expected(run: Path, **options: Any) -> list[str]:
    found = load(str(run), **options).translator.translate(TEXTS, paper_beams())
    return [best.text for best, *_ in found]


def test_texts_are_arguments_or_lines(trained: Path, command: Any) -> None:
    lines = "".join(f"{text}\n" for text in expected(trained))
    assert command("translate", *TEXTS).out == lines
    assert command("translate", "--run", trained, *TEXTS).out == lines
    for end in ("\n", "\r\n"):
        assert command("translate", given=end.join(TEXTS)).out == lines
        assert command("translate", given=end.join(TEXTS) + end).out == lines
    assert command("translate", "--batch-size=2", given="\n".join(TEXTS)).out == lines
    # arguments go before the standard input
    assert command("translate", TEXTS[0], given="e\n").out == lines.splitlines(True)[0]


def test_nothing_to_translate(trained: Path, command: Any) -> None:
    done = command("translate")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_lines_are_translated_batch_by_batch(
    monkeypatch: pytest.MonkeyPatch, trained: Path, command: Any
) -> None:
    """What was asked first is answered before all has been read."""
    lines = ["abc\n", "e\n", "\n"]
    done = command("translate", "--batch-size=2", given="".join(lines))
    assert done.out.count("\n") == 2
    assert done.error.startswith("text 3 is empty")


class Terminal(list[str]):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_answered_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(["abc\n", "e\n"]))
    from nn.transformer.translate import TranslateOptions

    assert list(given(TranslateOptions())) == [(1, ["abc"]), (2, ["e"])]
    assert "Ctrl-D ends" in capsys.readouterr().err


def test_a_terminal_goes_on_after_what_is_wrong(
    trained: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(["abc\n", "\n", "e\n"]))
    assert main(["translate"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 2
    assert "error: text 2 is empty" in err


def test_a_text_may_look_like_an_option(trained: Path, command: Any) -> None:
    assert command("translate", "--", "--run").status == 0


# --- several for each


def test_the_n_best_follow_each_other_with_their_scores(
    trained: Path, command: Any
) -> None:
    argv = ["translate", "--n-best=3", "--beam-size=5", *TEXTS[:2]]
    plain, scored = command(*argv).out, command(*argv, "--scores").out
    rows = [row.split("\t") for row in scored.splitlines()]
    assert len(rows) == 2 * 3
    assert [text for _, text in rows] == plain.splitlines()
    for rank in (rows[:3], rows[3:]):
        scores = [float(score) for score, _ in rank]
        assert scores == sorted(scores, reverse=True)
    assert all(re.fullmatch(r"-\d+\.\d{4}", score) for score, _ in rows)


def test_a_single_beam_is_greedy(trained: Path, command: Any) -> None:
    greedy = load(str(trained)).translator.translate(TEXTS)
    out = command("translate", "--beam-size=1", *TEXTS).out
    assert out.splitlines() == [one.text for [one] in greedy]


def test_a_translation_is_one_line() -> None:
    text = "two\nlines\r\n\nand an end\n"
    assert line(Translation(text, -0.5, -2.0, ()), False) == "two lines and an end "
    assert line(Translation(text, -0.5, -2.0, ()), True).startswith(
        "-0.5000\ttwo lines"
    )


def test_translations_can_be_cut(trained: Path, command: Any) -> None:
    out = command("translate", "--max-new-tokens=2", *TEXTS).out
    assert all(len(text) <= 2 for text in out.splitlines())
    # of what is held out, all fits
    sources = [pair.source for pair in read_pairs(trained / "held_out.tsv")]
    assert command("translate", *sources).out.count("\n") == len(sources)


# --- which weights


def test_the_best_weights_can_be_used(trained: Path, command: Any) -> None:
    step = checkpoints.latest_step(trained / "best")
    assert load(str(trained), best=True).step == step
    texts = "".join(f"{text}\n" for text in expected(trained, best=True))
    assert command("translate", "--best", *TEXTS).out == texts


def test_the_mean_of_the_last_weights_can_be_used(trained: Path, command: Any) -> None:
    parts = [
        checkpoints.load(trained, step)[0]["model"]
        for step in checkpoints.steps(trained)
    ]
    assert len(parts) == 3
    mean = load(str(trained), average=3).translator.model.state_dict()
    for name, array in mean.items():
        whole = np.mean([part[name].astype(np.float64) for part in parts], axis=0)
        np.testing.assert_allclose(array, whole, rtol=1e-6, atol=1e-8)
    texts = "".join(f"{text}\n" for text in expected(trained, average=3))
    assert command("translate", "--average=3", *TEXTS).out == texts


# --- in a process of its own


def translate(
    trained: Path, data: bytes | None, **env: str
) -> "subprocess.CompletedProcess[bytes]":
    command = f"{sys.executable} -m nn.transformer translate --run {trained}"
    return subprocess.run(
        command if data is not None else command + " <&-",
        shell=True,
        input=data,
        env=os.environ | {"PYTHONPATH": str(ROOT), **env},
        capture_output=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_standard_input_that_is_no_text(trained: Path) -> None:
    for env in ({"PYTHONIOENCODING": "utf-8"}, {"LC_ALL": "C"}):
        done = translate(trained, b"abc\ncaf\xe9\n", **env)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: the standard input: not UTF-8 (")
        assert done.stderr.count(b"\n") == 1
    # closed, it holds nothing
    done = translate(trained, None)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

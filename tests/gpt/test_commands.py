"""`python -m gpt sample`, and what a terminal shows."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt.options import Weights
from gpt.sample import SampleOptions, start, write
from gpt.saved import load
from nn import checkpoints
from nn.tokenizers import ByteTokenizer, CharTokenizer
from tests.commands import ROOT


def test_the_overview_shows_the_commands(gpt: Any) -> None:
    for argv in ([], ["--help"]):
        out = gpt(*argv).out
        assert re.findall(r"^  ([\w-]+)  ", out, re.MULTILINE) == [
            "tokenize",
            "train",
            "sample",
            "eval",
            "export",
            "attention",
            "next-token",
        ]


# --- sample


def test_a_sample_starts_with_the_prompt_and_repeats_by_seed(
    trained: Path, gpt: Any
) -> None:
    argv = ["sample", "--prompt", "Take ", "--max-new-tokens", 50]
    first, again, other = (
        gpt(*argv, "--seed", 1),
        gpt(*argv, "--run", trained, "--seed", 1),
        gpt(*argv, "--seed", 2),
    )
    assert first.status == 0
    assert first.out == again.out != other.out
    assert first.out.startswith("Take ")
    assert len(first.out) == len("Take ") + 50 + 1
    greedy = {
        gpt(*argv, "--temperature", 0, "--seed", s, "--top-k", k).out
        for s, k in ((1, 1), (2, 50))
    }
    assert len(greedy) == 1
    assert gpt(*argv, "--top-k", 1).out in greedy


def test_several_samples_are_set_apart(trained: Path, gpt: Any) -> None:
    out = gpt("sample", "--prompt", "9", "--num-samples", 3, "--seed", 0).out
    samples = out.split("\n---\n")
    assert len(samples) == 3
    assert all(sample.startswith("9") for sample in samples)
    assert len(set(samples)) == 3


def test_an_empty_prompt_starts_after_a_newline(trained: Path, gpt: Any) -> None:
    empty, absent = (
        gpt("sample", "--seed", 1, *prompt) for prompt in (["--prompt", ""], [])
    )
    newline = gpt("sample", "--seed", 1, "--prompt", "\n")
    assert empty.out == absent.out
    assert "\n" + empty.out == newline.out
    # and where there is no newline, from the first token
    assert start(CharTokenizer("abc"), "").tolist() == [0]
    assert start(ByteTokenizer(), "").tolist() == [10]


def test_a_prompt_of_which_nothing_is_left_starts_from_the_first_token() -> None:
    class Words(ByteTokenizer):  # type: ignore[misc] - as BERT's, which drops spaces
        def encode(self, text: str) -> Any:
            return super().encode(text.strip())

    for prompt in ("", " "):
        assert start(Words(), prompt).tolist() == [0]


def test_a_prompt_may_fill_the_context(trained: Path, gpt: Any) -> None:
    prompt = "Take one down an"
    out = gpt("sample", "--prompt", prompt, "--max-new-tokens", 5).out
    assert len(out) == len(prompt) + 5 + 1


def test_filters_narrow_what_is_drawn(trained: Path, gpt: Any) -> None:
    def sample(*options: str) -> str:
        argv = ["sample", "--prompt=9 ", "--max-new-tokens=40", "--seed=1", *options]
        done = gpt(*argv)
        assert (done.status, done.err) == (0, "")
        return done.out[:-1]

    greedy = sample("--temperature=0")
    assert sample("--top-p=0.000001") == greedy
    assert sample("--top-p=1", "--top-k=0", "--repetition-penalty=1") == sample()
    # tokens are characters here: none comes twice, then no two in one order
    found = sample("--no-repeat-ngram=1", "--max-new-tokens=8")
    assert len(set(found)) == len(found) == 10
    found = sample("--no-repeat-ngram=2", "--temperature=0")
    pairs = list(pairwise(found))
    assert len(set(pairs)) == len(pairs)
    assert found != greedy
    penalised = sample("--repetition-penalty=1000", "--temperature=0")
    assert len(set(penalised)) > len(set(greedy))


def test_a_sample_ends_before_the_first_stop(trained: Path, gpt: Any) -> None:
    argv = ["sample", "--prompt=9", "--max-new-tokens=60", "--seed=3"]
    whole = gpt(*argv).out[:-1]
    first, second = whole[20:22], whole[30:31]
    at = min(whole.index(first, 1), whole.index(second, 1))
    assert gpt(*argv, "--stop", first, "--stop", second).out == whole[:at] + "\n"
    # the prompt's own text is none, nor what never comes
    assert gpt(*argv, "--stop", "9" + whole[1], "--stop", "\u732b").out[:-1] == whole
    # each of several samples has an end of its own
    out = gpt(*argv, "--num-samples=3", "--stop", second).out
    assert all(second not in part[1:] for part in out[:-1].split("\n---\n"))


def test_text_comes_in_whole_characters() -> None:
    class Says:
        said = "a猫é".encode() + b"\xc3"  # half a character at the end

        def start(self, capacity: int) -> Any:
            self.bytes = iter(self.said)
            return self

        def advance(self, tokens: Any) -> Any:
            return np.log(np.eye(1, 256, next(self.bytes)) + 1e-30)

    options, rng = SampleOptions(max_new_tokens=7), np.random.default_rng(0)
    model: Any = Says()
    prompt = start(ByteTokenizer(), "")
    pieces = list(write(model, ByteTokenizer(), prompt, options, rng))
    assert [piece for piece in pieces if piece] == [
        "a",
        "猫",
        "é",
        "\N{REPLACEMENT CHARACTER}",
    ]


def test_the_best_weights_can_be_used(trained: Path, gpt: Any) -> None:
    step = checkpoints.latest_step(trained / "best")
    assert load(Weights(run=str(trained), best=True)).step == step
    assert f"at step {step}," in gpt("eval", "--best").out
    assert gpt("sample", "--best").status == 0


# --- in a terminal


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("setting", ["terminal", "--plain", "NO_COLOR"])
def test_a_terminal_shows_a_live_line_unless_told_otherwise(
    work: Path, tiny: Any, setting: str
) -> None:
    import pty

    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    env.pop("NO_COLOR", None)
    if setting == "NO_COLOR":
        env["NO_COLOR"] = "1"
    options = ["--plain"] * (setting == "--plain")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gpt", *tiny, *options], env=env, stdout=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    live = "\x1b[" in text and "20/20" in text and "tokens/s" in text
    assert live is (setting == "terminal")
    assert "val loss" in text

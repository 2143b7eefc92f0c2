"""Tables of candidates: what they show is what is drawn with."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt.candidates import Candidates, percent
from nn.decoding import Sampling, explain
from nn.tokenizers import ByteTokenizer, CharTokenizer

LOGITS = np.log([0.05, 0.4, 0.2, 0.3, 0.05])
NAMES = CharTokenizer("\na [b")


def rows(table: str) -> list[list[str]]:
    """The cells of each candidate."""
    body = re.split("\u2500{5,}\n", table)[1].split("\n\n")[0]
    return [
        [line[:2].strip(), *re.split(r"  +", line[2:].strip())]
        for line in body.splitlines()
    ]


def test_a_table_has_the_probabilities_of_every_stage() -> None:
    settings = Sampling(temperature=0.5, top_k=3, top_p=0.8)
    shown = Candidates(NAMES, settings).table(LOGITS, np.array([1]), 3, 4)
    assert "\x1b" not in shown
    found = rows(shown)
    stages = explain(LOGITS, [1], settings).values()
    assert len(found) == 4
    for cells, rank, token in zip(found, (1, 2, 3, 4), (1, 3, 2, 0), strict=True):
        mark, number, *_ = cells
        assert (mark == ">") is (token == 3)
        assert number == str(rank)
        assert cells[-4:] == [percent(float(p[token])) for p in stages]
    assert [cells[2] for cells in found] == ["'a'", "'['", "' '", r"'\n'"]
    assert shown.endswith("drawn: '[', from 2, chance 36.0%\n")


def test_the_drawn_one_is_shown_whatever_its_rank() -> None:
    shown = Candidates(NAMES, Sampling()).table(LOGITS, np.array([1]), 4, 2)
    assert [cells[:3] for cells in rows(shown)][-1] == [">", "4", "'b'"]
    greedy = Candidates(NAMES, Sampling(temperature=0))
    assert "drawn: 'a', the only one left" in greedy.table(LOGITS, np.array([1]), 1, 2)
    last = Candidates(NAMES, Sampling(final_token=0, suppress=(1, 2)))
    shown = last.table(LOGITS, np.array([1]), 0, 1, last=True)
    assert re.search(r"suppress +token\n", shown)
    assert "2 tokens" in shown
    assert "100.0%" in shown


def test_tokens_are_seen_for_what_they_are() -> None:
    shown = Candidates(ByteTokenizer(), Sampling())
    assert shown.visible(10) == r"'\n'"
    assert shown.visible(32) == "' '"
    assert shown.visible(0xE2) == r"b'\xe2'"
    assert shown.visible(999) == "token 999"
    assert shown.tail("a\nb") == r"'a\nb'"
    assert shown.tail("x" * 99) == "..." + repr("x" * 60)


def test_the_command_explains_each_token(trained: Path, gpt: Any) -> None:
    argv = ["sample", "--prompt=9 bottl", "--max-new-tokens=4", "--seed=1"]
    plain = gpt(*argv).out
    done = gpt(*argv, "--explain", "--rows=3", "--top-k=5")
    assert done.status == 0
    assert done.out.count("drawn: ") == 4
    assert done.out.startswith("after '9 bottl'\n")
    drawn = re.findall(r"^drawn: ('.+?'),", done.out, re.MULTILINE)
    text = done.out[done.out.rindex("\n\n") + 2 :]
    assert text.startswith("9 bottl")
    assert [repr(c) for c in text[7:-1]] == drawn
    assert len(plain) == len(text)


@pytest.mark.parametrize("option", ["--explain", "--no-explain"])
def test_explaining_changes_no_draw(trained: Path, gpt: Any, option: str) -> None:
    argv = ["sample", "--prompt=9", "--max-new-tokens=5", "--seed=3"]
    assert gpt(*argv, option).out.endswith(gpt(*argv).out)

"""A text's loss is that of each token by itself, after what its window shows it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt import GPT, GPTConfig
from gpt.evaluate import lengths
from gpt.objective import measure, objective
from nn.data import sequential_blocks
from nn.evaluation import evaluate
from nn.report import read_metrics
from nn.tokenizers import ByteTokenizer, CharTokenizer

V, T = 11, 6
MODEL = GPT(GPTConfig(T, V, n_layer=1, n_head=2, n_embd=8), rng=0).to(np.float64)
for parameter in MODEL.parameters():
    parameter.writable()[...] *= 5
strides = st.integers(1, T)
text_lengths = st.integers(2, 23)


def one_by_one(tokens: np.ndarray, stride: int) -> float:
    """-log p of every token but the first, with one look at the model for each."""
    total = 0.0
    for t in range(1, len(tokens)):
        # the first window that reaches it, as far as it goes before the token
        windows = range(0, len(tokens), stride)
        start = next(w for w in windows if t < w + T + 1)
        scores = MODEL.logits(tokens[None, start:t]).data[0, -1]
        total += np.log(np.exp(scores).sum()) - scores[tokens[t]]
    return total / (len(tokens) - 1)


@given(text_lengths, strides, st.integers(1, 4), st.integers(0, 99))
def test_a_window_shows_each_token_once(
    length: int, stride: int, batch_size: int, seed: int
) -> None:
    tokens = np.random.default_rng(seed).integers(0, V, length)
    blocks = sequential_blocks(tokens, T, batch_size, stride)
    loss, count = evaluate(MODEL, measure(MODEL), blocks)
    assert count == length - 1
    # float64, sums in another order
    assert loss == pytest.approx(one_by_one(tokens, stride), rel=1e-12)


@given(text_lengths, st.integers(1, 4), st.integers(1, 90))
def test_without_overlap_it_is_what_training_measures(
    length: int, batch_size: int, at_a_time: int
) -> None:
    tokens = np.random.default_rng(length).integers(0, V, length)
    blocks = sequential_blocks(tokens, T, batch_size)
    expected = evaluate(MODEL, objective(MODEL), blocks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpt.objective.AT_A_TIME", at_a_time)
        found = evaluate(MODEL, measure(MODEL), blocks)
    assert found == pytest.approx(expected, rel=1e-12)


# --- the command


def measured(out: str) -> dict[str, float]:
    return {
        name.strip(): float(value)
        for name, value in re.findall(r"^([a-z ]+?)  +([\d.]+)", out, re.MULTILINE)
    }


def test_eval_measures_what_training_held_out(trained: Path, gpt: Any) -> None:
    out = gpt("eval").out
    logged = read_metrics(trained / "metrics.jsonl")[-1]
    found = measured(out)
    assert f"over {logged['val_tokens']:,} tokens of the held-out text" in out
    assert found["loss"] == pytest.approx(logged["val_loss"], abs=6e-5)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]), rel=1e-3)
    bits = found["loss"] / math.log(2)
    assert found["bits per character"] == pytest.approx(bits, abs=2e-4)
    assert found["bits per byte"] == pytest.approx(bits, abs=2e-4)


def test_eval_measures_another_text(trained: Path, gpt: Any, tmp_path: Path) -> None:
    text = tmp_path / "other.txt"
    text.write_text("10 bottles on the wall")
    done = gpt("eval", "--data", text)
    assert "over 21 tokens" in done.out
    assert str(text) in done.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "beer.txt",
        "other.txt",
        "work",
    ]


def test_characters_and_bytes_are_counted_apart() -> None:
    text = "naïve 猫"
    for tokenizer in (ByteTokenizer(), CharTokenizer.train(text)):
        assert lengths(tokenizer, tokenizer.encode(text)) == (7, 10)


def test_the_command_moves_by_the_stride(
    trained: Path, gpt: Any, tmp_path: Path
) -> None:
    plain, whole = gpt("eval").out, gpt("eval", "--stride", 16, "--model", trained).out
    assert plain == whole
    narrow = gpt("eval", "--stride", 3).out
    assert "the held-out text, in windows of 16 that move by 3\n" in narrow
    assert narrow.split(" tokens")[0] == plain.split(" tokens")[0]
    assert measured(narrow)["loss"] != measured(plain)["loss"]
    text = tmp_path / "short"
    text.write_text("9 bot")
    for stride in (1, 16):
        out = gpt("eval", "--data", text, "--stride", stride).out
        assert "over 4 tokens" in out
        assert measured(out)["loss"] > 0

"""Models from run folders and as published, by one option."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt import GPT, GPTConfig
from gpt.options import Weights
from gpt.sample import settings, start
from gpt.saved import load
from nn.decoding import Sampling
from nn.tokenizers_package import LETTERS
from tensorgrad.errors import CheckpointError, ConfigError

pytest.importorskip("tokenizers")
EOS, MERGES = 256, [("t", "h"), ("th", "e")]
END = "<|endoftext|>"


def publish(folder: Path, V: int = 262, **changes: Any) -> GPT:
    """A small GPT-2 as published, whose tokenizer has 259 tokens."""
    config = GPTConfig(24, V, n_layer=1, n_head=2, n_embd=8, **changes)
    model = GPT(config, rng=1)
    for parameter in model.parameters():
        parameter.writable()[...] *= 9
    model.save_pretrained(folder)
    words = [*LETTERS.values(), END, *("".join(merge) for merge in MERGES)]
    vocabulary = {word: i for i, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    merges = "".join(f"{left} {right}\n" for left, right in MERGES)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}")
    return model


@pytest.fixture
def published(work: Path) -> Path:
    publish(Path("gpt2"))
    return Path("gpt2")


def test_a_published_model_is_read_with_its_tokenizer(published: Path) -> None:
    saved = load(Weights(model=str(published)))
    assert saved.step is None
    assert saved.name == "gpt2"
    assert not saved.model.training
    assert saved.tokenizer.encode("the").tolist() == [258]
    assert saved.tokenizer.eos == EOS
    assert saved.model.config.vocab_size == 262


def test_a_run_is_named_either_way(trained: Path) -> None:
    newest = load(Weights())
    for weights in (Weights(run=str(trained)), Weights(model=str(trained))):
        found = load(weights)
        assert (found.folder, found.step) == (newest.folder, newest.step)
    best = load(Weights(model=str(trained), best=True))
    assert best.name == f"{trained} at step {best.step}"


def test_a_run_that_was_exported_writes_as_it_did(
    trained: Path, work: Path, gpt: Any
) -> None:
    saved = load(Weights())
    saved.model.save_pretrained("out")
    saved.tokenizer.save("out/tokenizer.json")
    argv = ["sample", "--prompt=9 bot", "--max-new-tokens=30", "--seed=1"]
    assert gpt(*argv, "--model=out").out == gpt(*argv).out


def test_what_does_not_fit_together_is_refused(work: Path) -> None:
    publish(Path("small"), V=100)
    with pytest.raises(CheckpointError, match=r"tokenizer has 259 tokens.*model 100"):
        load(Weights(model="small"))
    publish(Path("gpt2"))
    with pytest.raises(ConfigError, match="gpt2 is no run"):
        load(Weights(model="gpt2", best=True))
    with pytest.raises(ConfigError, match="leave one out"):
        Weights(model="a", run="b")


def test_a_config_that_no_reader_ends(published: Path, gpt: Any) -> None:
    config = published / "config.json"
    config.write_text("[" * 99_999)
    assert str(config) in gpt("sample", "--model", published).error
    config.unlink()
    os.mkfifo(config)
    assert "a pipe" in gpt("sample", "--model", published).error


def test_tokens_that_the_tokenizer_lacks_are_not_written(published: Path) -> None:
    saved = load(Weights(model=str(published)))
    found = settings(saved.model, saved.tokenizer, Sampling(suppress=(5,)))
    assert found.suppress == (5, 259, 260, 261)


def test_a_published_model_begins_with_its_token_and_ends_at_it(
    published: Path, gpt: Any
) -> None:
    saved = load(Weights(model=str(published)))
    assert start(saved.tokenizer, "").tolist() == [EOS]
    head = saved.model.wte.weight
    argv = ["sample", "--model", published, "--max-new-tokens", 20, "--seed", 2]
    whole = gpt(*argv, "--prompt", "the", "--suppress", EOS)
    assert whole.out.startswith("the")
    assert gpt(*argv, "--prompt", "the", "--suppress", EOS).out == whole.out
    # now the end is by far the likeliest, whatever comes before
    saved.model.ln_f.weight.writable()[...] = 0
    saved.model.ln_f.bias.writable()[...] = head.data[EOS] * 1e4
    saved.model.save_pretrained(published)
    assert gpt(*argv, "--prompt", "the").out == "the\n"
    assert gpt(*argv).out == "\n"


def test_a_published_model_is_measured(published: Path, gpt: Any) -> None:
    Path("text").write_text("the thin thing")
    saved = load(Weights(model=str(published)))
    tokens = saved.tokenizer.encode("the thin thing")
    assert len(tokens) == 10
    _, loss = saved.model(tokens[None, :-1], tokens[None, 1:])
    done = gpt("eval", "--model", published, "--data", "text")
    assert done.out.startswith("gpt2, over 9 tokens of text\n")
    assert f"loss                {loss.item():.4f} nats" in done.out
    assert f"bits per byte       {loss.item() * 9 / np.log(2) / 11:.4f}" in done.out
    assert "gpt2 has held out no text" in gpt("eval", "--model", published).error

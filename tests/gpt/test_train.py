"""`python -m gpt train`: what it does, says and leaves."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt import GPT, GPTConfig
from gpt.objective import objective
from gpt.options import TrainOptions, defaults, sizes
from gpt.train import text_of
from nn import checkpoints
from nn.recipe import TrainerConfig
from nn.report import read_metrics
from nn.run_options import options_of, read_options
from nn.token_file import TokenFile
from nn.tokenizers import load_tokenizer


def test_a_run_leaves_all_that_it_promises(work: Path, gpt: Any, tiny: Any) -> None:
    done = gpt(*tiny)
    assert (done.status, done.err) == (0, "")
    run = Path("runs/gpt-1")
    assert sorted(path.name for path in run.iterdir()) == [
        "config.json",
        "latest",
        "loss.png",
        "metrics.jsonl",
        "sample.txt",
        "step-10",
        "step-20",
        "tokenizer.json",
        "tokens.json",
        "tokens.npy",
    ]
    records = read_metrics(run / "metrics.jsonl")
    assert [record["step"] for record in records] == list(range(1, 21))
    assert [r["step"] for r in records if "val_loss" in r] == [10, 20]
    assert {"loss", "lr", "grad_norm", "tokens_per_s", "seconds"} < set(records[0])
    assert records[-1]["loss"] < records[0]["loss"]
    tokens, tokenizer = (
        TokenFile(run / "tokens.npy"),
        load_tokenizer(run / "tokenizer.json"),
    )
    assert tokens.vocab_size == tokenizer.vocab_size
    # what is said: the text, the model, the losses, the sample, what to do next
    for part in (
        f"{len(tokens):,} characters",
        tokens.survey.hash,
        "1 layers, 2 heads, 16 channels, context 16",
        f"validation loss {records[-1]['val_loss']:.4f} over all "
        f"{len(tokens.held_out) - 1:,} held-out tokens",
        (run / "sample.txt").read_text().strip(),
        "python -m gpt sample --run runs/gpt-1",
    ):
        assert part in done.out


def test_validation_is_over_the_whole_held_out_tenth(trained: Path) -> None:
    model = GPT(options_config(trained))
    tensors, _ = checkpoints.load(trained)
    model.load_state_dict(tensors["model"])
    held_out = TokenFile(trained / "tokens.npy").held_out.astype(np.int64)
    losses = objective(model)
    total = count = 0.0
    for start in range(0, len(held_out) - 1, 16):
        x = held_out[None, start : start + 16][:, : len(held_out) - 1 - start]
        y = held_out[None, start + 1 : start + 17]
        summed, counted = losses((x, y))
        total, count = total + summed.item(), count + counted
    assert count == len(held_out) - 1
    logged = read_metrics(trained / "metrics.jsonl")[-1]
    assert logged["val_tokens"] == count
    assert logged["val_loss"] == pytest.approx(total / count, rel=1e-5)


def options_config(run: Path) -> GPTConfig:
    return GPTConfig(**json.loads((run / "config.json").read_text())["model"])


@pytest.mark.usefixtures("undrawn")
def test_a_seed_decides_everything(work: Path, gpt: Any, tiny: Any) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        gpt(*tiny, "--dropout", 0.2, "--seed", seed, "--out", name)
    a, b, c = (
        [record["loss"] for record in read_metrics(Path(name, "metrics.jsonl"))]
        for name in "abc"
    )
    assert a == b != c
    assert Path("a/sample.txt").read_text() == Path("b/sample.txt").read_text()


@pytest.mark.usefixtures("undrawn")
def test_bytes_train_on_any_text(
    work: Path, gpt: Any, tiny: Any, tmp_path: Path
) -> None:
    text = tmp_path / "cats.txt"
    text.write_text("猫 и кот, naïve\n" * 60, encoding="utf-8")
    done = gpt(*tiny, "--data", text, "--tokenizer", "byte", "--out", "run")
    assert done.status == 0
    assert "256 tokens" in done.out
    assert options_config(Path("run")).vocab_size == 256


def test_without_matplotlib_training_goes_on(
    work: Path, gpt: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = gpt(*tiny, "--max-steps", 2)
    assert done.status == 0
    assert done.out.count("[viz]") == 1
    assert not Path("runs/gpt-1/loss.png").exists()
    assert Path("runs/gpt-1/sample.txt").exists()


# --- options


def test_the_defaults_are_the_main_job() -> None:
    options, folder = read_options(TrainOptions, [], defaults)
    assert folder is None
    assert options == TrainOptions()
    assert options.model == sizes("nano")
    assert (options.model.n_layer, options.model.n_head) == (4, 4)
    assert (options.model.n_embd, options.model.block_size) == (128, 64)
    assert not options.model.bias
    assert options.training == TrainerConfig(threads=None)
    assert (options.training.max_steps, options.training.batch_size) == (2000, 12)
    [corpus] = text_of(options)
    assert len(corpus) > 400_000


def test_single_sizes_go_over_the_preset() -> None:
    options, _ = read_options(
        TrainOptions,
        ["--preset", "gpt2-medium", "--n-layer", "2", "--n-head", "8"],
        defaults,
    )
    model = options.model
    assert (model.n_layer, model.n_head, model.n_embd) == (2, 8, 1024)
    assert model.bias


@pytest.mark.usefixtures("undrawn")
def test_options_survive_in_the_config(work: Path, gpt: Any, tiny: Any) -> None:
    gpt(*tiny, "--max-steps", 2, "--min-lr", 0.002, "--no-bias", "--out", "run")
    argv = [*tiny[1:], "--max-steps", "2", "--min-lr", "0.002"]
    options, _ = read_options(TrainOptions, argv, defaults)
    assert options_of(TrainOptions, Path("run")) == options


def test_help_explains_every_option(gpt: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        gpt("train", "--resume", "--help")
    shown = " ".join(capsys.readouterr().out.split())
    for option in (
        "data tokenizer preset n-layer n-head n-embd block-size dropout bias max-steps",
        "batch-size accumulate learning-rate min-lr warmup-steps schedule beta1 beta2",
        "weight-decay clip eval-interval checkpoint-interval patience seed keep out",
        "resume plain",
    ):
        assert all(f"--{name}" in shown for name in option.split())
    assert "vocab-size" not in shown
    assert "How many blocks are stacked" in shown

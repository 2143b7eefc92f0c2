"""`python -m nn.transformer train`: what it does, says and leaves."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from nn.pairs import TextPair, read_pairs
from nn.report import read_metrics
from nn.run_options import options_of, read_options
from nn.transformer import TransformerConfig
from nn.transformer.options import TrainOptions, defaults, sizes
from nn.transformer.saved import load
from nn.transformer.train import read_data, write_pairs
from nn.vocabulary import Vocabulary
from tests.commands import facts


def test_a_run_leaves_all_that_it_promises(
    work: Path, command: Any, tiny: Any, pairs: Path
) -> None:
    pytest.importorskip("matplotlib")
    done = command(*tiny)
    assert (done.status, done.err) == (0, "")
    run = Path("runs/transformer-1")
    assert sorted(path.name for path in run.iterdir()) == [
        "config.json",
        "held_out.tsv",
        "latest",
        "loss.png",
        "metrics.jsonl",
        "source.json",
        "step-10",
        "step-20",
        "target.json",
        "train.tsv",
    ]
    records = read_metrics(run / "metrics.jsonl")
    assert [record["step"] for record in records] == list(range(1, 21))
    assert [r["step"] for r in records if "val_loss" in r] == [10, 20]
    assert records[-1]["loss"] < records[0]["loss"]
    parts = [read_pairs(run / name) for name in ("train.tsv", "held_out.tsv")]
    whole = {pair[:2] for pair in read_pairs(pairs)}
    learnt, held_out = ({pair[:2] for pair in part} for part in parts)
    assert learnt | held_out == whole
    assert not learnt & held_out
    assert len(held_out) == len(parts[1]) == 12  # a fifth of the 60
    # one vocabulary, of what is trained on: 5 letters, their capitals, 4 specials
    assert (run / "source.json").read_bytes() == (run / "target.json").read_bytes()
    assert Vocabulary.load(run / "source.json").vocab_size == 14
    for part in (
        f"{pairs}: 48 pairs to train on, 12 held out\n",
        "1 + 1 layers, 2 heads, 8 channels, 14 tokens shared",
        "runs/transformer-1: 20 steps of 8 pairs\n",
        f"validation loss {records[-1]['val_loss']:.4f} over all "
        f"{sum(len(target) + 1 for _, target in held_out):,} held-out tokens",
        "python -m nn.transformer translate --run runs/transformer-1\n",
        "python -m nn.transformer evaluate --run runs/transformer-1\n",
        "train --resume --out runs/transformer-1 --max-steps 40\n",
    ):
        assert part in done.out
    shown = re.findall(r"^  (\w+)\n  ([=x]) (.*)\n    (\w+)$", done.out, re.MULTILINE)
    assert [(pair[0], pair[3]) for pair in shown] == [p[:2] for p in parts[1][:8]]
    assert all((mark == "=") == (made == target) for _, mark, made, target in shown)


def test_validation_is_over_all_that_is_held_out_without_smoothing(
    trained: Path,
) -> None:
    """One pair at a time, so without padding, and with NumPy alone."""
    translator = load(str(trained)).translator
    total = count = 0.0
    for source, target, _ in read_pairs(trained / "held_out.tsv"):
        read = [*translator.source.encode(source), translator.source.eos]
        written = [*translator.target.encode(target), translator.target.eos]
        with tg.no_grad():
            start = [translator.target.bos, *written[:-1]]
            logits = translator.model([read], [start]).data[0].astype(np.float64)
        chosen = logits[np.arange(len(written)), written]
        total += (np.log(np.exp(logits).sum(-1)) - chosen).sum()
        count += len(written)
    logged = read_metrics(trained / "metrics.jsonl")[-1]
    assert logged["val_tokens"] == count
    assert logged["val_loss"] == pytest.approx(total / count, rel=1e-5)


@pytest.mark.usefixtures("undrawn")
def test_a_seed_decides_everything(work: Path, command: Any, tiny: Any) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        command(*tiny, "--max-steps", 4, "--seed", seed, "--out", name)
    assert facts("a") == facts("b") != facts("c")
    held_out = [Path(name, "held_out.tsv").read_text() for name in "abc"]
    assert held_out[0] == held_out[1] != held_out[2]


# --- what a token is, and whose

KINDS = {
    "char": (4 + 5, 4 + 5),
    "byte": (4 + 256, 4 + 256),
    "subword": (4 + 260, 4 + 260),
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("tokenizer", list(KINDS))
@pytest.mark.parametrize("shared", [True, False])
def test_every_kind_of_token_shared_or_not(
    work: Path, command: Any, tiny: Any, tokenizer: str, shared: bool
) -> None:
    if tokenizer == "subword":
        pytest.importorskip("tokenizers")
    options = [f"--tokenizer={tokenizer}", "--subwords=260", "--max-steps=2"]
    options += ["--no-share-embeddings"] * (not shared) + ["--out=run"]
    done = command(*tiny, *options)
    assert (done.status, done.err) == (0, "")
    model = load("run").translator.model
    source, target = KINDS[tokenizer]
    if shared and tokenizer == "char":
        source = target = 4 + 10
    assert len(model.source_embedding.weight) == source
    assert len(model.target_embedding.weight) == target
    assert (model.source_embedding is model.target_embedding) is shared
    for part in ("translate", "evaluate"):
        assert command(part, "--run=run", *["abc"] * (part == "translate")).status == 0


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "options",
    [
        "--positions=learned --norm-first",
        "--no-tie-output --output-bias --final-norm=True --no-scale-embeddings",
        "--activation=gelu --attention-dropout=0.1 --activation-dropout=0.1",
        "--accumulate=2 --drop-longer --label-smoothing=0 --dropout=0",
    ],
)
def test_other_models_train_and_are_used_alike(
    work: Path, command: Any, tiny: Any, options: str
) -> None:
    assert command(*tiny, "--max-steps=2", *options.split()).status == 0
    assert command("train", "--resume", "--max-steps=3").status == 0
    assert command("translate", "abc").status == 0


# --- what is held out


@pytest.mark.usefixtures("undrawn")
def test_pairs_of_one_s_own_to_validate_on(
    work: Path, command: Any, tiny: Any, pairs: Path
) -> None:
    (work / "other.tsv").write_text("abc\tCBA\nabz\tZBA\n")  # z is unknown
    done = command(*tiny, "--held-out=other.tsv", "--out=run")
    assert "60 pairs to train on, 2 held out" in done.out
    assert Path("run/train.tsv").read_text() == pairs.read_text()
    assert read_metrics("run/metrics.jsonl")[-1]["val_tokens"] == 8
    assert "over 2 pairs" in command("evaluate", "--run=run").out
    assert command("train", "--resume", "--out=run", "--max-steps=21").status == 0


def test_no_source_is_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{i % 10}\t{i}\n" for i in range(100)))
    training, held_out = read_data(TrainOptions(data=str(path), share=0.3))
    assert not {p.source for p in training} & {p.source for p in held_out}
    assert (len(training), len(held_out)) == (70, 30)


@pytest.mark.usefixtures("undrawn")
def test_pairs_that_are_too_long_can_be_left_out(
    work: Path, command: Any, tiny: Any
) -> None:
    """Also by what comes after the training, and by who evaluates it."""
    done = command(*tiny, "--max-length=4", "--drop-longer", "--share=0.5", "--out=run")
    assert (done.status, done.err) == (0, "")
    kept, dropped = 0, 0
    for part in ("train", "held_out"):
        fits = [len(p.source) < 4 for p in read_pairs(f"run/{part}.tsv")]
        kept, dropped = kept + sum(fits), dropped + len(fits) - sum(fits)
    held = sum(fits)
    assert 0 < held < len(fits), "the test needs pairs of both kinds there"
    assert f"{kept - held} pairs to train on, {held} held out, " in done.out
    assert f"{dropped} longer than 4 dropped" in done.out
    measured = command("evaluate", "--run=run").out
    assert f"over {held} pairs of run/held_out.tsv" in measured
    assert f", {len(fits) - held} longer ones left out\n" in measured
    assert command("train", "--resume", "--out=run", "--max-steps=21").status == 0


def test_pairs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A text may begin with what looks like a byte-order mark."""
    for source in ("a", "\ufeff", "\ufeffa", "\ufeff\ufeff", " a\u2028 "):
        pairs = [TextPair(source, "b", 1), TextPair("\ufeff", source, 2)]
        write_pairs(tmp_path / "pairs.tsv", pairs)
        assert read_pairs(tmp_path / "pairs.tsv") == pairs


# --- extras


@pytest.mark.usefixtures("undrawn")
def test_without_tokenizers_a_line_says_so(
    work: Path, command: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("tokenizers")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    error = command(*tiny, "--tokenizer=subword").error
    assert "the extra `text`" in error
    assert not list(work.iterdir())
    assert command(*tiny, "--max-steps=1").status == 0  # others need no extra


def test_without_matplotlib_training_goes_on(
    work: Path, command: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = command(*tiny, "--max-steps", 2)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("[viz]") == 1
    assert "Held-out sources" in done.out
    assert not Path("runs/transformer-1/loss.png").exists()


# --- options


def test_presets_are_those_of_the_paper() -> None:
    options, folder = read_options(TrainOptions, [], defaults)
    assert folder is None
    assert options == TrainOptions()
    assert options.model == sizes("tiny")
    big, _ = read_options(TrainOptions, ["--preset=big", "--n-encoder=2"], defaults)
    assert (big.model.d_model, big.model.n_head, big.model.dropout) == (1024, 16, 0.3)
    assert (big.model.n_encoder, big.model.n_decoder) == (2, 6)


@pytest.mark.usefixtures("undrawn")
def test_options_survive_in_the_config(
    work: Path, command: Any, tiny: Any, pairs: Path
) -> None:
    argv = [*tiny[1:], "--max-steps=2", "--min-lr=0.002", "--final-norm=True"]
    argv += ["--drop-longer", f"--held-out={pairs}"]
    assert command("train", *argv, "--out=run").status == 0
    assert (
        options_of(TrainOptions, Path("run"))
        == read_options(TrainOptions, argv, defaults)[0]
    )
    model = json.loads(Path("run/config.json").read_text())["model"]
    assert TransformerConfig(**model) == load("run").translator.model.config


def test_the_overview_shows_the_commands(command: Any) -> None:
    for argv in ([], ["--help"]):
        shown = re.findall(r"^  ([\w-]+)  ", command(*argv).out, re.MULTILINE)
        looking = ["attention", "next-token"]
        assert shown == ["train", "translate", "evaluate", *looking]


def test_help_explains_every_option(command: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        command("train", "--resume", "--help")
    shown = " ".join(capsys.readouterr().out.split())
    for option in (
        "data preset out resume plain held-out share tokenizer subwords drop-longer",
        "label-smoothing max-steps batch-size learning-rate warmup-steps keep d-model",
        "n-head d-ff n-encoder n-decoder max-length positions share-embeddings",
    ):
        assert all(f"--{name}" in shown for name in option.split())
    assert all(f"--{name}" not in shown for name in ("vocab-size", "pad", "bos", "eos"))
    assert "How many blocks read the source" in shown

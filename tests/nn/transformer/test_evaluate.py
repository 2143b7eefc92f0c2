"""`python -m nn.transformer evaluate`: the loss of training, and sacreBLEU's scores."""

import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from nn import checkpoints
from nn.pairs import read_pairs
from nn.report import read_metrics
from nn.transformer.evaluate import corpus_scores, print_scores
from nn.transformer.saved import load
from nn.transformer.translate import paper_beams
from tensorgrad.errors import MissingExtra


def measured(out: str) -> dict[str, float]:
    return {
        name.strip(): float(value)
        for name, value in re.findall(r"^(\w[\w ]*?)  +([\d.]+)", out, re.MULTILINE)
    }


def test_it_measures_what_training_held_out(trained: Path, command: Any) -> None:
    pytest.importorskip("sacrebleu")
    done = command("evaluate")
    assert (done.status, done.err) == (0, "")
    logged = read_metrics(trained / "metrics.jsonl")[-1]
    path = trained / "held_out.tsv"
    first = f"{trained} at step 20, over 12 pairs of {path}\n"
    assert done.out.startswith(first)
    assert f"nats per token, over {logged['val_tokens']:,}\n" in done.out
    found = measured(done.out)
    assert list(found) == ["loss", "perplexity", "exact match", "BLEU", "chrF2"]
    assert found["loss"] == pytest.approx(logged["val_loss"], abs=6e-5)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]), rel=1e-3)


def test_translations_are_those_of_translate(trained: Path, command: Any) -> None:
    """With targets that are what the model writes, all match."""
    translator = load(str(trained)).translator
    sources = [pair.source for pair in read_pairs(trained / "held_out.tsv")]
    found = translator.translate(sources, paper_beams())
    right = [(s, best.text) for s, (best, *_) in zip(sources, found, strict=True)]
    right = [(source, text) for source, text in right if text.strip()]
    assert right
    lines = [f"{source}\t{text}\n" for source, text in right]
    Path("right.tsv").write_text("".join(lines))
    out = command("evaluate", "--data=right.tsv", "--batch-size=5").out
    assert measured(out)["exact match"] == 100
    lines[0] = lines[0].replace("\n", "A\n")
    Path("right.tsv").write_text("".join(lines))
    out = command("evaluate", "--data=right.tsv").out
    share = 100 * (1 - 1 / len(lines))
    assert measured(out)["exact match"] == pytest.approx(share, abs=0.01)


def test_other_pairs_and_other_weights(
    trained: Path, command: Any, pairs: Path
) -> None:
    out = command("evaluate", "--data", pairs, "--beam-size=1", "--plain").out
    assert f"over 60 pairs of {pairs}\n" in out
    step = checkpoints.latest_step(trained / "best")
    assert f"{trained} at step {step}, " in command("evaluate", "--best").out
    assert command("evaluate", "--average=3").status == 0
    assert len({command("evaluate", f"--batch-size={n}").out for n in (1, 5, 64)}) == 1


def test_pairs_longer_than_the_context(trained: Path, command: Any) -> None:
    Path("long.tsv").write_text("abc\tCBA\n" + "a" * 12 + "\tA\n")
    error = command("evaluate", "--data=long.tsv").error
    assert error.startswith("long.tsv: line 2: 13 tokens in the source")
    out = command("evaluate", "--data=long.tsv", "--drop-longer").out
    assert "over 1 pairs of long.tsv, 1 longer ones left out\n" in out


# --- sacreBLEU


def test_scores_of_a_right_translation_are_100() -> None:
    pytest.importorskip("sacrebleu")
    texts = ["the cat sat on the mat", "and so on and so forth"]
    bleu, chrf = corpus_scores(texts, texts)
    assert (bleu.name, chrf.name) == ("BLEU", "chrF2")
    assert bleu.score == pytest.approx(100)
    assert chrf.score == pytest.approx(100)
    for score in corpus_scores(["x", "y"], texts):
        assert score.score < 1


def test_without_sacrebleu_a_line_says_so(
    trained: Path, command: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in [name for name in sys.modules if name.startswith("sacrebleu")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(MissingExtra, match="`text`"):
        corpus_scores(["a"], ["a"])
    print_scores(["a"], ["a"])
    assert capsys.readouterr().out.count("\n") == 1
    done = command("evaluate")
    assert (done.status, done.err) == (0, "")
    assert "exact match" in done.out
    assert done.out.splitlines()[-1].startswith("BLEU and chrF need the package")

"""What docs/published.md shows runs, on small models in folders of the same names."""

import io
import json
import shlex
from pathlib import Path

import pytest

import gpt.__main__
import nn.transformer.__main__
from gpt import GPT, GPTConfig
from nn.transformer import BertConfig, BertForMaskedLM, Transformer, TransformerConfig
from nn.transformer.bert import Bert
from tests.nn.published import files
from tests.pages import Page

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")

PAGE = Page("published.md")
LAST = {"h.11": "h.1"}  # the last block of GPT-2, and of the small model here
MAINS = {"gpt": gpt.__main__.main, "nn.transformer": nn.transformer.__main__.main}


@pytest.fixture
def folders(work: Path) -> Path:
    """The current folder, with what the page names."""
    (work / "text.txt").write_text(files.TEXT[:8_000])
    sizes = {kind: size(files.make(kind, work / kind)) for kind in ("gpt2", "bert")}
    GPT(GPTConfig(1024, sizes["gpt2"], 2, 2, 8)).save_pretrained(work / "gpt2")
    small = {"d_model": 8, "d_ff": 8, "n_head": 2}
    bert = Bert(BertConfig(**small, vocab_size=sizes["bert"], n_layer=1))
    BertForMaskedLM(bert).save_pretrained(work / "bert")
    V = size(files.make("marian", work / "opus-mt"))
    ends = {"eos": 0, "bos": V - 1, "pad": V - 1}
    config = TransformerConfig(
        **small,
        **ends,
        vocab_size=V,
        n_encoder=1,
        n_decoder=1,
        positions="sinusoidal_halves",
    )
    Transformer(config).save_pretrained(work / "opus-mt")
    return work


def size(folder: Path) -> int:
    """How many tokens a vocabulary has."""
    path = folder / "vocab.json"
    if path.exists():
        return len(json.loads(path.read_text("utf-8")))
    return len((folder / "vocab.txt").read_text("utf-8").splitlines())


def test_the_page_runs(
    folders: Path,
    undrawn: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    PAGE.run()
    [commands] = PAGE.blocks("sh")
    for line in commands.splitlines():
        monkeypatch.setattr("sys.stdin", io.StringIO("Once upon\nAnd then\n"))
        _, _, module, *argv = [LAST.get(word, word) for word in shlex.split(line)]
        assert MAINS[module](argv) == 0, (line, capsys.readouterr().err)
        assert capsys.readouterr().out.strip(), line
    assert (folders / "published" / "tokenizer.json").exists()

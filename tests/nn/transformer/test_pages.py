"""`python -m nn.transformer attention` and `next-token`, of runs and as published."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn.published.tokenizers import load_published_tokenizer
from nn.transformer import Bert, BertConfig, Transformer, TransformerConfig
from nn.transformer.published_translator import load_translator
from nn.transformer.saved import load
from tensorgrad.viz.texts import unpacked
from tests.nn.published import files


def data(path: str) -> dict[str, Any]:
    """What a page was written with."""
    html = Path(path).read_text("utf-8")
    found = re.search(r'id="data">(.*?)</script>', html)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def weights(page: dict[str, Any]) -> dict[str, np.ndarray]:
    return {kind["name"]: unpacked(kind["weights"]) for kind in page["kinds"]}


def labels(page: dict[str, Any]) -> dict[str, list[str]]:
    return {name: text["labels"] for name, text in page["texts"].items()}


def test_attention_of_the_newest_run(trained: Path, command: Any) -> None:
    assert command("attention", "--text=abc", "--target=CBA").status == 0
    page = data("attention.html")
    assert labels(page) == {
        "source": ["a", "b", "c", "<eos>"],
        "target": ["<bos>", "C", "B", "A"],
    }
    expected = load().translator.attention("abc", "CBA")
    for kind, name in (
        ("encoder", "encoder.0.attention"),
        ("decoder", "decoder.0.attention"),
        ("cross", "decoder.0.cross_attention"),
    ):
        np.testing.assert_allclose(weights(page)[kind][0], expected[name], rtol=1e-6)
    assert command("attention", "--text=abc", "--best", "--out=b").status == 0
    assert labels(data("b"))["target"][0] == "<bos>"


def test_next_token_at_every_checkpoint_that_was_kept(
    trained: Path, command: Any
) -> None:
    argv = ("next-token", "--text=abc", "--target=CBA")
    assert command(*argv).status == 0
    page = data("next_token.html")
    assert [state["step"] for state in page["states"]] == ["10", "15", "20"]
    assert page["text"]["labels"] == ["<bos>", "C", "B", "A"]
    assert page["source"]["labels"] == ["a", "b", "c", "<eos>"]
    assert command(*argv, "--average=2").status == 0
    assert [state["step"] for state in data("next_token.html")["states"]] == [None]


def test_a_published_translator_writes_as_its_files_say(
    work: Path, command: Any
) -> None:
    pytest.importorskip("sentencepiece")
    folder = files.make("marian", work / "model")
    V = len(json.loads((folder / "vocab.json").read_text()))
    config = TransformerConfig(
        d_model=8,
        n_head=2,
        d_ff=8,
        vocab_size=V,
        n_encoder=1,
        n_decoder=1,
        max_length=40,
        positions="sinusoidal_halves",
        output_bias=True,
        pad=V - 1,
        bos=V - 1,
        eos=0,
    )
    Transformer(config).save_pretrained(folder)
    never = {"bad_words_ids": [[V - 1]], "eos_token_id": 0, "max_length": 9}
    (folder / "generation_config.json").write_text(
        json.dumps({**never, "decoder_start_token_id": V - 1})
    )
    assert command("attention", "--model=model", "--text=the statement").status == 0
    found = labels(data("attention.html"))
    assert "".join(found["source"]) == " the statement</s>"
    assert found["target"][0] == "<pad>"
    assert command("next-token", "--model=model", "--text=the statement").status == 0
    [state] = data("next_token.html")["states"]
    assert V - 1 not in unpacked(state["candidates"]["tokens"])
    assert load_translator(folder).model.config.eos == 0


def test_a_published_bert_reads_its_mask(work: Path, command: Any) -> None:
    pytest.importorskip("tokenizers")
    folder = files.make("bert", work / "bert")
    size = load_published_tokenizer(folder).vocab_size
    config = BertConfig(
        d_model=8, n_head=2, d_ff=8, vocab_size=size, n_layer=2, max_length=20
    )
    Bert(config).save_pretrained(folder)
    assert command("attention", "--model=bert", "--text=the [MASK].").status == 0
    page = data("attention.html")
    assert labels(page)["text"] == ["[CLS]", " the", "[MASK]", ".", "[SEP]"]
    assert weights(page)["self"].shape == (2, 2, 5, 5)
    error = command("attention", "--model=bert", "--text=a", "--target=b").error
    assert "bert is a BERT, which writes nothing" in error


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("attention", "with --text"),
        ("next-token --checkpoints 0 --text abc", "checkpoints must be 1 or more"),
        ("attention --text abc --model x --best", "leave one out"),
        ("attention --text abc --model none", "none"),
        ("next-token --text abcdeabcdeabc", "longer than the context of 12"),
        ("attention --text abc --out none/a.html", "no folder none"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    trained: Path, command: Any, argv: str, says: str
) -> None:
    assert says in command(*argv.split()).error
    assert not list(Path().glob("*.html"))


def test_help_explains_the_options(
    command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("attention", "next-token"):
        with pytest.raises(SystemExit) as leaving:
            command(name, "--help")
        assert leaving.value.code == 0
        assert "--target TEXT" in capsys.readouterr().out.replace("{None}|", "")

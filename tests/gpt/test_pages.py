"""`python -m gpt attention` and `next-token`: the pages hold what the model says."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt.options import Weights
from gpt.saved import load
from tensorgrad.viz.texts import unpacked

pytestmark = pytest.mark.usefixtures("trained")


def data(path: str) -> dict[str, Any]:
    """What a page was written with."""
    html = Path(path).read_text("utf-8")
    found = re.search(r'id="data">(.*?)</script>', html)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_attention_of_the_newest_run(gpt: Any) -> None:
    done = gpt("attention", "--text", "9 bottles")
    assert done.status == 0
    assert done.out.startswith("attention.html (")
    page = data("attention.html")
    assert page["title"] == "Attention of runs/gpt-1 at step 20"
    assert page["texts"]["text"]["labels"] == [*"9 bottles"]
    saved = load(Weights())
    expected = saved.model.attention_maps(saved.tokenizer.encode("9 bottles"))
    [kind] = page["kinds"]
    assert np.array_equal(unpacked(kind["weights"]), expected["self"])


def test_next_token_at_every_checkpoint_that_was_kept(gpt: Any) -> None:
    argv = ("next-token", "--run", "runs/gpt-1", "--prompt", "9 bottl", "--out", "a")
    assert gpt(*argv, "--top-k=3", "--temperature=0.75").status == 0
    page = data("a")
    assert [state["step"] for state in page["states"]] == ["10", "20"]
    assert (page["grid"]["top_k"], page["grid"]["temperature"]) == (3, 0.75)
    saved = load(Weights())
    *_, logits = saved.model.layer_logits(saved.tokenizer.encode("9 bottl"))
    shown = unpacked(page["states"][-1]["candidates"]["logits"])
    assert np.array_equal(shown, -np.sort(-logits))
    for more in ("--checkpoints=1", "--best"):
        assert gpt(*argv, more).status == 0
        assert [state["step"] for state in data("a")["states"]] == [None]


def test_several_checkpoints_are_kept_where_training_is_told_to(
    tiny: list[str], gpt: Any, undrawn: None
) -> None:
    argv = [*tiny, "--out=run", "--plain", "--checkpoint-interval=4", "--keep=4"]
    assert gpt(*argv).status == 0
    assert gpt("next-token", "--run=run", "--prompt=9", "--checkpoints=3").status == 0
    steps = [state["step"] for state in data("next_token.html")["states"]]
    assert steps == ["8", "16", "20"] or steps == ["8", "12", "20"]


def test_a_published_model_has_one_state_and_tokens_it_never_writes(gpt: Any) -> None:
    assert gpt("export", "--out=mine").status == 0
    config = Path("mine/config.json")
    known = json.loads(config.read_text())["vocab_size"]
    assert gpt("next-token", "--model=mine", "--prompt=9").status == 0
    page = data("next_token.html")
    assert [state["step"] for state in page["states"]] == [None]
    assert unpacked(page["states"][0]["candidates"]["tokens"]).shape == (1, known)
    assert gpt("attention", "--model=mine", "--text=9 b", "--layers", "0").status == 0


def test_an_empty_prompt_begins_as_sample_does(gpt: Any) -> None:
    assert gpt("next-token").status == 0
    assert data("next_token.html")["text"]["labels"] == ["\n"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("attention", "with --text"),
        ("attention --text 9 --layers 7", "layer 7 of 'self', which has 1"),
        ("attention --text 9 --out none/a.html", "no folder none"),
        ("attention --text " + 17 * "9", "17 tokens, and the model's context is 16"),
        ("attention --text 9 --run none", "none: not a run"),
        ("next-token --prompt " + 17 * "9", "17 tokens, and the model's context"),
        ("next-token --prompt \u03b2", "lacks '\u03b2'"),
        ("next-token --checkpoints 0", "checkpoints must be 1 or more"),
        ("next-token --top-p 0", "top_p must be a number above 0"),
    ],
)
def test_what_cannot_be_shown_is_one_line(gpt: Any, argv: str, says: str) -> None:
    assert says in gpt(*argv.split()).error
    assert not list(Path().glob("*.html"))


@pytest.mark.parametrize("command", ["attention", "next-token"])
def test_help_explains_the_options(
    gpt: Any, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        gpt(command, "--help")
    assert leaving.value.code == 0
    assert "--out FILE" in capsys.readouterr().out

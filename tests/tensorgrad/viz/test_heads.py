"""The data of the attention page: the model's own weights, and no more than fit."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from nn.attention import attention_weights
from nn.tokenizers import CharTokenizer
from nn.vocabulary import Vocabulary
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, InputError, ShapeError
from tensorgrad.viz import attention
from tensorgrad.viz.texts import unpacked
from tests.tensorgrad.viz import models

TOKENS = [3, 1, 4, 1, 5, 2]
TARGET = [1, 6, 3, 5]


def kinds(page: Any) -> dict[str, np.ndarray]:
    return {kind["name"]: unpacked(kind["weights"]) for kind in page.data["kinds"]}


@pytest.mark.parametrize(
    ("model", "given", "shapes"),
    [
        (models.gpt(), (TOKENS,), {"self": (2, 3, 6, 6)}),
        (models.gpt(norm_first=False), (TOKENS,), {"self": (2, 3, 6, 6)}),
        (models.bert(), (TOKENS,), {"self": (2, 3, 6, 6)}),
        (
            models.translator(),
            (TOKENS, TARGET),
            {"encoder": (2, 3, 6, 6), "decoder": (1, 3, 4, 4), "cross": (1, 3, 4, 6)},
        ),
    ],
    ids=["gpt", "gpt-1", "bert", "encoder-decoder"],
)
def test_every_row_sums_to_one(model: Any, given: Any, shapes: Any) -> None:
    found = kinds(attention(model, *given))
    assert {name: weights.shape for name, weights in found.items()} == shapes
    for name, weights in found.items():
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
        if name == "decoder" or type(model).__name__ == "GPT":
            assert not np.triu(weights, 1).any()


def test_the_weights_are_those_that_attention_leaves() -> None:
    model = models.gpt()
    page = attention(model, TOKENS)
    with tg.no_grad(), attention_weights(model) as weights:
        model(np.array([TOKENS]))
    [found] = kinds(page).values()
    for layer in range(2):
        assert np.array_equal(found[layer], weights[f"h.{layer}.attn"][0])


def test_layers_can_be_chosen() -> None:
    whole, some = (
        attention(models.gpt(n_layer=4), TOKENS, layers=layers)
        for layers in (None, [3, 1])
    )
    assert np.array_equal(kinds(some)["self"], kinds(whole)["self"][[3, 1]])
    assert some.data["kinds"][0]["layers"] == [3, 1]
    with pytest.raises(ConfigError, match="layer 4 of 'self', which has 4"):
        attention(models.gpt(n_layer=4), TOKENS, layers=[4])


def test_segments_are_the_models() -> None:
    model = models.bert()
    plain = kinds(attention(model, TOKENS))["self"]
    other = kinds(attention(model, TOKENS, segments=[0, 0, 0, 1, 1, 1]))["self"]
    assert not np.allclose(plain, other)


def test_without_a_target_the_likeliest_is_written() -> None:
    model = models.translator()
    page = attention(model, TOKENS)
    written = page.data["texts"]["target"]["tokens"]
    assert written == model.write(TOKENS)[:-1].tolist()
    assert kinds(page)["cross"].shape == (1, 3, len(written), 6)


def test_a_source_ends_and_a_target_starts() -> None:
    model = models.translator()  # 7 tokens: pad, bos, eos, unk, a, b, c
    vocabulary = Vocabulary(CharTokenizer("abc"))
    page = attention(model, "ab", "ca", tokenizer=vocabulary)
    labels = {name: text["labels"] for name, text in page.data["texts"].items()}
    assert labels == {"source": ["a", "b", "<eos>"], "target": ["<bos>", "c", "a"]}
    other = Vocabulary(CharTokenizer("xyz"))
    page = attention(model, "ab", "zx", tokenizer=vocabulary, target_tokenizer=other)
    assert page.data["texts"]["target"]["labels"] == ["<bos>", "z", "x"]


def test_a_model_that_cannot_say_is_told_what_it_lacks() -> None:
    with pytest.raises(InputError, match=r"a Tensor has no method attention_maps\(\)"):
        attention(Tensor([1.0]), TOKENS)
    with pytest.raises(ConfigError, match="a GPT reads one text"):
        attention(models.gpt(), TOKENS, TARGET)


def test_weights_of_another_shape_are_refused() -> None:
    class Wrong:
        def attention_maps(self, tokens: Any) -> Any:
            return {"self": np.zeros((1, 1, 2, 2))}

    with pytest.raises(ShapeError, match=r"\(1, 1, 2, 2\) for 'self'; .* 6, 6\)"):
        attention(Wrong(), TOKENS)


def test_more_than_a_page_holds_is_refused_by_its_size() -> None:
    class Many:
        def attention_maps(self, tokens: Any) -> Any:
            T = len(tokens)
            return {"self": np.broadcast_to(np.float32(0), (12, 12, T, T))}

    attention(Many(), np.zeros(120, int), layers=[0])
    with pytest.raises(InputError, match="121 tokens make 2,108,304 weights, and a"):
        attention(Many(), np.zeros(121, int))

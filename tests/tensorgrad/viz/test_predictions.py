"""The data of the next-token page: the model's own numbers, layer by layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, InputError, ShapeError
from tensorgrad.viz import next_token
from tensorgrad.viz.texts import unpacked
from tests.tensorgrad.viz import models

TOKENS = [3, 1, 4, 1, 5, 2]
TARGET = [1, 6, 3, 5]


def lens(page: Any, name: str, state: int = -1) -> np.ndarray:
    return unpacked(page.data["states"][state]["lens"][name])


def logits_of(model: Any, *rows: Any) -> np.ndarray:
    rows = [np.array([row]) for row in rows]
    with tg.no_grad():
        found = model(*rows)
    return (found[0] if isinstance(found, tuple) else found).data[0]


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (models.gpt(), (TOKENS,)),
        (models.gpt(norm_first=False), (TOKENS,)),
        (models.gpt(tie_word_embeddings=False), (TOKENS,)),
        (models.translator(), (TOKENS, TARGET)),
    ],
    ids=["gpt", "gpt-1", "untied", "encoder-decoder"],
)
def test_the_last_layer_says_what_the_model_says(model: Any, given: Any) -> None:
    first, *_, last = model.layer_logits(*given)
    assert np.array_equal(last, logits_of(model, *given))
    assert first.shape == last.shape
    assert not np.allclose(first, last)
    blocks = model.h if len(given) == 1 else model.decoder
    assert len(list(model.layer_logits(*given))) == len(blocks) + 1


def test_a_layer_says_what_a_model_without_those_behind_it_would() -> None:
    model = models.gpt(n_layer=3)
    said = list(model.layer_logits(TOKENS))
    shorter = models.gpt(n_layer=2)
    weights = model.state_dict()
    shorter.load_state_dict({n: weights[n] for n in shorter.state_dict()})
    assert np.array_equal(logits_of(shorter, TOKENS), said[2])


def test_a_model_in_training_is_left_there_and_drops_nothing() -> None:
    model = models.gpt(dropout=0.5).train()
    once, again = (list(model.layer_logits(TOKENS)) for _ in range(2))
    assert np.array_equal(once, again)
    assert model.training
    maps = [model.attention_maps(TOKENS)["self"] for _ in range(2)]
    assert np.array_equal(*maps)
    assert model.training


def test_chances_and_ranks_are_those_of_the_layers_logits() -> None:
    model = models.gpt()
    page = next_token(model, TOKENS)
    followed = page.data["followed"]
    assert followed == [*TOKENS[1:], int(logits_of(model, TOKENS)[-1].argmax())]
    for layer, logits in enumerate(model.layer_logits(TOKENS)):
        chances = np.asarray(tg.softmax(np.float64(logits)))
        order = np.argsort(-logits, axis=-1, kind="stable")
        assert np.array_equal(lens(page, "tokens")[layer], order)
        assert_allclose(
            lens(page, "chances")[layer], np.take_along_axis(chances, order, -1)
        )
        for t, token in enumerate(followed):
            assert_allclose(lens(page, "followed")[layer, t], chances[t, token])
            rank = 1 + np.flatnonzero(order[t] == token)[0]
            assert lens(page, "ranks")[layer, t] == rank


def test_of_equals_the_first_are_shown() -> None:
    page = next_token(models.Given(np.zeros((1, 500))), [0])
    assert np.array_equal(lens(page, "tokens")[:, 0], [range(8)] * 2)
    assert page.data["followed"] == [0]


def test_a_target_is_written_for_a_source() -> None:
    model = models.translator()
    page = next_token(model, source=TOKENS, labels=models.NASTY)
    assert page.data["text"]["tokens"] == model.write(TOKENS)[:-1].tolist()
    assert page.data["source"]["labels"] == [models.NASTY[i] for i in TOKENS]
    *_, last = model.layer_logits(TOKENS, page.data["text"]["tokens"])
    assert page.data["followed"][-1] == last[-1].argmax()


def test_checkpoints_are_pairs_of_a_step_and_a_model() -> None:
    both = {1000: models.gpt(1), "end": models.gpt(2)}
    page = next_token(both["end"], TOKENS, checkpoints=both)
    assert [state["step"] for state in page.data["states"]] == ["1,000", "end"]
    for state, model in enumerate(both.values()):
        alone = next_token(model, TOKENS)
        assert np.array_equal(lens(page, "tokens", state), lens(alone, "tokens"))
    pairs = next_token(both["end"], TOKENS, checkpoints=iter(both.items()))
    assert pairs.data == page.data


def test_a_runs_checkpoints_are_each_its_own_model(tmp_path: Path) -> None:
    from nn import checkpoints

    every = [models.gpt(seed) for seed in range(5)]
    for step, model in enumerate(every):
        weights = {name: x.data for name, x in model.state_dict().items()}
        checkpoints.save(tmp_path, 10 * step, {"model": weights}, {})
    model = models.gpt(9)
    before = logits_of(model, TOKENS)
    page = next_token(model, TOKENS, checkpoints=tmp_path)
    steps = [state["step"] for state in page.data["states"]]
    assert steps == ["0", "10", "20", "30", "40"]
    for state, each in enumerate(every):
        alone = next_token(each, TOKENS)
        assert np.array_equal(lens(page, "chances", state), lens(alone, "chances"))
    assert np.array_equal(logits_of(model, TOKENS), before)
    some = [step for step, _ in model.at_checkpoints(tmp_path, 3)]
    assert some == [0, 20, 40]
    assert [step for step, _ in model.at_checkpoints(tmp_path, 1)] == [40]
    with pytest.raises(InputError, match="holds no checkpoint"):
        next_token(model, TOKENS, checkpoints=tmp_path / "none")


def test_what_cannot_be_shown_is_refused() -> None:
    model, translator = models.gpt(), models.translator()
    with pytest.raises(InputError, match=r"a Tensor has no method layer_logits\(\)"):
        next_token(Tensor([1.0]), TOKENS)
    with pytest.raises(InputError, match="needs a prompt"):
        next_token(model)
    with pytest.raises(ConfigError, match="has no source"):
        next_token(model, TOKENS, source=TOKENS)
    with pytest.raises(InputError, match="source="):
        next_token(translator, TOKENS)
    with pytest.raises(InputError, match="no checkpoints"):
        next_token(model, TOKENS, checkpoints=[])
    with pytest.raises(ConfigError, match="pairs of a step and a model"):
        next_token(model, TOKENS, checkpoints=[3])
    with pytest.raises(ShapeError, match=r"gave \(2, 3\); it should be \(6, V\)"):
        next_token(models.Given(np.zeros((2, 3))), TOKENS)
    with pytest.raises(ShapeError, match="gave no layer"):
        next_token(models.Silent(), TOKENS)
    with pytest.raises(InputError, match="diverge"):
        next_token(models.Given(np.full((6, 3), np.nan)), TOKENS)


def test_more_than_a_page_holds_is_refused_by_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tensorgrad.viz.predictions.MOST", 250)
    model = models.Given(np.zeros((6, 40)))
    both = {1: model, 2: model}
    next_token(model, TOKENS)
    next_token(model, TOKENS, candidates=20, checkpoints=both)
    says = "40 candidates for 6 tokens at 2 checkpoints are 480 numbers, .* holds 250"
    with pytest.raises(InputError, match=says):
        next_token(model, TOKENS, checkpoints=both)

"""How a token is chosen: the draw, the settings, and what they are explained by."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn.decoding import Beams, Sampling, explain
from nn.decoding.sampling import choose, draw
from tensorgrad.errors import ConfigError
from tests.nn.decoding.reference import probabilities

LOGITS = hnp.arrays(np.float64, 6, elements=st.integers(-4, 4), unique=False)
SETTINGS = st.builds(
    Sampling,
    repetition_penalty=st.sampled_from([0.5, 1.0, 1.7]),
    no_repeat_ngram=st.integers(0, 2),
    temperature=st.sampled_from([0, 0.3, 1.0, 2.0]),
    top_k=st.integers(0, 7),
    top_p=st.sampled_from([0.2, 0.7, 1.0]),
    suppress=st.sampled_from([(), (1,), (5, 0)]),
    final_token=st.sampled_from([None, 2]),
)
SEQUENCES = st.lists(st.integers(0, 5), max_size=6)


@pytest.mark.parametrize("V", [2, 7])
def test_every_chance_draws_a_token_that_has_one(V: int) -> None:
    rng = np.random.default_rng(V)
    logits = rng.standard_normal((500, V)) * 300
    logits[:, ::2] = -np.inf
    for chance in (0.0, 0.5, np.nextafter(1, 0)):
        drawn = draw(logits, np.full(500, chance))
        assert (drawn % 2 == 1).all()
    last = draw(np.zeros((1, V)), np.array([np.nextafter(1, 0)]))
    assert last.tolist() == [V - 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", np.inf),
        ("temperature", np.nan),
        ("top_k", -1),
        ("top_k", 2.5),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", np.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", np.inf),
        ("no_repeat_ngram", -1),
        ("no_repeat_ngram", 1.5),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be"):
        Sampling(**{name: value})


@pytest.mark.parametrize("kind", [Sampling, Beams])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"suppress": (1, -1)}, "each of suppress must be a whole number"),
        ({"suppress": (0.5,)}, "each of suppress"),
        ({"final_token": -1}, "final_token must be a whole number"),
        (
            {"suppress": (3, 2), "final_token": 2},
            "final_token must be a token that suppress allows; got 2",
        ),
    ],
)
def test_tokens_that_contradict_are_refused(
    kind: Any, settings: Any, said: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        kind(**settings)


@given(LOGITS, SEQUENCES, SETTINGS, st.booleans())
def test_the_first_stage_is_the_models_and_the_last_is_drawn_from(
    logits: np.ndarray, sequence: list[int], settings: Sampling, last: bool
) -> None:
    stages = explain(logits, sequence, settings, last)
    names, found = list(stages), list(stages.values())
    exact = np.exp(logits) / np.exp(logits).sum()
    assert names[0] == "model"
    np.testing.assert_allclose(found[0], exact, rtol=1e-12)
    for probabilities_of in found:
        assert probabilities_of.sum() == pytest.approx(1)
    tokens = np.array([sequence], int)
    x = settings.candidates(logits[None], tokens, [last])
    for chance in (0.0, 0.3, 0.8):
        drawn = choose(
            settings,
            logits[None],
            logits[None].argmax(-1),
            tokens,
            [last],
            np.array([chance]),
        )
        assert found[-1][drawn] > 0
    np.testing.assert_allclose(found[-1], np.exp(x[0]) / np.exp(x[0]).sum())


@given(st.permutations(range(6)), SEQUENCES, SETTINGS, st.booleans())
def test_the_last_stage_is_as_defined(
    order: list[int], sequence: list[int], settings: Sampling, last: bool
) -> None:
    logits = np.sqrt([2, 3, 5, 7, 11, 13])[order]  # no ties, penalised or not
    found = list(explain(logits, sequence, settings, last).values())[-1]
    expected = np.zeros(6)
    for token, p in probabilities(logits.tolist(), sequence, settings, last).items():
        expected[token] = p
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@given(LOGITS, SETTINGS)
def test_only_what_does_something_is_a_stage(
    logits: np.ndarray, settings: Sampling
) -> None:
    stages = list(explain(logits, [1, 2, 1], settings))
    everything = [
        ("suppress", settings.suppress != ()),
        ("repetition_penalty", settings.repetition_penalty != 1),
        ("no_repeat_ngram", settings.no_repeat_ngram != 0),
        ("temperature", settings.temperature != 1),
        ("top_k", settings.top_k != 0 and settings.temperature != 0),
        ("top_p", settings.top_p != 1 and settings.temperature != 0),
    ]
    assert stages == ["model", *(name for name, used in everything if used)]
    at_the_end = explain(logits, [1, 2, 1], settings, last=True)
    assert ("final_token" in at_the_end) is (settings.final_token is not None)

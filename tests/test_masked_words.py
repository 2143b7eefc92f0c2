"""What masked_words.py compares its model with: counting, and the best possible."""

import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.losses import IGNORED
from nn.tokenizers import CharTokenizer
from nn.transformer.masking import mask_tokens
from nn.vocabulary import BERT, Vocabulary

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
VOCABULARY = Vocabulary(CharTokenizer("abcd"), BERT)
FIRST, V = len(BERT), len(VOCABULARY)  # tokens FIRST to V - 1 are a to d


def part(name: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))


two_sided = part("two_sided")
TwoSided = two_sided["TwoSided"]
names_of = part("language_names")
Names, split = names_of["Names"], names_of["split"]


def refined(
    p: np.ndarray, text: list[int], around: dict[int, int], window: Any, k: float
) -> np.ndarray:
    """(c(t in the window) + k p) / (c(the window) + k), each place looked at."""
    if min(around[place] for place in window) < FIRST:
        return p
    counts = np.zeros(V - FIRST)
    for i, token in enumerate(text):
        places = [i + place for place in window]
        if all(0 <= place < len(text) for place in places):
            same = [text[i + place] == around[place] for place in window]
            counts[token - FIRST] += all(same)
    return (counts + k * p) / (counts.sum() + k)


def expected(text: list[int], around: dict[int, int], seen: int) -> np.ndarray:
    """P(t | two on each side, seen) by the docstring of TwoSided."""
    alone = np.bincount(np.array(text) - FIRST, minlength=V - FIRST) + 0.1
    alone = alone / alone.sum()
    left = right = alone
    for window, k in (((-1,), 5), ((-2, -1), 4)):
        left = refined(left, text, around, window, k)
    for window, k in (((1,), 5), ((1, 2), 4)):
        right = refined(right, text, around, window, k)
    p = left * right / alone
    p /= p.sum()
    for window in ((-1, 1), (-1, 1, 2), (-2, -1, 1), (-2, -1, 1, 2)):
        p = refined(p, text, around, window, 3)
    if seen != VOCABULARY.mask:
        p = p * [0.5 * (t == seen) + 0.5 / len(p) for t in range(FIRST, V)]
    return p / p.sum()


tokens = st.integers(FIRST, V - 1)
neighbours = st.one_of(tokens, st.sampled_from([VOCABULARY.cls, VOCABULARY.mask]))


@given(
    text=st.lists(tokens, min_size=1, max_size=40),
    around=st.tuples(*[neighbours] * 4),
    seen=st.one_of(st.just(VOCABULARY.mask), tokens),
)
def test_counts_say_what_the_formulas_say(
    text: list[int], around: tuple[int, ...], seen: int
) -> None:
    counts = TwoSided(VOCABULARY, reach=2)
    counts.count(np.array(text))
    counts.trust = two_sided["Trust"](one=5, side=4, both=3)
    inputs = np.array([[*around[:2], seen, *around[2:]]])
    targets = np.where(np.arange(5) == 2, FIRST, IGNORED)[None]
    [p] = counts.probabilities(inputs, targets)
    assert p.sum() == pytest.approx(1)
    places = dict(zip((-2, -1, 1, 2), around, strict=True))
    # the special tokens have a trace of probability: 1e-9 in the counts
    assert p[:FIRST].max() < 1e-6
    np.testing.assert_allclose(p[FIRST:], expected(text, places, seen), atol=1e-6)


def test_a_place_at_the_edge_has_nothing_beyond_it() -> None:
    counts = TwoSided(VOCABULARY, reach=2)
    counts.count(VOCABULARY.encode("abcdabcd"))
    inputs = np.full((1, 1), VOCABULARY.mask)
    [p] = counts.probabilities(inputs, np.full((1, 1), FIRST))
    np.testing.assert_allclose(p, counts.alone(), atol=1e-12)


def test_a_shown_token_is_believed_as_often_as_it_is_true() -> None:
    """The 1/2 of Bayes' rule is what mask_tokens does."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(FIRST, V, (200, 200))
    inputs, targets = mask_tokens(
        tokens, rng, mask=VOCABULARY.mask, vocab_size=V, special=range(FIRST)
    )
    shown = (targets != IGNORED) & (inputs != VOCABULARY.mask)
    n, share = shown.sum(), 0.5 + 0.5 / (V - FIRST)
    true = (inputs == targets)[shown].mean()
    assert abs(true - share) < 4 * np.sqrt(share * (1 - share) / n)


def test_all_tokens_are_counted_whatever_the_trust_was_chosen_by() -> None:
    text = VOCABULARY.encode("abcd" * 60 + "dcba" * 60)
    counts = two_sided["tuned"](text, VOCABULARY, reach=1, width=6)
    whole = TwoSided(VOCABULARY, reach=1)
    whole.count(text)
    np.testing.assert_allclose(counts.alone(), whole.alone())
    for name, values in two_sided["TRIED"].items():
        assert getattr(counts.trust, name) in values


uses = st.lists(
    st.tuples(st.text("ab", min_size=1, max_size=3), st.integers(0, 4)),
    min_size=1,
    max_size=30,
)


def named(uses: list[tuple[str, int]]) -> Any:
    texts, languages = zip(*uses, strict=True)
    return Names(list(texts), np.array(languages))


@given(uses)
def test_no_guess_by_name_is_better_than_the_best_possible(
    uses: list[tuple[str, int]],
) -> None:
    names, count = named(uses), Counter(uses)
    best = {
        text: max(range(5), key=lambda language: count[text, language])
        for text in names.texts
    }
    right = np.mean([best[text] == language for text, language in uses])
    assert names.best_possible() == pytest.approx(right)
    for guess in range(5):  # one language for all
        assert np.mean(names.languages == guess) <= names.best_possible() + 1e-12
    if len(count) == len(uses):
        different = len(set(names.texts)) / len(uses)
        assert names.best_possible() == pytest.approx(different)
        assert names.shared().any() == (different < 1)


@given(uses, st.integers(0, 99))
def test_a_name_is_on_one_side_alone(uses: list[tuple[str, int]], seed: int) -> None:
    names = named(uses)
    train, held_out = split(names, np.random.default_rng(seed))
    assert not {*train.texts} & {*held_out.texts}
    kept = [*zip(train.texts, train.languages, strict=True)]
    kept += zip(held_out.texts, held_out.languages, strict=True)
    assert Counter(kept) == Counter(uses)
    assert len({*held_out.texts}) == len({*names.texts}) // 5


def test_the_names_are_those_of_every_language_once() -> None:
    pytest.importorskip("babel")
    names = names_of["load_names"]()
    pairs = {*zip(names.texts, names.languages.tolist(), strict=True)}
    assert len(pairs) == len(names)
    uses = np.bincount(names.languages)
    assert len(uses) == len(names_of["LANGUAGES"])
    assert uses.max() < 1.25 * uses.min()  # none is worth guessing
    assert ("Norvège", [*names_of["LANGUAGES"]].index("fr")) in pairs


def test_the_text_has_no_paragraph_twice() -> None:
    lines = part("masked_words")["paragraphs"]().split("\n")
    assert len(set(lines)) == len(lines) > 1000
    assert not any(re.search(r"\s\s", line) for line in lines)

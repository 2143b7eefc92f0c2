"""What masked_words.py compares its model with: counting, and the best possible."""

import re
import runpy
from collections import Counter
from itertools import pairwise
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
names_of = part("language_names")
Names, split = names_of["Names"], names_of["split"]


def expected(
    text: list[int], k: float, m: float, before: int, seen: int, behind: int
) -> np.ndarray:
    """P(t | p n, seen) by the formulas of TwoSided's docstring, count by count."""
    pairs, known = list(pairwise(text)), range(FIRST, V)
    alone = np.array([text.count(t) + 0.1 for t in known])
    alone /= alone.sum()

    def given_one(side: int, token: int) -> np.ndarray:
        if token < FIRST:
            return alone
        counts = np.array(
            [
                sum(pair[side] == token and pair[1 - side] == t for pair in pairs)
                for t in known
            ]
        )
        return (counts + k * alone) / (sum(pair[side] == token for pair in pairs) + k)

    p = given_one(0, before) * given_one(1, behind) / alone
    p /= p.sum()
    triples = Counter(zip(text, text[1:], text[2:], strict=False))
    counts = np.array([triples[before, t, behind] for t in known])
    if min(before, behind) >= FIRST:
        p = (counts + m * p) / (counts.sum() + m)
    if seen != VOCABULARY.mask:
        n = len(known)
        p = p * [0.5 * (t == seen) + 0.5 / n for t in known]
    return p / p.sum()


@given(
    text=st.lists(st.integers(FIRST, V - 1), min_size=3, max_size=40),
    k=st.sampled_from([0.5, 3, 30]),
    m=st.sampled_from([0.5, 3]),
    around=st.tuples(*[st.sampled_from([2, 3, 4, *range(FIRST, V)])] * 2),
    seen=st.sampled_from([VOCABULARY.mask, *range(FIRST, V)]),
)
def test_counts_say_what_the_formulas_say(
    text: list[int], k: float, m: float, around: tuple[int, int], seen: int
) -> None:
    counts = two_sided["TwoSided"](np.array(text), VOCABULARY)
    counts.smooth(k=k, m=m)
    before, behind = around
    inputs = np.array([[before, seen, behind]])
    [p] = counts.probabilities(inputs, np.array([[IGNORED, FIRST, IGNORED]]))
    assert p.sum() == pytest.approx(1)
    assert p[:FIRST].max() < 1e-7
    # the specials have a trace of probability, 1e-9 in the counts
    np.testing.assert_allclose(
        p[FIRST:], expected(text, k, m, before, seen, behind), atol=1e-6
    )


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


def test_the_smoothing_is_chosen_without_a_look_at_more_than_its_tokens() -> None:
    tokens = VOCABULARY.encode("abcd" * 60 + "dcba" * 60)
    counts = two_sided["tuned"](tokens, VOCABULARY, 6)
    whole = two_sided["TwoSided"](tokens, VOCABULARY)
    np.testing.assert_array_equal(counts.pairs, whole.pairs)
    assert counts.m in two_sided["M"]


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
    pytest.importorskip("babel")
    pytest.importorskip("matplotlib")
    lines = part("masked_words")["paragraphs"]().split("\n")
    assert len(set(lines)) == len(lines) > 1000
    assert not any(re.search(r"\s\s", line) for line in lines)

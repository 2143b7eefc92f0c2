"""Translating: each text as if it were alone, its score that of the objective."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import GREEDY, Beams, Sampling
from nn.pair_batches import TokenPairs
from nn.pairs import TextPair
from nn.tokenizers import CharTokenizer
from nn.transformer import Transformer, TransformerConfig
from nn.transformer.translation import EXTRA, Translator, objective
from nn.vocabulary import Vocabulary
from tensorgrad.errors import ConfigError, DataError, InputError

SOURCE = Vocabulary(CharTokenizer("abcde"))
# the specials' numbers differ from the source's
TARGET = Vocabulary(CharTokenizer("XYZ"), ("eos", "unk", "pad", "bos"))
SIZES = {"d_model": 8, "n_head": 2, "d_ff": 16, "n_encoder": 1, "n_decoder": 2}

texts = st.text("abcde", min_size=1, max_size=7)
several = st.lists(texts, min_size=1, max_size=5)
seeds = st.integers(0, 9)
WAYS = [GREEDY, Beams(3, 3), Beams(4, length_penalty="google", alpha=0.6)]


def translator(
    seed: int = 0, ends: float = 0.0, max_length: int = 12, **changes: Any
) -> Translator:
    """An untrained one, in float64, that writes no special tokens but the end.

    `ends` is added to the score of that.
    """
    config = TransformerConfig(
        vocab_size=SOURCE.vocab_size,
        target_vocab_size=TARGET.vocab_size,
        share_embeddings=False,
        output_bias=True,
        tie_output=False,  # a tied one repeats what it read
        max_length=max_length,
        pad=SOURCE.pad,
        bos=TARGET.bos,
        eos=TARGET.eos,
        **{"dropout": 0.0, **SIZES, **changes},
    )
    model = Transformer(config, rng=seed).to(np.float64).eval()
    bias = model.output.bias.writable()
    bias[[TARGET.unk, TARGET.pad, TARGET.bos]] = -1e9
    bias[TARGET.eos] = ends
    return Translator(model, SOURCE, TARGET)


def batch_of(pairs: list[tuple[str, str]]) -> Any:
    numbered = [TextPair(*pair, line) for line, pair in enumerate(pairs, 1)]
    tokens = TokenPairs(numbered, SOURCE, TARGET)
    return tokens.collate(tokens)


# --- translate


@pytest.mark.parametrize("how", WAYS)
@given(several, seeds, st.integers(1, 4))
def test_each_text_is_translated_as_if_alone(
    how: Any, given_texts: list[str], seed: int, batch_size: int
) -> None:
    """So their order is kept, whatever their lengths; and limits are each one's own."""
    ours = translator(seed, max_length=9)
    found = ours.translate(given_texts, how, batch_size=batch_size)
    assert len(found) == len(given_texts)
    for text, together in zip(given_texts, found, strict=True):
        [alone] = ours.translate([text], how)
        assert [one.text for one in together] == [one.text for one in alone]
        np.testing.assert_allclose(
            [(one.score, one.log_prob) for one in together],
            [(one.score, one.log_prob) for one in alone],
            rtol=1e-9,  # float64, sums of other lengths
        )


@given(texts, seeds)
def test_greedy_is_a_single_beam(text: str, seed: int) -> None:
    ours = translator(seed)
    [[greedy]] = ours.translate([text])
    [[beam]] = ours.translate([text], Beams(1, alpha=0))
    assert beam.text == greedy.text
    assert beam.score == beam.log_prob == pytest.approx(greedy.log_prob)


@given(texts, seeds)
def test_the_best_come_first(text: str, seed: int) -> None:
    ours = translator(seed)
    [found] = ours.translate([text], Beams(5, n_best=4))
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 4
    assert len({one.text for one in found}) == 4
    [[best]] = ours.translate([text], Beams(5))
    assert best == found[0]


@given(several, seeds)
def test_log_prob_is_what_the_objective_says(given_texts: list[str], seed: int) -> None:
    ours = translator(seed, ends=1.0, max_length=40)
    found = [one for [one] in ours.translate(given_texts, max_new_tokens=20)]
    for source, one in zip(given_texts, found, strict=True):
        if len(one.text) == 20:  # cut short, without an end
            continue
        loss, count = objective(ours.model)(batch_of([(source, one.text)]))
        assert count == len(one.text) + 1
        assert one.log_prob == pytest.approx(-loss.item(), rel=1e-9)


def test_a_target_has_fifty_tokens_more_than_its_source() -> None:
    endless = translator(ends=-1e9, max_length=100)
    for how in WAYS:
        found = endless.translate(["a", "abcdeabcde", "ab"], how)
        # the source's end is one of its tokens
        assert [len(best.text) for best, *_ in found] == [
            len(source) + 1 + EXTRA for source in ("a", "abcdeabcde", "ab")
        ]
        short = endless.translate(["a", "abcde"], how, max_new_tokens=3)
        assert [len(best.text) for best, *_ in short] == [3, 3]


def test_the_context_is_the_longest_that_a_target_can_get() -> None:
    endless = translator(ends=-1e9, max_length=9)
    for how in WAYS:
        found = endless.translate(["a", "abcdeabc"], how, max_new_tokens=99)
        assert [len(best.text) for best, *_ in found] == [9, 9]


def test_texts_can_be_drawn() -> None:
    ours = translator(3)
    how = Sampling(temperature=1.5)
    first, again, other = (
        ours.translate(["abc", "d"] * 4, how, rng=seed) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert all(one.score == one.log_prob < 0 for [one] in first)


def test_no_texts_no_translations() -> None:
    assert translator().translate([]) == []


def test_progress_is_told() -> None:
    calls: list[tuple[int, int]] = []
    translator().translate(
        list("abcde"), batch_size=2, told=lambda *call: calls.append(call)
    )
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_a_model_in_training_mode_drops_nothing() -> None:
    ours = translator(dropout=0.5)
    calm = ours.translate(["abc"])
    ours.model.train()
    assert ours.translate(["abc"]) == calm
    assert ours.model.training


def test_characters_that_the_vocabulary_lacks_are_unknown() -> None:
    ours = translator()
    assert ours.translate(["a?"]) == ours.translate(["a!"])


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_text(empty: str) -> None:
    with pytest.raises(DataError, match=r"^text 8 is empty"):
        translator().translate(["a", empty], first=7)


def test_a_text_longer_than_the_context() -> None:
    ours = translator(max_length=6)
    assert len(ours.translate(["abcde"])) == 1
    with pytest.raises(InputError, match=r"^text 2 has 7 tokens, and the context 6"):
        ours.translate(["a", "abcdea"])


@pytest.mark.parametrize("name", ["batch_size", "max_new_tokens"])
def test_sizes_below_one(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        translator().translate(["a"], **{name: 0})


# --- attention


@given(texts, st.text("XYZ", max_size=5))
def test_attention_says_who_looks_where(source: str, target: str) -> None:
    ours = translator(dropout=0.5, attention_dropout=0.5)
    found = ours.attention(source, target)
    S, T = len(source) + 1, len(target) + 1  # each with its end
    shapes = {name: weights.shape for name, weights in found.items()}
    assert shapes == {
        "encoder.0.attention": (2, S, S),
        "decoder.0.attention": (2, T, T),
        "decoder.0.cross_attention": (2, T, S),
        "decoder.1.attention": (2, T, T),
        "decoder.1.cross_attention": (2, T, S),
    }
    for name, weights in found.items():
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)
        assert (weights >= 0).all()
        if name.startswith("decoder") and "cross" not in name:
            assert not np.triu(weights, 1).any()


def test_attention_leaves_the_model_as_it_was() -> None:
    ours = translator()
    ours.model.train()
    before = ours.translate(["abc"])
    ours.attention("abc", "XYZ")
    assert ours.model.training
    assert ours.translate(["abc"]) == before
    for source, target, says in (
        ("", "X", "empty"),
        ("abcde" * 3, "X", "text 1 has 16 tokens"),
        ("a", "XYZ" * 4, "a target of 13 tokens"),
    ):
        with pytest.raises(InputError, match=says):
            ours.attention(source, target)


# --- objective

PAIRS = [("abc", "XY"), ("a", "ZZZZ"), ("edcba", "X")]


def by_hand(ours: Translator, smoothing: float) -> tuple[float, int]:
    """Pair by pair, so without padding: torch's definition of label smoothing."""
    total, count = 0.0, 0
    for pair in PAIRS:
        source, target_in, target_out = batch_of([pair])
        scores = ours.model(source, target_in).data[0]
        log_p = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        right = log_p[np.arange(len(log_p)), target_out[0]]
        total -= ((1 - smoothing) * right + smoothing * log_p.mean(-1)).sum()
        count += target_out.size
    return total, count


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_objective_leaves_padding_out_and_smooths_only_in_training(
    smoothing: float,
) -> None:
    ours = translator()
    losses = objective(ours.model, smoothing)
    for training, expected in ((True, smoothing), (False, 0.0)):
        ours.model.train(training)
        loss, count = losses(batch_of(PAIRS))
        assert (loss.item(), count) == (
            pytest.approx(by_hand(ours, expected)[0], rel=1e-9),
            len("XYZZZZX") + 3,
        )


def test_no_gradient_comes_from_padding() -> None:
    ours = translator()
    together = objective(ours.model.train(), 0.1)
    together(batch_of(PAIRS))[0].backward()
    sums = {name: p.grad.data.copy() for name, p in ours.model.named_parameters()}
    ours.model.zero_grad()
    for pair in PAIRS:
        together(batch_of([pair]))[0].backward()
    for name, p in ours.model.named_parameters():
        np.testing.assert_allclose(p.grad.data, sums[name], rtol=1e-7, atol=1e-9)

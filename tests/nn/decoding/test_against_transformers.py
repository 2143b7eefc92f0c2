"""The results of Hugging Face's `generate`, on tiny random models in float64."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from nn.decoding import Beams, Hypothesis, Sampling, beam_search, filters, generate
from tests.nn.decoding.models import Recomputing

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V, PAD = 24, 0
STOPS = [3, 9, 14, 17, 20]
SEEDS = range(6)
PROMPTS = [[5, 9, 2], [7], [4, 4, 8, 11, 6], [13, 5]]
# their scores are sums in float32, of logits rounded to float32
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


@cache
def gpt2(seed: int) -> Any:
    config = transformers.GPT2Config(
        vocab_size=V,
        n_positions=48,
        n_embd=16,
        n_layer=2,
        n_head=2,
        initializer_range=0.6,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(seed)
    return transformers.GPT2LMHeadModel(config).double().eval()


@cache
def marian(seed: int) -> Any:
    config = transformers.MarianConfig(
        vocab_size=V,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_position_embeddings=48,
        init_std=0.8,
        pad_token_id=PAD,
        eos_token_id=STOPS[0],
        decoder_start_token_id=PAD,
        forced_eos_token_id=None,
    )
    torch.manual_seed(seed)
    return transformers.MarianMTModel(config).double().eval()


def decoder_only(model: Any) -> Recomputing:
    @torch.no_grad()
    def function(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        logits = model(
            input_ids=torch.tensor(tokens),
            attention_mask=torch.tensor(real.astype(int)),
            position_ids=torch.tensor((real.cumsum(-1) - 1).clip(0)),
        ).logits
        return logits[:, -1].numpy()

    return Recomputing(function)


class Translating(Recomputing):
    """A decoder that keeps, beside its tokens, the source of each sequence."""

    def __init__(self, model: Any, sources: Any, kept: Any) -> None:
        with torch.no_grad():
            self.memory = model.get_encoder()(sources, attention_mask=kept)[0]
        self.kept = kept
        self.seq2seq = model
        super().__init__(self.score)

    @torch.no_grad()
    def score(self, tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        logits = self.seq2seq(
            encoder_outputs=(self.memory,),
            attention_mask=self.kept,
            decoder_input_ids=torch.tensor(tokens),
        ).logits
        return logits[:, -1].numpy()

    def select(self, rows: Any) -> None:
        super().select(rows)
        self.memory, self.kept = self.memory[rows], self.kept[rows]


def padded(rows: list[list[int]], *, left: bool) -> tuple[Any, Any]:
    T = max(map(len, rows))
    fill = [[PAD] * (T - len(row)) for row in rows]
    mask = [[0] * len(f) for f in fill]
    ones = [[1] * len(row) for row in rows]
    pairs = [(fill, rows), (mask, ones)]
    return tuple(
        torch.tensor([a + b if left else b + a for a, b in zip(*pair, strict=True)])
        for pair in pairs
    )


def theirs(
    model: Any, tokens: Any, mask: Any, skip: int, stops: list[int], **settings: Any
) -> tuple[list[list[int]], Any]:
    """New tokens of each sequence, up to its end, and the scores of beams."""
    with torch.no_grad():
        out = model.generate(
            tokens,
            attention_mask=mask,
            pad_token_id=PAD,
            eos_token_id=stops or None,
            return_dict_in_generate=True,
            output_scores=True,
            **settings,
        )
    found = []
    for row in out.sequences[:, skip:].tolist():
        ends = [i for i, token in enumerate(row) if token in stops]
        found.append(row[: ends[0] + 1] if ends else row)
    return found, getattr(out, "sequences_scores", None)


def check_beams(
    ours: list[list[Hypothesis]], tokens: list[list[int]], scores: Any
) -> None:
    flat = [hypothesis for found in ours for hypothesis in found]
    assert [hypothesis.tokens.tolist() for hypothesis in flat] == tokens
    np.testing.assert_allclose([h.score for h in flat], scores.numpy(), **CLOSE)


some_stops = pytest.mark.parametrize("stops", [[], STOPS[:1], STOPS])


@some_stops
@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_is_theirs(seed: int, stops: list[int]) -> None:
    model = gpt2(seed)
    done = generate(
        decoder_only(model),
        PROMPTS,
        max_new_tokens=14,
        settings=Sampling(temperature=0),
        stop_tokens=stops,
    )
    tokens, mask = padded(PROMPTS, left=True)
    expected, _ = theirs(
        model, tokens, mask, tokens.shape[1], stops, do_sample=False, max_new_tokens=14
    )
    assert [completion.tokens.tolist() for completion in done] == expected


@some_stops
@pytest.mark.parametrize(
    ("penalty", "ngram"), [(1.3, 0), (0.7, 0), (1.0, 1), (1.0, 2), (1.8, 3)]
)
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_greedy_with_penalties_is_theirs(
    seed: int, penalty: float, ngram: int, stops: list[int]
) -> None:
    model = gpt2(seed)
    done = generate(
        decoder_only(model),
        PROMPTS,
        max_new_tokens=14,
        settings=Sampling(penalty, ngram, temperature=0),
        stop_tokens=stops,
    )
    # one at a time: theirs counts padding among the tokens there were before
    for prompt, completion in zip(PROMPTS, done, strict=True):
        expected, _ = theirs(
            model,
            *padded([prompt], left=True),
            len(prompt),
            stops,
            do_sample=False,
            max_new_tokens=14,
            repetition_penalty=penalty,
            no_repeat_ngram_size=ngram,
        )
        assert [completion.tokens.tolist()] == expected


@some_stops
@pytest.mark.parametrize("early", [False, True, "never"])
@pytest.mark.parametrize("alpha", [1.0, 0.0, 2.5, -1.0])
@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_beams_are_theirs(
    seed: int, size: int, alpha: float, early: Any, stops: list[int]
) -> None:
    model = gpt2(seed)
    settings = Beams(size, size, alpha=alpha, early_stopping=early)
    ours = beam_search(
        decoder_only(model),
        PROMPTS,
        max_new_tokens=9,
        settings=settings,
        stop_tokens=stops,
    )
    tokens, mask = padded(PROMPTS, left=True)
    expected = theirs(
        model,
        tokens,
        mask,
        tokens.shape[1],
        stops,
        num_beams=size,
        num_return_sequences=size,
        length_penalty=alpha,
        early_stopping=early,
        max_new_tokens=9,
        do_sample=False,
    )
    check_beams(ours, *expected)


@pytest.mark.parametrize(("penalty", "ngram"), [(1.3, 0), (0.7, 0), (1.0, 2), (1.8, 3)])
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_beams_with_penalties_are_theirs(seed: int, penalty: float, ngram: int) -> None:
    model = gpt2(seed)
    settings = Beams(3, 3, repetition_penalty=penalty, no_repeat_ngram=ngram)
    ours = beam_search(
        decoder_only(model),
        PROMPTS,
        max_new_tokens=9,
        settings=settings,
        stop_tokens=STOPS,
    )
    for prompt, found in zip(PROMPTS, ours, strict=True):
        expected = theirs(
            model,
            *padded([prompt], left=True),
            len(prompt),
            STOPS,
            num_beams=3,
            num_return_sequences=3,
            early_stopping="never",
            repetition_penalty=penalty,
            no_repeat_ngram_size=ngram,
            max_new_tokens=9,
            do_sample=False,
        )
        check_beams([found], *expected)


@pytest.mark.parametrize("early", [False, True, "never"])
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_translations_are_theirs(seed: int, early: Any) -> None:
    model = marian(seed)
    sources, kept = padded(PROMPTS, left=False)
    ours = beam_search(
        Translating(model, sources, kept),
        [[PAD]] * len(PROMPTS),
        max_new_tokens=10,
        settings=Beams(4, 4, early_stopping=early),
        stop_tokens=STOPS,
    )
    expected = theirs(
        model,
        sources,
        kept,
        1,
        STOPS,
        num_beams=4,
        num_return_sequences=4,
        early_stopping=early,
        max_new_tokens=10,
        do_sample=False,
    )
    check_beams(ours, *expected)


NEVER = [PAD, 5, 8, 11]  # none of the stops


@pytest.mark.parametrize("penalty", [1.0, 1.4])
@pytest.mark.parametrize("their_name", ["suppress_tokens", "bad_words_ids"])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("seed", SEEDS[:1])
def test_suppressed_and_forced_tokens_are_theirs(
    seed: int, size: int, their_name: str, penalty: float
) -> None:
    model, stops = gpt2(seed), STOPS[:1]
    ours: dict[str, Any] = {
        "repetition_penalty": penalty,
        "suppress": tuple(NEVER),
        "final_token": STOPS[0],
    }
    never = NEVER if their_name == "suppress_tokens" else [[token] for token in NEVER]
    for prompt in PROMPTS:
        expected = theirs(
            model,
            *padded([prompt], left=True),
            len(prompt),
            stops,
            do_sample=False,
            max_new_tokens=7,
            num_beams=size,
            num_return_sequences=size,
            early_stopping="never" if size > 1 else None,
            repetition_penalty=penalty,
            forced_eos_token_id=STOPS[0],
            **{their_name: never},
        )
        given: Any = {"max_new_tokens": 7, "stop_tokens": stops}
        if size == 1:
            greedy = Sampling(temperature=0, **ours)
            [done] = generate(decoder_only(model), [prompt], settings=greedy, **given)
            assert [done.tokens.tolist()] == expected[0]
        else:
            beams = Beams(size, size, **ours)
            found = beam_search(decoder_only(model), [prompt], settings=beams, **given)
            check_beams(found, *expected)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_marians_own_settings_give_their_translations(seed: int, size: int) -> None:
    """What the published ones have in their generation_config.json."""
    model = marian(seed)
    sources, kept = padded(PROMPTS, left=False)
    eos, given = STOPS[0], {"max_new_tokens": 6, "stop_tokens": STOPS[:1]}
    expected = theirs(
        model,
        sources,
        kept,
        1,
        [eos],
        num_beams=size,
        num_return_sequences=size,
        do_sample=False,
        max_new_tokens=6,
        bad_words_ids=[[PAD]],
        forced_eos_token_id=eos,
        renormalize_logits=False,
    )
    reader, starts = Translating(model, sources, kept), [[PAD]] * len(PROMPTS)
    ours: Any = {"suppress": (PAD,), "final_token": eos}
    if size == 1:
        greedy = Sampling(temperature=0, **ours)
        done = generate(reader, starts, settings=greedy, **given)
        assert [completion.tokens.tolist() for completion in done] == expected[0]
        assert all(completion.tokens[-1] == eos for completion in done)
    else:
        beams = Beams(size, size, early_stopping=False, **ours)
        check_beams(beam_search(reader, starts, settings=beams, **given), *expected)


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_top_k_is_theirs_ties_too(k: int) -> None:
    logits = np.random.default_rng(0).integers(0, 6, (50, 16)).astype(float)
    expected = transformers.TopKLogitsWarper(k)(None, torch.tensor(logits))
    np.testing.assert_array_equal(filters.top_k(logits, k), expected)


@pytest.mark.parametrize("p", [1e-6, 0.3, 0.9, 0.999])
def test_top_p_is_theirs(p: float) -> None:
    logits = 3 * np.random.default_rng(0).standard_normal((50, 16))
    expected = transformers.TopPLogitsWarper(p)(None, torch.tensor(logits))
    np.testing.assert_array_equal(filters.top_p(logits, p), expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_penalties_are_theirs(n: int) -> None:
    rng = np.random.default_rng(n)
    logits, tokens = rng.standard_normal((50, 6)), rng.integers(0, 4, (50, 9))
    args = torch.tensor(tokens), torch.tensor(logits)
    np.testing.assert_array_equal(
        filters.no_repeat_ngram(logits, tokens, n),
        transformers.NoRepeatNGramLogitsProcessor(n)(*args),
    )
    np.testing.assert_array_equal(
        filters.repetition_penalty(logits, tokens, 1.0 + n),
        transformers.RepetitionPenaltyLogitsProcessor(1.0 + n)(*args),
    )

"""The Transformer's laws: what it may see, and what must not matter to it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import ModuleList
from nn.attention import attention_weights
from nn.transformer import Transformer, TransformerConfig
from tensorgrad.errors import InputError, ShapeError
from tensorgrad.testing import laws

B, S, T, V, C = 3, 4, 5, 11, 8
rng = np.random.default_rng(0)
SOURCE, TARGET = rng.integers(3, V, (B, S)), rng.integers(3, V, (B, T))
TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
APART = {"share_embeddings": False, "tie_output": False}
seeds = st.integers(0, 2**32 - 1)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KINDS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "positions": "learned", "activation": "gelu"},
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=["post-norm", "pre-norm"])
settings = {"kind": st.sampled_from(KINDS), "dtype": st.sampled_from(["f4", "f8"])}


def config(**changes: Any) -> TransformerConfig:
    sizes: dict[str, Any] = {"d_model": C, "n_head": 2, "d_ff": 12, "vocab_size": V}
    sizes |= {"n_encoder": 2, "n_decoder": 2, "max_length": 9, "dropout": 0.0}
    return TransformerConfig(**{**sizes, **changes})


def model(seed: int = 0, dtype: Any = np.float64, **changes: Any) -> Transformer:
    return Transformer(config(**changes), rng=seed).to(dtype)


# --- what is seen


@given(seed=seeds, **settings)
def test_no_score_depends_on_a_later_target_or_another_row(
    kind: dict[str, Any], dtype: Any, seed: int
) -> None:
    ours = model(dtype=dtype, **kind)
    laws.causality(lambda y: ours(SOURCE, y), TARGET, vocab_size=V, seed=seed)
    laws.batch_independence(lambda y: ours(SOURCE, y), TARGET, seed=seed)
    laws.batch_independence(lambda x: ours(x, TARGET), SOURCE, seed=seed)


def test_large_scores_do_not_open_the_masks() -> None:
    ours = model()
    for block in ours.decoder:
        for attention in (block.attention, block.cross_attention):
            attention.query.weight.writable()[...] *= 1e4
    laws.causality(lambda y: ours(SOURCE, y), TARGET, vocab_size=V)
    padded = np.where([[True, True, True, False]], SOURCE, 0)
    np.testing.assert_allclose(
        ours(padded, TARGET).data, ours(SOURCE[:, :3], TARGET).data, **TIGHT
    )


@given(
    seed=seeds,
    lengths=st.lists(st.integers(1, S), min_size=B, max_size=B),
    **settings,
)
def test_padding_in_a_source_changes_nothing(
    kind: dict[str, Any], dtype: Any, seed: int, lengths: list[int]
) -> None:
    ours = model(dtype=dtype, **kind)

    def scores(source: Any, mask: Any) -> Any:
        return ours(source, np.repeat(TARGET[:1], len(source), axis=0), mask)

    def found_by_itself(source: Any, mask: Any) -> Any:
        return scores(source, None)

    law, options = laws.padding_invariance, {"lengths": lengths, "extra": 2}
    law(scores, SOURCE, vocab_size=V, seed=seed, **options)
    law(found_by_itself, SOURCE, pad=ours.config.pad, seed=seed, **options)


@kinds
def test_a_source_of_nothing_but_padding_spoils_nothing(kind: dict[str, Any]) -> None:
    ours, source = model(**kind), SOURCE.copy()
    source[1] = 0
    scores = ours(source, TARGET)
    assert np.isfinite(scores.data).all()
    expected = ours(SOURCE, TARGET).data[[0, 2]]
    np.testing.assert_allclose(scores.data[[0, 2]], expected, **TIGHT)
    scores.sum().backward()
    for name, p in ours.named_parameters():
        assert np.isfinite(p.grad.data).all(), name


def test_an_empty_source_and_an_empty_target_have_their_shapes() -> None:
    ours = model()
    scores = ours(SOURCE[:, :0], TARGET)
    assert scores.shape == (B, T, V)
    padding = np.zeros_like(SOURCE)
    np.testing.assert_allclose(scores.data, ours(padding, TARGET).data, **TIGHT)
    assert ours(SOURCE, TARGET[:, :0]).shape == (B, 0, V)


@given(seeds)
def test_rows_in_another_order_have_their_scores_in_that_order(seed: int) -> None:
    ours = model(positions="learned")
    laws.permutation_equivariance(
        lambda pairs: ours(pairs[:, :S], pairs[:, S:]),
        np.concatenate([SOURCE, TARGET], axis=1),
        axis=0,
        seed=seed,
    )


def test_positions_tell_orders_apart() -> None:
    backwards = np.ascontiguousarray(SOURCE[:, ::-1])
    for positions in ("sinusoidal", "learned"):
        ours = model(positions=positions)
        one, other = ours(SOURCE, TARGET).data, ours(backwards, TARGET).data
        assert np.abs(one - other).max() > 1e-3


# --- parameters and modes


@kinds
def test_modes_differ_by_dropout_alone(kind: dict[str, Any]) -> None:
    for name in ("dropout", "attention_dropout", "activation_dropout"):
        ours = model(**kind, **{name: 0.3})
        laws.train_and_eval_differ_only_by_dropout(ours, SOURCE, TARGET)


def test_embeddings_are_dropped_with_their_positions() -> None:
    ours = model(dropout=0.5)
    ours.encoder = ModuleList([])
    dropped = ours.encode(SOURCE).data
    whole = ours.eval().encode(SOURCE).data
    assert set((dropped / whole).round(9).ravel().tolist()) == {0.0, 2.0}
    by_hand = ours.source_embedding.weight.data[SOURCE] * np.sqrt(C)
    expected = by_hand + ours.source_positions.table[:S]
    np.testing.assert_allclose(whole, expected, **TIGHT)
    shares = {name: m.p for name, m in ours.named_modules() if hasattr(m, "p")}
    assert {name for name, p in shares.items() if p == 0.5} == {
        "dropout",
        *(f"decoder.{i}.residual{j}.dropout" for i in (0, 1) for j in (1, 2, 3)),
    }


@pytest.mark.parametrize("kind", [{}, APART, {"positions": "learned"}])
def test_a_state_dict_is_all_there_is(kind: dict[str, Any]) -> None:
    numbers = iter(range(9))
    laws.state_dict_round_trip(
        lambda: model(next(numbers), np.float32, dropout=0.1, **kind), SOURCE, TARGET
    )


def test_the_gradient_of_what_is_tied_is_the_sum_over_its_three_uses() -> None:
    tied, apart = model(), model(**APART)
    weight = tied.source_embedding.weight
    apart.load_state_dict(
        {
            **tied.state_dict(),
            "target_embedding.weight": weight.data,
            "output.weight": weight.data,
        }
    )
    for ours in (tied, apart):
        scores = ours(SOURCE, TARGET)
        (scores * scores).sum().backward()
    parts = [
        apart.source_embedding.weight.grad.data,
        apart.target_embedding.weight.grad.data,
        apart.output.weight.grad.data,
    ]
    assert all((part != 0).any() for part in parts)
    np.testing.assert_allclose(weight.grad.data, sum(parts), **TIGHT)


def test_tied_weights_are_one_parameter_under_one_name() -> None:
    tied, apart, half = model(), model(**APART), model(share_embeddings=False)
    assert tied.target_embedding.weight is tied.output.weight
    assert half.target_embedding.weight is half.output.weight
    assert half.target_embedding.weight is not half.source_embedding.weight
    sizes = [m.num_parameters() for m in (tied, half, apart)]
    assert np.diff(sizes).tolist() == [V * C, V * C]
    names = [name for name in tied.state_dict() if "embedding" in name]
    assert names == ["source_embedding.weight"]
    assert "output.weight" not in tied.state_dict()


@dtypes
@kinds
def test_a_model_keeps_its_dtype(dtype: Any, kind: dict[str, Any]) -> None:
    ours = model(dtype=dtype, dropout=0.1, attention_dropout=0.1, **kind)
    with attention_weights(ours) as weights:
        scores = ours(SOURCE, TARGET)
    assert scores.dtype == ours.encode(SOURCE).dtype == dtype
    assert {w.dtype for w in weights.values()} == {np.dtype(dtype)}
    assert len(weights) == 6
    scores.sum().backward()
    assert {p.grad.dtype for p in ours.parameters()} == {np.dtype(dtype)}
    assert ours.start(SOURCE).advance(TARGET).dtype == dtype


def test_in_float64_sinusoids_have_all_their_digits() -> None:
    ours = model()
    ours.encoder = ModuleList([])
    ours.source_embedding.weight.writable()[...] = 0
    np.testing.assert_array_equal(
        ours.encode(SOURCE).data[0], ours.source_positions.table[:S]
    )


def test_a_seed_decides_the_weights_and_the_dropout() -> None:
    def scores(seed: int) -> np.ndarray:
        return model(seed, dropout=0.1)(SOURCE, TARGET).data

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).all()


def test_weights_start_as_xavier_uniform_and_embeddings_of_unit_variance() -> None:
    ours = model(dtype=np.float32, d_model=64, vocab_size=400, **APART)
    for name, p in ours.named_parameters():
        if name.endswith("embedding.weight"):
            assert abs(p.data.std() * np.sqrt(64) - 1) < 0.05, name
        elif p.ndim == 2:
            bound = np.sqrt(6 / sum(p.shape))
            assert 0.9 * bound < np.abs(p.data).max() <= bound, name
        else:
            assert (p.data == (0 if name.endswith("bias") else 1)).all(), name


# --- what is refused


@pytest.mark.parametrize(
    ("source", "target", "error", "said"),
    [
        (np.ones((1, 10), int), TARGET[:1], InputError, "source of 10 tokens.*9"),
        (SOURCE[:1], np.ones((1, 10), int), InputError, "target of 10 tokens.*9"),
        (SOURCE[0], TARGET, InputError, r"source.*\(B, T\).*\(4,\)"),
        (SOURCE, TARGET[0], InputError, r"target.*\(B, T\).*\(5,\)"),
        (np.full((1, 2), V), TARGET[:1], ShapeError, "11"),
        (SOURCE[:1], np.full((1, 2), -1), ShapeError, "-1"),
        (SOURCE / 2, TARGET, ShapeError, "float64"),
        (SOURCE, TARGET[:2], ShapeError, "alike"),
    ],
)
def test_what_cannot_be_read_is_refused(
    source: Any, target: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        model()(source, target)


@pytest.mark.parametrize(
    "mask",
    [
        np.ones(S, bool),
        np.ones((B, S + 1), bool),
        np.ones((1, S), bool),
        np.zeros((B, S)),  # to be added? there, 0 means that it is seen
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: Any) -> None:
    with pytest.raises(ShapeError, match="mask"):
        model()(SOURCE, TARGET, mask)


def test_a_mask_may_be_of_ones_and_zeros_and_may_show_what_looks_like_padding() -> None:
    ours, mask = model(), np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0]])
    one, other = ours(SOURCE, TARGET, mask), ours(SOURCE, TARGET, mask == 1)
    np.testing.assert_array_equal(one.data, other.data)
    source = np.where(mask, SOURCE, 0)
    shown = ours(source, TARGET, np.ones_like(mask)).data
    assert np.abs(shown - ours(source, TARGET).data).max() > 1e-3


# --- what it shows of itself


@kinds
def test_what_is_written_is_the_likeliest_token_by_token(kind: dict[str, Any]) -> None:
    for seed in range(5):
        translator = model(seed, **kind).eval()
        written = translator.write(SOURCE[0])
        assert written[0] == translator.config.bos
        assert len(written) <= translator.config.max_length + 1
        target = written[:-1]
        scores = translator(SOURCE[:1], target[None]).data[0]
        assert np.array_equal(scores.argmax(-1), written[1:])
        ended = written == translator.config.eos
        assert not ended[:-1].any()
        assert ended[-1] or len(written) == translator.config.max_length + 1
        assert np.array_equal(translator.write(SOURCE[0], 2), written[:3])


@kinds
def test_the_last_layers_logits_are_the_models(kind: dict[str, Any]) -> None:
    translator = model(**kind)
    every = list(translator.layer_logits(SOURCE[1], TARGET[1]))
    assert len(every) == 1 + translator.config.n_decoder
    whole = translator.eval()(SOURCE[1:2], TARGET[1:2])
    assert np.array_equal(every[-1], whole.data[0])


def test_maps_of_attention_are_stacked_by_layer() -> None:
    translator = model()
    maps = translator.attention_maps(SOURCE[0], TARGET[0])
    with attention_weights(translator) as weights:
        translator(SOURCE[:1], TARGET[:1])
    names = {"encoder": "encoder.{}.attention", "decoder": "decoder.{}.attention"}
    for kind, name in {**names, "cross": "decoder.{}.cross_attention"}.items():
        for layer, found in enumerate(maps[kind]):
            assert np.array_equal(found, weights[name.format(layer)][0])
        assert len(maps[kind]) == 2

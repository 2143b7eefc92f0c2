"""BERT's laws, its heads, and its sizes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Module
from nn.attention import attention_weights
from nn.transformer import (
    Bert,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from tensorgrad.errors import ConfigError, InputError, ShapeError
from tensorgrad.testing import laws
from tests.nn.transformer.beside import tuple_of

B, T, V, C = 3, 5, 13, 8
rng = np.random.default_rng(0)
TOKENS, SEGMENTS = rng.integers(1, V, (B, T)), rng.integers(0, 2, (B, T))
TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
seeds = st.integers(0, 2**32 - 1)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
HEADS: dict[str, Any] = {
    "none": lambda bert, rng: bert,
    "masked": BertForMaskedLM,
    "both tasks": BertForPreTraining,
    "rows": lambda bert, rng: BertForSequenceClassification(bert, 4, rng),
    "tokens": lambda bert, rng: BertForTokenClassification(bert, 4, rng),
}
heads = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


def config(**changes: Any) -> BertConfig:
    sizes: dict[str, Any] = {"d_model": C, "n_head": 2, "d_ff": 12, "vocab_size": V}
    sizes |= {"n_layer": 2, "max_length": 9, "dropout": 0.0, "attention_dropout": 0.0}
    return BertConfig(**{**sizes, **changes})


def bert(seed: int = 0, dtype: Any = np.float64, **changes: Any) -> Bert:
    return Bert(config(**changes), seed).to(dtype)


# --- what is seen


@heads
@given(dtype=st.sampled_from([np.float32, np.float64]), seed=seeds)
def test_rows_are_alone_and_padding_changes_nothing(
    head: Any, dtype: Any, seed: int
) -> None:
    model = head(bert(), 0).to(dtype)
    laws.batch_independence(model, TOKENS, vocab_size=V, seed=seed)
    law, options = laws.padding_invariance, {"extra": 2, "seed": seed}
    law(lambda x, mask: model(x, mask=mask), TOKENS, vocab_size=V, **options)
    law(lambda x, mask: model(x), TOKENS, pad=0, **options)


@heads
@given(seeds)
def test_rows_in_another_order_have_their_scores_in_that_order(
    head: Any, seed: int
) -> None:
    model = head(bert(), 0).to(np.float64)
    both = np.concatenate([TOKENS, SEGMENTS], axis=1)
    laws.permutation_equivariance(
        lambda x: model(x[:, :T], x[:, T:]), both, axis=0, seed=seed
    )


def test_every_token_is_seen_from_both_sides_and_segments_and_places_count() -> None:
    model = bert()
    before = model(TOKENS).data
    for t in range(T):
        changed = TOKENS.copy()
        changed[0, t] = changed[0, t] % (V - 1) + 1
        assert (np.abs(model(changed).data - before)[0].max(axis=-1) > 1e-9).all()
    for other in (model(TOKENS, SEGMENTS), model(TOKENS[:, ::-1])):
        assert np.abs(other.data - before).max() > 1e-3
    np.testing.assert_array_equal(model(TOKENS, SEGMENTS * 0).data, before)


@heads
def test_a_row_of_nothing_but_padding_spoils_nothing(head: Any) -> None:
    model, tokens = head(bert(), 0).to(np.float64), TOKENS.copy()
    tokens[1] = 0
    outputs, expected = tuple_of(model(tokens)), tuple_of(model(TOKENS))
    for found, whole in zip(outputs, expected, strict=True):
        assert np.isfinite(found.data).all()
        np.testing.assert_allclose(found.data[[0, 2]], whole.data[[0, 2]], **TIGHT)
    sum(out.sum() for out in outputs).backward()
    for name, p in model.named_parameters():
        assert p.grad is None or np.isfinite(p.grad.data).all(), name


# --- the heads


def test_scores_are_made_where_they_are_asked_for() -> None:
    model = BertForMaskedLM(bert()).to(np.float64)
    rows, columns = [0, 2, 2, 0], [1, 4, 0, 1]
    whole = model(TOKENS, SEGMENTS).data
    for places in ((rows, columns), [rows, columns], np.array([rows, columns])):
        found = model(TOKENS, SEGMENTS, places=places)
        np.testing.assert_allclose(found.data, whole[rows, columns], **TIGHT)
    assert model(TOKENS, places=np.nonzero(TOKENS < 0)).shape == (0, V)
    chosen, spread = bert(1), bert(1)
    BertForMaskedLM(chosen).to(float)(TOKENS, places=(rows, columns)).sum().backward()
    scores = BertForMaskedLM(spread).to(float)(TOKENS)
    scores[rows, columns].sum().backward()
    for p, q in zip(chosen.encoder.parameters(), spread.encoder.parameters(), strict=1):
        np.testing.assert_allclose(p.grad.data, q.grad.data, **TIGHT)


def test_shapes_of_the_heads() -> None:
    words, following = BertForPreTraining(bert())(TOKENS)
    assert (words.shape, following.shape) == ((B, T, V), (B, 2))
    assert BertForSequenceClassification(bert(), 4)(TOKENS).shape == (B, 4)
    assert BertForTokenClassification(bert(), 4)(TOKENS).shape == (B, T, 4)


def test_the_gradient_of_the_tied_embedding_is_the_sum_of_both_uses() -> None:
    model = BertForMaskedLM(bert()).to(np.float64)

    def scores(table: Any, head: Any) -> Any:
        model.bert.token_embedding.weight, model.words.output.weight = table, head
        return model(TOKENS, SEGMENTS)

    weight = model.bert.token_embedding.weight
    assert weight is model.words.output.weight
    assert "words.output.weight" not in model.state_dict()
    laws.tied_gradient_is_sum(scores, weight.data)


# --- parameters and modes


@heads
def test_modes_differ_by_dropout_alone(head: Any) -> None:
    for name in ("dropout", "attention_dropout", "activation_dropout"):
        model = head(bert(**{name: 0.3}), 0).to(np.float64)
        laws.train_and_eval_differ_only_by_dropout(model, TOKENS, SEGMENTS)


def test_dropout_is_where_the_paper_has_it() -> None:
    model = BertForSequenceClassification(bert(dropout=0.1, attention_dropout=0.2), 2)
    shares = {name: m.p for name, m in model.named_modules() if hasattr(m, "p")}
    layers = [f"bert.encoder.{i}" for i in range(2)]
    assert shares == {
        "dropout": 0.1,
        "bert.dropout": 0.1,
        **{f"{layer}.residual{i}.dropout": 0.1 for layer in layers for i in (1, 2)},
        **{f"{layer}.attention.attend.dropout": 0.2 for layer in layers},
        **{f"{layer}.feed_forward.dropout": 0.0 for layer in layers},
    }
    assert BertConfig().dropout == BertConfig().attention_dropout == 0.1
    embedded = bert(dropout=0.5, n_layer=1)
    embedded.encoder = type(embedded.encoder)([])
    ratio = embedded(TOKENS).data / embedded.eval()(TOKENS).data
    assert set(ratio.round(9).ravel().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("name", ["rows", "tokens"])
def test_classifiers_drop_what_they_are_given(name: str) -> None:
    model = HEADS[name](bert(), 0).to(np.float64)
    model.dropout.p = 0.5  # the only one
    laws.train_and_eval_differ_only_by_dropout(model, TOKENS)


@heads
def test_a_state_dict_is_all_there_is(head: Any) -> None:
    numbers = iter(range(9))

    def make() -> Module:
        seed = next(numbers)
        return head(bert(seed, np.float32, dropout=0.1), seed)

    laws.state_dict_round_trip(make, TOKENS, SEGMENTS)


@heads
@dtypes
def test_a_model_keeps_its_dtype(head: Any, dtype: Any) -> None:
    model = head(bert(dropout=0.1, attention_dropout=0.1), 0).to(dtype)
    with attention_weights(model) as weights:
        outputs = tuple_of(model(TOKENS, SEGMENTS))
    assert {w.dtype for w in weights.values()} == {np.dtype(dtype)}
    assert len(weights) == 2
    assert {out.dtype for out in outputs} == {np.dtype(dtype)}
    sum(out.sum() for out in outputs).backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert {g.dtype for g in grads} == {np.dtype(dtype)}


@heads
def test_a_seed_decides_the_weights_and_the_dropout(head: Any) -> None:
    def first(seed: int) -> np.ndarray:
        return tuple_of(head(bert(seed, dropout=0.1), seed)(TOKENS))[0].data

    np.testing.assert_array_equal(first(1), first(1))
    assert (first(1) != first(2)).any()


def test_weights_start_from_a_narrow_normal_distribution() -> None:
    model = BertForPreTraining(bert(d_model=64, vocab_size=400, d_ff=200))
    for name, p in model.named_parameters():
        if p.ndim == 2 and p.size > 1000:
            assert abs(p.data.std() / 0.02 - 1) < 0.1, name
        elif p.ndim == 1:
            assert (p.data == (0 if name.endswith("bias") else 1)).all(), name


# --- sizes, and what is refused


def size(c: BertConfig) -> int:
    C, F = c.d_model, c.d_ff
    norm, attention = 2 * C, 4 * (C * C + C)
    block = attention + (C * F + F) + (F * C + C) + 2 * norm
    embeddings = (c.vocab_size + c.max_length + c.n_segment) * C + norm
    return embeddings + c.n_layer * block + C * C + C  # and the pooler


def test_presets_have_the_papers_sizes() -> None:
    small = config(d_ff=7, n_layer=3, n_segment=4)
    assert Bert(small).num_parameters() == size(small)
    assert size(BertConfig.preset("base")) == 109_482_240
    assert round(size(BertConfig.preset("large")) / 1e6) == 335  # "340M"
    assert size(BertConfig.preset("tiny")) == 4_385_920
    base = BertConfig.preset("base")
    assert base == BertConfig()
    assert (base.activation, base.norm_first, base.norm_eps) == ("gelu", False, 1e-12)
    assert BertConfig.preset("tiny", vocab_size=99).vocab_size == 99
    with pytest.raises(ConfigError, match="no preset 'huge'; there are base"):
        BertConfig.preset("huge")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"vocab_size": 0}, "vocab_size"),
        ({"n_layer": 0}, "n_layer"),
        ({"max_length": -1}, "max_length"),
        ({"n_segment": 0}, "n_segment"),
        ({"n_head": 3}, "n_head"),
        ({"activation": "gelu_new"}, "gelu_new.*gelu_tanh"),
        ({"pad": V}, f"pad={V}"),
        ({"pad": -1}, "pad=-1"),
        ({"pad": None}, "pad=None"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_settings_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        config(**changes)


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        ([np.ones((1, 10), int)], InputError, "10 tokens.*9"),
        ([TOKENS[0]], InputError, r"\(B, T\).*\(5,\)"),
        ([TOKENS + V], ShapeError, f"{V} rows"),
        ([-TOKENS], ShapeError, "-"),
        ([TOKENS, SEGMENTS + 1], ShapeError, "2 rows"),
        ([TOKENS, SEGMENTS[:, :2]], InputError, "segments"),
        ([TOKENS, None, np.ones(T, bool)], ShapeError, "mask"),
        ([TOKENS, None, np.ones((B, T + 1), bool)], ShapeError, "mask"),
        ([TOKENS, None, np.zeros((B, T))], ShapeError, "mask.*float64"),
    ],
)
def test_what_cannot_be_read_is_refused(
    inputs: list[Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        bert()(*inputs)


def test_a_classifier_tells_at_least_one_kind() -> None:
    with pytest.raises(ConfigError, match="BertForTokenClassification: n_class=0"):
        BertForTokenClassification(bert(), 0)


# --- what a Bert may lack, and what heads take from it


@heads
@dtypes
@pytest.mark.parametrize("training", [True, False])
def test_a_head_has_the_dtype_and_mode_of_its_bert(
    head: Any, dtype: Any, training: bool
) -> None:
    model = head(bert(dtype=dtype).train(training), 0)
    assert {p.dtype for p in model.parameters()} == {np.dtype(dtype)}
    assert {module.training for module in model.modules()} == {training}


def test_words_may_have_a_weight_of_their_own() -> None:
    tied, untied = (
        BertForMaskedLM(bert(tie_output=tie), 0).num_parameters()
        for tie in (True, False)
    )
    assert untied - tied == V * C


def test_a_pooler_is_left_out_and_added() -> None:
    without = bert(pooler=False)
    assert bert().num_parameters() - without.num_parameters() == C * C + C
    with pytest.raises(ConfigError, match=r"no pooler.*add_pooler"):
        without.pool(without(TOKENS))
    with pytest.raises(ConfigError, match=r"has none.*add_pooler"):
        BertForSequenceClassification(without, 2)
    assert BertForTokenClassification(without, 2)(TOKENS).shape == (B, T, 2)
    added = without.add_pooler()
    assert added.config == config()
    assert added.pool(added(TOKENS)).shape == (B, C)


def test_labels_are_as_many_as_kinds() -> None:
    model = BertForTokenClassification(bert(), 2, labels=["name", "other"])
    assert model.labels == ("name", "other")
    with pytest.raises(ConfigError, match="1 labels for n_class=2"):
        BertForTokenClassification(bert(), 2, labels=["name"])

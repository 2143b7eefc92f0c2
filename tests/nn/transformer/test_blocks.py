"""What transformers are stacked from: where norms and dropout are, and what is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn.transformer import BlockConfig, DecoderBlock, EncoderBlock, FeedForward
from nn.transformer.blocks import ACTIVATIONS, DecoderCache, Residual
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, GraphError
from tensorgrad.testing import laws

B, T, S, C = 2, 5, 4, 6
PLAIN = BlockConfig(C, n_head=3, d_ff=8, dropout=0.0)
rng = np.random.default_rng(0)
X, MEMORY = rng.standard_normal((B, T, C)), rng.standard_normal((B, S, C))
TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
seeds = st.integers(0, 2**32 - 1)
orders = pytest.mark.parametrize("norm_first", [False, True])


def double(kind: Any, config: BlockConfig) -> Any:
    return kind(config, rng=0).to(np.float64)


# --- the parts


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward_is_two_layers_to_each_token_by_itself(activation: Any) -> None:
    layer = double(FeedForward, replace(PLAIN, activation=activation))
    W1, b1 = layer.linear1.weight.data, layer.linear1.bias.data
    W2, b2 = layer.linear2.weight.data, layer.linear2.bias.data
    expected = ACTIVATIONS[activation](X @ W1.T + b1) @ W2.T + b2
    np.testing.assert_allclose(layer(X).data, expected, **TIGHT)
    assert W1.shape == (8, C)
    laws.permutation_equivariance(layer, X)


def test_activations_are_different_and_known_by_name() -> None:
    at = {name: float(f(np.array(0.7))) for name, f in ACTIVATIONS.items()}
    assert at["relu"] == 0.7
    np.testing.assert_allclose(at["silu"], 0.7 / (1 + np.exp(-0.7)))
    assert 1e-6 < abs(at["gelu"] - at["gelu_tanh"]) < 1e-3


def test_a_residual_is_normed_after_the_sum_or_before_the_function() -> None:
    def f(x: Any) -> Any:
        return x * x

    def norm(x: Any) -> Any:
        return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)

    post = double(Residual, replace(PLAIN, norm_eps=0.0))
    pre = double(Residual, replace(PLAIN, norm_eps=0.0, norm_first=True))
    np.testing.assert_allclose(post(Tensor(X), f).data, norm(X + X * X), **TIGHT)
    np.testing.assert_allclose(pre(Tensor(X), f).data, X + norm(X) ** 2, **TIGHT)


# --- dropout


def test_a_sublayer_is_dropped_before_it_is_added() -> None:
    layer = double(Residual, replace(PLAIN, dropout=0.5, norm_first=True))
    added = layer(Tensor(X), lambda x: x * 0.0 + 1.0).data - X
    values = set(added.round(12).ravel().tolist())
    assert values == {0.0, 2.0}  # kept ones are 1 / (1 - p)
    after = double(Residual, replace(PLAIN, dropout=0.5))
    after.norm = lambda x: x  # a function, to see what it is given
    values = set((after(X, np.ones_like) - X).round(12).ravel().tolist())
    assert values == {0.0, 2.0}


def test_activation_dropout_is_inside_the_feed_forward_layer() -> None:
    layer = double(FeedForward, replace(PLAIN, activation_dropout=0.5))
    for linear in (layer.linear1, layer.linear2):
        linear.weight.writable()[...] = 1
        linear.bias.writable()[...] = 0
    out = layer(np.ones((B, T, C))).data / C  # how many of the 8 are kept, doubled
    assert (out == out[..., :1]).all()
    assert (
        1 < len(set(out.ravel().tolist()) & set(range(0, 17, 2))) == len(np.unique(out))
    )


@pytest.mark.parametrize("kind", [EncoderBlock, DecoderBlock])
def test_each_dropout_has_the_share_of_its_setting(kind: Any) -> None:
    config = replace(PLAIN, dropout=0.1, attention_dropout=0.2, activation_dropout=0.3)
    shares = {
        name: module.p
        for name, module in kind(config).named_modules()
        if hasattr(module, "p")
    }
    attentions = ["attention", "cross_attention"][: 1 + (kind is DecoderBlock)]
    residuals = [f"residual{i + 1}" for i in range(len(attentions) + 1)]
    assert shares == {
        **{f"{name}.attend.dropout": 0.2 for name in attentions},
        **{f"{name}.dropout": 0.1 for name in residuals},
        "feed_forward.dropout": 0.3,
    }


@orders
def test_modes_differ_by_dropout_alone(norm_first: bool) -> None:
    law = laws.train_and_eval_differ_only_by_dropout
    for name in ("dropout", "attention_dropout", "activation_dropout"):
        config = replace(PLAIN, norm_first=norm_first, **{name: 0.4})
        law(double(EncoderBlock, config), X)
        law(double(DecoderBlock, config), X, MEMORY)


# --- what is seen


@orders
@given(seed=seeds)
def test_an_encoder_block_sees_a_set(norm_first: bool, seed: int) -> None:
    block = double(EncoderBlock, replace(PLAIN, norm_first=norm_first))
    laws.permutation_equivariance(block, X, seed=seed)
    laws.batch_independence(block, X, seed=seed)
    laws.padding_invariance(
        lambda x, mask: block(x, mask[:, None, :]), X, seed=seed, extra=2
    )


@orders
@given(seed=seeds)
def test_a_decoder_block_sees_its_past_and_a_set(norm_first: bool, seed: int) -> None:
    block = double(DecoderBlock, replace(PLAIN, norm_first=norm_first))
    laws.causality(lambda x: block(x, MEMORY), Tensor(X), seed=seed)
    laws.permutation_invariance(lambda memory: block(X, memory), MEMORY, seed=seed)

    def padded(memory: Any, mask: Any) -> Any:
        same = np.repeat(X[:1], len(memory), axis=0)
        return block(same, memory, None, mask[:, None, :])

    laws.padding_invariance(padded, MEMORY, seed=seed, extra=2)


@orders
@given(seed=seeds)
def test_a_cached_decoder_block_is_the_block(norm_first: bool, seed: int) -> None:
    block = double(DecoderBlock, replace(PLAIN, norm_first=norm_first))

    def cached(chunk: Any, cache: Any) -> tuple[Any, Any]:
        cache = cache or DecoderCache()
        with tg.no_grad():
            return block(chunk, MEMORY, cache=cache), cache

    laws.cached_equals_uncached(lambda x: block(x, MEMORY), cached, X, seed=seed)


def test_a_block_with_a_cache_is_not_trained() -> None:
    with pytest.raises(GraphError, match="no_grad"):
        double(DecoderBlock, PLAIN)(X, MEMORY, cache=DecoderCache())


# --- settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"d_model": 7}, "d_model"),
        ({"d_model": 0}, "d_model"),
        ({"d_model": 6.0}, "d_model"),
        ({"n_head": -1}, "n_head"),
        ({"d_ff": 0}, "d_ff"),
        ({"activation": "tanh"}, "activation='tanh'"),
        ({"dropout": 1}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"attention_dropout": 1.0}, "attention_dropout"),
        ({"activation_dropout": 2}, "activation_dropout"),
    ],
)
def test_bad_sizes_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        replace(PLAIN, **changes)

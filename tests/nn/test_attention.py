"""Multi-head attention against PyTorch's, its masks, and what it may not see."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Module, MultiHeadAttention, merge_heads, split_heads
from nn.attention import DotProductAttention, attention_weights
from nn.cache import FixedCache, KeyValueCache
from tensorgrad import Tensor, no_grad
from tensorgrad.errors import ConfigError, GraphError, ShapeError
from tensorgrad.testing import laws

B, T, S, C, H = 2, 5, 4, 6, 3
TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
rng = np.random.default_rng(0)


def layer(**settings: Any) -> MultiHeadAttention:
    return MultiHeadAttention(C, H, rng=1, **settings).to(np.float64)


def torchs(ours: MultiHeadAttention) -> Any:
    torch = pytest.importorskip("torch")
    state = {k: torch.tensor(v) for k, v in ours.state_dict().items()}
    theirs = torch.nn.MultiheadAttention(C, H, batch_first=True, dtype=torch.float64)
    inputs = ("query", "key", "value")
    theirs.load_state_dict(
        {
            "in_proj_weight": torch.cat([state[f"{n}.weight"] for n in inputs]),
            "in_proj_bias": torch.cat([state[f"{n}.bias"] for n in inputs]),
            "out_proj.weight": state["out.weight"],
            "out_proj.bias": state["out.bias"],
        }
    )
    return theirs


def arrays(*lengths: int) -> list[np.ndarray]:
    return [rng.standard_normal((B, n, C)) for n in lengths]


def test_cross_attention_is_pytorchs_in_values_weights_and_gradients() -> None:
    torch = pytest.importorskip("torch")
    ours = layer()
    theirs = torchs(ours)
    data = arrays(T, S, S)
    xs = [Tensor(a, requires_grad=True) for a in data]
    txs = [torch.tensor(a, requires_grad=True) for a in data]
    keep = rng.random((B, S)) < 0.7
    keep[:, 0] = True
    out, weights = ours(*xs, mask=keep[:, None, :], need_weights=True)
    tout, tweights = theirs(
        *txs, key_padding_mask=torch.tensor(~keep), average_attn_weights=False
    )
    np.testing.assert_allclose(out.data, tout.detach(), **TIGHT)
    np.testing.assert_allclose(weights.data, tweights.detach(), **TIGHT)
    assert weights.shape == (B, H, T, S)
    g, gweights = rng.standard_normal(out.shape), rng.standard_normal(weights.shape)
    ((out * g).sum() + (weights * gweights).sum()).backward()
    (
        (tout * torch.tensor(g)).sum() + (tweights * torch.tensor(gweights)).sum()
    ).backward()
    for x, tx in zip(xs, txs, strict=True):
        np.testing.assert_allclose(x.grad.data, tx.grad, **TIGHT)
    found = [ours.query.weight.grad, ours.key.weight.grad, ours.value.weight.grad]
    together = np.concatenate([g.data for g in found])
    np.testing.assert_allclose(together, theirs.in_proj_weight.grad, **TIGHT)
    np.testing.assert_allclose(
        ours.out.bias.grad.data, theirs.out_proj.bias.grad, **TIGHT
    )


def test_causal_self_attention_with_an_additive_mask_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours = layer()
    (x,) = arrays(T)
    bias = rng.standard_normal((T, T))
    blocked = np.where(np.tri(T, dtype=bool), bias, -np.inf)
    tx = torch.tensor(x)
    expected, _ = torchs(ours)(tx, tx, tx, attn_mask=torch.tensor(blocked))
    np.testing.assert_allclose(
        ours(x, mask=bias, causal=True).data, expected.detach(), **TIGHT
    )
    np.testing.assert_allclose(ours(x, mask=blocked).data, expected.detach(), **TIGHT)


@pytest.mark.parametrize("bias", [True, False])
def test_arguments_default_to_attention_to_itself(bias: bool) -> None:
    ours = layer(bias=bias)
    x, memory = arrays(T, S)
    np.testing.assert_array_equal(ours(x).data, ours(x, x, x).data)
    np.testing.assert_array_equal(ours(x, memory).data, ours(x, memory, memory).data)
    assert len(list(ours.parameters())) == (8 if bias else 4)


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_causal_attention_does_not_see_the_future(seed: int, dtype: Any) -> None:
    ours, (x,) = layer().to(dtype), arrays(T)
    laws.causality(lambda x: ours(x, causal=True), x.astype(dtype), seed=seed)


def test_a_mask_has_one_meaning_in_every_shape() -> None:
    ours = layer()
    x, memory = arrays(T, S)
    keep = rng.random((B, H, T, S)) < 0.6
    full = ours(x, memory, mask=keep)
    added = np.where(keep, 0.0, -np.inf)
    np.testing.assert_allclose(full.data, ours(x, memory, mask=added).data, **TIGHT)
    np.testing.assert_array_equal(full.data, ours(x, memory, mask=Tensor(keep)).data)
    for part in (keep[0, 0], keep[:, 0], keep[:1, 0], keep[:, :1, :1]):
        three = part[:, None] if part.ndim == 3 else part
        spelt = np.broadcast_to(three, (B, H, T, S))
        np.testing.assert_allclose(
            ours(x, memory, mask=part).data, ours(x, memory, mask=spelt).data, **TIGHT
        )


def test_a_query_that_may_look_nowhere_gets_zeros_and_finite_gradients() -> None:
    ours = layer(bias=False)
    x = Tensor(arrays(T)[0], requires_grad=True)
    keep = np.ones((T, T), bool)
    keep[2] = False
    out = ours(x, mask=keep)
    assert (out.data[:, 2] == 0).all()
    out.sum().backward()
    for tensor in (x, *ours.parameters()):
        assert np.isfinite(tensor.grad.data).all()


def test_without_a_batch_axis_it_is_the_same() -> None:
    ours = layer()
    x, memory = arrays(T, S)
    keep = rng.random((T, S)) < 0.8
    both = ours(x, memory, mask=keep)
    np.testing.assert_allclose(
        ours(x[1], memory[1], mask=keep).data, both.data[1], **TIGHT
    )


def test_heads_split_and_merge_are_inverse_and_split_copies_nothing() -> None:
    x = Tensor(arrays(T)[0])
    heads = split_heads(x, H)
    assert heads.shape == (B, H, T, C // H)
    assert np.shares_memory(heads.data, x.data)
    np.testing.assert_array_equal(merge_heads(heads).data, x.data)
    np.testing.assert_array_equal(heads.data[0, 1], x.data[0, :, 2:4])


def test_dropout_acts_in_training_alone_and_on_the_weights() -> None:
    ours = layer(dropout=0.5, bias=False)
    (x,) = arrays(T)
    first, second = ours(x), ours(x)
    assert (first.data != second.data).any()
    ours.set_rng(1)
    again = ours(x)
    ours.set_rng(1)
    np.testing.assert_array_equal(again.data, ours(x).data)
    ours.eval()
    np.testing.assert_array_equal(ours(x).data, ours(x).data)
    ours.train()
    ours.attend.dropout.p = 1.0
    assert (ours(x).data == 0).all()


@pytest.mark.parametrize("sizes", [(6, 4), (0, 1), (6, 0), (6, -1)])
def test_heads_must_divide_the_channels(sizes: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=r"n_head|d_model"):
        MultiHeadAttention(*sizes)


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((T, T), bool),
        np.ones((B, S), bool),
        np.ones((3, T, S), bool),
        np.ones((1, B, H, T, S), bool),
        np.ones((T, S), int),  # would be added, and was most likely meant as booleans
    ],
)
def test_masks_that_do_not_fit_are_refused(mask: np.ndarray) -> None:
    x, memory = arrays(T, S)
    with pytest.raises(ShapeError, match="mask"):
        layer()(x, memory, mask=mask)


# --- who looked where


def by_hand(q: np.ndarray, k: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Weights (T, S) of one head: q (T, D), k (S, D), seen (T, S)."""
    weights = np.zeros(seen.shape)
    for t, s in zip(*np.nonzero(seen), strict=True):
        weights[t, s] = np.exp(q[t] @ k[s] / np.sqrt(q.shape[1]))
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_weights_are_a_softmax_over_what_a_query_may_see(
    seed: int, causal: bool
) -> None:
    draws, attend = np.random.default_rng(seed), DotProductAttention(0.5, rng=0)
    q, k, v = (draws.standard_normal((B, H, n, 2)) for n in (T, S, S))
    keep = draws.random((B, H, T, S)) < 0.6
    weights = attend.weights(Tensor(q), Tensor(k), mask=keep, causal=causal).data
    seen = keep & np.tri(T, S, S - T, dtype=bool) if causal else keep
    for b, h in np.ndindex(B, H):
        expected = by_hand(q[b, h], k[b, h], seen[b, h])
        np.testing.assert_allclose(weights[b, h], expected, **TIGHT)
    assert (weights[~seen] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), seen.any(axis=-1), **TIGHT)
    attend.eval()
    out = attend(Tensor(q), Tensor(k), Tensor(v), mask=keep, causal=causal)
    np.testing.assert_allclose(out.data, weights @ v, **TIGHT)


class Two(Module):
    """Attention to itself and then, under another name, by the same layer once more."""

    def __init__(self) -> None:
        self.first, self.second = layer(), layer(dropout=0.5)
        self.again = self.first

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x, causal=True))


def test_weights_are_shown_under_the_names_of_their_layers() -> None:
    model, (x,) = Two(), arrays(T)
    model.set_rng(3)
    plain = model(x)
    model.set_rng(3)
    with attention_weights(model) as weights:
        assert weights == {}
        shown = model(x)
    np.testing.assert_array_equal(plain.data, shown.data)
    assert {name: w.shape for name, w in weights.items()} == {
        "first": (B, H, T, T),
        "second": (B, H, T, T),
    }
    # before dropout: what the layer itself says
    _, expected = model.first(x, causal=True, need_weights=True)
    np.testing.assert_array_equal(weights["first"], expected.data)
    np.testing.assert_allclose(weights["second"].sum(axis=-1), 1, **TIGHT)
    assert weights["first"].dtype == np.float64


def test_weights_are_those_of_the_latest_call_inside_and_of_none_outside() -> None:
    model, (x, other) = layer(), arrays(T, S)
    with attention_weights(model) as weights:
        model(x)
        model(other)
    assert weights["attend"].shape == (B, H, S, S)
    before = weights["attend"].copy()
    model(x)
    np.testing.assert_array_equal(weights["attend"], before)
    assert list(weights) == ["attend"]


def test_weights_can_be_asked_for_twice_and_in_spite_of_errors() -> None:
    model, (x, other) = layer(), arrays(T, S)
    found: list[dict[str, np.ndarray]] = []

    def fail() -> None:
        with attention_weights(model) as weights:
            model(x)
            found.append(weights)
            raise ZeroDivisionError

    with attention_weights(model) as outer:
        with pytest.raises(ZeroDivisionError):
            fail()
        [inner] = found
        assert outer["attend"].shape == inner["attend"].shape == (B, H, T, T)
        model(other)
    assert outer["attend"].shape == (B, H, S, S)
    assert inner["attend"].shape == (B, H, T, T)
    model(x)
    assert outer["attend"].shape == (B, H, S, S)


def test_gradients_are_the_same_while_weights_are_shown() -> None:
    model, (x,) = layer(), arrays(T)
    found = []
    for shown in (False, True):
        model.zero_grad()
        with attention_weights(model) if shown else nullcontext():
            (model(x) * x).sum().backward()
        found.append([p.grad.data for p in model.parameters()])
    for plain, watched in zip(*found, strict=True):
        np.testing.assert_array_equal(plain, watched)


# --- with a cache


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_cached_attention_is_attention(seed: int, dtype: Any) -> None:
    ours, (x, memory) = layer().to(dtype), arrays(T, S)
    x, memory = x.astype(dtype), memory.astype(dtype)

    def itself(chunk: Any, cache: Any) -> tuple[Any, Any]:
        cache = cache or KeyValueCache()
        return ours(chunk, causal=True, cache=cache), cache

    def another(chunk: Any, cache: Any) -> tuple[Any, Any]:
        cache = cache or FixedCache()
        return ours(chunk, memory, cache=cache), cache

    with no_grad():
        law = laws.cached_equals_uncached
        law(lambda x: ours(x, causal=True), itself, x, seed=seed)
        law(lambda x: ours(x, memory), another, x, seed=seed)


def test_weights_with_a_cache_are_the_last_rows_of_those_without() -> None:
    ours, (x,) = layer(), arrays(T)
    cache, n = KeyValueCache(), 2
    _, whole = ours(x, causal=True, need_weights=True)
    with no_grad(), attention_weights(ours) as weights:
        ours(x[:, :-n], causal=True, cache=cache)
        _, asked = ours(x[:, -n:], causal=True, cache=cache, need_weights=True)
    np.testing.assert_allclose(weights["attend"], whole.data[:, :, -n:], **TIGHT)
    np.testing.assert_array_equal(asked.data, weights["attend"])


def test_a_cache_takes_no_part_in_training() -> None:
    ours, (x,) = layer(), arrays(T)
    with pytest.raises(GraphError, match="no_grad"):
        ours(x, cache=KeyValueCache())
    ours.requires_grad_(False)
    assert ours(x, cache=KeyValueCache()).node is None


@given(st.floats(0.1, 3.0))
def test_a_scale_stands_in_the_place_of_the_root(scale: float) -> None:
    q, k, v = (Tensor(rng.standard_normal((B, n, C))) for n in (T, S, S))
    attend, usual = DotProductAttention(scale=scale), DotProductAttention()
    scaled = q * (scale * C**0.5)
    np.testing.assert_allclose(attend(q, k, v).data, usual(scaled, k, v).data, **TIGHT)
    expected = usual.weights(scaled, k).data
    np.testing.assert_allclose(attend.weights(q, k).data, expected, **TIGHT)

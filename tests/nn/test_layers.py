"""Layers against their formulas and PyTorch's, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from nn import Dropout, Embedding, Linear, ModuleList, Sequential
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, DefinitionError, DtypeError, ShapeError
from tests.nn.beside import compare


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_pytorchs(shape: tuple[int, ...], bias: bool) -> None:
    torch = pytest.importorskip("torch")
    compare(Linear(4, 3, bias), torch.nn.Linear(4, 3, bias), shape)


def test_a_sequential_with_activations_is_pytorchs() -> None:
    torch = pytest.importorskip("torch").nn
    ours = Sequential(
        Linear(3, 8), nn.ReLU(), Linear(8, 8), nn.GELU(), nn.Tanh(), nn.GELU("tanh")
    )
    theirs = torch.Sequential(
        torch.Linear(3, 8),
        torch.ReLU(),
        torch.Linear(8, 8),
        torch.GELU(),
        torch.Tanh(),
        torch.GELU("tanh"),
    )
    compare(
        Sequential(*ours, nn.Sigmoid()),
        torch.Sequential(*theirs, torch.Sigmoid()),
        (5, 3),
    )


def test_embedding_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours = Embedding(7, 3, rng=0).to(np.float64)
    theirs = torch.nn.Embedding.from_pretrained(
        torch.tensor(ours.weight.data), freeze=False
    )
    tokens = np.array([[1, 6, 1], [0, 1, 3]])
    weight = np.random.default_rng(0).standard_normal((2, 3, 3))
    out = ours(tokens)
    out.backward(weight)
    theirs(torch.tensor(tokens)).backward(torch.tensor(weight))
    np.testing.assert_array_equal(out.data, ours.weight.data[tokens])
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16, np.uint8])
def test_tokens_may_be_any_integers_within_the_rows(dtype: type) -> None:
    layer = Embedding(3, 2, rng=0)
    tokens = np.array([0, 2], dtype)
    np.testing.assert_array_equal(layer(tokens).data, layer.weight.data[[0, 2]])
    np.testing.assert_array_equal(layer(Tensor(tokens)).data, layer(tokens).data)
    with pytest.raises(ShapeError, match="token 3 is not among the 3 rows"):
        layer(np.array([[1, 3]], dtype))
    assert layer(np.zeros((2, 0), dtype)).shape == (2, 0, 2)


@pytest.mark.parametrize("tokens", [[-1, 0], [1.0], [True]])
def test_other_tokens_are_refused(tokens: list[Any]) -> None:
    with pytest.raises(ShapeError):
        Embedding(3, 2)(tokens)


@given(st.floats(0, 1), st.integers(0, 99))
def test_dropout_zeroes_or_scales_and_sends_the_gradient_the_same_way(
    p: float, seed: int
) -> None:
    layer = Dropout(p, rng=seed)
    x = Tensor(np.full((20, 30), 2.0), requires_grad=True)
    out = layer(x)
    out.sum().backward()
    kept = out.data != 0
    if p < 1:
        np.testing.assert_allclose(out.data[kept], 2 / (1 - p))
    np.testing.assert_allclose(x.grad.data * 2, out.data)
    assert abs(kept.mean() - (1 - p)) < 0.11  # five standard deviations of 600 draws


def test_a_probability_finer_than_sixteen_bits_is_kept() -> None:
    p = 0.5 / (1 << 16)  # cut to 16 bits it is 0, rounded up it is twice as much
    n = 8_000_000
    mask = Dropout(p, rng=0).mask((8, n // 8), np.float32)
    assert mask is not None
    dropped = n - np.count_nonzero(mask.data)
    assert abs(dropped - n * p) < 4 * math.sqrt(n * p)


@pytest.mark.parametrize("dtype", [int, bool])
def test_dropout_needs_floats(dtype: Any) -> None:
    with pytest.raises(DtypeError, match="dropout_mask needs floats"):
        Dropout(0.25, rng=0)(Tensor(np.ones(8, dtype)))


@pytest.mark.parametrize("shape", [(), (0,), (5,), (0, 3), (3, 0), (2, 3, 5)])
def test_dropout_takes_any_shape(shape: tuple[int, ...]) -> None:
    assert Dropout(0.5, rng=0)(Tensor(np.ones(shape))).shape == shape


def test_dropout_draws_from_its_generator_alone_and_keeps_float32() -> None:
    x = Tensor(np.ones((8, 8), np.float32))
    first, second = Dropout(0.5, rng=3), Dropout(0.5)
    second.set_rng(np.random.default_rng(3))
    for _ in range(3):
        out = first(x)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out.data, second(x).data)
    # a model in float64 drops what the same model in float32 drops
    twin = Dropout(0.5, rng=3)
    np.testing.assert_array_equal(
        Dropout(0.5, rng=3)(x).data, twin(x.astype("f8")).data
    )


def test_dropout_is_the_identity_outside_training() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert Dropout(0.9).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_layers_start_where_pytorchs_do() -> None:
    linear = Linear(100, 50, rng=0)
    for p in linear.parameters():
        assert 0.08 < np.abs(p.data).max() <= 0.1
        assert p.dtype == np.float32
    assert abs(linear.weight.data.std() - 0.1 / 3**0.5) < 0.002
    table = Embedding(100, 100, rng=0).weight.data
    assert abs(table.std() - 1) < 0.05


def test_a_seed_or_generator_decides_the_weights() -> None:
    rng = np.random.default_rng(1)
    same = [Linear(3, 3, rng=1), Linear(3, 3, rng=rng)]
    np.testing.assert_array_equal(same[0].weight.data, same[1].weight.data)
    for other in (Linear(3, 3, rng=rng), Linear(3, 3)):
        assert (other.weight.data != same[0].weight.data).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(0, 1),
        lambda: Linear(1, -1),
        lambda: Linear(1.5, 1),  # type: ignore[arg-type]
        lambda: Embedding(0, 3),
        lambda: Dropout(1.1),
        lambda: Dropout(float("nan")),
        lambda: nn.GELU("exact"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start_dim", "shape"),
    [(1, (2, 12)), (0, (24,)), (2, (2, 3, 4)), (-1, (2, 3, 2, 2))],
)
def test_flatten_joins_the_last_axes(start_dim: int, shape: tuple[int, ...]) -> None:
    x = Tensor(np.arange(24.0).reshape(2, 3, 2, 2))
    out = nn.Flatten(start_dim)(x)
    assert out.shape == shape
    np.testing.assert_array_equal(out.data.ravel(), x.data.ravel())
    assert nn.Flatten()(np.zeros((0, 3, 2))).shape == (0, 6)
    assert repr(nn.Flatten()) == "Flatten()"
    assert repr(nn.Flatten(2)) == "Flatten(start_dim=2)"


# --- lists


def test_a_list_acts_as_a_list() -> None:
    layers = [Linear(1, 1), tg.exp, nn.Tanh()]
    items = ModuleList(layers)
    assert len(items) == 3
    assert list(items) == layers
    assert items[-1] is layers[2]
    assert list(items[:2]) == layers[:2]
    items[-1] = nn.ReLU()
    assert items[2]._label == "2 ReLU"
    items.append(layers[0])
    assert [name for name, _ in items.named_parameters()] == ["0.weight", "0.bias"]
    with pytest.raises(DefinitionError, match="modules and functions"):
        items.append(3)  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        items[4] = layers[0]
    assert len(items) == 4


def test_a_sequential_applies_each_layer_and_slices_to_one() -> None:
    net = Sequential(Linear(2, 3, rng=0), tg.tanh, Linear(3, 1, rng=1))
    x = np.ones((4, 2), np.float32)
    by_hand = net[2](tg.tanh(net[0](x)))
    np.testing.assert_array_equal(net(x).data, by_hand.data)
    np.testing.assert_array_equal(net[:2](x).data, tg.tanh(net[0](x)).data)
    assert Sequential()(x) is x

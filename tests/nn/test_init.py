"""Initialisers: the distribution, the generator, the place that is written."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn import Linear, Module, Parameter, init
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError

RANDOM = [
    init.normal_,
    init.uniform_,
    init.xavier_normal_,
    init.xavier_uniform_,
    init.kaiming_normal_,
    init.kaiming_uniform_,
]


@pytest.mark.parametrize("fill", RANDOM)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_come_from_the_generator_and_fill_in_place(
    fill: Any, dtype: type
) -> None:
    p, q, r = (Parameter(np.zeros((3, 4), dtype)) for _ in range(3))
    seen = p.data
    assert fill(p, rng=1) is p
    assert (seen == 0).all()  # as everywhere, what was read before stays as it was
    rng = np.random.default_rng(1)
    fill(q, rng=rng)
    fill(r, rng=rng)
    np.testing.assert_array_equal(p.data, q.data)
    assert (q.data != r.data).all()
    assert p.dtype == dtype
    assert p.requires_grad
    assert p.is_leaf


@pytest.mark.parametrize("name", ["xavier_normal_", "xavier_uniform_"])
@pytest.mark.parametrize("shape", [(300, 200), (20, 30, 5, 5)])
def test_xavier_has_pytorchs_spread(name: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    ours = getattr(init, name)(Tensor(np.zeros(shape)), 2.0, rng=0).data
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), 2.0).numpy()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.03)
    if "uniform" in name:
        np.testing.assert_allclose(abs(ours).max(), abs(theirs).max(), rtol=1e-2)


@pytest.mark.parametrize("name", ["kaiming_normal_", "kaiming_uniform_"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("after", ["relu", "tanh", "leaky_relu", "linear", "selu"])
def test_kaiming_has_pytorchs_spread(name: str, mode: str, after: str) -> None:
    torch = pytest.importorskip("torch")
    shape = (300, 200)
    ours = getattr(init, name)(Tensor(np.zeros(shape)), 0.3, mode, after, rng=0).data
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), 0.3, mode, after).numpy()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.03)


@given(st.floats(-3, 3), st.floats(0.01, 3))
def test_normal_and_uniform_have_the_moments_asked_for(
    mean: float, spread: float
) -> None:
    x = init.normal_(Tensor(np.zeros(4000)), mean, spread, rng=0).data
    assert abs(x.mean() - mean) <= 0.1 * spread
    assert abs(x.std() - spread) <= 0.1 * spread
    x = init.uniform_(Tensor(np.zeros(4000)), mean, mean + spread, rng=0).data
    assert mean <= x.min() <= x.max() <= mean + spread


def test_constants() -> None:
    x = Tensor(np.arange(3.0))
    assert init.ones_(x).tolist() == [1, 1, 1]
    assert init.zeros_(x).tolist() == [0, 0, 0]
    assert init.constant_(x, 2.5).tolist() == [2.5, 2.5, 2.5]


class Block(Module):
    def __init__(self) -> None:
        self.norm = nn.LayerNorm(50)
        self.c_fc = Linear(50, 50)
        self.c_proj = Linear(50, 50)
        self.table = nn.Embedding(50, 50)


def test_gpt2_scales_the_residual_projections() -> None:
    block = Block()
    assert init.gpt2_(block, 8, rng=0) is block
    for p in (block.c_fc.weight, block.table.weight):
        assert math.isclose(p.data.std(), 0.02, rel_tol=0.05)
    assert math.isclose(block.c_proj.weight.data.std(), 0.005, rel_tol=0.05)
    for layer in (block.c_fc, block.c_proj, block.norm):
        assert (layer.bias.data == 0).all()
    assert (block.norm.weight.data == 1).all()


class Reader(Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(400, 64)
        self.norm = nn.LayerNorm(64)
        self.linear = Linear(64, 400)


def test_bert_draws_every_matrix_alike() -> None:
    reader = Reader()
    init.ones_(reader.linear.bias)
    assert init.bert_(reader, rng=0) is reader
    for p in (reader.embedding.weight, reader.linear.weight):
        assert math.isclose(p.data.std(), 0.02, rel_tol=0.05)
    assert (reader.linear.bias.data == 0).all()
    assert (reader.norm.weight.data == 1).all()
    assert (init.bert_(reader, std=0.0, rng=0).linear.weight.data == 0).all()


def test_transformer_gives_embeddings_the_variance_one_per_channel() -> None:
    reader = Reader()
    init.ones_(reader.linear.bias)
    assert init.transformer_(reader, rng=0) is reader
    assert math.isclose(reader.embedding.weight.data.std(), 1 / 8, rel_tol=0.05)
    bound = math.sqrt(6 / 464)
    assert 0.99 * bound < abs(reader.linear.weight.data).max() <= bound
    assert (reader.linear.bias.data == 0).all()
    assert (reader.norm.weight.data == 1).all()


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda x: init.normal_(x, std=-1, rng=0), ConfigError),
        (lambda x: init.uniform_(x, 1, 0, rng=0), ConfigError),
        (lambda x: init.kaiming_normal_(x, mode="fan", rng=0), ConfigError),
        (lambda x: init.kaiming_normal_(x, nonlinearity="sine", rng=0), ConfigError),
        (lambda x: init.xavier_uniform_(x[0], rng=0), ShapeError),
        (lambda x: init.gpt2_(Module(), 0, rng=0), ConfigError),
    ],
)
def test_what_has_no_meaning_is_refused(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        bad(Tensor(np.zeros((2, 2))))

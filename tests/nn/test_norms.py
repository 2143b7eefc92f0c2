"""Normalisation layers: PyTorch's results, running statistics, refusals."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from nn import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm, checkpoints
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.testing import assert_gradients
from tests.nn.beside import compare


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6)])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_is_pytorchs(shape: tuple[int, ...], bias: bool) -> None:
    torch = pytest.importorskip("torch")
    compare(LayerNorm(6, 1e-3, bias), torch.nn.LayerNorm(6, 1e-3, bias=bias), shape)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6)])
def test_rms_norm_is_pytorchs(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    compare(RMSNorm(6, 1e-3), torch.nn.RMSNorm(6, 1e-3), shape)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 1.0, None])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracks", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 4, 5)])
def test_batch_norm_is_pytorchs(
    training: bool, momentum: Any, affine: bool, tracks: bool, shape: tuple[int, ...]
) -> None:
    torch = pytest.importorskip("torch")
    name = "BatchNorm2d" if len(shape) == 4 else "BatchNorm1d"
    settings = 3, 1e-3, momentum, affine, tracks
    ours = getattr(nn, name)(*settings)
    ours(np.float32(normal(*shape, seed=7) * 3 + 1))
    compare(ours.train(training), getattr(torch.nn, name)(*settings), shape)


def test_running_statistics_are_those_of_pytorch_after_some_batches() -> None:
    torch = pytest.importorskip("torch")
    for momentum in 0.3, None:
        ours = BatchNorm2d(3, momentum=momentum)
        theirs = torch.nn.BatchNorm2d(3, momentum=momentum)
        for seed in range(4):
            x = normal(3, 3, 20, 20, seed=seed).astype(np.float32) * seed + seed
            ours(x)
            theirs(torch.tensor(x))
        assert ours.num_batches_tracked.item() == 4
        assert ours.running_var.dtype == np.float32
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[name], value, rtol=1e-5)
        x = normal(2, 3, 4, 4).astype(np.float32)
        expected = theirs.eval()(torch.tensor(x)).detach()
        np.testing.assert_allclose(ours.eval()(x).data, expected, atol=1e-6)


def test_in_eval_mode_no_example_depends_on_the_others() -> None:
    norm = BatchNorm1d(3)
    norm(normal(8, 3) * 2 + 1)
    before = copy.deepcopy(norm.state_dict())
    x = normal(5, 3, seed=1)
    norm.eval()
    alone = [norm(x[i : i + 1]).data for i in range(5)]
    np.testing.assert_allclose(norm(x).data, np.concatenate(alone), rtol=1e-12)
    for name, value in norm.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert norm(np.zeros((0, 3))).shape == (0, 3)


def test_statistics_are_followed_under_no_grad_and_never_tracked() -> None:
    norm = BatchNorm1d(2)
    x = Tensor(normal(4, 2), requires_grad=True)
    with tg.no_grad():
        norm(x)
    norm(x).sum().backward()
    assert norm.num_batches_tracked.item() == 2
    assert not norm.running_mean.requires_grad
    expected = x.data.mean(0) * (1 - 0.9**2)
    np.testing.assert_allclose(norm.running_mean.data, expected, rtol=1e-5)
    norm(np.zeros((0, 2), np.float32))  # which says nothing
    assert norm.num_batches_tracked.item() == 2
    assert np.isfinite(norm.running_var.data).all()


@given(st.integers(0, 99))
def test_an_earlier_state_dict_and_a_copy_stay_what_they_were(seed: int) -> None:
    norm = BatchNorm1d(2)
    state, twin = norm.state_dict(), copy.deepcopy(norm)
    norm(normal(4, 2, seed=seed))
    assert state["running_mean"].tolist() == twin.running_mean.tolist() == [0, 0]
    assert norm.running_mean.tolist() != [0, 0]


def test_a_checkpoint_holds_the_running_statistics(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4, rng=0), BatchNorm1d(4))
    model(normal(8, 3).astype(np.float32))
    checkpoints.save(tmp_path, 1, {"model": model.state_dict()}, {})
    tensors, _ = checkpoints.load(tmp_path)
    twin = nn.Sequential(nn.Linear(3, 4, rng=1), BatchNorm1d(4))
    twin.load_state_dict(tensors["model"])
    x = normal(2, 3, seed=1).astype(np.float32)
    np.testing.assert_array_equal(model.eval()(x).data, twin.eval()(x).data)
    assert twin[1].num_batches_tracked.item() == 1


def test_derivatives_to_the_third_order_in_both_modes() -> None:
    norm = BatchNorm2d(2).to(np.float64)
    x = 2 * normal(2, 2, 2, 2)
    norm(x * 3 + 1)
    for training in True, False:
        norm.train(training)
        assert_gradients(lambda x: norm(x) ** 2, x, order=3)


def test_norms_start_as_pytorchs_do() -> None:
    for norm in LayerNorm(3), BatchNorm1d(3):
        assert (norm.weight.tolist(), norm.bias.tolist()) == ([1, 1, 1], [0, 0, 0])
    assert RMSNorm(2).weight.tolist() == [1, 1]
    assert [n for n, _ in BatchNorm1d(3).named_parameters()] == ["weight", "bias"]
    assert BatchNorm2d(3).num_parameters() == 6
    assert [*BatchNorm2d(1, affine=False).state_dict()] == [
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]


def test_repr_shows_the_settings() -> None:
    assert repr(RMSNorm(3)) == "RMSNorm(3, eps=1e-05)  3 parameters"
    assert repr(BatchNorm1d(3, affine=False)) == (
        "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=False)"
    )
    assert repr(BatchNorm2d(3, 0.1, None, track_running_stats=False)) == (
        "BatchNorm2d(3, eps=0.1, momentum=None, track_running_stats=False)"
        "  6 parameters"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: LayerNorm(0),
        lambda: LayerNorm(3, eps=-1),
        lambda: LayerNorm(3, eps=float("nan")),
        lambda: RMSNorm(0),
        lambda: RMSNorm(3, eps=-1),
        lambda: BatchNorm1d(0),
        lambda: BatchNorm2d(3, eps=float("inf")),
        lambda: BatchNorm2d(3, momentum=1.5),
        lambda: BatchNorm2d(3, momentum=float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("norm", "shape", "message"),
    [
        (BatchNorm1d(3), (4, 2), r"BatchNorm1d: x \(4, 2\) should be \(B, C\) or"),
        (BatchNorm1d(3), (3,), r"\(B, C, T\) with C = 3"),
        (BatchNorm1d(3), (2, 3, 4, 4), r"should be \(B, C\)"),
        (BatchNorm2d(3), (2, 3, 4), r"should be \(B, C, H, W\)"),
        (BatchNorm1d(3), (1, 3), "one value a channel"),
        (BatchNorm2d(3), (1, 3, 1, 1), r"or use eval\(\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    norm: Any, shape: Any, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        norm(np.zeros(shape, np.float32))
    assert norm.num_batches_tracked.item() == 0

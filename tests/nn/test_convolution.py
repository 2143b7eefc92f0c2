"""Convolution and pooling layers: PyTorch's results, starts, a network, refusals."""

from typing import Any

import numpy as np
import pytest

import nn
from nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    losses,
    optim,
)
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tests.nn.beside import compare


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stride": 2, "padding": 1, "bias": False},
        {"padding": "same", "dilation": 2},
        {"stride": (2, 1), "padding": (0, 2), "groups": 2},
        {"groups": 4, "padding": "valid"},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(2, 4, 7, 8), (0, 4, 7, 7), (4, 6, 5)])
@pytest.mark.parametrize("window", [3, (1, 3)])
def test_convolution_is_pytorchs(settings: Any, shape: Any, window: Any) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Conv2d(4, 8, window, **settings)
    compare(Conv2d(4, 8, window, **settings), theirs, shape)


@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 5, 5)])
@pytest.mark.parametrize("settings", [(2,), (3, 1, 1), ((2, 3), None, (1, 0)), (3, 2)])
def test_pooling_is_pytorchs(shape: Any, settings: Any) -> None:
    torch = pytest.importorskip("torch").nn
    compare(MaxPool2d(*settings), torch.MaxPool2d(*settings), shape)
    compare(AvgPool2d(*settings), torch.AvgPool2d(*settings), shape)


def network(rng: Any, classes: int = 4) -> Sequential:
    rng = np.random.default_rng(rng)
    return Sequential(
        Conv2d(1, 6, 3, padding=1, bias=False, rng=rng),
        BatchNorm2d(6),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 8, 3, padding="same", rng=rng),
        ReLU(),
        AvgPool2d(2),
        Flatten(),
        Linear(8 * 2 * 2, classes, rng=rng),
    )


@pytest.mark.parametrize("training", [True, False])
def test_a_network_is_pytorchs_with_weights_copied_by_name(training: bool) -> None:
    torch = pytest.importorskip("torch").nn
    theirs = torch.Sequential(
        torch.Conv2d(1, 6, 3, padding=1, bias=False),
        torch.BatchNorm2d(6),
        torch.ReLU(),
        torch.MaxPool2d(2),
        torch.Conv2d(6, 8, 3, padding="same"),
        torch.ReLU(),
        torch.AvgPool2d(2),
        torch.Flatten(),
        torch.Linear(32, 4),
    )
    compare(network(0).train(training), theirs, (5, 1, 8, 8))
    ours = network(0)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})


def bars(count: int, seed: int) -> tuple[Any, Any]:
    """Images (count, 1, 8, 8) of noise and one bar, of which there are four kinds."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.3, (count, 1, 8, 8)).astype(np.float32)
    labels, places = rng.integers(0, 4, count), rng.integers(1, 7, count)
    for image, label, place in zip(x[:, 0], labels, places, strict=True):
        turned = image if label < 2 else image.T
        turned[place] += 1 if label % 2 else -1
    return x, labels


def test_a_small_network_learns_which_way_a_bar_goes() -> None:
    model, (x, labels) = network(0), bars(128, seed=0)
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    first = None
    for _ in range(25):
        loss = losses.cross_entropy(model(x), labels)
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first
    x, labels = bars(64, seed=1)
    right = model.eval()(x).argmax(-1).data == labels
    assert right.mean() > 0.9


def test_convolution_starts_where_pytorchs_does() -> None:
    layer = Conv2d(8, 64, (3, 5), groups=2, rng=0)
    bound = (4 * 15) ** -0.5
    for p in layer.parameters():
        assert 0.9 * bound < np.abs(p.data).max() <= bound
        assert p.dtype == np.float32
    assert abs(layer.weight.data.std() - bound / 3**0.5) < 0.002
    same = Conv2d(8, 64, (3, 5), groups=2, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(layer.weight.data, same.weight.data)


def test_float32_stays_float32() -> None:
    model, x = network(0), Tensor(np.ones((2, 1, 8, 8), np.float32), requires_grad=True)
    out = model(x)
    out.sum().backward()
    assert out.dtype == x.grad.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


def test_repr_shows_what_is_unusual() -> None:
    shown = {
        "Conv2d(1, 8, kernel_size=(3, 3))": Conv2d(1, 8, 3),
        "Conv2d(4, 8, kernel_size=(3, 1), stride=2, padding='valid', groups=2, "
        "bias=False)": Conv2d(4, 8, (3, 1), 2, "valid", 1, 2, False),
        "MaxPool2d(2)": MaxPool2d(2, 2),
        "AvgPool2d((2, 3), stride=1, padding=1)": AvgPool2d((2, 3), 1, 1),
    }
    for text, layer in shown.items():
        assert repr(layer).partition("  ")[0] == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2d(0, 1, 3),
        lambda: Conv2d(1, 0, 3),
        lambda: Conv2d(3, 4, 3, groups=2),
        lambda: Conv2d(4, 3, 3, groups=2),
        lambda: Conv2d(4, 4, 3, groups=0),
        lambda: Conv2d(1, 1, 0),
        lambda: Conv2d(1, 1, (3, 3, 3)),  # type: ignore[arg-type]
        lambda: Conv2d(1, 1, 3, stride=0),
        lambda: Conv2d(1, 1, 3, stride=2, padding="same"),
        lambda: Conv2d(1, 1, 3, padding="full"),
        lambda: Conv2d(1, 1, 3, padding=-1),
        lambda: Conv2d(1, 1, 3, dilation=0),
        lambda: MaxPool2d(0),
        lambda: MaxPool2d(2, padding=2),
        lambda: AvgPool2d(2, stride=0),
    ],
)
def test_settings_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2d(3, 1, 3), (1, 4, 5, 5)),
        (Conv2d(3, 1, 3), (1, 3, 2, 5)),
        (Conv2d(3, 1, 3), (5, 5)),
        (MaxPool2d(3), (1, 1, 5, 2)),
    ],
)
def test_images_that_do_not_fit_are_refused(layer: nn.Module, shape: Any) -> None:
    with pytest.raises(ShapeError):
        layer(np.zeros(shape, np.float32))

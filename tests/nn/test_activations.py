"""Activations by name: those of configs, and those that published ones name."""

import numpy as np
import pytest

from nn.activations import ACTIVATIONS, PUBLISHED, check_activation
from tensorgrad.errors import ConfigError


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_is_that_of_transformers(name: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    x = np.linspace(-6, 6, 99)
    expected = transformers.activations.ACT2FN[name](torch.tensor(x))
    found = ACTIVATIONS[PUBLISHED[name]](x)
    # gelu_fast rounds sqrt(2 / pi) to ten digits
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_the_others_are_refused() -> None:
    for name in ACTIVATIONS:
        check_activation(name)
    with pytest.raises(ConfigError, match="activation='mish': choose relu, gelu"):
        check_activation("mish")

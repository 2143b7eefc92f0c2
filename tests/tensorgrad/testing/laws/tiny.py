"""Small right models that the tests of the laws spoil, and how a law must refuse."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.testing.laws import LawError

rng = np.random.default_rng(0)
B, T, C, V = 2, 4, 3, 6
X = rng.standard_normal((B, T, C))
TOKENS = rng.integers(0, V, (B, T))
TABLE = rng.standard_normal((V, C))
POSITIONS = rng.standard_normal((T, C))
ROWS = rng.standard_normal((5, C))


def broken(law: Callable[..., None], *args: Any, **options: Any) -> str:
    """The message with which a law refuses; one line that begins with its name."""
    with pytest.raises(LawError) as caught:
        law(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{law.__name__}: ")
    return message.removeprefix(f"{law.__name__}: ")


def scores(x: Any, behind: int = 0) -> Any:
    """x x^T where query t may see key s: s <= t + behind, keys having come before."""
    ones = np.ones((x.shape[-2], x.shape[-2]), bool)
    return tg.where(np.tril(ones, behind), x @ x.mT, -np.inf)


def attend(x: Any, behind: int = 0) -> Any:
    return tg.softmax(scores(x, behind)) @ x


class Linear:
    """x @ weight + bias: the smallest thing that has everything a law may ask for."""

    def __init__(self, seed: int = 0) -> None:
        draws = np.random.default_rng(seed)
        self.weight = Tensor(draws.standard_normal((C, C)), requires_grad=True)
        self.bias = Tensor(draws.standard_normal(C), requires_grad=True)

    def __call__(self, x: Any) -> Any:
        return x @ self.weight + self.bias

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        yield from {"weight": self.weight, "bias": self.bias}.items()

    def parameters(self) -> Iterator[Tensor]:
        return (p for _, p in self.named_parameters())

    def state_dict(self) -> dict[str, Any]:
        return {name: p.data for name, p in self.named_parameters()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, p in self.named_parameters():
            if name in state:
                p.writable()[...] = state[name]

    def train(self) -> None: ...
    def eval(self) -> None: ...

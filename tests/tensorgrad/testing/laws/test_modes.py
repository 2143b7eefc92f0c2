"""Training and evaluation: dropout alone may tell them apart."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import ROWS, Linear, broken


class Dropout:
    def __init__(self, p: float) -> None:
        self.p, self.training, self.rng = p, True, np.random.default_rng(0)

    def __call__(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        return x * ((self.rng.random(x.shape) >= self.p) / (1 - self.p))


class Always(Dropout):
    """It does not ask whether this is training."""

    def __call__(self, x: Any) -> Any:
        return x * (self.rng.random(x.shape) >= self.p)


class Network(Linear):
    """Linear, then dropout twice."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.training, self.inner, self.outer = True, Dropout(p), Dropout(p)

    def __call__(self, x: Any) -> Any:
        return self.outer(super().__call__(self.inner(x)))

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        yield from {"": self, "inner": self.inner, "outer": self.outer}.items()

    def modules(self) -> Iterator[Any]:
        return (module for _, module in self.named_modules())

    def train(self, mode: bool = True) -> None:
        for module in self.modules():
            module.training = mode

    def eval(self) -> None:
        self.train(False)


law_of_modes = laws.train_and_eval_differ_only_by_dropout


@given(st.floats(0, 0.99), st.booleans())
def test_modes_differ_by_dropout_alone_and_are_put_back(p: float, mode: bool) -> None:
    network = Network(p)
    network.train(mode)
    network.inner.training = False
    law_of_modes(network, ROWS)
    assert (network.inner.p, network.outer.p) == (p, p)
    assert (network.outer.training, network.inner.training) == (mode, False)


def test_modules_may_be_a_list_or_missing() -> None:
    class Listed(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.drop = Always(0.5)

        def __call__(self, x: Any) -> Any:
            return self.drop(super().__call__(x))

        def modules(self) -> list[Any]:
            return [self, self.drop]

    assert "The dropout '1' is still active" in broken(law_of_modes, Listed(), ROWS)
    law_of_modes(Linear(), ROWS)


def test_dropout_that_ignores_the_mode_is_named() -> None:
    network = Network()
    network.outer = Always(0.5)
    message = broken(law_of_modes, network, ROWS)
    assert "in a second evaluation and" in message
    assert "'outer' is still active" in message
    assert (network.inner.p, network.outer.p) == (0.1, 0.5)


def test_modules_that_eval_or_train_do_not_reach_are_named() -> None:
    class Deaf(Network):
        def train(self, mode: bool = True) -> None:
            self.training = self.inner.training = mode

    network = Deaf()
    assert "eval() did not reach 'outer'" in broken(law_of_modes, network, ROWS)
    network.outer.training = network.inner.training = False

    class Stuck(Network):
        def train(self, mode: bool = True) -> None:
            if not mode:
                super().train(False)

    message = broken(law_of_modes, Stuck(), ROWS)
    assert "is the same in training as in evaluation" in message
    assert "'inner', 'outer' should drop something" in message
    assert "train() did not reach '', 'inner', 'outer'" in message


def test_noise_and_batch_norm_are_not_dropout() -> None:
    class Noise(Network):
        def __call__(self, x: Any) -> Any:
            return super().__call__(x) + self.inner.rng.random()

    message = broken(law_of_modes, Noise(), ROWS)
    assert "Something random beside dropout" in message

    class Both(Network):
        def __call__(self, x: Any) -> Any:
            noise = self.inner.rng.random()
            return super().__call__(x) + self.inner.p * self.outer.p * noise

    assert "Dropout is active in evaluation" in broken(law_of_modes, Both(), ROWS)

    class BatchNorm(Network):
        def __call__(self, x: Any) -> Any:
            out = super().__call__(x)
            return out - out.mean(0) if self.training else out

    message = broken(law_of_modes, BatchNorm(), ROWS)
    assert "in training with every p = 0 and" in message
    assert "as batch norm does" in message

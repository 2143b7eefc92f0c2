"""State dicts that lose, change or share something."""

from typing import Any

import numpy as np
import pytest

from tensorgrad import Tensor
from tensorgrad.errors import ConfigError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import ROWS, C, Linear, broken

law_of_state = laws.state_dict_round_trip


class Running(Linear):
    """Has a mean that moves in training, and is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.training = np.zeros(C), True

    def __call__(self, x: Any) -> Any:
        out = super().__call__(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * out.data.mean(0)
        return out - self.mean

    def train(self) -> None:
        self.training = True

    def eval(self) -> None:
        self.training = False


class Saved(Running):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "mean": self.mean.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.mean = state["mean"].copy()


def test_what_is_saved_comes_back_and_goes_its_own_way() -> None:
    law_of_state(Linear)
    law_of_state(Linear, ROWS, seed=1)
    law_of_state(Saved, ROWS)
    draws = iter(range(9))
    law_of_state(lambda: Linear(next(draws)), ROWS)  # each begins elsewhere


class Shared(Running):
    """Its mean is changed in place, and saved without a copy."""

    def __call__(self, x: Any) -> Any:
        before, out = self.mean, super().__call__(x)
        before[...], self.mean = self.mean, before
        return out

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.mean[...] = state["mean"]


class Kept(Shared):
    """Besides, a loaded one goes on with the mean that it was given."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.mean = state["mean"]


class Forgets(Linear):
    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight.data}


class Swaps(Linear):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict({**state, "weight": state["weight"].T})


class Narrows(Linear):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.bias = Tensor(state["bias"].astype(np.float32), requires_grad=True)
        super().load_state_dict(state)


class Renames(Linear):
    loaded = False

    def state_dict(self) -> dict[str, Any]:
        end = "_" * self.loaded
        return {name + end: value for name, value in super().state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.loaded = True


class Keeps(Linear):
    """Takes the very Tensors of the state, which are the saved model's."""

    def state_dict(self) -> dict[str, Any]:
        return dict(self.named_parameters())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight, self.bias = state["weight"], state["bias"]


class Shows(Linear):
    """Its state is no copy, but loading makes one."""

    def state_dict(self) -> dict[str, Any]:
        return dict(self.named_parameters())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict({name: p.data for name, p in state.items()})


class Wrapped(Linear):
    """Keeps what it is given, which the saved model no longer has."""

    def state_dict(self) -> dict[str, Any]:
        return {name: p.copy().detach() for name, p in self.named_parameters()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight, self.bias = state["weight"], state["bias"]


@pytest.mark.parametrize(
    ("wrong", "where", "cause"),
    [
        (Forgets, "parameter['bias'][", "missing from the state dict"),
        (Swaps, "parameter['weight'][", "after loading and"),
        (
            Narrows,
            "parameter['bias'] is float32 of shape (3,) after loading",
            "converted",
        ),
        (Renames, "only after loading is there state['weight_']", "another name"),
        (Running, "output[", "no parameter and not saved"),
        (Keeps, "parameter['", "load_state_dict keep what it is given"),
        (Shows, "state['", "state_dict give the parameters themselves"),
        (Wrapped, "state['", "once the loaded model had changed"),
        (Shared, "state['mean'][", "once the saved model had changed"),
        (Kept, "state['mean'][", "once the loaded model had changed"),
    ],
)
def test_what_a_round_trip_loses_or_shares_is_named(
    wrong: Any, where: str, cause: str
) -> None:
    message = broken(law_of_state, wrong, ROWS)
    assert message.startswith(where)
    assert cause in message


def test_an_empty_state_is_refused() -> None:
    class Empty(Linear):
        def state_dict(self) -> dict[str, Any]:
            return {}

    with pytest.raises(ConfigError, match="state dict is empty"):
        law_of_state(Empty)

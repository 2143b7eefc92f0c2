"""What repr shows of a module."""

import nn
import tensorgrad as tg
from nn import Linear, Module, Sequential


def test_repr_shows_the_nesting_and_the_counts_and_folds_what_repeats() -> None:
    blocks = [Sequential(Linear(2, 2), nn.ReLU()) for _ in range(3)]
    net = Sequential(Linear(1, 2), *blocks, tg.exp, nn.LayerNorm(2, bias=False))
    assert repr(net).splitlines() == [
        "Sequential(                                 24 parameters",
        "  (0): Linear(1, 2)                          4",
        "  (1-3): 3 x Sequential(                    18",
        "    (0): Linear(2, 2)                        6",
        "    (1): ReLU()",
        "  )",
        "  (4): exp",
        "  (5): LayerNorm(2, eps=1e-05, bias=False)   2",
        ")",
    ]
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(Linear(1000, 2)) == "Linear(1000, 2)  2,002 parameters"


def test_a_name_of_its_own_is_not_folded_and_a_tied_weight_counts_once() -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.first = Linear(2, 2, bias=False)
            self.second = Linear(2, 2, bias=False)
            self.second.weight = self.first.weight

    assert repr(Net()).splitlines() == [
        "Net(                                  4 parameters",
        "  (first): Linear(2, 2, bias=False)   4",
        "  (second): Linear(2, 2, bias=False)  4",
        ")",
    ]


def test_a_module_inside_itself_is_shown_once() -> None:
    net = Sequential(nn.Tanh())
    net.me = net[0].above = net
    assert repr(net).splitlines() == ["Sequential(", "  (0): Tanh()", ")"]
    seen: list[Module] = []
    net.apply(seen.append)
    assert seen == [net[0], net]

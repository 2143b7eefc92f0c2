"""Groups, names, settings and saved states, which all optimisers share."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Linear, Parameter, Sequential, Tanh, optimizer
from nn.optim import SGD, Adam, AdamW, Optimizer
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, StateDictError

MAKERS: list[Any] = [
    lambda ps: SGD(ps, 0.1),
    lambda ps: SGD(ps, 0.1, momentum=0.9, nesterov=True),
    lambda ps: Adam(ps, 0.1),
    lambda ps: AdamW(ps, 0.1, betas=(0.8, 0.9), weight_decay=0.2),
]
makers = pytest.mark.parametrize("make", MAKERS)


def model() -> Sequential:
    return Sequential(Linear(2, 3, rng=0), Tanh(), Linear(3, 1, rng=1))


def train(net: Sequential, optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        x = np.random.default_rng(step).standard_normal((5, 2)).astype(np.float32)
        optimizer.zero_grad()
        (net(x) * net(x)).sum().backward()
        if step % 2:
            net[0].bias.grad = None  # one that is skipped at times, and at first
        optimizer.step()


@given(st.sampled_from(MAKERS), st.integers(0, 4), st.integers(0, 4))
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    make: Any, before: int, after: int
) -> None:
    net, twin = model(), model()
    optimizer = make(net.named_parameters())
    train(net, optimizer, range(1, 1 + before))
    optimizer.lr = 0.05
    arrays, settings = optimizer.state_dict()
    twin.load_state_dict(net.state_dict())
    resumed = make(twin.named_parameters())
    train(model(), make(model().parameters()), range(1))
    resumed.load_state_dict(arrays, json.loads(json.dumps(settings)))
    assert resumed.lr == 0.05
    train(net, optimizer, range(1 + before, 1 + before + after))
    train(twin, resumed, range(1 + before, 1 + before + after))
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert resumed.state_dict()[1] == optimizer.state_dict()[1]


@makers
def test_a_saved_state_is_a_snapshot(make: Any) -> None:
    net = model()
    optimizer = make(net.named_parameters())
    train(net, optimizer, range(3))
    arrays, settings = optimizer.state_dict()
    kept = {name: array.copy() for name, array in arrays.items()}
    text = json.dumps(settings)
    train(net, optimizer, range(3))
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, kept[name])
        assert not array.flags.writeable
    assert json.dumps(settings) == text


def test_a_state_has_a_key_for_each_array() -> None:
    net = model()
    optimizer = AdamW(net.named_parameters())
    train(net, optimizer, range(1, 2))
    arrays, settings = optimizer.state_dict()
    names = ["0.weight", "2.weight", "2.bias"]  # the skipped one has no state yet
    assert list(arrays) == [f"{m}.{name}" for name in names for m in "mv"]
    assert settings["steps"] == dict.fromkeys(names, 1)
    assert settings["optimizer"] == "AdamW"
    assert [group["params"] for group in settings["groups"]] == [
        ["0.weight", "0.bias", "2.weight", "2.bias"]
    ]
    assert list(AdamW(net.parameters()).state_dict()[1]["groups"][0]["params"]) == [
        "0",
        "1",
        "2",
        "3",
    ]


def saved(**settings: Any) -> tuple[AdamW, dict[str, Any], dict[str, Any]]:
    net = model()
    optimizer = AdamW(net.named_parameters(), **settings)
    train(net, optimizer, range(2))
    arrays, state = optimizer.state_dict()
    return optimizer, dict(arrays), json.loads(json.dumps(state))


def refused(optimizer: Optimizer, arrays: Any, settings: Any) -> str:
    before = optimizer.state_dict()
    with pytest.raises((StateDictError, ConfigError)) as caught:
        optimizer.load_state_dict(arrays, settings)
    after = optimizer.state_dict()
    assert before[1] == after[1]
    for name, array in before[0].items():
        np.testing.assert_array_equal(array, after[0][name])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    optimizer, arrays, settings = saved()
    del arrays["m.0.weight"]
    arrays["v.2.bias"] = np.zeros(7)
    arrays["v.other"] = np.zeros(2)
    message = refused(optimizer, arrays, settings)
    for part in (
        "missing: m.0.weight (3, 2)",
        "unexpected: v.other (2,)",
        "v.2.bias (7,) should be (1,)",
    ):
        assert part in message

    optimizer, arrays, settings = saved()
    other = AdamW([("x", Parameter([1.0])), ("2.bias", Parameter([1.0]))])
    message = refused(other, arrays, settings)
    assert "missing: x; unexpected: 0.bias, 0.weight, 2.weight;" in message
    assert "SGD.load_state_dict: it was saved from AdamW" in refused(
        SGD(model().named_parameters(), 0.1), arrays, settings
    )
    names = list(model().named_parameters())
    split = AdamW([{"params": names[:1]}, {"params": names[1:]}])
    assert "[4], here [1, 3]" in refused(split, arrays, settings)
    settings["groups"][0]["lr"] = -1.0
    assert "lr=-1.0" in refused(optimizer, arrays, settings)
    del settings["groups"][0]["lr"]
    assert "settings" in refused(optimizer, arrays, settings)


# --- groups


def test_groups_have_their_own_settings_and_rates_can_be_set() -> None:
    a, b = Parameter([1.0]), Parameter([1.0])
    optimizer = SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    for p in (a, b):
        p.grad = Tensor([1.0])
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item()], [0.9, 0.5], rtol=1e-6)
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item()], [0.9, 0.0], atol=1e-6)
    optimizer.lr = 1.0
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 1.0]


@makers
def test_parameters_without_a_gradient_are_left_alone(make: Any) -> None:
    a, b = Parameter([1.0]), Parameter([2.0])
    optimizer = make([a, b])
    a.grad = Tensor([1.0])
    optimizer.step()
    assert b.item() == 2.0
    assert a.item() != 1.0
    optimizer.zero_grad()
    assert a.grad is None


@makers
def test_a_parameter_given_twice_is_one(make: Any) -> None:
    p, q = Parameter([1.0]), Parameter([1.0])
    twice, once = make([p, p]), make([q])
    for x in (p, q):
        x.grad = Tensor([1.0])
    twice.step()
    once.step()
    assert p.item() == q.item()


@makers
def test_a_step_does_not_touch_what_others_hold(make: Any) -> None:
    p = Parameter([1.0, 2.0])
    held, view = p.detach(), p.data
    p.grad = Tensor([1.0, 1.0])
    gradient = p.grad
    make([p]).step(grad_scale=0.5)
    assert held.tolist() == view.tolist() == [1.0, 2.0]
    assert gradient.tolist() == [1.0, 1.0]
    assert p.tolist() != [1.0, 2.0]
    assert p.requires_grad
    assert p.is_leaf


@makers
def test_large_parameters_are_updated_in_pieces_and_at_once(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same bits, whether or not a parameter's elements are in order."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape) for shape in [(70, 60), (9, 500), (130, 40)]]
    values[1] = values[1].T
    whole, parts = ([Parameter(x.copy(order="K")) for x in values] for _ in range(2))
    shared: list[tuple[int, int]] = []

    def share(work: Any, count: int) -> None:
        for part in (count // 2, count), (0, count // 2):
            shared.append(part)
            work(*part)

    for params in whole, parts:
        if params is parts:
            monkeypatch.setattr(optimizer, "PIECE", 1000)
            monkeypatch.setattr(optimizer, "SMALL", 100)
            monkeypatch.setattr(optimizer, "share", share)
        one = make(params)
        for step in range(2):
            for p in params:
                p.grad = Tensor(np.sin(p.data + step))
            one.step()
    assert len(shared) == 4
    for p, q in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


P = [Parameter([1.0])]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SGD(P, lr=-0.1), "lr=-0.1"),
        (lambda: SGD(P, lr=float("nan")), "lr=nan"),
        (lambda: SGD(P, 0.1, momentum=1.0), "momentum=1.0"),
        (lambda: SGD(P, 0.1, nesterov=True), "nesterov"),
        (lambda: SGD(P, 0.1, weight_decay=-1.0), "weight_decay=-1.0"),
        (lambda: AdamW(P, betas=(1.0, 0.9)), r"betas\[0\]=1.0"),
        (lambda: AdamW(P, betas=(0.9, -0.1)), r"betas\[1\]=-0.1"),
        (lambda: Adam(P, eps=-1e-8), "eps=-1e-08"),
        (lambda: Adam([{"params": P, "lr": -1.0}]), "lr=-1.0"),
        (lambda: Adam([{"params": P, "rate": 1.0}]), "rate"),
        (lambda: Adam([{"params": P}, {"params": P}]), "two groups"),
        (lambda: Adam([("a", P[0]), ("a", Parameter([1.0]))]), "a"),
        (lambda: Adam([]), "no parameters"),
        (lambda: Adam([P[0] * 2]), "no op made"),
        (lambda: Adam([np.ones(3)]), "no op made"),
        (lambda: setattr(SGD(P, 0.1), "lr", -1.0), "lr=-1.0"),
    ],
)
def test_bad_settings_are_refused_by_name(make: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make()

"""Parameters that train, by name, and those that don't."""

import numpy as np
import pytest

from gpt import GPT, GPTConfig
from nn.freezing import count_trained, train_only
from nn.optim import AdamW, decay_groups
from tensorgrad.errors import ConfigError

CONFIG = GPTConfig(block_size=4, vocab_size=5, n_layer=3, n_head=2, n_embd=4)
TOKENS = np.array([[0, 1, 2, 3]])
PARTS = ("weight", "bias")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["ln_f"], {"ln_f.weight", "ln_f.bias"}),
        (["ln_f.bias"], {"ln_f.bias"}),
        (["h.*.ln_1.weight"], {f"h.{i}.ln_1.weight" for i in range(3)}),
        (["h.[02].ln_2"], {f"h.{i}.ln_2.{p}" for i in (0, 2) for p in PARTS}),
        (["wpe", "ln_f.w*"], {"wpe.weight", "ln_f.weight"}),
    ],
)
def test_patterns_name_parameters_and_modules(
    patterns: list[str], expected: set[str]
) -> None:
    model = GPT(CONFIG)
    train_only(model, patterns)
    named = dict(model.named_parameters())
    assert {name for name, p in named.items() if p.requires_grad} == expected
    assert count_trained(model) == sum(named[name].size for name in expected)


def test_h_1_is_not_h_10() -> None:
    model = GPT(GPTConfig(block_size=4, vocab_size=5, n_layer=11, n_head=2, n_embd=4))
    train_only(model, ["h.1"])
    assert not any(p.requires_grad for p in model.h[10].parameters())


def test_what_names_nothing_is_told_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'h.3' names .* wte.weight, .* h.0-2.ln_1"):
        train_only(GPT(CONFIG), ["ln_f", "h.3"])


def test_frozen_ones_have_no_gradient_no_memory_and_no_graph() -> None:
    model = GPT(CONFIG)
    train_only(model, ["h.1", "ln_f"])
    x = model.h[0](model.wte(TOKENS))
    assert not x.requires_grad
    optimizer = AdamW(decay_groups(model, 0.1))
    before = {name: array.copy() for name, array in model.state_dict().items()}
    _, loss = model(TOKENS, TOKENS)
    loss.backward()
    optimizer.step()
    arrays, _ = optimizer.state_dict()
    for name, p in model.named_parameters():
        trains = name.startswith(("h.1.", "ln_f."))
        assert (p.grad is not None) == trains
        assert (f"m.{name}" in arrays) == trains
        assert (p.data == before[name]).all() != trains

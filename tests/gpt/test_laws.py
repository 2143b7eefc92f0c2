"""The laws of models and of training, on GPT."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt import GPT, GPTConfig
from gpt.objective import objective
from nn import Module
from tensorgrad import Tensor
from tensorgrad.testing import laws

V, T = 11, 8
TOKENS = np.random.default_rng(0).integers(0, V, (3, T))
seeds = st.integers(0, 2**32 - 1)


def gpt(dropout: float = 0.0, seed: int = 0, **changes: Any) -> GPT:
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": T, "vocab_size": V}
    return GPT(GPTConfig(**{**sizes, "dropout": dropout, **changes}), rng=seed)


@given(seeds)
def test_no_logit_depends_on_a_later_token_or_another_row(seed: int) -> None:
    model = gpt(seed=seed % 3)
    laws.causality(model, TOKENS, vocab_size=V, seed=seed)
    laws.batch_independence(model, TOKENS, vocab_size=V, seed=seed)


def test_large_logits_do_not_open_the_mask() -> None:
    model = gpt().to(np.float64)
    for block in model.h:
        block.attn.c_attn.weight.writable()[...] *= 1e4
    laws.causality(model, TOKENS, vocab_size=V)


@given(seeds)
def test_no_gradient_comes_from_a_later_embedding(seed: int) -> None:
    model = gpt().to(np.float64)

    def blocks(x: Any) -> Any:
        for block in model.h:
            x = block(x)
        return model.ln_f(x)

    x = np.random.default_rng(seed).standard_normal((2, T, 8))
    laws.causality(blocks, x, seed=seed)


@given(seeds)
def test_what_follows_a_text_changes_nothing_in_it(seed: int) -> None:
    laws.padding_invariance(
        lambda tokens, mask: gpt().logits(tokens), TOKENS[:, :-2], extra=2, seed=seed
    )


@given(seeds)
def test_logits_of_a_prefix_are_those_in_the_whole(seed: int) -> None:
    """Reading again from the start is the simplest cache."""
    model = gpt().to(np.float64)

    def again(chunk: Any, seen: Any) -> tuple[Any, Any]:
        seen = chunk if seen is None else np.concatenate([seen, chunk], axis=1)
        return model.logits(seen)[:, -1:], seen

    laws.cached_equals_uncached(model.logits, again, TOKENS, seed=seed)


class TwoFaced(Module):
    """Reads tokens by one table, and shows another to the head."""

    def __init__(self, table: Tensor, weight: Tensor) -> None:
        self.table, self.weight = table, weight

    def forward(self, tokens: Any) -> Any:
        return self.table[tokens]


def test_the_tied_head_gets_the_sum_of_both_gradients() -> None:
    model = gpt().to(np.float64)
    weight = model.wte.weight.data

    def logits(table: Tensor, head: Tensor) -> Any:
        model.wte = TwoFaced(table, head)
        return model.logits(TOKENS)

    laws.tied_gradient_is_sum(logits, weight)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_modes_differ_by_dropout_alone(dropout: float) -> None:
    laws.train_and_eval_differ_only_by_dropout(gpt(dropout), TOKENS)


@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_is_all_there_is(bias: bool) -> None:
    numbers = iter(range(9))
    laws.state_dict_round_trip(lambda: gpt(0.1, next(numbers), bias=bias), TOKENS)


def test_the_objective_accumulates_over_batches() -> None:
    model = gpt().to(np.float64)
    batch = TOKENS[:, :-1], TOKENS[:, 1:]
    laws.accumulated_equals_full_batch(objective(model), model, batch)


def test_the_loss_of_a_call_is_a_mean_over_what_is_not_ignored() -> None:
    model = gpt().to(np.float64)
    targets = TOKENS.copy()
    targets[0, 2:], targets[2] = -100, -100

    def loss(batch: Any) -> Any:
        return model(*batch)[1]

    def counted(batch: Any) -> int:
        return int((batch[1] != -100).sum())

    law, batch = laws.accumulated_equals_full_batch, (TOKENS, targets)
    law(loss, model, batch, count=counted)
    with pytest.raises(laws.LawError, match="count="):
        law(loss, model, batch)

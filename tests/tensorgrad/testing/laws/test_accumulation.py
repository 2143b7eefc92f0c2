"""Micro-batches against their batch: shares, scales, and loops of one's own."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import ROWS, C, Linear, broken

SEEN = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool)


MODEL = Linear()


def mean_loss(x: Any) -> Any:
    return (MODEL(x) ** 2).sum(1).mean()


def token_losses(batch: dict[str, np.ndarray]) -> Any:
    """One loss for each (row, channel) that is seen, and how many there are."""
    losses = MODEL(batch["x"]) ** 2 * batch["seen"]
    return losses.sum(), int(batch["seen"].sum())


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_means_accumulate_by_their_shares(parts: list[int]) -> None:
    rows, seen = (
        np.resize(ROWS, (sum(parts) + 1, C)),
        np.resize(SEEN, (sum(parts) + 1, 3)),
    )
    parts = [*parts, 1]
    law = laws.accumulated_equals_full_batch
    law(mean_loss, MODEL, rows, parts=parts)
    batch = {"x": rows, "seen": seen, "name": "b"}
    law(token_losses, MODEL.parameters(), batch, parts=parts)
    law(
        lambda pair: (
            token_losses({"x": pair[0], "seen": pair[1]})[0] / max(1, pair[1].sum())
        ),
        MODEL.named_parameters(),
        (Tensor(rows), seen),
        count=lambda pair: pair[1].sum(),
        parts=parts,
    )


def loop(scale: Callable[[int, list[Any]], float]) -> Callable[[list[Any]], None]:
    """An accumulation of means, each multiplied by something."""

    def accumulate(parts: list[Any]) -> None:
        for part in parts:
            (mean_loss(part) * scale(len(part), parts)).backward()

    return accumulate


def test_loops_of_ones_own_are_checked_and_leave_no_trace() -> None:
    model, mark = Linear(), Tensor(np.ones(C))
    before = copy.deepcopy(model.state_dict())
    model.bias.grad = mark

    def loss(x: Any) -> Any:
        return (model(x) ** 2).sum() / len(x)

    def trains(parts: list[Any]) -> dict[str, Any]:
        assert model.bias.grad is None
        whole = sum(map(len, parts))
        for part in parts:
            (loss(part) * (len(part) / whole)).backward()
        with tg.no_grad():
            for p in model.parameters():
                p -= p.grad
        return {k: before[k] - p.data for k, p in model.named_parameters()}

    laws.accumulated_equals_full_batch(loss, model, ROWS, accumulate=trains)
    laws.accumulated_equals_full_batch(
        loss, model, ROWS, accumulate=lambda parts: list(trains(parts).values())
    )
    assert model.bias.grad is mark
    assert model.weight.grad is None
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    right = loop(lambda n, parts: n / len(ROWS))
    laws.accumulated_equals_full_batch(mean_loss, MODEL, ROWS, accumulate=right)


@pytest.mark.parametrize(
    ("scale", "batch", "parts", "cause"),
    [
        # equal parts, so that only the factor is wrong
        (lambda n, parts: 1, ROWS[[0, 1, 0, 1]], [2, 2], "2 times that of the full"),
        (lambda n, parts: n, ROWS[[0, 0, 0, 0]], [1, 3], "4 times that of the full"),
        (lambda n, parts: 1, ROWS, [2, 3], "by its share"),
        (lambda n, parts: 1 / len(parts), ROWS, [2, 3], "by its share"),
    ],
)
def test_a_loop_that_scales_wrongly_is_told_by_what(
    scale: Any, batch: np.ndarray, parts: list[int], cause: str
) -> None:
    law, own = laws.accumulated_equals_full_batch, loop(scale)
    message = broken(law, mean_loss, MODEL, batch, accumulate=own, parts=parts)
    assert message.startswith("gradient['")
    assert f"in parts of {parts} rows and" in message
    assert cause in message


def test_a_part_or_a_parameter_left_out_is_found() -> None:
    def first_only(parts: list[Any]) -> None:
        mean_loss(parts[0]).backward()

    def adds_nothing(parts: list[Any]) -> list[Any]:
        return [p.grad for p in MODEL.parameters()]

    law = laws.accumulated_equals_full_batch
    assert "share" in broken(law, mean_loss, MODEL, ROWS, accumulate=first_only)
    message = broken(law, mean_loss, MODEL, ROWS, accumulate=adds_nothing)
    assert "is 0.0 in parts of [1, 4] rows" in message
    message = broken(law, mean_loss, MODEL, ROWS, accumulate=lambda parts: [0.0, 0.0])
    assert "gradient['weight'] is float64 of shape () in parts of [1, 4]" in message
    message = broken(law, mean_loss, MODEL, ROWS, accumulate=lambda parts: {})
    assert "only in the full batch is there gradient['weight']" in message


def test_losses_that_do_not_add_up_are_found() -> None:
    law = laws.accumulated_equals_full_batch
    batch = {"x": ROWS, "seen": SEEN}
    parts = [2, 3]

    def by_rows(batch: Any) -> Any:
        total, n = token_losses(batch)
        return total / n  # a mean over what is seen, not over rows

    def mean_and_count(batch: Any) -> Any:
        total, n = token_losses(batch)
        return total / n, n

    def batch_norm(batch: Any) -> Any:
        x = MODEL(batch["x"])
        return ((x - x.mean(0)) ** 2).sum(1).mean()

    assert "count=" in broken(law, by_rows, MODEL, batch, parts=parts)
    law(by_rows, MODEL, batch, parts=parts, count=lambda b: b["seen"].sum())
    broken(law, mean_and_count, MODEL, batch, parts=parts)
    assert "batch norm" in broken(law, batch_norm, MODEL, batch)


def test_accumulation_refuses_what_it_could_say_nothing_about() -> None:
    law = laws.accumulated_equals_full_batch
    with pytest.raises(ShapeError, match="two rows or more"):
        law(mean_loss, MODEL, ROWS[:1])
    with pytest.raises(ShapeError, match=r"these have \[4, 5\]"):
        law(lambda pair: mean_loss(pair[0]), MODEL, (ROWS, ROWS[:4]))
    with pytest.raises(ShapeError, match="add up to 5 rows"):
        law(mean_loss, MODEL, ROWS, parts=[1, 1])
    with pytest.raises(ConfigError, match="nothing in the batch counts"):
        law(lambda x: (mean_loss(x), 0), MODEL, ROWS)
    with pytest.raises(ConfigError, match="gradient is 0"):
        law(lambda x: mean_loss(x) * 0, MODEL, ROWS)


def test_a_parameter_that_is_not_used_has_a_gradient_of_zero() -> None:
    unused = Tensor([1.0], requires_grad=True)
    parameters = [*MODEL.parameters(), unused]
    own = loop(lambda n, parts: n / len(ROWS))
    laws.accumulated_equals_full_batch(mean_loss, parameters, ROWS)
    laws.accumulated_equals_full_batch(mean_loss, parameters, ROWS, accumulate=own)


def test_a_part_without_anything_that_counts_may_be_a_plain_zero() -> None:
    def loss(batch: Any) -> Any:
        return token_losses(batch) if batch["seen"].any() else (0.0, 0)

    batch = {"x": ROWS, "seen": SEEN}
    laws.accumulated_equals_full_batch(loss, MODEL, batch)

"""Evaluation: a mean over everything, that leaves no trace."""

import math
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn import Dropout, Linear, Sequential
from nn.evaluation import evaluate, evaluating
from nn.parts import Threads
from tensorgrad import Tensor
from tensorgrad.errors import DataError

MODEL = Sequential(Linear(1, 1, rng=0), Dropout(0.5, rng=0)).to(np.float64)


def objective(batch: Any) -> tuple[Tensor, int]:
    return MODEL(batch).sum(), len(batch)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
    st.integers(1, 4),
    st.builds(Threads, st.integers(1, 3), st.integers(1, 3)),
)
def test_the_mean_weighs_every_number_alike(
    lengths: list[int], every: int, threads: Threads
) -> None:
    batches = [np.full((n, 1), float(i)) for i, n in enumerate(lengths)]
    joined = np.concatenate(batches[::every])
    told: list[tuple[int, int]] = []
    if not len(joined):
        with pytest.raises(DataError, match="nothing that counts"):
            evaluate(MODEL, objective, batches, every, threads=threads)
        return
    loss, count = evaluate(
        MODEL, objective, batches, every, lambda *at: told.append(at), threads
    )
    weight, bias = (p.item() for p in MODEL.parameters())
    assert count == len(joined)
    assert loss == pytest.approx(weight * joined.mean() + bias, rel=1e-12, abs=1e-12)
    total = len(batches[::every])
    assert told == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize("training", [True, False])
def test_mode_gradients_and_random_numbers_stay_as_they_were(training: bool) -> None:
    MODEL.train(training)
    before = MODEL[1].rng.bit_generator.state
    evaluate(MODEL, objective, [np.ones((3, 1))])
    assert MODEL.training is training
    assert MODEL[1].training is training
    assert MODEL[1].rng.bit_generator.state == before
    assert all(parameter.grad is None for parameter in MODEL.parameters())
    assert tg.is_grad_enabled()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_it_can_be_cut_short(threads: int) -> None:
    batches, done = [np.ones((2, 1))] * 7, []

    def told(i: int, total: int) -> bool:
        done.append(i)
        return i == 2

    settings: Any = {"told": told, "threads": Threads(threads)}
    loss, count = evaluate(MODEL, objective, batches, **settings)
    assert math.isnan(loss)
    assert count == 0
    assert done == [1, 2]


@pytest.mark.parametrize(("least", "at_once"), [(1, 2), (2, 1)])
def test_parts_of_large_batches_run_at_once(least: int, at_once: int) -> None:
    meeting = threading.Barrier(at_once)

    def losses(batch: Any) -> tuple[Tensor, int]:
        meeting.wait(10)
        assert not tg.is_grad_enabled()
        return objective(batch)

    batches = [np.ones((2, 1)) * i for i in range(4)]
    found = evaluate(MODEL, losses, batches, threads=Threads(2, least))
    assert found == pytest.approx(evaluate(MODEL, objective, batches), rel=1e-12)


def test_a_part_that_was_in_eval_mode_stays_there() -> None:
    model = Sequential(Dropout(0.5, rng=0), Dropout(0.5, rng=0))
    model[1].eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False]

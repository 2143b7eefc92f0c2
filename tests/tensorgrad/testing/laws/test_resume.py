"""Runs that are saved and go on, and what they may forget."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.errors import ConfigError, DtypeError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import ROWS, C, broken


class Run:
    """Momentum, a step count, noise, and data in a shuffled order."""

    def __init__(self) -> None:
        self.w, self.velocity = np.ones(C), np.zeros(C)
        self.k, self.rng = 0, np.random.default_rng(0)

    def step(self) -> None:
        x = ROWS[self.k % len(ROWS)] + self.rng.standard_normal(C)
        self.velocity = 0.9 * self.velocity - x * (x @ self.w)
        self.w += 0.1 / (1 + self.k) * self.velocity
        self.k += 1

    def observe(self) -> Any:
        return {"w": self.w, "norm": float(self.w @ self.w), "name": "run"}


def resumed(
    start: Any = Run,
    step: Any = Run.step,
    save: Any = copy.deepcopy,
    load: Any = copy.deepcopy,
    observe: Any = Run.observe,
    **options: Any,
) -> None:
    laws.resumed_equals_uninterrupted(start, step, save, load, observe, **options)


resumed.__name__ = "resumed_equals_uninterrupted"


def without(**lost: Any) -> Callable[[Run], Run]:
    """A load that has something as it was in the beginning."""

    def load(saved: Run) -> Run:
        run = copy.deepcopy(saved)
        vars(run).update(copy.deepcopy(lost))
        return run

    return load


@given(st.integers(1, 6), st.data())
def test_a_run_that_is_saved_whole_goes_on_as_if_nothing_had_been(
    steps: int, data: Any
) -> None:
    at = data.draw(st.sets(st.integers(0, steps - 1), min_size=1))
    resumed(steps=steps, at=at)


def test_a_run_may_be_a_value_that_steps_replace() -> None:
    def step(run: tuple[float, int]) -> tuple[float, int]:
        return run[0] * 0.5 + run[1], run[1] + 1

    resumed(lambda: (1.0, 0), step, tuple, tuple, list)


@pytest.mark.parametrize(
    "lost",
    [
        {"velocity": np.zeros(C)},
        {"rng": np.random.default_rng(0)},
        {"k": 0},
    ],
)
def test_what_a_resume_forgets_shows_at_the_next_step(lost: dict[str, Any]) -> None:
    message = broken(resumed, load=without(**lost))
    assert message.startswith("run after step 2['w'][")
    assert "when resumed from step 1 and" in message
    assert "the optimiser's memory or step count, a generator" in message


def test_what_was_not_restored_shows_at_once() -> None:
    message = broken(resumed, load=without(w=np.ones(C)))
    assert message.startswith("run after step 1['w'][")
    assert "Does save or load leave it out" in message

    def rounded(saved: Run) -> Run:
        return without(w=saved.w.astype(np.float32).astype(float))(saved)

    assert "run after step 1[" in broken(resumed, load=rounded)


def test_a_save_that_shares_memory_with_the_run_is_found() -> None:
    message = broken(resumed, save=copy.copy)  # w is written to in place
    assert message.startswith("run after step 0['w'][")
    assert "share memory with the run" in message
    message = broken(resumed, save=lambda run: run)
    assert "when resumed from step 0 and" in message


def test_a_save_that_changes_the_run_is_found() -> None:
    def draws(run: Run) -> Run:
        run.rng.random()
        return copy.deepcopy(run)

    message = broken(resumed, save=draws, at=[1])
    assert message.startswith("run after step 2['w'][")
    assert "Does saving change the run?" in message


def test_two_runs_must_begin_alike() -> None:
    shared = np.random.default_rng(0)

    def start() -> Run:
        run = Run()
        run.w = shared.standard_normal(C)
        return run

    message = broken(resumed, start)
    assert message.startswith("run after step 0['w'][")
    assert "unseeded, or shared" in message


def test_a_resume_refuses_what_it_could_say_nothing_about() -> None:
    for at in ([], [4], [-1]):
        with pytest.raises(ConfigError, match="from 0 to 3"):
            resumed(at=at)
    with pytest.raises(ConfigError, match="observe returned nothing"):
        resumed(observe=lambda run: None)
    with pytest.raises(DtypeError, match="step 0 is a Run: laws compare"):
        resumed(observe=lambda run: run)

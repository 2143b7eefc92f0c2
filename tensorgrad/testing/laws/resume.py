"""A training run that stops, is saved, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...errors import ConfigError
from .compare import Arrays, agree, arrays

LAW = "resumed_equals_uninterrupted"
UNSEEDED = "Two runs differ from the start: is something random unseeded, or shared?"
LOST = (
    "Does save or load leave it out, or does what was saved share memory with the run, "
    "which went on?"
)
FORGOT = (
    "After loading it was right, so a step reads something else that did not come "
    "back: the optimiser's memory or step count, a generator, the place in the data?"
)


def resumed_equals_uninterrupted(
    start: Callable[[], Any],
    step: Callable[[Any], Any],
    save: Callable[[Any], Any],
    load: Callable[[Any], Any],
    observe: Callable[[Any], Any],
    *,
    steps: int = 4,
    at: Iterable[int] | None = None,
) -> None:
    """step^(n-k)(load(save(step^k(start())))) = step^n(start()), bit for bit.

    start() -> run; step(run) -> run, or None if it changes the run in place;
    save(run) -> anything; load(that) -> run; observe(run) -> numbers and arrays, in
    dicts, lists and tuples: losses, weights. n is `steps`. Two runs are compared after
    every step, one of which is saved after each k in `at` (default: all from 0 to
    n - 1) and trains on: it must not notice, nor what it saved. Each is then loaded
    and goes on to n.

    >>> def start():
    ...     return {"w": 1.0, "velocity": 0.0}
    >>> def step(run):
    ...     velocity = 0.9 * run["velocity"] - run["w"]
    ...     return {"w": run["w"] + 0.1 * velocity, "velocity": velocity}
    >>> resumed_equals_uninterrupted(start, step, dict, dict, dict)
    >>> def forgetful(saved):
    ...     return {"w": saved["w"], "velocity": 0.0}
    >>> resumed_equals_uninterrupted(start, step, dict, forgetful, lambda run: run["w"])
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: resumed_equals_uninterrupted: run after
    step 2 is 0.81 when resumed from step 1 and 0.72 uninterrupted. ...
    """
    wanted = set(range(steps)) if at is None else set(at)
    if not wanted or not wanted <= set(range(steps)):
        raise ConfigError(
            f"{LAW}: at={sorted(wanted)} should be steps from 0 to {steps - 1}"
        )

    runs = Runs(step, observe)
    whole = [*runs.follow(start(), 0, steps)]
    if not whole[0]:
        raise ConfigError(f"{LAW}: observe returned nothing to compare")
    for k, what in runs.saved(start(), save, wanted, whole).items():
        resumed = runs.follow(load(what), k, steps)
        for i, found in enumerate(resumed, k):
            when = f"when resumed from step {k}", "uninterrupted"
            agree(LAW, found, whole[i], when, FORGOT if i > k else LOST, bits=True)


class Runs:
    """How a run goes on, and what is seen of it."""

    def __init__(
        self, step: Callable[[Any], Any], observe: Callable[[Any], Any]
    ) -> None:
        self.step, self.observe = step, observe

    def seen(self, run: Any, k: int) -> Arrays:
        return arrays(self.observe(run), f"run after step {k}")

    def advanced(self, run: Any) -> Any:
        after = self.step(run)
        return run if after is None else after

    def saved(
        self,
        run: Any,
        save: Callable[[Any], Any],
        wanted: set[int],
        whole: list[Arrays],
    ) -> dict[int, Any]:
        """What is saved after each wanted step; the run must not notice."""
        saved: dict[int, Any] = {}
        for k, expected in enumerate(whole):
            when = "in a run saved on the way", "in one that was not"
            cause = "Does saving change the run?"
            if not saved:
                when, cause = ("in a second run", "in the first"), UNSEEDED
            agree(LAW, self.seen(run, k), expected, when, cause, bits=True)
            if k in wanted:
                saved[k] = save(run)
            if k + 1 < len(whole):
                run = self.advanced(run)
        return saved

    def follow(self, run: Any, k: int, steps: int) -> Iterator[Arrays]:
        """What is seen after step k, and after each later one."""
        yield self.seen(run, k)
        for i in range(k + 1, steps + 1):
            run = self.advanced(run)
            yield self.seen(run, i)

"""Training and evaluation of one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .compare import Arrays, LawError, agree, arrays

LAW = "train_and_eval_differ_only_by_dropout"
Modules = dict[str, Any]


def train_and_eval_differ_only_by_dropout(
    model: Any, *inputs: Any, tolerance: float | None = None
) -> None:
    """train()(x) = eval()(x) once every dropout has p = 0; eval()(x) repeats itself.

    And where some p > 0, train()(x) differs from eval()(x). Dropout is what
    `model.modules()` gives that has a number `p` from 0 to 1. Afterwards the modes
    and every p are as they were; generators and running statistics have moved on. Batch
    norm breaks the law on purpose.

    >>> from types import SimpleNamespace as Layer
    >>> class Noisy:
    ...     training, drop = True, Layer(p=0.5, rng=np.random.default_rng(0))
    ...     def __call__(self, x):
    ...         return x * (self.drop.rng.random(x.shape) >= self.drop.p)
    ...     def named_modules(self):
    ...         return [("", self), ("drop", self.drop)]
    ...     def train(self, mode=True):
    ...         self.training = mode
    ...     def eval(self):
    ...         self.train(False)
    >>> train_and_eval_differ_only_by_dropout(Noisy(), np.ones((2, 3)))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: train_and_eval_differ_only_by_dropout:
    output[0, 1] is 1.0 in a second evaluation and 0.0 in the first (4 of 6 elements
    differ, this one most). The dropout 'drop' is still active: ...
    """
    modules = modules_of(model)
    drops = {name: m for name, m in modules.items() if is_dropout(m)}
    with as_they_were(modules, drops):
        model.eval()
        eval_repeats(model, inputs, modules, drops)
        active = [name for name, module in drops.items() if module.p > 0]
        set_all(drops, drops, 0.0)
        evaluated = arrays(model(*inputs))
        model.train()
        agree(
            LAW,
            arrays(model(*inputs)),
            evaluated,
            ("in training with every p = 0", "in evaluation"),
            "Does something beside dropout ask for the mode, as batch norm does, or "
            f"is some p read too early to be changed?{stuck(modules, True)}",
            tolerance=tolerance,
        )
        set_all(drops, active, 0.5)  # a small p might by chance drop nothing
        if active and same(arrays(model(*inputs)), evaluated):
            raise LawError(
                f"{LAW}: output is the same in training as in evaluation, although "
                f"{', '.join(map(repr, active))} should drop something. Is it ever "
                f"called?{stuck(modules, True)}"
            )


def eval_repeats(
    model: Any, inputs: tuple[Any, ...], modules: Modules, drops: Modules
) -> None:
    """LawError if two evaluations differ, with the dropout that makes them."""
    first, second = arrays(model(*inputs)), arrays(model(*inputs))
    if same(first, second):
        return
    when = "in a second evaluation", "in the first"
    cause = culprit(model, inputs, drops) + stuck(modules, False)
    agree(LAW, second, first, when, cause, bits=True)


def culprit(model: Any, inputs: tuple[Any, ...], drops: Modules) -> str:
    """What makes evaluation random: each dropout is tried alone."""

    def repeats() -> bool:
        return same(arrays(model(*inputs)), arrays(model(*inputs)))

    given = {name: module.p for name, module in drops.items()}
    set_all(drops, drops, 0.0)
    if not repeats():
        return "Something random beside dropout is active in evaluation"
    for name, p in given.items():
        set_all(drops, drops, 0.0)
        drops[name].p = p
        if not repeats():
            return f"The dropout {name!r} is still active: does it ask for `training`?"
    return "Dropout is active in evaluation: does it ask for `training`?"


def same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(a, other[name], equal_nan=a.dtype.kind == "f")
        for name, a in one.items()
    )


def set_all(drops: Modules, names: Iterable[str], p: float) -> None:
    for name in names:
        drops[name].p = p


def modules_of(model: Any) -> Modules:
    """Itself and all inside it by name, as far as the model can tell."""
    if hasattr(model, "named_modules"):
        return dict(model.named_modules())
    inside = model.modules() if hasattr(model, "modules") else [model]
    return {str(i): module for i, module in enumerate(inside)}


def is_dropout(module: Any) -> bool:
    p = getattr(module, "p", None)
    number = isinstance(p, int | float | np.number) and not isinstance(p, bool)
    return number and 0 <= p <= 1  # type: ignore[operator]


def stuck(modules: Modules, mode: bool) -> str:
    """The modules that train() or eval() did not reach."""
    left = [n for n, m in modules.items() if getattr(m, "training", mode) != mode]
    if not left:
        return ""
    call = "train()" if mode else "eval()"
    return f" {call} did not reach {', '.join(map(repr, left))}"


@contextmanager
def as_they_were(modules: Modules, drops: Modules) -> Iterator[None]:
    """Each module's mode and each dropout's p put back at the end."""
    modes = [(m, m.training) for m in modules.values() if hasattr(m, "training")]
    given = [(module, module.p) for module in drops.values()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for module, p in given:
            module.p = p

"""What a program's gradients should be: by finite differences, and by PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..differences import careful
from ..problem import GradientError

if TYPE_CHECKING:
    from .program import Gradients, Program


def finite_differences(
    program: Program, direction: Sequence[np.ndarray]
) -> tuple[float, float]:
    """The slope of the loss along `direction`, and how far it can be trusted."""
    _, constants = program.execute()

    def loss(leaves: Sequence[np.ndarray]) -> float:
        return program.execute(leaves, constants)[0].item()

    return careful(loss, [*program.leaves.values()], direction)


def check(program: Program) -> None:
    """Hold a program's loss and gradients against both oracles."""
    try:
        loss, gradients = program.run().item(), program.gradients()
        if importlib.util.find_spec("torch") is not None:
            _check_torch(program, loss, gradients)
        _check_slope(program, gradients)
    except GradientError:
        raise
    except Exception as error:
        error.add_note(f"In this program:\n\n{program}")
        raise


def _check_torch(program: Program, loss: float, gradients: Gradients) -> None:
    their_loss, theirs = program.in_torch()
    if abs(loss - their_loss) > 1e-10 * (1 + abs(their_loss)):
        raise _wrong(program, "the loss", loss, "PyTorch", their_loss)
    # What cancelled in one gradient shows in the size of the others.
    scale = 1 + max(np.abs(g).max(initial=0) for g in theirs.values())
    for name, g in gradients.items():
        if not np.abs(g - theirs[name]).max(initial=0) <= 1e-9 * scale:
            raise _wrong(program, f"{name}.grad", g, "PyTorch", theirs[name])


def _check_slope(program: Program, gradients: Gradients) -> None:
    """Check along one random direction; where that fails, name the worst leaf."""
    rng = np.random.default_rng(0)
    direction = [np.asarray(rng.normal(size=g.shape)) for g in gradients.values()]
    ours, numeric, allowed = _slopes(program, gradients, direction)
    if abs(ours - numeric) <= allowed:
        return
    worst = -1.0
    for i, name in enumerate(gradients):
        alone = [v * (i == j) for j, v in enumerate(direction)]
        one, other, _ = _slopes(program, gradients, alone)
        if not abs(one - other) <= worst:  # so that NaN counts as worst
            worst, ours, numeric = abs(one - other), one, other
            what = f"<{name}.grad, v>, v = {direction[i].round(3).tolist()},"
    raise _wrong(program, what, ours, "finite differences", numeric)


def _slopes(
    program: Program, gradients: Gradients, direction: Sequence[np.ndarray]
) -> tuple[float, float, float]:
    """Our slope along a direction, the numeric one, and how far they may differ."""
    numeric, uncertainty = finite_differences(program, direction)
    pairs = zip(gradients.values(), direction, strict=True)
    parts = [float((g * v).sum()) for g, v in pairs]
    # Rounding in the differences grows with what was summed, not with the sum.
    scale = 1 + sum(map(abs, parts))
    allowed = 1e-7 * scale + min(10 * uncertainty, 1e-3 * scale)
    return sum(parts), numeric, allowed


def _wrong(
    program: Program, what: str, ours: Any, oracle: str, theirs: Any
) -> GradientError:
    return GradientError(
        f"{what} is {ours} and by {oracle} {theirs}, in this program:\n\n{program}"
    )

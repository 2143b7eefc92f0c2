"""A program run by PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import MissingExtra
from .program import weights

if TYPE_CHECKING:
    from .program import Gradients, Program
    from .statement import Statement


def in_torch(program: Program) -> tuple[float, Gradients]:
    """The loss and its gradients, in float64.

    A write replaces the tensor under all of its names: here tensors have values and
    PyTorch's are memory, where views would change too.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(
            "running a program in PyTorch needs torch: pip install torch. "
            "(finite_differences needs nothing.)"
        ) from error
    leaves = {
        name: torch.tensor(x, requires_grad=True) for name, x in program.leaves.items()
    }
    values: dict[str, Any] = dict(leaves)
    for statement in program.statements:
        _run(torch, statement, values)
    loss: Any = 0.0
    for name in program.outputs:
        x = values[name]
        loss = loss + (x * torch.tensor(weights(tuple(x.shape)))).sum()
    return loss.item(), _gradients(torch, loss, leaves)


def _gradients(torch: Any, loss: Any, leaves: dict[str, Any]) -> Gradients:
    found = torch.autograd.grad(loss, [*leaves.values()], materialize_grads=True)
    return {name: g.numpy() for name, g in zip(leaves, found, strict=True)}


def _run(torch: Any, statement: Statement, values: dict[str, Any]) -> None:
    """Run one statement: change `values` as it does."""
    given = [values[name] for name in statement.names]
    with torch.set_grad_enabled(not statement.frozen):
        value = statement.kind.theirs(torch, *given, **statement.settings)
        value = value if statement.scale == 1 else statement.scale * value
    if statement.kind.role == "write":
        old = given[0]
        values.update({name: value for name, x in values.items() if x is old})
    elif statement.kind.role != "alias" and any(value is x for x in values.values()):
        value = value.view_as(value)  # another tensor, which a write can replace alone
    values[statement.target] = value

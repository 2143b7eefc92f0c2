"""Program: a computation that can be printed, run, differentiated and checked."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...tensor import Tensor
from .statement import Statement, literal

Gradients = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """A random computation: leaves, statements, and a loss that weighs the outputs.

    `str(program)` is the same as Python, complete and ready to run. `outputs` are the
    variables that nothing later reads.

    >>> from tensorgrad.testing.programs import Program
    >>> program = Program({"x": np.array([0.5, -1.0])}, (), ("x",))
    >>> print(program)
    import numpy as np
    import tensorgrad as tg
    <BLANKLINE>
    x = tg.Tensor(np.array([0.5, -1.0]), requires_grad=True)
    loss = tg.sum(x * np.cos(range(x.size)).reshape(x.shape))
    loss.backward()
    print(loss.item(), x.grad)
    >>> program.run().item()
    -0.0403
    >>> program.gradients()
    {'x': array([1.    , 0.5403])}
    >>> program.check()
    """

    leaves: dict[str, np.ndarray]
    statements: tuple[Statement, ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        lines = ["import numpy as np", "import tensorgrad as tg", ""]
        for name, x in self.leaves.items():
            lines.append(f"{name} = tg.Tensor({literal(x)}, requires_grad=True)")
        for statement in self.statements:
            lines += statement.lines()
        grads = ", ".join(f"{name}.grad" for name in self.leaves)
        lines += [_loss(self.outputs), "loss.backward()"]
        return "\n".join([*lines, f"print(loss.item(), {grads})"])

    def __repr__(self) -> str:
        return f"Program:\n{textwrap.indent(str(self), '    ')}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would print the fields of a dataclass

    def tensors(self, inputs: Sequence[Any] = ()) -> list[Tensor]:
        """The leaves as Tensors that require gradients, with the values of `inputs`.

        Tensors are taken as they are. Without any, the leaves have their own values.
        """
        if inputs and len(inputs) != len(self.leaves):
            raise ShapeError(
                f"the program has {len(self.leaves)} leaves, not {len(inputs)}"
            )
        found = []
        own = self.leaves.values()
        for old, new in zip(own, inputs or own, strict=True):
            if np.shape(new) != old.shape:
                raise ShapeError(f"a leaf has shape {old.shape}, not {np.shape(new)}")
            tensor = new if isinstance(new, Tensor) else Tensor(new, requires_grad=True)
            found.append(tensor)
        return found

    def run(self, *inputs: Any) -> Tensor:
        """The loss, on `inputs` or on the leaves' own values."""
        return self.execute(inputs)[0]

    def execute(
        self, inputs: Sequence[Any] = (), constants: dict[int, np.ndarray] | None = None
    ) -> tuple[Tensor, dict[int, np.ndarray]]:
        """The loss, and the value of each statement that made a constant.

        Given `constants` of another run, those statements repeat them.
        """
        values: dict[str, Any] = dict(
            zip(self.leaves, self.tensors(inputs), strict=True)
        )
        made = {}
        for i, statement in enumerate(self.statements):
            if constants is not None and i in constants:
                value = Tensor(constants[i])
            else:
                value = statement.run(values)
            if statement.constant:
                made[i] = np.array(value.data)
            values[statement.target] = value
        return sum(weighed(values[name]) for name in self.outputs), made

    def gradients(self, *inputs: Any) -> Gradients:
        """d loss / d leaf, for each leaf: what backward() leaves in `.grad`."""
        leaves = self.tensors(inputs)
        for x in leaves:
            x.zero_grad()
        self.run(*leaves).backward()
        return {
            name: np.zeros(x.shape) if x.grad is None else np.array(x.grad.data)
            for name, x in zip(self.leaves, leaves, strict=True)
        }

    # --- oracles: imported when used, so that this file shows what a program is

    def in_torch(self) -> tuple[float, Gradients]:
        """The loss and the gradients of the same program in PyTorch.

        MissingExtra where PyTorch is not installed.
        """
        from .pytorch import in_torch

        return in_torch(self)

    def finite_differences(self, direction: Sequence[np.ndarray]) -> Any:
        """(slope, uncertainty) of the loss along `direction`, one array for each leaf.

        What was computed under no_grad, or detached, keeps its value, as for a
        derivative it is a constant. A gradient inside the program is computed by
        tensorgrad each time: its own derivative is what this checks, and it is checked
        in turn by programs where it is the loss that is differentiated.
        """
        from .oracles import finite_differences

        return finite_differences(self, direction)

    def check(self) -> None:
        """Hold the gradients against finite differences and, if installed, PyTorch.

        GradientError, with the program, where they differ.
        """
        from .oracles import check

        check(self)


def weighed(x: Tensor) -> Any:
    """The sum of x's elements, each with a weight: a plain sum cancels in softmax."""
    return (x * weights(x.shape)).sum()


def weights(shape: tuple[int, ...]) -> np.ndarray:
    return np.cos(range(math.prod(shape))).reshape(shape)


def _loss(outputs: tuple[str, ...]) -> str:
    """The loss as Python."""
    name = outputs[0] if len(outputs) == 1 else "v"
    term = f"tg.sum({name} * np.cos(range({name}.size)).reshape({name}.shape))"
    if len(outputs) == 1:
        return f"loss = {term}"
    return f"loss = sum({term} for v in ({', '.join(outputs)}))"

"""One fault: what it is, where it stands, how it is put in and taken out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from ...op import REGISTRY, Op

Undo = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Mutant:
    """A derivative with one fault, out of use until it is planted.

    >>> from tensorgrad.testing import mutants
    >>> mutant = mutants.of("multiply")[0]
    >>> mutant
    <multiply, x, sign: g * y -> -(g * y)>
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with mutant.planted():
    ...     (x * 5.0).backward()
    >>> x.grad
    Tensor(-5., dtype=float32)
    """

    op: str
    input: str
    fault: str
    before: str
    after: str
    where: str  # "elementwise.py:69", or "" where there is no source
    plant: Callable[[], Undo] = field(repr=False)

    @contextmanager
    def planted(self) -> Generator[None, None, None]:
        """A context in which the op has the fault, in the whole process.

        A graph is to be recorded and differentiated on the same side of its border.
        """
        undo = self.plant()
        try:
            yield
        finally:
            undo()

    def __repr__(self) -> str:
        what = ", ".join(part for part in (self.op, self.input, self.fault) if part)
        return f"<{what}: {self.change()}>"

    def change(self, width: int = 60) -> str:
        """`before -> after`, each shortened to what differs and a little around it."""
        before, after = " ".join(self.before.split()), " ".join(self.after.split())
        start = 0
        while before[start : start + 1] == after[start : start + 1] != "":
            start += 1
        start = max(0, start - width // 3) if len(before) > width else 0
        return f"{_window(before, start, width)} -> {_window(after, start, width)}"


def _window(text: str, start: int, width: int) -> str:
    """`width` characters from `start`, with dots where something is left out."""
    end = start + width
    left, right = "..." * (start > 0), "..." * (end < len(text))
    return f"{left}{text[start:end]}{right}"


def formula_of(op: Op, name: str, formula: Callable[..., Any]) -> Undo:
    """Give the op another formula for one input; call the result to give it back."""
    old = op.formulas

    def use(formulas: Any) -> None:
        op.formulas = formulas
        recompile(op)

    use({**old, name: formula})
    return lambda: use(old)


def code_of(function: FunctionType, code: CodeType) -> Undo:
    """Let `function` run other code, wherever it is known by whatever name."""
    old = function.__code__
    serves: list[Op] = []
    if _arguments(code) != _arguments(old):
        serves = [op for op in REGISTRY.values() if function in op.formulas.values()]

    def run(code: CodeType) -> None:
        function.__code__ = code
        for op in serves:
            recompile(op)

    run(code)
    return lambda: run(old)


def recompile(op: Op) -> None:
    """Look up again what the formulas ask for."""
    op._compile(op.stats)


def _arguments(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

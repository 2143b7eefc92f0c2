"""A statement of a random program, and the kinds of statement there are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import ops
from ...mode import no_grad

if TYPE_CHECKING:
    import hypothesis.strategies as st

    from .scope import Scope

# The variables that a statement reads, and its settings; None if nothing suits.
Choice = tuple[tuple[str, ...], dict[str, Any]] | None
Draw = Callable[["st.DrawFn", "Scope"], Choice]


@dataclass(frozen=True)
class Kind:
    """One kind of statement: how it is drawn, written, and run, here and in PyTorch.

    `text` is Python, with {0}, {1}, ... for the variables and {name} for a setting.
    `ours(*values, **settings)` computes it on Tensors; `theirs(torch, *values,
    **settings)` on PyTorch's. Where ours writes to its first value, theirs returns
    another tensor instead, since PyTorch's writes show through views.

    `role` is "value" for what computes a value. Others: "alias" (another name for
    the first variable), "write" (changes it), "constant" (a value that nothing is
    differentiated through), "gradient" (of the first variable for the second).
    """

    text: str
    draw: Draw
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    role: str = "value"


@dataclass(frozen=True)
class Statement:
    """`target = kind(names, settings)`, under no_grad if `frozen`, times `scale`."""

    kind: Kind
    target: str
    names: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    frozen: bool = False
    scale: float = 1.0  # keeps the program's values near 1

    @property
    def constant(self) -> bool:
        """Whether a derivative takes its value for a constant."""
        return self.frozen or self.kind.role == "constant"

    @property
    def reads(self) -> tuple[str, ...]:
        """The variables whose gradients it carries to its target."""
        if self.constant or self.kind.role == "gradient":
            return ()
        return self.names[1:] if self.kind.role == "write" else self.names

    def run(self, values: dict[str, Any]) -> Any:
        """Its value, on the Tensors that the variables hold."""
        if self.frozen:
            with no_grad():
                return self._value(values)
        return self._value(values)

    def _value(self, values: dict[str, Any]) -> Any:
        found = self.kind.ours(*[values[n] for n in self.names], **self.settings)
        return found if self.scale == 1 else self.scale * found

    def lines(self) -> list[str]:
        """It as Python."""
        settings = {name: shown(name, value) for name, value in self.settings.items()}
        text = self.kind.text.format(*self.names, **settings)
        if self.kind.role == "write":
            return [text]
        if self.scale != 1:
            one_call = text.startswith("tg.") and text.endswith(")")
            text = f"{self.scale} * {text if one_call else f'({text})'}"
        line = f"{self.target} = {text}"
        return ["with tg.no_grad():", f"    {line}"] if self.frozen else [line]


def shown(name: str, value: Any) -> str:
    """A setting as Python."""
    if name != "key":
        return literal(value) if isinstance(value, np.ndarray) else repr(value)
    if not isinstance(value, tuple):
        return _shown_part(value)
    return ", ".join(map(_shown_part, value)) + "," * (len(value) == 1) or "()"


def _shown_part(part: Any) -> str:
    """One part of a key between brackets."""
    if isinstance(part, slice):
        bounds = part.start, part.stop, part.step
        first, last, step = ["" if b is None else str(b) for b in bounds]
        return f"{first}:{last}" + (f":{step}" if step else "")
    if part is ...:
        return "..."
    if isinstance(part, np.ndarray):
        return str(part.tolist()) if part.ndim and part.size else literal(part)
    return str(part)


def literal(x: np.ndarray) -> str:
    """An array as Python, exactly.

    >>> literal(np.array([0.5, -1.0]))
    'np.array([0.5, -1.0])'
    """
    if x.size:
        return f"np.array({x.tolist()})"
    return f"np.zeros({x.shape}, {x.dtype.name!r})"


def named(
    name: str,
    draw: Draw,
    theirs: Callable[..., Any] | str,
    *settings: str,
    n: int = 1,
) -> Kind:
    """The kind that calls the op `name` on n variables, with those settings.

    `theirs` may be the name of PyTorch's function, below torch.
    """

    def ours(*xs: Any, **options: Any) -> Any:
        return getattr(ops, name)(*xs, **options)

    def their_own(torch: Any, *xs: Any) -> Any:
        return functools.reduce(getattr, str(theirs).split("."), torch)(*xs)

    given = [f"{{{i}}}" for i in range(n)] + [f"{s}={{{s}}}" for s in settings]
    text = f"tg.{name}({', '.join(given)})"
    return Kind(text, draw, ours, their_own if isinstance(theirs, str) else theirs)

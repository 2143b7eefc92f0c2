"""Writing to a tensor: x[i] = v, x += y, and what optimisers do."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops, tracing
from .call import record
from .coerce import constant
from .errors import DtypeError, MutationError, ShapeError
from .graph import Node, Variable
from .memory import alone
from .mode import ON, TRACED, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Writable(Variable):
    """A Variable that can be written to: the right gradient, or an error.

    A write goes into the tensor's own memory if nothing else sees it, else into a
    copy made first. So neither saved values nor other tensors ever change.
    """

    __slots__ = ()

    def writable(self) -> np.ndarray:
        """Its array, for writing in place: copied first if anything else sees it.

        For optimisers and initialisers. The graph does not see such a write.
        """
        if not alone(self._data):
            self._data = self._data.copy()
        return self._data

    def __setitem__(self, key: Any, value: Any) -> None:
        self._refuse_leaf("x[...] = value")
        if self._data.base is not None and not alone(self._data.base):
            raise MutationError(
                "this tensor is a view, of an index, a split or a reshape: x[0][1] = v "
                "would change a copy and never reach x. Write x[0, 1] = v, or copy() "
                "the view first"
            )
        sources = self.node, getattr(value, "node", None)
        key = constant(key, own=any(sources))
        value = getattr(value, "_data", value)
        if sources[1] is not None and recording() and self._data.dtype.kind != "f":
            raise DtypeError(
                f"a tracked value loses its gradient in a {self._data.dtype} tensor"
            )
        before = self._data.copy() if recording() == TRACED else None
        data = self.writable()
        data[key] = value
        if any(sources) and recording():
            # setitem saves no values, so it can be recorded as done in place
            settings = {"key": key}
            node = record(
                ops.setitem.op, (data, value), sources, data, settings=settings
            )
            if (mode := recording()) > ON:
                tracing.note(mode, node, (before, value), data, settings)
            self._move_to(node)

    def _in_place(self, name: str, operation: Callable[..., Any], other: Any) -> Self:
        self._refuse_leaf(f"x {name} y")
        out = operation(self, other)
        old = self._data
        if out.shape != old.shape or out.dtype != old.dtype:
            raise ShapeError(
                f"x {name} y: the result is {out.dtype} {out.shape}, the tensor "
                f"{old.dtype} {old.shape}"
            )
        self._data = out._data
        # under no_grad a tracked tensor keeps its place: so an optimiser's leaf does
        if recording() or self.node is None:
            self._move_to(out.node)
        return self

    def _refuse_leaf(self, what: str) -> None:
        if self.node is not None and self.node.op is None and recording():
            raise MutationError(
                f"{what} on a leaf that requires a gradient: its gradient would be "
                "that of another value. Wrap the write in no_grad(), or write to a copy"
            )

    def _move_to(self, node: Node | None) -> None:
        """Take another place in the graph, and retain the gradient there, if at all."""
        if node is not None and self.node is not None and self.node.tensor is not None:
            node.tensor, self.node.tensor = self.node.tensor, None
        self.node = node

    def __iadd__(self, other: Any) -> Self:
        return self._in_place("+=", operator.add, other)

    def __isub__(self, other: Any) -> Self:
        return self._in_place("-=", operator.sub, other)

    def __imul__(self, other: Any) -> Self:
        return self._in_place("*=", operator.mul, other)

    def __itruediv__(self, other: Any) -> Self:
        return self._in_place("/=", operator.truediv, other)

    def __ipow__(self, other: Any) -> Self:
        return self._in_place("**=", operator.pow, other)

    def __imatmul__(self, other: Any) -> Self:
        return self._in_place("@=", operator.matmul, other)

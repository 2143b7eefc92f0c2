"""Whole Jacobians and Hessians, a row or a column at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..differentiate import flow, leading_to
from ..errors import ConfigError
from ..graph import Node, wrap
from .arguments import selected
from .derivatives import transposed
from .recorded import Recorded, zeros
from .trees import leaves, rebuilt

MODES = (None, "reverse", "forward")


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str | None = None
) -> Callable[..., Any]:
    """The function x -> df/dx for an f that returns arrays: f's shape + x's shape.

    Of several arguments it is a tuple; of a tree, a tree; and for a tree of results, a
    tree of those. `mode` is "reverse", one row at a time, or "forward", one column at
    a time; left out, it is the cheaper one. f is called once in either.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian("jacobian", f, argnums, mode)


def hessian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """The function x -> d2f/dx2: f's shape + x's shape + x's shape.

    For a number f(x) of a vector x, a symmetric matrix. Of several arguments it is a
    tuple of tuples, d2f/dx_i dx_j in place [i][j].

    >>> hessian(lambda x: x[0] * x[0] * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return _jacobian("hessian", _jacobian("hessian", f, argnums), argnums)


def _jacobian(
    name: str, f: Callable[..., Any], argnums: Any, mode: str | None = None
) -> Callable[..., Any]:
    if mode not in MODES:
        raise ConfigError(f"{name}: mode={mode!r} is not 'reverse', 'forward' or None")

    def derived(*args: Any, **kwargs: Any) -> Any:
        record = Recorded(name, *selected(name, f, args, kwargs, argnums))
        rows = sum([y._data.size for y in record.ys])
        columns = sum([math.prod(x.shape) for x in record.nodes])
        # the first column costs as much as two rows more: g^T J has to be recorded
        cheaper = columns + 2 < rows
        forward = mode == "forward" or (mode is None and cheaper)
        blocks = (by_columns if forward else by_rows)(record, record.tracked())
        return _built(record, blocks)

    return derived


def _built(record: Recorded, blocks: list[list[Block]]) -> Any:
    """blocks[i][j], of output i by input j, as a tree of the outputs of the inputs'."""
    flat = [block.done() for row in blocks for block in row]
    given = iter(record.handed(leaves(record.tensors) * len(blocks), flat))
    return rebuilt(record.out, iter([rebuilt(record.tensors, given) for _ in blocks]))


def by_rows(record: Recorded, create: bool) -> list[list[Block]]:
    """A row d y_k / d x, by sending a one back from y_k."""
    blocks = []
    for y in record.ys:
        row = [Block(y._data, x, create) for x in record.nodes]
        for found in sent_back(y.node, y._data, record.nodes, create):
            for block, x in zip(row, record.nodes, strict=True):
                block.put(found.get(x))
        blocks.append(row)
    return blocks


def by_columns(record: Recorded, create: bool) -> list[list[Block]]:
    """A column d y / d x_k: g^T J is linear in g, and this its derivative by g."""
    gs, rows = transposed(record)
    targets = [g.node for g in gs]
    columns = []
    for x, gx in zip(record.nodes, rows, strict=True):
        column = [Block(g._data, x, create, by_column=True) for g in gs]
        node = None if gx is None else gx.node
        for found in sent_back(node, x, targets, create):
            for block, target in zip(column, targets, strict=True):
                block.put(found.get(target))
        columns.append(column)
    return [[column[i] for column in columns] for i in range(len(gs))]


def sent_back(
    node: Node | None, like: Any, targets: Sequence[Node], create: bool
) -> Iterator[dict[Node, Any]]:
    """What arrives at the targets from each element of `node` in turn.

    `like` has the node's shape and dtype.
    """
    if node is None:
        return
    wanted = set(targets)
    within = leading_to(wanted, [node])
    for k in range(math.prod(like.shape)):
        one = np.zeros(like.shape, like.dtype)
        one.flat[k] = 1
        seeds = [(node, wrap(one) if create else one)]
        yield flow(seeds, wanted, within, retain_graph=True, create_graph=create)


class Block:
    """dy/dx, of shape y.shape + x.shape: zeros, until its rows or columns are put."""

    def __init__(self, y: Any, x: Any, create: bool, by_column: bool = False) -> None:
        self.shape, self.dtype, self.by_column = y.shape + x.shape, x.dtype, by_column
        self.part = zeros(y if by_column else x)
        self.parts: list[Any] | None = [] if create else None
        self.put_so_far = 0
        if not create:
            self.array = np.zeros(self.shape, self.dtype)
            matrix = self.array.reshape(math.prod(y.shape), math.prod(x.shape))
            self.lines = matrix.T if by_column else matrix

    def put(self, part: Any) -> None:
        """The next row, or column; None for zeros."""
        if self.parts is not None:
            self.parts.append(self.part if part is None else part)
        elif part is not None:
            self.lines[self.put_so_far] = part._data.reshape(-1)
        self.put_so_far += 1

    def done(self) -> Any:
        """The whole of it, as a Tensor."""
        if self.parts is None:
            array = self.array
            del self.array, self.lines  # the caller's alone, it needs no copy
            return wrap(array)
        if not self.parts:
            return wrap(np.zeros(self.shape, self.dtype))
        whole = ops.stack(self.parts, axis=-1 if self.by_column else 0)
        whole = ops.reshape(whole, shape=self.shape)
        return whole if whole.dtype == self.dtype else whole.astype(self.dtype)

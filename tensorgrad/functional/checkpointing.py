"""Checkpoints: a function's graph is dropped, and made again when backward needs it.

The first run is recorded only to learn what the result depends on: the nodes from
before the call at which its graph starts. One node remains, with those as parents.
Its gradients come from a second run, whose graph is walked back to the same nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from types import CellType, FunctionType
from typing import Any

import numpy as np

from .. import tracing
from ..aliases import ALIAS, Plumbing, alias, pick
from ..call import Several
from ..differentiate import leading_to, made_since
from ..errors import GraphError, MutationError
from ..graph import Node, Send, Variable, next_order, walk, wrap
from ..mode import ON, recording, set_mode
from .randomness import generators, rewound, states
from .recorded import is_tracked, older
from .trees import leaves, rebuilt


def checkpoint(
    f: Callable[..., Any],
    *inputs: Any,
    rng: np.random.Generator | Iterable[np.random.Generator] | None = None,
    **kwargs: Any,
) -> Any:
    """f(*inputs, **kwargs), kept without its graph: backward runs f once more for it.

    That trades time for memory. Gradients reach the inputs, and whatever tensors f
    closes over, such as a module's parameters; of any order. f returns a Tensor, or a
    tuple, list or dict of them.

    The second run must do what the first did. The Generators found in f, its module
    and its inputs are rewound for it; name others as `rng`. Inputs may be written to
    in between. MutationError if a leaf that f uses was, GraphError if the second run
    gives other values. What else f does, such as counting its calls, it does twice.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, arXiv
    1604.06174.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x * x).sum(), x).backward()
    >>> x.grad
    Tensor([2., 4.], dtype=float32)
    """
    if not recording():
        return f(*inputs, **kwargs)
    return Replay(f, inputs, kwargs, rng).first(f)


class Replay:
    """A call that can be made again, and what it gave."""

    def __init__(self, f: Any, inputs: Any, kwargs: Any, rng: Any) -> None:
        self.f = frozen(f)
        given = (inputs, kwargs)
        self.states = states(generators(f, given, *listed(rng)))
        self.given = rebuilt(given, map(snapshot, leaves(given)))
        self.boundary: list[Node] = []  # where its graph starts: the node's parents
        self.held: list[tuple[Node, Any]] = []  # the leaves there, and their arrays
        self.outs: list[Any] = []

    def run(self, f: Any) -> tuple[Any, list[Any]]:
        """What f returns, and the tracked Tensors in it."""
        inputs, kwargs = rebuilt(self.given, map(reopened, leaves(self.given)))
        out = f(*inputs, **kwargs)
        return out, [y for y in leaves(out) if is_tracked(y)]

    def first(self, f: Any) -> Any:
        """Call f, and put one node in the place of its graph."""
        since = next_order()
        out, ys = self.run(f)
        ends = [y.node for y in ys]
        found = older(since, ends, made_since(since, ends))
        if not found:  # nothing from before the call: no gradient leaves it
            return out
        self.boundary = sorted(found, key=attrgetter("order"))
        tensors = [(node, tensor_of(node)) for node in self.boundary]
        self.held = [(node, x._data) for node, x in tensors if x is not None]
        self.outs = [y._data for y in ys]
        several = len(self.outs) > 1
        like = Several if several else self.outs[0]
        node = Node(CHECKPOINT, tuple(self.boundary), (self,), like)
        if recording() > ON:
            node.trace = tracing.Trace(tracing.source_lines())
        new = iter(pick(self.outs, node) if several else [wrap(self.outs[0], node)])
        known = [next(new) if is_tracked(y) else y for y in leaves(out)]
        return rebuilt(out, iter(known))

    def again(self, parents: Sequence[Node]) -> tuple[list[Node], list[Node]]:
        """The nodes of the outputs of a second run, and those at which it starts.

        The latter are new ones on `parents`: the walk through this graph must stop
        there, not go on through what it came from, nor run hooks a second time.
        """
        self.check_leaves()
        pairs = zip(parents, self.boundary, strict=True)
        starts = [Node(ALIAS, (parent,), (), like) for parent, like in pairs]
        since = next_order()
        with set_mode(ON), rewound(self.states):
            _, ys = self.run(self.f)
        ends = [y.node for y in ys]
        made = made_since(since, ends)
        if older(since, ends, made) != set(self.boundary) or not alike(ys, self.outs):
            raise GraphError(
                "checkpoint: run again for backward, f gave other values than before. "
                "Was a Generator not found (name it as rng=), or has something changed "
                "that f depends on?"
            )
        instead = dict(zip(self.boundary, starts, strict=True))
        for node in made:
            linked = [p and instead.get(p, p) for p in node.parents]
            node.parents = tuple(linked)
        return [instead.get(node, node) for node in ends], starts

    def check_leaves(self) -> None:
        """MutationError if one has another array now than at the end of the first run.

        We hold the old one, so that even an optimiser's write went to a copy.
        """
        for node, data in self.held:
            tensor = tensor_of(node)
            if tensor is not None and tensor._data is not data:
                raise MutationError(
                    f"checkpoint: a leaf of shape {node.shape} that f uses was written "
                    "to before the backward pass, which needs its old value. Call "
                    "backward first"
                )


class Checkpoint(Plumbing):
    """The result of a function that runs again for its derivative."""

    name = "checkpoint"
    inputs, variadic = ("inputs",), True

    def backward(
        self,
        node: Node,
        g: Any,
        parents: Sequence[Node | None],
        send: Send,
        create: bool = False,
    ) -> None:
        """From a second run: the gradient for each parent that wants one."""
        (replay,) = node.saved
        ends, starts = replay.again(node.parents)
        gs = g if type(g) is tuple else (g,)
        seeds = [(y, gy) for y, gy in zip(ends, gs, strict=True) if gy is not None]
        pairs = zip(starts, parents, strict=True)
        outer = {start: parent for start, parent in pairs if parent is not None}
        within = leading_to({*outer}, [y for y, _ in seeds])
        seeds = [(y, gy) for y, gy in seeds if y in within]
        for start, gx in walk(
            seeds, outer, retain_graph=create, create_graph=create, within=within
        ):
            send(outer[start], gx)

    def recorded_backward(
        self, node: Node, g: Any, parents: Sequence[Node | None], send: Send
    ) -> None:
        self.backward(node, g, parents, send, create=True)


CHECKPOINT = Checkpoint()


def frozen(f: Any) -> Any:
    """f with the present values of the variables that it closes over.

    In `for layer in layers: x = checkpoint(lambda x: layer(x), x)` they change later.
    """
    if not isinstance(f, FunctionType) or not f.__closure__:
        return f
    cells = tuple(map(copied, f.__closure__))
    twin = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
    twin.__kwdefaults__ = f.__kwdefaults__
    return twin


def copied(cell: CellType) -> CellType:
    try:
        return CellType(cell.cell_contents)
    except ValueError:  # nothing was assigned to it yet
        return CellType()


class Snapshot:
    """A Tensor's array and node: the Tensor itself may be written to later."""

    def __init__(self, x: Variable) -> None:
        self.data, self.node = x._data, x.node


def snapshot(x: Any) -> Any:
    """What to keep of an input, so that it is the same in the second run."""
    if isinstance(x, Variable):
        return Snapshot(x)
    return x.copy() if isinstance(x, np.ndarray) else x


def reopened(x: Any) -> Any:
    """The input for one run. What f does to its Tensor, it does to an alias."""
    return alias(wrap(x.data, x.node)) if isinstance(x, Snapshot) else x


def tensor_of(node: Node) -> Any:
    """A leaf's Tensor, while there is one."""
    return node.tensor() if node.op is None and node.tensor is not None else None


def listed(rng: Any) -> list[Any]:
    if rng is None:
        return []
    return [rng] if isinstance(rng, np.random.Generator) else list(rng)


def alike(ys: Sequence[Any], outs: Sequence[Any]) -> bool:
    """Whether the second run gave what the first did, up to the order of sums.

    A product of matrices may be summed in another order on other threads.
    """
    return len(ys) == len(outs) and all(map(close, [y._data for y in ys], outs))


def close(y: Any, out: Any) -> bool:
    if y.shape != out.shape or y.dtype != out.dtype:
        return False
    if np.array_equal(y, out, equal_nan=True):
        return True
    finite = out[np.isfinite(out)]
    scale = abs(finite).max() if finite.size else 0
    rtol = np.finfo(out.dtype).eps ** 0.75
    return np.allclose(y, out, rtol=rtol, atol=rtol * scale, equal_nan=True)

"""The graph that a computation leaves behind, and the walk backward through it.

Every op that touches a tracked tensor leaves a `Node`: which op it was, the
nodes of its inputs (`parents`), and the values its derivative will ask for
(`saved`). The node of the result points to the nodes of the inputs, never the
other way, and never to a Tensor, so dropping a loss frees its whole graph.

Differentiating is one walk over those nodes. Each node is visited once, after
everything that was computed from it, because only then has all of its gradient
arrived: with y = x * x; z = x + y, the gradient of x is complete when both the
product and the sum have sent theirs. That order is a topological sort, and it
comes for free: a node is always created after its parents, so the walk takes
the newest node first. Without hooks, freeing and the reuse of memory, it is

    arrived = {output: 1.0}

    def send(parent, gx):
        arrived[parent] = arrived.get(parent, 0) + gx

    while arrived:
        node = max(arrived, key=lambda node: node.order)
        g = arrived.pop(node)
        if node.op is None:  # a leaf
            yield node, g
        else:
            node.op.backward(node, g, node.parents, send)

In the example z sends g to y and to x; then y sends g * x to x, twice; and x, the
oldest, has 1 + 2 x.

Who owns a gradient? An op may send one array to two parents, or send on the very g
that it received. So adding in place is safe only for an array that nothing but
`arrived` holds. The reference count knows. A name that somebody keeps for the array
costs a copy, never a wrong number.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Container, Generator
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .anomaly import checking
from .errors import GraphError, MutationError, ShapeError
from .memory import alone
from .mode import ANOMALY, ON, recording, set_mode

if TYPE_CHECKING:
    from .tensor import Tensor
    from .tracing import Trace

next_order = count(1).__next__
Send = Callable[["Node", Any], None]  # to a parent, its gradient


class Node:
    """One op in the graph, or (with op None) a leaf that collects its gradient.

    `shape` and `dtype` are those of the op's result, and so of the gradient that
    arrives here. `order` counts creations: parents have smaller ones.
    """

    __slots__ = (
        *("op", "parents", "saved", "shape", "dtype", "order"),
        *("hooks", "tensor", "trace", "module"),  # rare, and quicker here than a dict
    )

    hooks: tuple[Callable[[Any], Any], ...]
    tensor: Callable[[], Tensor | None] | None  # weakly, whose .grad to fill
    trace: Trace | None  # the call, under `trace` and in anomaly mode
    # calls of nn modules that ended here, for drawings: (order at the start, label)
    module: tuple[tuple[int, str], ...]

    def __init__(
        self, op: Any, parents: tuple[Node | None, ...], saved: Any, like: Any
    ) -> None:
        self.op = op
        self.parents = parents
        self.saved = saved
        self.shape = like.shape
        self.dtype = like.dtype
        self.order = next_order()
        self.hooks = self.module = ()
        self.tensor = self.trace = None


class Variable:
    """What the graph knows of a tensor: its array, its node, its gradient.

    Tensor (tensor.py) adds operators and methods. They are built from the ops,
    and the ops from this class, so it comes first.
    """

    __slots__ = ("_data", "node", "_grad", "__weakref__")
    _data: np.ndarray
    node: Node | None
    _grad: Tensor | None


def result_class(cls: type[Any]) -> type[Any]:
    """Make `cls` what ops return (tensor.py decorates Tensor with it)."""
    global _result
    _result = cls
    return cls


_result: type[Any] = Variable
_new = object.__new__


def wrap(data: Any, node: Node | None = None) -> Any:
    """A Tensor over the array `data`, with no copy and no check."""
    tensor = _new(_result)
    tensor._data = data
    tensor.node = node
    tensor._grad = None
    return tensor


def leaf(tensor: Variable) -> Node:
    """The node of a tensor that the user made: where its gradient collects.

    It holds the tensor weakly. A strong reference would close a cycle, and when
    the tensor is gone, nobody can read its gradient.
    """
    node = Node(None, (), (), tensor._data)
    node.tensor = weakref.ref(tensor)  # type: ignore[assignment]
    return node


def walk(
    seeds: list[tuple[Node, Any]],
    wanted: Container[Node] | None = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
    within: set[Node] | None = None,
) -> Generator[tuple[Node, Any], None, None]:
    """Yield (node, its gradient) for the nodes `wanted`, newest first.

    If no others are named, those that fill a `.grad`. `seeds` are the nodes to start
    from, each with its gradient. With `within`, only those nodes are visited. Gradients
    are arrays; Tensors under `create_graph`, where the formulas that compute them are
    recorded like any other op. A leaf's gradient is an array that nothing else can see.
    """
    arrived: dict[Node, Any] = {}  # the gradient so far
    waiting: list[tuple[int, Node]] = []  # a heap by -order: the newest comes out first

    def send(parent: Node, gx: Any) -> None:
        if parent not in arrived:
            arrived[parent] = gx
            heappush(waiting, (-parent.order, parent))
        elif alone(arrived[parent]):
            arrived[parent] += gx
        else:  # x + x sends one array to both parents: it must stay what it is
            arrived[parent] = add(arrived[parent], gx)

    while seeds:  # emptied, so that nothing but `arrived` holds the gradients
        send(*seeds.pop(0))
    suspicious = recording() == ANOMALY
    while waiting:
        # 1. Take the newest node: all of its gradient has arrived.
        _, node = heappop(waiting)
        if node.op is None and not create_graph and not alone(arrived[node]):
            arrived[node] = np.array(arrived[node])
        g = arrived.pop(node)
        if node.hooks:
            g = run_hooks(node, g, create_graph)
        if node.tensor is not None if wanted is None else node in wanted:
            yield node, g
        if node.op is None:
            continue
        # 2. Differentiate its op: it sends the gradients to the parents.
        if node.saved is None:
            raise freed(node)
        parents = node.parents
        if within is not None:
            parents = tuple([p if p in within else None for p in parents])
        to = checking(node, g, send) if suspicious else send
        if create_graph:
            node.op.recorded_backward(node, g, parents, to)
        else:
            node.op.backward(node, g, parents, to)
        # 3. Let go of what it saved.
        if not retain_graph:
            node.parents, node.saved = (), None


def freed(node: Node) -> GraphError:
    """The error for a node that a backward pass has been through."""
    return GraphError(
        f"backward through {node.op.name}: an earlier backward freed this graph. "
        "Pass retain_graph=True to the first one to keep it."
    )


def add(x: Any, y: Any) -> Any:
    """x + y for gradients; for those of several outputs, slot by slot."""
    if type(x) is tuple:
        pairs = zip(x, y, strict=True)
        return tuple(
            [b if a is None else a if b is None else add(a, b) for a, b in pairs]
        )
    # under create_graph: recorded, under no_grad too
    if isinstance(x, Variable) and not recording():
        with set_mode(ON):
            return x + y
    return x + y


def run_hooks(node: Node, g: Any, create_graph: bool) -> Any:
    """g after the node's hooks, each of which may return another gradient."""
    with set_mode(ON if create_graph else recording()):
        for hook in node.hooks:
            given = g if create_graph else wrap(np.asarray(g))
            before = given._data
            changed = hook(given)
            if changed is None and given._data is not before:
                raise MutationError(
                    f"hook {hook!r} wrote to its gradient, which changes a copy: "
                    "return the new gradient instead"
                )
            if changed is not None:
                g = _replacement(hook, changed, node, create_graph)
    return g


def _replacement(hook: Any, changed: Any, node: Node, create_graph: bool) -> Any:
    """What a hook returned, in the gradient's shape and dtype."""
    if not isinstance(changed, Variable):
        changed = wrap(np.array(changed, node.dtype))
    if changed._data.shape != node.shape:
        raise ShapeError(
            f"hook {hook!r} returned a gradient of shape {changed._data.shape} for a "
            f"tensor of shape {node.shape}"
        )
    if changed._data.dtype != node.dtype:
        changed = changed.astype(node.dtype)
    return changed if create_graph else np.array(changed._data)

"""What becomes of the gradients that a walk finds.

`backward` adds each leaf's to its `.grad`; `grad` returns those asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .aliases import alias
from .errors import GraphError, ShapeError
from .graph import Node, Variable, add, freed, walk, wrap
from .memory import alone

if TYPE_CHECKING:
    from .tensor import Tensor


def backward(
    output: Tensor,
    gradient: Any = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Add d output / d leaf to the `.grad` of every leaf that `output` depends on.

    `gradient` weighs the output's elements; a single element needs none. The graph
    is freed on the way, unless `retain_graph`. Under `create_graph` the gradients
    are tracked too, so that they can be differentiated again.

    Adding to `.grad` is not for several threads at once: those that share parameters
    take their gradients from `grad`, and one of them sums.
    """
    for node, g in walk(
        [seed(output, gradient, create_graph)],
        retain_graph=retain_graph or create_graph,
        create_graph=create_graph,
    ):
        tensor = node.tensor and node.tensor()
        if tensor is not None:
            old, new = tensor._grad, kept(node, g)
            tensor._grad = new if old is None else add(old, new)


def kept(node: Node, g: Any) -> Any:
    """g as a Tensor of its own. An interior node's may be on its way elsewhere too."""
    if isinstance(g, Variable):
        return again(g)
    return wrap(g if node.op is None else np.array(g))


def seed(output: Tensor, gradient: Any, create_graph: bool) -> tuple[Node, Any]:
    """The output's node and the gradient to start from, checked."""
    node = output.node
    if node is None:
        raise GraphError(
            "backward of a tensor that nothing tracks: none of its inputs had "
            "requires_grad=True, or it was computed under no_grad, or detached"
        )
    if gradient is None:
        if output._data.size != 1:
            raise GraphError(
                f"backward of a tensor of shape {node.shape} needs a gradient of that "
                "shape: only a single element can start from 1. Sum it first?"
            )
        # np.ones takes 0.5 us more
        gradient = wrap(np.array(1, node.dtype).reshape(node.shape))
    elif not isinstance(gradient, Variable):
        gradient = wrap(np.array(gradient, node.dtype))
    if gradient._data.dtype != node.dtype:
        gradient = gradient.astype(node.dtype)
    if gradient._data.shape != node.shape:
        raise ShapeError(
            f"backward: a gradient of shape {gradient._data.shape} for a tensor of "
            f"shape {node.shape}"
        )
    return node, gradient if create_graph else gradient._data


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    gradients: Any = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Any:
    """d outputs / d inputs, returned instead of added to `.grad`.

    One input gives one Tensor, a sequence a tuple of them. Only nodes that lead to
    an input are visited. Inputs may be interior tensors, and may depend on each
    other. An input that the outputs don't depend on is an error, or with
    `allow_unused` None.
    """
    one = isinstance(outputs, Variable)
    ys: Any = [outputs] if one else list(outputs)
    gs: Any = [gradients] if one else gradients
    if gs is None:
        gs = [None] * len(ys)
    if len(gs) != len(ys):
        raise ShapeError(f"grad: {len(gs)} gradients for {len(ys)} outputs")
    xs: Any = [inputs] if isinstance(inputs, Variable) else list(inputs)
    for i, x in enumerate(xs):
        if x.node is None:
            raise GraphError(f"grad: input {i} (shape {x.shape}) is not tracked")
    seeds = [seed(y, g, create_graph) for y, g in zip(ys, gs, strict=True)]
    targets = {x.node for x in xs}
    found = flow(
        seeds,
        targets,
        leading_to(targets, [node for node, _ in seeds]),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )
    for i, x in enumerate(xs):
        if x.node not in found and not allow_unused:
            raise GraphError(
                f"grad: the outputs do not depend on input {i} (shape {x.shape}). "
                "Pass allow_unused=True to get None for it."
            )
    results = tuple([again(found.get(x.node)) for x in xs])
    return results[0] if isinstance(inputs, Variable) else results


def again(g: Any) -> Any:
    """Another Tensor for the same gradient: an input given twice gets two.

    On a node of its own, too. The gradient may be the very Tensor that was sent in, or
    one on a leaf's node, and is to be written to and differentiated by for itself.
    """
    return g if g is None else wrap(g._data, alias(g).node)


def flow(
    seeds: list[tuple[Node, Any]],
    targets: set[Node],
    within: set[Node] | None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Node, Any]:
    """The gradient that arrives at each target, as a Tensor; none where none does.

    With `within`, only those nodes are visited, such as `leading_to` gives.
    """
    steps = walk(
        [(node, g) for node, g in seeds if within is None or node in within],
        targets,
        retain_graph=retain_graph,
        create_graph=create_graph,
        within=within,
    )
    found: dict[Node, Any] = dict(steps)
    for node in found:  # an interior node's gradient may have gone elsewhere too
        if create_graph:
            found[node] = again(found[node])
        else:
            own = alone(found[node])
            found[node] = wrap(found[node] if own else np.array(found[node]))
    return found


def leading_to(targets: set[Node], outputs: list[Node]) -> set[Node]:
    """The nodes on a path from some output down to some target.

    Down from the outputs first; then up, as a node is useful if a parent is.
    """
    oldest = min((node.order for node in targets), default=0)
    return useful(targets, made_since(oldest, outputs))


def useful(targets: set[Node], nodes: list[Node]) -> set[Node]:
    """Those of `nodes`, parents first, that are a target or come from one."""
    found: set[Node] = set()
    for node in nodes:
        if node in targets or not found.isdisjoint(node.parents):
            found.add(node)
    return found


def made_since(order: int, outputs: list[Node]) -> list[Node]:
    """The outputs and what they were made from, back to `order`, parents first."""
    reached = {node for node in outputs if node.order >= order}
    todo = list(reached)
    while todo:
        node = todo.pop()
        if node.saved is None:
            raise freed(node)
        for parent in node.parents:
            if parent and parent.order >= order and parent not in reached:
                reached.add(parent)
                todo.append(parent)
    return sorted(reached, key=attrgetter("order"))

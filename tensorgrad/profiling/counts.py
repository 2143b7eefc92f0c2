"""What a call of an op costs at least, counted from its arrays.

A multiplication and an addition are one flop each. Only products of matrices, and what
is made of them, have a count: elsewhere, moving the bytes is what takes the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node, Variable
from ..op import Op


class Cost(NamedTuple):
    """Flops (0 where there is no count), bytes touched, bytes of new results."""

    flops: int
    touched: int
    made: int


def forward_cost(op: Op, inputs: Any, settings: dict[str, Any], out: Any) -> Cost:
    """The cost of `out`, as op.forward made it of arrays."""
    made, given = new(out, [inputs, *settings.values()])
    if op.name in PICKS:  # the rest of x is not looked at
        given = made
    count = FORWARD.get(op.name)
    flops = count(inputs, settings, out) if count else 0
    return Cost(flops, made + given if made else 0, made)


def backward_cost(
    op: Op, node: Node, g: Any, parents: Sequence[Node | None], found: Any
) -> Cost:
    """The cost of the gradients `found`, from g and what the node saved."""
    made, given = new(found, [g, node.saved])
    count = BACKWARD.get(op.name)
    flops = (
        count(dict(zip(op.names, node.saved, strict=True)), g, parents) if count else 0
    )
    return Cost(flops, made + given if made else 0, made)


# --- bytes

PICKS = {"embedding", "getitem", "take", "take_along_axis"}


def new(results: Any, given: Any) -> tuple[int, int]:
    """The bytes of the results that are no views of what was given, and of that."""
    known, touched, made = set(), 0, 0
    for x in arrays(given):
        whole = owner(x)
        known.add(id(whole))
        touched += min(x.nbytes, whole.nbytes)  # broadcast, x is as small as its owner
    for x in arrays(results):
        whole = owner(x)
        if id(whole) not in known:
            made += min(x.nbytes, whole.nbytes)
    return made, touched


def arrays(value: Any) -> list[Any]:
    """The arrays in a value: it, or what it is a Tensor, tuple or list of."""
    found, todo = [], [value]
    while todo:
        value = todo.pop()
        if isinstance(value, np.ndarray | np.generic):
            found.append(value)
        elif isinstance(value, tuple | list):
            todo += value
        elif isinstance(value, Variable):
            found.append(value._data)
    return found


def owner(x: Any) -> Any:
    """The array whose memory x lies in: x itself, unless it is a view."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


# --- flops

Flops = Callable[[Any, Any, Any], int]


def linear(inputs: Any, settings: Any, out: Any) -> int:
    return 2 * out.size * inputs[1].shape[1]


def linear_backward(saved: Any, g: Any, parents: Any) -> int:
    """One product for x, one for the weight."""
    x, weight, *_ = parents
    return 2 * size_of(g) * sum([p.shape[-1] for p in (x, weight) if p is not None])


def matmul(inputs: Any, settings: Any, out: Any) -> int:
    return 2 * size_of(out) * inputs[0].shape[-1]


def matmul_backward(saved: Any, g: Any, parents: Any) -> int:
    """One product for x, one for y, as long as the forward's each."""
    x, y = parents
    summed = [] if x is None else [x.shape[-1]]
    summed += [] if y is None else [y.shape[max(-2, -len(y.shape))]]
    return 2 * size_of(g) * sum(summed)


def conv2d(inputs: Any, settings: Any, out: Any) -> int:
    """A product with the whole window for each element of the result."""
    return 2 * out[0].size * math.prod(inputs[1].shape[1:])


def conv2d_backward(saved: Any, g: Any, parents: Any) -> int:
    """One product for x, one for the weight, as long as the forward's each."""
    needed = sum([parent is not None for parent in parents[:2]])
    return 2 * size_of(g) * math.prod(saved["weight"].shape[1:]) * needed


def contract(inputs: Any, settings: Any, out: Any) -> int:
    """einsum's pairwise products, in the order in which NumPy takes them."""
    subscripts = settings["subscripts"]
    labels, target = subscripts.split("->")
    terms, lengths = labels.split(","), dict[str, int]()
    if len(terms) == 1:  # no product
        return 0
    for term, x in zip(terms, inputs, strict=True):
        for label, n in zip(term, x.shape, strict=True):
            lengths[label] = max(n, lengths.get(label, 1))
    flops, path = 0, [(0, 1)]
    if len(terms) > 2:
        path = np.einsum_path(subscripts, *inputs, optimize=True)[0][1:]
    for step in path:
        taken = [terms.pop(i) for i in sorted(step, reverse=True)]
        together = set("".join(taken))
        flops += len(taken) * math.prod([lengths[label] for label in together])
        terms.append("".join(together.intersection("".join([*terms, target]))))
    return flops


def contract_backward(saved: Any, g: Any, parents: Any) -> int:
    """For each operand a sum over the same labels, with g in its place."""
    needed = sum([parent is not None for parent in parents])
    return needed * contract(saved["xs"], saved, g)


def attention(inputs: Any, settings: Any, out: Any) -> int:
    """q @ k.T and weights @ v, for the pairs that the causal mask leaves."""
    q, k, v = inputs[:3]
    pairs = visible(q, k, settings.get("causal", False))
    return 2 * pairs * (q.shape[-1] + v.shape[-1])


def attention_backward(saved: Any, g: Any, parents: Any) -> int:
    """Five products: the scores again, and for the gradients of weights, q, k and v."""
    q, k, v = [saved[name] for name in "qkv"]
    pairs = visible(q, k, saved["causal"])
    return 2 * pairs * (3 * q.shape[-1] + 2 * v.shape[-1])


def visible(q: Any, k: Any, causal: bool) -> int:
    """How many pairs of a query and a key there are, of all heads and batches."""
    *lead, T, _ = q.shape
    S = k.shape[-2]
    seen = np.arange(1, T + 1) + S - T if causal else np.full(T, S)
    return math.prod(lead) * int(seen.clip(0, S).sum())


def size_of(x: Any) -> int:
    return math.prod(x.shape)


FORWARD: dict[str, Flops] = {
    "attention": attention,
    "contract": contract,
    "conv2d": conv2d,
    "linear": linear,
    "matmul": matmul,
}
BACKWARD: dict[str, Flops] = {
    "attention": attention_backward,
    "contract": contract_backward,
    "conv2d": conv2d_backward,
    "linear": linear_backward,
    "matmul": matmul_backward,
}

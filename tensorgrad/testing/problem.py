"""A function and the point at which its derivatives are checked."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..differentiate import grad
from ..errors import DtypeError, GraphError, TensorgradError
from ..graph import Variable, wrap
from ..tensor import Tensor


class GradientError(TensorgradError, AssertionError):
    """A derivative that is not what the numbers say it is."""


class Constant(np.ndarray):
    """Numbers that a function takes but nobody differentiates, such as a mask.

    >>> np.zeros(2).view(Constant)
    Constant([0., 0.])
    """


class Problem:
    """f at a point, made a number: L = <w, f(x)>, with w random.

    w is random since an all-ones gradient cancels in softmax and in the norms, where
    a wrong derivative would pass; it is smaller for larger outputs, so that one of
    them does not drown the others. L1 = L; the higher ones are made of gradients,
    L2 = <v1, d(L1 + |w f|^2 / 2)/dx> and L3 = <v2, dL2/dx>, so the gradient of Lk is
    a directional derivative of order k.
    """

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any], seed: int) -> None:
        self.f = f
        self.given = [_unwrapped(x) for x in inputs]
        self.places = [i for i, x in enumerate(inputs) if differentiable(x)]
        # inputs are often drawn from default_rng(0): w must not be equal to them
        self.rng = np.random.default_rng([seed, 2024])
        self.point = [np.array(self.given[i]) for i in self.places]
        self.weights: list[np.ndarray] = []  # one for each output, drawn when known
        self.directions: list[list[np.ndarray]] = []  # [order][input]
        self.curved = True  # whether L2 and L3 have |w f|^2 / 2 in them

    def twin(self, **changed: Any) -> Problem:
        """The same problem with other weights, directions or points."""
        other = copy.copy(self)
        other.__dict__ |= {"directions": list(self.directions)} | changed
        return other

    def tensors(self, point: Sequence[np.ndarray] | None = None) -> list[Tensor]:
        """The differentiated inputs as leaves over the arrays of `point`."""
        arrays = self.point if point is None else point
        leaves = [wrap(x) for x in arrays]
        for x in leaves:
            x.requires_grad = True
        return leaves

    def outputs(self, leaves: Sequence[Any]) -> list[Any]:
        """What f gives, as a list of its real-valued outputs."""
        arguments = list(self.given)
        for i, x in zip(self.places, leaves, strict=True):
            arguments[i] = x
        outs = self.f(*arguments)
        outs = list(outs) if isinstance(outs, tuple | list) else [outs]
        for out in outs:
            if not isinstance(out, Variable | np.ndarray | float | int):
                raise GradientError(
                    f"{named(self.f)} returned {type(out).__name__}: a gradient check "
                    "needs a Tensor, or a tuple of Tensors"
                )
        return [out for out in outs if np.asarray(_data(out)).dtype.kind == "f"]

    def weighed(self, outs: Sequence[Any]) -> list[np.ndarray]:
        """w: an array for each output, drawn at the first call."""
        if not outs:
            raise DtypeError(
                f"{named(self.f)} has no output of floats to differentiate"
            )
        if not self.weights:
            arrays = [np.asarray(_data(out)) for out in outs]
            pairs = zip(arrays, self._nearby() or arrays, strict=True)
            for x, near in pairs:
                size = max(_overall(x), _overall(near)) or 1.0
                drawn = self.rng.normal(size=x.shape) / size
                self.weights.append(np.asarray(drawn))
        return self.weights

    def _nearby(self) -> list[np.ndarray]:
        """The outputs beside the point: at it they may cancel to a rounding error."""
        rng = np.random.default_rng([0, 2025])
        moves = [0.3 * typical(x) * rng.normal(size=x.shape) for x in self.point]
        point = [
            np.asarray(x + v, x.dtype) for x, v in zip(self.point, moves, strict=True)
        ]
        try:
            with np.errstate(all="ignore"):
                near = self.outputs(self.tensors(point))
            return [np.asarray(_data(x)) for x in near]
        except (ArithmeticError, ValueError):
            return []  # outside of f's domain

    def total(self, outs: Sequence[Any]) -> Any:
        """<w, f(x)>."""
        return inner(outs, self.weighed(outs))

    def direction(self, order: int) -> list[np.ndarray]:
        """A random direction in the space of the inputs, one for each order."""
        while len(self.directions) < order:
            self.directions.append(
                [
                    np.asarray(self.rng.normal(size=x.shape) * typical(x))
                    for x in self.point
                ]
            )
        return self.directions[order - 1]

    def terms(
        self, order: int, leaves: Sequence[Tensor]
    ) -> tuple[Sequence[Any], Sequence[np.ndarray]]:
        """What L of that order is the sum of: arrays, and the weight of each."""
        outs: Sequence[Any] = self.outputs(leaves)
        weights: Sequence[np.ndarray] = self.weighed(outs)
        for k in range(1, order):
            value = inner(outs, weights)
            if k == 1 and self.curved:
                value = value + curvature(outs, weights)
            outs = slopes(value, leaves, create_graph=True)
            weights = self.direction(k)
        return outs, weights

    def level(self, order: int, leaves: Sequence[Tensor]) -> Any:
        """L of that order at the leaves: a 0-d Tensor."""
        return inner(*self.terms(order, leaves))

    def noise(self, order: int) -> float:
        """What L of that order errs by: the rounding of all that it and L1 sum.

        A derivative near 0 may be the small difference of what is as large as L1,
        and L1 that of what is as large as its weights expect.
        """
        squares = float(sum(w.size for w in self.weights))
        for k in {1, order}:
            outs, weights = self.terms(k, self.tensors())
            pairs = zip(map(_data, outs), weights, strict=True)
            squares += float(sum(np.square(x * w).sum() for x, w in pairs))
        eps = float(np.finfo(np.float64).eps)
        return 4 * max(eps * squares**0.5, self._jitter(order, eps))

    def _jitter(self, order: int, eps: float) -> float:
        """How far L moves when the inputs do by rounding errors.

        f may have cancelled inside: a determinant near 0 has no digit left.
        """
        value, rng = self.value(order), np.random.default_rng(2)
        moved = [
            value([x * (1 + eps * rng.choice([-2, 2], x.shape)) for x in self.point])
            for _ in range(3)
        ]
        found = max(moved) - min(moved)
        return found if np.isfinite(found) else 0.0

    def value(self, order: int) -> Callable[[list[np.ndarray]], float]:
        """L of that order as a function of arrays."""
        return lambda xs: float(np.asarray(_data(self.level(order, self.tensors(xs)))))

    def gradient(
        self, order: int, point: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """dL/dx for each differentiated input, zeros where it has no influence."""
        leaves = self.tensors(point)
        return [g.data for g in slopes(self.level(order, leaves), leaves)]


def slopes(
    value: Any,
    leaves: Sequence[Tensor],
    create_graph: bool = False,
    retain_graph: bool = False,
) -> list[Tensor]:
    """The gradients of a 0-d Tensor, with zeros for None."""
    if not isinstance(value, Variable) or value.node is None:
        return [wrap(np.zeros_like(x._data)) for x in leaves]
    found = grad(
        value,  # type: ignore[arg-type]
        leaves,
        create_graph=create_graph,
        retain_graph=create_graph or retain_graph,
        allow_unused=True,
    )
    return [
        wrap(np.zeros_like(x._data)) if g is None else g
        for g, x in zip(found, leaves, strict=True)
    ]


def typical(x: np.ndarray) -> float:
    """The size of x's elements: the median of those that are not zero, or else 1."""
    sizes = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(sizes)) if sizes.size else 1.0


def _overall(x: np.ndarray) -> float:
    """The root of the mean square of x's elements."""
    finite = x[np.isfinite(x)]
    return float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0


def inner(xs: Sequence[Any], weights: Sequence[np.ndarray]) -> Any:
    """The sum of all elements, each times its weight."""
    parts = [(x * w).sum() for x, w in zip(xs, weights, strict=True)]
    return sum(parts[1:], start=parts[0])


def curvature(xs: Sequence[Any], weights: Sequence[np.ndarray]) -> Any:
    """Half the sum of (w x)^2, for what is differentiated again.

    With it the g that arrives at f depends on the point, so that a formula that takes
    g out of the graph shows. With <w, f(x)> alone g would be w, a constant.
    """
    scaled = [x * w for x, w in zip(xs, weights, strict=True)]
    return inner([0.5 * x * x for x in scaled], [np.ones(()) for _ in scaled])


def differentiable(x: Any) -> bool:
    """Whether a check differentiates with respect to x: a leaf, or floats."""
    if isinstance(x, Variable):
        return x.node is not None
    array = isinstance(x, np.ndarray | np.floating)  # a float of Python is a setting
    return array and not isinstance(x, Constant) and x.dtype.kind == "f"


def named(f: Any) -> str:
    """What to call a function in a message."""
    return getattr(f, "__name__", None) or type(f).__name__


def names_of(f: Any, count: int) -> list[str]:
    """What f calls its inputs; x0, x1 ... where it doesn't say."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind < p.VAR_POSITIONAL][:count]
    return names + [f"x{i}" for i in range(len(names), count)]


def _data(x: Any) -> Any:
    return x._data if isinstance(x, Variable) else x


def _unwrapped(x: Any) -> Any:
    """A tracked Tensor's array; the check makes leaves of its own."""
    if isinstance(x, Variable) and x.node is not None:
        if x.node.op is not None:
            raise GraphError("a gradient check needs leaves: detach() a computed input")
        return x._data
    return x

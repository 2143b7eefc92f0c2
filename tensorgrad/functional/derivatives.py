"""Gradients, and products with a Jacobian, its transpose or a Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..aliases import ALIAS
from ..differentiate import flow, leading_to
from ..graph import Node, next_order, wrap
from .arguments import listed, selected
from .recorded import Recorded, zeros


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function x -> df/dx, for an f that returns one number.

    `argnums` says by which arguments, one or several; the gradient of several is a
    tuple. All others are passed on as they are, and may be anything. With `has_aux`,
    f returns (value, aux), and this function (gradient, aux). Where f does not depend
    on an argument, the gradient is zero. ShapeError if f returns more than one
    number, DtypeError for an argument of integers.

    >>> grad(lambda x, y: x * x * y)(3.0, 2.0)
    array(12.)
    >>> grad(lambda p: (p["w"] * p["w"]).sum() + p["b"])({"w": np.ones(2), "b": 1.0})
    {'w': array([2., 2.]), 'b': array(1.)}
    """
    both = _derivative("grad", f, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(args, kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function x -> (f(x), df/dx): `grad`, with the value that is known anyway.

    With `has_aux` it is ((value, aux), gradient).

    >>> value_and_grad(lambda x: x * x)(3.0)
    (array(9.), array(6.))
    """
    both = _derivative("value_and_grad", f, argnums, has_aux)
    return lambda *args, **kwargs: both(args, kwargs)


def _derivative(name: str, f: Any, argnums: Any, has_aux: bool) -> Callable[..., Any]:
    def both(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        record = Recorded(name, *selected(name, f, args, kwargs, argnums), has_aux)
        create = record.tracked()
        # aux may need the same graph
        found = record.pull(record.one(), create=create, retain=create or has_aux)
        value = record.values()
        if has_aux:
            value = value, record.side_results()
        return value, record.gradients(found)

    return both


def vjp(f: Callable[..., Any], *inputs: Any, has_aux: bool = False) -> Any:
    """(f(*inputs), pullback), where pullback(g) is g^T J: a tuple, one per input.

    g is built like f's result, with the same shapes (ShapeError otherwise). The
    pullback may be called any number of times; it keeps f's graph alive. With
    `has_aux`, f returns (value, aux), and the result is (value, pullback, aux).

    >>> value, pullback = vjp(lambda x, y: x * y, 3.0, np.array([1.0, 2.0]))
    >>> pullback([1.0, 1.0])
    (array(3.), array([3., 3.]))
    """
    record = Recorded("vjp", *listed(f, inputs), has_aux)

    def pullback(g: Any) -> Any:
        begun = next_order()
        gs = record.cotangents(g)
        found = record.pull(gs, create=record.tracked(*gs), retain=True)
        if not record.outside:
            record.cut_off(found)
        return record.gradients(found, theirs=range(record.until, begun))

    results = record.values(), pullback
    return (*results, record.side_results()) if has_aux else results


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """(f(*primals), J t): f's value and its derivative along the tangents t.

    The primals are a tuple of arguments, or one argument by itself; the tangents are
    built like them. The cost is that of a few gradients, whatever the number of
    outputs. No rule of its own is needed: g^T J is linear in g, for every op, so that
    its derivative by g, along t, is J t.

    >>> jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 10.0))
    (array(6.), array(32.))
    """
    record = Recorded("jvp", *listed(f, primals))
    ts = record.tangents(tangents)
    create = record.tracked(*ts)
    gs, rows = transposed(record)
    pushed = along(rows, ts, [g.node for g in gs], create)
    outs = [zeros(g._data) if t is None else t for g, t in zip(gs, pushed, strict=True)]
    return record.values(), record.outputs(outs)


def transposed(record: Recorded) -> tuple[list[Any], list[Any]]:
    """Tracked cotangents g, and g^T J recorded, to be differentiated by g."""
    ones = record.ones()
    gs = [wrap(g._data, Node(ALIAS, (), (), g._data)) for g in ones]
    return gs, record.pull(gs, create=True, retain=True)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """H t, the Hessian of f times the tangents: the gradient's derivative along t.

    f returns one number. The primals are a tuple of arguments, or one argument by
    itself; the tangents and the result are built like them. Of the Hessian itself,
    nothing is made: it is the gradient of (gradient . t), at the cost of a few
    gradients.

    >>> hvp(lambda x: (x * x * x).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    record = Recorded("hvp", *listed(f, primals))
    ts = record.tangents(tangents)
    create = record.tracked(*ts)
    first = record.pull(record.one(), create=True, retain=True)
    found = along(first, ts, record.nodes, create, everywhere=not record.outside)
    return record.gradients(found)


def along(
    gradients: Sequence[Any],
    ts: Sequence[Any],
    targets: Sequence[Any],
    create: bool,
    everywhere: bool = False,
) -> list[Any]:
    """The gradient of (gradients . ts) by each target; None where there is none.

    `everywhere`: all of the graph leads to the targets.
    """
    pairs = zip(gradients, ts, strict=True)
    known = [(g, t) for g, t in pairs if g is not None and g.node is not None]
    seeds = [(g.node, t if create else t._data) for g, t in known]
    wanted = set(targets)
    within = None if everywhere else leading_to(wanted, [node for node, _ in seeds])
    found = flow(seeds, wanted, within, create_graph=create, retain_graph=create)
    return [found.get(node) for node in targets]

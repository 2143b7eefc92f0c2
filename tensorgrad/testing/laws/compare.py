"""Two results held against each other, and what a broken law says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DtypeError, TensorgradError

Array = NDArray[Any]
Arrays = dict[str, Array]
TINY = np.finfo(np.float64).tiny


class LawError(TensorgradError, AssertionError):
    """A law that does not hold: where, both numbers, and what to look for."""


def determinism(f: Callable[..., Any], *inputs: Any) -> None:
    """f(x) = f(x), bit for bit.

    The other laws check it first: two calls that differ by chance show nothing.

    >>> determinism(np.sin, np.ones(3))
    >>> rng = np.random.default_rng(0)
    >>> determinism(lambda x: x + rng.random(), 1.0)
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: determinism: output is 1.269... in a
    second call and 1.636... in the first. ...
    """
    settled("determinism", f, *inputs)


def settled(
    law: str, f: Callable[..., Any], *inputs: Any, name: str = "output"
) -> Arrays:
    """f's results, which a second call must repeat."""
    first, second = arrays(f(*inputs), name), arrays(f(*inputs), name)
    if not first:
        raise DtypeError(f"{law}: the function returned nothing to compare")
    agree(
        law,
        second,
        first,
        ("in a second call", "in the first"),
        "One input should have one result: call eval(), or seed what is random inside",
        bits=True,
    )
    return first


def leaves(result: Any, name: str = "output") -> Iterator[tuple[str, Any]]:
    """(name, value) of everything inside dicts, lists and tuples that is not None."""
    if isinstance(result, Mapping):
        for key, item in result.items():
            yield from leaves(item, f"{name}[{key!r}]")
    elif isinstance(result, list | tuple):
        for i, item in enumerate(result):
            yield from leaves(item, f"{name}[{i}]")
    elif result is not None:
        yield name, result


def arrays(result: Any, name: str = "output") -> Arrays:
    """The leaves as arrays of their own, which no later write reaches.

    >>> arrays({"loss": 0.5, "weights": [Tensor([1.0]), None]}, "run")
    {"run['loss']": array(0.5), "run['weights'][0]": array([1.], dtype=float32)}
    """
    found = {}
    for place, value in leaves(result, name):
        found[place] = np.array(getattr(value, "_data", value))
        if found[place].dtype.kind == "O":
            raise DtypeError(
                f"{place} is a {type(value).__name__}: laws compare numbers, strings, "
                "arrays and Tensors, and dicts, lists and tuples of them"
            )
    return found


class Gap(NamedTuple):
    """The element of one array that is furthest from what it should be."""

    size: float
    name: str
    at: tuple[int, ...]
    wrong: int  # how many elements of the array differ


def agree(
    law: str,
    found: Arrays,
    expected: Arrays,
    when: tuple[str, str],
    cause: str,
    *,
    tolerance: float | None = 0.0,
    bits: bool = False,
    at: tuple[int, ...] = (),
) -> None:
    """LawError where `found` is not `expected`, with the place that is furthest off.

    `when` says how either came about. With `bits` a NaN equals itself and dtypes
    count; else a NaN equals nothing. `at` goes before the index.
    """
    check_forms(law, found, expected, when, cause, bits)
    scale = 0.0 if bits else margin(found, expected, tolerance)
    gaps = [furthest(k, found[k], b, scale, bits) for k, b in expected.items()]
    wrong = [gap for gap in gaps if gap.wrong]
    if not wrong:
        return
    # distances between exact things say little: there, the first comes first
    _, name, index, count = wrong[0] if bits else max(wrong)
    one, two = found[name], expected[name]
    many = f" ({count} of {one.size} elements differ, this one most)"
    if str(one[index]) == str(two[index]) == "nan":
        cause = "A NaN equals nothing: first find where it comes from"
    raise LawError(
        f"{law}: {place(name, (*at, *index))} is {one[index]} {when[0]} and "
        f"{two[index]} {when[1]}{many if one.size > 1 else ''}. {cause}"
    )


def check_forms(
    law: str,
    found: Arrays,
    expected: Arrays,
    when: tuple[str, str],
    cause: str,
    bits: bool,
) -> None:
    """LawError unless both have the same names, shapes and, for bits, dtypes."""
    for one, other, whose in ((found, expected, when[0]), (expected, found, when[1])):
        alone = [name for name in one if name not in other]
        if alone:
            raise LawError(f"{law}: only {whose} is there {', '.join(alone)}. {cause}")
    for name, a in found.items():
        b = expected[name]
        if a.shape != b.shape or (bits and a.dtype != b.dtype):
            raise LawError(
                f"{law}: {name} is {a.dtype} of shape {a.shape} {when[0]} and "
                f"{b.dtype} of shape {b.shape} {when[1]}. {cause}"
            )


def margin(found: Arrays, expected: Arrays, tolerance: float | None) -> float:
    """How far apart floats may be: the tolerance times the largest one expected."""
    floats = [a for a in (*found.values(), *expected.values()) if a.dtype.kind == "f"]
    if tolerance is None:
        eps = max((float(np.finfo(a.dtype).eps) for a in floats), default=0.0)
        tolerance = eps ** (2 / 3)
    sizes = [
        np.abs(a[np.isfinite(a)]) for a in expected.values() if a.dtype.kind == "f"
    ]
    return tolerance * max((float(a.max(initial=0)) for a in sizes), default=0.0)


def furthest(name: str, a: Array, b: Array, margin: float, bits: bool) -> Gap:
    gaps = distances(a, b)
    wrong = other_bits(a, b) if bits else gaps > (margin if a.dtype.kind == "f" else 0)
    if not wrong.any():
        return Gap(0.0, name, (), 0)
    gaps = np.where(wrong, np.maximum(gaps, TINY), 0.0)  # 0 and -0 differ in bits
    index = tuple(map(int, np.unravel_index(int(np.argmax(gaps)), a.shape)))
    return Gap(float(gaps[index]), name, index, int(np.count_nonzero(wrong)))


def distances(a: Array, b: Array) -> NDArray[np.float64]:
    """|a - b|, 0 where they are equal, infinite for NaN, 1 between other things."""
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return np.asarray(a != b, np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    apart = np.where(np.isnan(apart), np.inf, np.maximum(apart, TINY))
    return np.where(a == b, 0.0, apart)


def other_bits(a: Array, b: Array) -> NDArray[np.bool_]:
    def rows(x: Array) -> Array:
        return np.ascontiguousarray(x).reshape(-1).view(np.uint8)

    width = max(1, a.dtype.itemsize)
    return (rows(a) != rows(b)).reshape(-1, width).any(axis=1).reshape(a.shape)


def place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name

"""Arrays as a page holds them: each once, small ones whole, large ones as a map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

WHOLE = 256  # elements: up to 16 x 16 are kept one by one
SIDE = 24  # rows and columns of a map
MANY = 1000  # nodes: with more, arrays are kept in a third of the detail
DIGITS = 7  # significant, which tells any two float32 apart that a reader would


class Arrays:
    """The arrays of a page, as JSON; elsewhere they are named by their place here.

    `nodes` is how many the page has, each of them with several arrays.
    """

    def __init__(self, nodes: int = 1) -> None:
        self.side = SIDE if nodes <= MANY else SIDE // 3
        self.whole = min(WHOLE, self.side**2)
        self.items: list[dict[str, Any]] = []
        self._places: dict[Any, int] = {}

    def add(self, array: Any) -> int | None:
        """The place of an array; equal ones share one. None stays None."""
        if array is None:
            return None
        array = np.asarray(getattr(array, "_data", array))
        key = (array.shape, array.dtype.str, array.tobytes())
        if array.size > self.whole:  # a hash instead of the bytes, which would be kept
            key = (*key[:2], hash(key[2]))
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(encoded(array, self.whole, self.side))
        return self._places[key]


def encoded(array: np.ndarray, whole: int = WHOLE, side: int = SIDE) -> dict[str, Any]:
    """An array as JSON: `data`, or beyond `whole` elements a `map` and its extremes."""
    about = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= whole:
        return {**about, "data": [number(x) for x in array.ravel().tolist()]}
    table = array.reshape(-1, array.shape[-1]).astype(np.float64)
    finite = table[np.isfinite(table)]
    rows, columns = blocks(table.shape[0], side), blocks(table.shape[1], side)
    means = block_means(table, rows, columns)
    return {
        **about,
        "map": {
            "rows": len(rows) - 1,
            "columns": len(columns) - 1,
            "data": [number(x) for x in means.ravel().tolist()],
        },
        "low": number(finite.min()) if finite.size else "nan",
        "high": number(finite.max()) if finite.size else "nan",
        "mean": number(finite.mean()) if finite.size else "nan",
        "norm": number(math.sqrt(float((finite * finite).sum()))),
        "bad": table.size - finite.size,
    }


def blocks(n: int, side: int) -> np.ndarray:
    """Where the parts of n rows begin, and the last ends: at most `side` of them."""
    return np.linspace(0, n, min(n, side) + 1).astype(int)


def block_means(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(table, rows[:-1], axis=0)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    return sums / np.outer(np.diff(rows), np.diff(columns))


def number(x: Any) -> Any:
    """A number with a few digits; NaN and infinities, which JSON has not, as words."""
    if isinstance(x, bool | int | str):
        return x
    if not math.isfinite(x):
        return str(x)
    short = float(f"{x:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short

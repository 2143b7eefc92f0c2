"""Arrays as a page holds them: each once, small ones whole, large ones as a map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

WHOLE = 256  # elements: up to 16 x 16 are kept one by one
SIDE = 24  # rows and columns of a map
DIGITS = 7  # significant, which tells any two float32 apart that a reader would


class Arrays:
    """The arrays of a page, as JSON; elsewhere they are named by their place here."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self._places: dict[Any, int] = {}

    def add(self, array: Any) -> int | None:
        """The place of an array; equal ones share one. None stays None."""
        if array is None:
            return None
        array = np.asarray(getattr(array, "_data", array))
        key = (array.shape, array.dtype.str, array.tobytes())
        if array.size > WHOLE:  # a hash instead of the bytes, which would be kept
            key = (*key[:2], hash(key[2]))
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(encoded(array))
        return self._places[key]


def encoded(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON: `data`, or beyond `WHOLE` elements a `map` and its extremes."""
    about = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= WHOLE:
        return {**about, "data": [number(x) for x in array.ravel().tolist()]}
    table = array.reshape(-1, array.shape[-1]).astype(np.float64)
    finite = table[np.isfinite(table)]
    rows, columns = blocks(table.shape[0]), blocks(table.shape[1])
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


def blocks(n: int) -> np.ndarray:
    """Where the parts of n rows begin, and the last ends: at most SIDE of them."""
    return np.linspace(0, n, min(n, SIDE) + 1).astype(int)


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

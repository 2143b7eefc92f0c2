"""The candidates for a token, with what a page needs to filter them exactly.

A page holds the logits of the likeliest N of V tokens. What temperature, top-k and
top-p make of them depends on the others too, so for each value that the page's sliders
can take, their sums are computed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, InputError
from .texts import packed

Array = NDArray[Any]
TEMPERATURES = [round(0.1 * i, 1) for i in range(21)]
TOP_KS = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200]
TOP_PS = [
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.92,
    0.95,
    0.98,
    0.99,
    1.0,
]


@dataclass(frozen=True)
class Grid:
    """How many candidates there are, and the values that the sliders can take.

    The settings are those of `nn.decoding.Sampling`: at the start, and never left out.
    """

    candidates: int = 200
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    suppress: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.candidates >= 1:
            _refuse("candidates", self.candidates, "1 or more")
        if not 0 <= self.temperature < math.inf:
            _refuse("temperature", self.temperature, "a number, 0 or more")
        if not 0 <= self.top_k <= self.candidates:
            _refuse("top_k", self.top_k, f"from 0 to the {self.candidates} candidates")
        if not 0 < self.top_p <= 1:
            _refuse("top_p", self.top_p, "a number above 0 and at most 1")

    @property
    def temperatures(self) -> list[float]:
        return sorted({*TEMPERATURES, float(self.temperature)})

    @property
    def top_ks(self) -> list[int]:
        """0, which is all of them, is the far end of the slider."""
        some = {k for k in (*TOP_KS, self.top_k) if 0 < k <= self.candidates}
        return [*sorted(some), 0]

    @property
    def top_ps(self) -> list[float]:
        return sorted({*TOP_PS, float(self.top_p)})

    def as_data(self) -> dict[str, Any]:
        names = ("temperature", "top_k", "top_p", "temperatures", "top_ks", "top_ps")
        return {name: getattr(self, name) for name in names}

    def allowed(self, V: int) -> NDArray[np.int64]:
        """The tokens that may be written, in order."""
        if self.suppress and not 0 <= max(self.suppress) < V:
            raise InputError(
                f"suppress: token {max(self.suppress)} is none of the model's {V}"
            )
        found = np.setdiff1d(np.arange(V), np.array(self.suppress, np.int64))
        if not found.size:
            raise InputError("suppress rules out every token that could follow")
        return found


def _refuse(name: str, value: object, what: str) -> None:
    raise ConfigError(f"next_token: {name} must be {what}; got {value!r}")


def candidates_of(logits: Array, grid: Grid) -> dict[str, Any]:
    """The candidates after each of T tokens, from logits (T, V), for the page.

    tokens, logits  (T, N), likeliest first, of equals the first
    total           (T,), log sum exp of all V logits
    ties            (T,), how many tokens beyond have the last one's logit
    tails           (T, temperatures), sum exp((l - max l) / temperature) beyond
    nuclei          where top-p reaches beyond: how many tokens, and their sum
    """
    allowed = grid.allowed(logits.shape[-1])
    N = min(grid.candidates, len(allowed))
    values = logits[:, allowed]
    order = np.argsort(-values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, -1)  # (T, V), largest first
    head, tail = ordered[:, :N], ordered[:, N:]
    kept = np.float64 if logits.dtype == np.float64 else np.float32
    data = {
        "tokens": packed(allowed[order[:, :N]].astype(np.int32)),
        "logits": packed(head.astype(kept)),
        "total": packed(log_sum_exp(logits)),
        "ties": np.count_nonzero(tail == head[:, -1:], axis=-1).tolist(),
        "beyond": tail.shape[-1],
    }
    if tail.shape[-1]:
        sums, nuclei = _beyond(ordered.astype(np.float64), N, grid)
        data |= {"tails": packed(sums), "nuclei": nuclei}
    return data


def log_sum_exp(logits: Array) -> NDArray[np.float64]:
    """log sum exp l of each row (..., V), in float64."""
    x = np.asarray(logits, np.float64)
    top = x.max(-1, keepdims=True)
    total: NDArray[np.float64] = np.log(np.exp(x - top).sum(-1)) + top[..., 0]
    return total


def _beyond(
    ordered: NDArray[np.float64], N: int, grid: Grid
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """tails and nuclei of logits (T, V), largest first."""
    temperatures, top_ps = grid.temperatures, [p for p in grid.top_ps if p < 1]
    sums = np.zeros((len(ordered), len(temperatures)))
    nuclei: dict[str, Any] = {}
    for t, row in enumerate(ordered - ordered[:, :1]):
        for i, temperature in enumerate(temperatures):
            if temperature == 0:  # one is left
                continue
            with np.errstate(over="ignore"):  # to -inf, as it should
                weights = np.exp(row / temperature)
            sums[t, i] = weights[N:].sum()
            summed = weights.cumsum()
            before = np.searchsorted(summed / summed[-1], top_ps)  # how many reach less
            last = np.minimum(before, len(row) - 1).tolist()
            for p, j in zip(top_ps, last, strict=True):
                if j >= N:
                    nuclei[f"{t},{i},{p!r}"] = [j + 1, float(summed[j])]
    return sums, nuclei

"""A tensor as a notebook shows it: a table if it is small, else a heat map.

Both are rows of the last axis, one under the other. Colours are see-through, and text
has the page's colour, so that they serve on a light page and on a dark one.
"""

from __future__ import annotations

import html
import math
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .png import png

if TYPE_CHECKING:
    from ..tensor import Tensor

ROWS, COLUMNS = 12, 10  # at most, of a table
TALL, WIDE = 64, 256  # at most, of a heat map, in elements
STRIP, HEIGHT, WIDTH = 16, 256, 512  # of one row, and at most, in pixels
# Okabe and Ito's, which colour-blind readers tell apart.
ABOVE, BELOW, UNKNOWN = (213, 94, 0), (0, 114, 178), (204, 121, 167)
FAINT = 0.6  # the deepest colour behind text

FONT = "font-family:monospace;font-size:0.85em"
FRAME = "background:none;outline:1px solid rgba(128,128,128,0.5)"
DOT = " · "
CELL = "padding:0.15em 0.6em;text-align:right;border:none"


def tensor_html(tensor: Tensor) -> str:
    """Its kind, shape, dtype and op, and what it holds."""
    data = tensor._data
    body = ""
    if data.size:
        grid = data.reshape(-1, data.shape[-1] if data.ndim else 1)
        small = grid.shape[0] <= ROWS and grid.shape[1] <= COLUMNS
        body = table(grid, data.shape) if small else heat_map(grid)
    return f'<div style="{FONT}">{heading(tensor)}{body}</div>'


def heading(tensor: Tensor) -> str:
    parts = [str(tensor.shape), str(tensor.dtype)]
    if tensor.node is not None:
        op = tensor.node.op
        parts.append("requires_grad" if op is None else f"op {op.name}")
    name = html.escape(type(tensor).__name__)
    return f"<div><b>{name}</b> {html.escape(DOT.join(parts))}</div>"


def table(grid: NDArray[Any], shape: tuple[int, ...]) -> str:
    """Every number, before its colour; a gap between matrices."""
    depth = strength(grid)
    lines = []
    for i, (row, colours) in enumerate(zip(grid, depth, strict=True)):
        # a matrix begins here
        gap = len(shape) > 2 and i > 0 and i % shape[-2] == 0
        style = CELL + ";border-top:0.6em solid transparent" * gap
        cells = (
            f'<td style="{style};background:{css(c)};background-clip:padding-box">'
            f"{html.escape(text(x))}</td>"
            for x, c in zip(row.tolist(), colours.tolist(), strict=True)
        )
        lines.append(f'<tr style="background:none">{"".join(cells)}</tr>')
    style = "border-collapse:collapse;width:auto;margin:0.3em 0"
    return f'<table style="{style}">{"".join(lines)}</table>'


def text(x: Any) -> str:
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def css(depth: float) -> str:
    """The colour of a number, as a style."""
    red, green, blue = UNKNOWN if math.isnan(depth) else ABOVE if depth > 0 else BELOW
    alpha = FAINT * (1.0 if math.isnan(depth) else abs(depth))
    return f"rgba({red},{green},{blue},{alpha:.2f})"


def heat_map(grid: NDArray[Any]) -> str:
    """A pixel for each number, or for evenly spaced ones; and what all range over."""
    steps = [-(-n // most) for n, most in zip(grid.shape, (TALL, WIDE), strict=True)]
    chosen = grid[:: steps[0], :: steps[1]]
    height, width = chosen.shape
    side = max(1, min(STRIP, HEIGHT // height, WIDTH // width))
    size = f"width:{width * side}px;height:{max(STRIP, height * side)}px"
    style = f"{size};max-width:100%;image-rendering:pixelated;margin:0.3em 0;{FRAME}"
    picture = b64encode(png(pixels(strength(chosen)))).decode()
    said = [summary(grid)] + [
        f"1 {what} in {step}"
        for step, what in zip(steps, ("row", "column"), strict=True)
        if step > 1
    ]
    return (
        f'<img alt="heat map" title="orange above 0, blue below" style="{style}" '
        f'src="data:image/png;base64,{picture}"><div>{html.escape(DOT.join(said))}</div>'
    )


def strength(grid: NDArray[Any]) -> NDArray[np.float64]:
    """Each number over the largest finite one: from -1 to 1, or NaN."""
    with np.errstate(all="ignore"):
        values = grid.astype(np.float64)
        largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
        return np.clip(values / (largest or 1.0), -1.0, 1.0)


def pixels(depth: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Their colours: (rows, columns, red green blue and opacity)."""
    found = np.empty((*depth.shape, 4), np.uint8)
    unknown = np.isnan(depth)
    found[..., :3] = np.where(depth[..., None] > 0, ABOVE, BELOW)
    found[unknown, :3] = UNKNOWN
    found[..., 3] = np.round(255 * np.abs(np.where(unknown, 1.0, depth)))
    return found


def summary(grid: NDArray[Any]) -> str:
    """What the finite numbers are like, and how many are not finite."""
    finite = np.isfinite(grid)
    values = grid if finite.all() else grid[finite]
    parts = []
    if values.size:
        with np.errstate(all="ignore"):
            mean, std = values.mean(dtype=np.float64), values.std(dtype=np.float64)
        figures = {"min": values.min(), "max": values.max(), "mean": mean, "std": std}
        parts += [f"{name} {float(value):.4g}" for name, value in figures.items()]
    for name, found in (("NaN", np.isnan(grid)), ("infinite", np.isinf(grid))):
        parts += [f"{np.count_nonzero(found)} {name}"] * bool(found.any())
    return DOT.join(parts)

"""What the pictures of these pages have in common: colours, matrices, boxes, arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch, Rectangle

# Okabe and Ito's colours, which colour-blind readers tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
YELLOW, BLUE, RED, PINK = "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
GREY, INK = "#767676", "#1a1a1a"
# What a role looks like, on every page: strong for lines, pale for areas.
QUERY, KEY, VALUE = BLUE, RED, GREEN
PALE = {
    BLUE: "#d9e8f3",
    SKY: "#e6f3fb",
    RED: "#f9e0d2",
    ORANGE: "#fcefd2",
    GREEN: "#d9f0e8",
    PINK: "#f8e8f0",
    GREY: "#f0f0f0",
    "white": "white",
}

plt.rcParams.update(
    {
        "figure.facecolor": "white",  # a dark page shows a white card
        "savefig.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.8,
        "svg.hashsalt": "tensorgrad",  # the same picture is the same file
    }
)


def crisp() -> None:
    """In a notebook, draw as SVG: sharp at every zoom."""
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg")


crisp()


def shades(colour: str) -> LinearSegmentedColormap:
    """From white to a colour."""
    return LinearSegmentedColormap.from_list("shades", ["white", colour])


def matrix(
    axes: Any,
    values: Any,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    title: str = "",
    digits: int | None = 2,
    colour: str = BLUE,
    top: float | None = None,
    hidden: Any = None,
) -> None:
    """Numbers in cells, the darker the larger; `hidden` ones are hatched grey."""
    values = np.atleast_2d(np.asarray(values, float))
    hidden = np.zeros(values.shape, bool) if hidden is None else np.asarray(hidden)
    top = float(values[~hidden].max()) if top is None else top
    low = min(0.0, float(values[~hidden].min()))
    shown = np.where(hidden, np.nan, values)
    # not up to the full colour: dark text stays legible in every cell
    axes.imshow(shown, cmap=shades(colour), vmin=low, vmax=1.5 * top, aspect="equal")
    for (i, j), value in np.ndenumerate(values):
        if hidden[i, j]:
            corner = (j - 0.5, i - 0.5)
            tile = Rectangle(
                corner, 1, 1, fc="#e4e4e4", ec="#b4b4b4", hatch="///", lw=0
            )
            axes.add_patch(tile)
        elif digits is not None:
            axes.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=INK)
    grid(axes, values.shape)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(
        length=0, top=False, labeltop=True, labelbottom=False, bottom=False
    )
    axes.set_title(title)


def grid(axes: Any, shape: tuple[int, ...]) -> None:
    """White lines between cells, and no frame around them."""
    axes.set_xticks(np.arange(-0.5, shape[1]), minor=True)
    axes.set_yticks(np.arange(-0.5, shape[0]), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def canvas(width: float, height: float, right: float, above: float) -> Any:
    """Empty axes to draw boxes in, from (0, 0) to (right, above)."""
    _, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(0, right), ylim=(0, above))
    axes.axis("off")
    return axes


def box(
    axes: Any,
    x: float,
    y: float,
    text: str,
    *,
    width: float = 2.0,
    height: float = 0.6,
    colour: str = GREY,
    size: float = 9,
    bold: bool = False,
) -> None:
    """A rounded box around the point (x, y), pale inside."""
    shape = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=PALE[colour],
        edgecolor=INK if colour == "white" else colour,
        linewidth=1.2,
    )
    axes.add_patch(shape)
    weight = "bold" if bold else "normal"
    axes.text(x, y, text, ha="center", va="center", color=INK, size=size, weight=weight)


def arrow(
    axes: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    colour: str = GREY,
    bend: float = 0.0,
    style: str = "-|>",
    width: float = 1.3,
    text: str = "",
) -> None:
    """From one point to another, with a word beside its middle."""
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": style,
            "color": colour,
            "linewidth": width,
            "connectionstyle": f"arc3,rad={bend}",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.text(x + 0.08, y, text, size=8, color=GREY, va="center")


def path(axes: Any, points: Sequence[tuple[float, float]], colour: str = GREY) -> None:
    """A line with corners, and a head at its end."""
    xs, ys = zip(*points, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=colour, linewidth=1.3, solid_capstyle="butt")
    arrow(axes, points[-2], points[-1], colour=colour)

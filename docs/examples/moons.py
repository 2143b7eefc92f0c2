"""Two moons, told apart by a small network: what micrograd's demonstration does.

Two half circles of points reach into each other, so that no straight line separates
them. A network of two hidden layers with 16 neurons each bends the line until it
does. Its one output is a score: above 0 it means the upper moon, below 0 the lower.

The loss asks for more than the right sign. The hinge loss max(0, 1 - y score), with
y = 1 or -1 for the two moons, is 0 only once a score is on its side by a margin of
1, so that the boundary ends in the middle of the gap. Points beyond it have no loss,
and no say: the few that hold the boundary where it is have a ring in the picture.

Loss, weight decay and the falling learning rate are those of the demonstration in
github.com/karpathy/micrograd. What is new: the model is also asked about points that
it was not trained on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nn
import tensorgrad as tg
from common import History, Options, main, new_folder, save_picture
from nn import optim
from nn.data import DataLoader
from nn.progress import progress
from nn.recipe import TrainerConfig
from nn.report import curve, new_figure
from nn.trainer import Trainer

Array = NDArray[np.float32]


@dataclass(frozen=True)
class MoonOptions(Options):
    """Draw the boundary that a small network finds between two moons of points."""

    points: int = 100
    """How many points to train on."""
    noise: float = 0.1
    """How far points stray from their half circle (of radius 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("points", 2 <= self.points <= 10_000, "from 2 to 10000")
        self.require("noise", 0 <= self.noise <= 10, "from 0 to 10")


def two_moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points (n, 2), and for each the moon that it belongs to, 1 or -1 (n,)."""
    moon = np.where(np.arange(n) % 2 == 0, 1, -1)
    angle = rng.uniform(0, np.pi, n)
    # the lower moon is the upper one turned by half a circle, its tip in the middle
    x = 0.5 + moon * (np.cos(angle) - 0.5)
    y = 0.25 + moon * (np.sin(angle) - 0.25)
    points = np.stack([x, y], axis=-1) + noise * rng.standard_normal((n, 2))
    return points.astype(np.float32), moon.astype(np.float32)


def network(rng: np.random.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 16, rng=rng),
        nn.ReLU(),
        nn.Linear(16, 16, rng=rng),
        nn.ReLU(),
        nn.Linear(16, 1, rng=rng),
    )


def hinge(scores: Any, moon: Array) -> Any:
    """max(0, 1 - y score), element by element."""
    return tg.relu(1 - moon * scores)


def moons(options: MoonOptions) -> None:
    rng = np.random.default_rng(options.seed)
    points, moon = two_moons(options.points, options.noise, rng)
    new_points, new_moon = two_moons(1000, options.noise, rng)
    folder = new_folder("moons", options)

    model = network(rng)
    steps = 30 if options.quick else 100

    def objective(batch: Any) -> Any:
        points, moon = batch
        return hinge(model(points)[:, 0], moon).sum(), len(points)

    history = History()
    trainer = Trainer(
        model,
        objective,
        DataLoader((points, moon), batch_size=len(points)),  # all of them, each step
        TrainerConfig(
            max_steps=steps,
            learning_rate=1.0,
            min_lr=0.1,
            warmup_steps=0,
            schedule="linear",
            clip=0,
        ),
        # a penalty of 1e-4 times the sum of all squares: its gradient has a 2
        optimizer=optim.SGD(model.parameters(), lr=1.0, weight_decay=2e-4),
        callbacks=[history, progress(options.plain, "points")],
    )
    trainer.run()

    draw(folder / "moons.png", model, points, moon, history)
    seen, unseen = accuracy(model, points, moon), accuracy(model, new_points, new_moon)
    print(
        f"On the right side: {seen:.1%} of the {len(points)} points it was trained on, "
        f"{unseen:.1%} of {len(new_points):,} new ones"
    )


def scores_of(model: nn.Sequential, points: Array) -> Array:
    with tg.no_grad():
        scores: Array = model(points)[:, 0].numpy()
    return scores


def accuracy(model: nn.Sequential, points: Array, moon: Array) -> float:
    return float(np.mean(scores_of(model, points) * moon > 0))


def draw(
    path: Path, model: nn.Sequential, points: Array, moon: Array, history: History
) -> None:
    figure = new_figure(11, 4.5)
    plane, losses = figure.subplots(1, 2, width_ratios=[3, 2])

    low, high = points.min(axis=0) - 0.4, points.max(axis=0) + 0.4
    xs, ys = np.linspace(low[0], high[0], 200), np.linspace(low[1], high[1], 200)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).astype(np.float32)  # (200, 200, 2)
    z = scores_of(model, grid.reshape(-1, 2)).reshape(200, 200)
    shade = plane.contourf(
        xs, ys, z.clip(-3, 3), np.linspace(-3, 3, 13), cmap="RdBu", alpha=0.6
    )
    plane.contour(
        xs, ys, z, [-1, 0, 1], colors="black", linestyles=["dashed", "solid", "dashed"]
    )
    plane.scatter(*points.T, c=moon, cmap="RdBu", edgecolors="black", s=36)
    holding = moon * scores_of(model, points) < 1.1  # the margin, or a hair beyond
    label = f"the {holding.sum()} points that hold the boundary"
    rings = points[holding].T
    plane.scatter(*rings, s=130, facecolors="none", edgecolors="black", label=label)
    plane.legend(loc="upper right")
    plane.set(title="boundary (solid), margins of 1 (dashed)", aspect="equal")
    figure.colorbar(shade, ax=plane, label="score", shrink=0.8)

    losses.plot(*curve(history.records, "loss"))
    losses.set(
        title="learning", xlabel="step", ylabel="mean hinge loss", ylim=(0, None)
    )
    losses.grid(alpha=0.3)
    save_picture(figure, path, "the points and the boundary between the two moons")


if __name__ == "__main__":
    sys.exit(main("moons", MoonOptions, moons))

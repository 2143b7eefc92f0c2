"""A curve from noisy points, and its slope, which nobody measured.

A network of one input and one output, with two hidden layers of tanh, is fitted to
points y = f(x) + noise by their mean squared error. Three things are worth a look:

The noise floor. No fit can predict the noise of new points, so its mean squared error
on them can't get below the noise's variance. A good fit comes close to it. On the
points that it was trained on it may be lower: that part of the noise it has learnt by
heart.

The way there. A network learns the slow bends first and the fast ones last, which the
fits along the way show.

The slope. The network is a function like any other, so `tg.grad` gives its derivative
by x, with the parameters left alone: the slope of a curve of which we only have noisy
heights. (Differences of neighbouring points would give noise divided by a small step.)
It is worst at both ends, where there are points on one side only.
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
from nn.data import DataLoader
from nn.losses import mse_loss
from nn.progress import Callback, progress
from nn.recipe import TrainerConfig
from nn.report import Record, curve, new_figure, smoothed
from nn.trainer import Trainer

Column = NDArray[np.float32]  # (n, 1)
REACH = 3.0  # x goes from -3 to 3


@dataclass(frozen=True)
class CurveOptions(Options):
    """Fit a network to a noisy curve, and differentiate the fit."""

    points: int = 200
    """How many points to fit."""
    noise: float = 0.2
    """The standard deviation of the noise; the curve itself goes from -1.9 to 1.9."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("points", 1 <= self.points <= 100_000, "from 1 to 100000")
        self.require("noise", 0 <= self.noise <= 10, "from 0 to 10")


def height(x: Any) -> Any:
    """f(x) = sin(x^2) + x / 3: the further from 0, the faster it waves."""
    return tg.sin(x * x) + x / 3


def slope(x: Any) -> Any:
    """f'(x) = 2 x cos(x^2) + 1 / 3"""
    return 2 * x * tg.cos(x * x) + 1 / 3


def measured(n: int, noise: float, rng: np.random.Generator) -> tuple[Column, Column]:
    """x and y, (n, 1) each: points on the curve, heights with noise."""
    x = rng.uniform(-REACH, REACH, (n, 1))
    y = height(x) + noise * rng.standard_normal((n, 1))
    return x.astype(np.float32), y.astype(np.float32)


def network(rng: np.random.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(1, 32, rng=rng),
        nn.Tanh(),
        nn.Linear(32, 32, rng=rng),
        nn.Tanh(),
        nn.Linear(32, 1, rng=rng),
    )


def fitted(model: nn.Sequential, x: Column) -> Column:
    with tg.no_grad():
        y: Column = model(x).numpy()
    return y


def fitted_slope(model: nn.Sequential, x: Column) -> Column:
    """The derivative of the fit at each x, (n, 1).

    Each output depends on its own x alone, so that the derivatives of their sum are
    all of them, from one backward pass.
    """
    at = tg.Tensor(x, requires_grad=True)
    slopes: Column = tg.grad(model(at).sum(), at).numpy()
    return slopes


class Snapshots(Callback):
    """Keeps the fit at some steps."""

    def __init__(self, model: nn.Sequential, x: Column, steps: list[int]) -> None:
        self.model, self.x, self.steps = model, x, steps
        self.fits: dict[int, Column] = {}

    def stepped(self, trainer: Trainer, record: Record) -> None:
        if trainer.step in self.steps:
            self.fits[trainer.step] = fitted(self.model, self.x)


def fit_curve(options: CurveOptions) -> None:
    rng = np.random.default_rng(options.seed)
    x, y = measured(options.points, options.noise, rng)
    new_x, new_y = measured(10_000, options.noise, rng)
    line = np.linspace(-REACH, REACH, 500, dtype=np.float32)[:, None]
    folder = new_folder("fit_curve", options)

    model = network(rng)
    steps = 300 if options.quick else 2000

    def objective(batch: Any) -> Any:
        x, y = batch
        return mse_loss(model(x), y, reduction="sum"), len(y)

    history = History()
    snapshots = Snapshots(model, line, [steps // 20, steps // 8, steps])
    trainer = Trainer(
        model,
        objective,
        DataLoader((x, y), batch_size=len(x)),
        TrainerConfig(
            max_steps=steps,
            learning_rate=0.01,
            warmup_steps=steps // 50,
            weight_decay=0.5,  # small weights make smooth curves
            eval_interval=steps // 10,
        ),
        held_out=[(new_x, new_y)],
        callbacks=[history, snapshots, progress(options.plain, "points")],
    )
    trainer.run()

    draw(folder / "fit_curve.png", model, x, y, line, history, snapshots, options.noise)
    report(model, x, y, new_x, new_y, options.noise)


def mean_square(errors: Any) -> float:
    return float(np.mean(np.square(errors)))


def report(
    model: nn.Sequential,
    x: Column,
    y: Column,
    new_x: Column,
    new_y: Column,
    noise: float,
) -> None:
    truth, slopes = height(new_x), slope(new_x)
    fit, fit_slopes = fitted(model, new_x), fitted_slope(model, new_x)
    rows = {
        f"fit, on its own {len(x)} points": mean_square(fitted(model, x) - y),
        f"fit, on {len(new_x):,} new points": mean_square(fit - new_y),
        "true curve, on new points": mean_square(truth - new_y),
        "noise floor": noise**2,
        "fit from true curve": mean_square(fit - truth),
        "its slope from true slope": mean_square(fit_slopes - slopes),
        "size of true slope": mean_square(slopes),
    }
    print("Mean squares:")
    for name, value in rows.items():
        print(f"  {name:<30} {value:7.4f}")


# --- the picture


def draw(
    path: Path,
    model: nn.Sequential,
    x: Column,
    y: Column,
    line: Column,
    history: History,
    snapshots: Snapshots,
    noise: float,
) -> None:
    figure = new_figure(13, 4.8)
    heights, slopes, losses = figure.subplots(1, 3, width_ratios=[4, 3, 3])

    heights.scatter(x, y, s=8, color="gray", alpha=0.6, label="points")
    heights.plot(line, height(line), "k--", label="true curve")
    colors = ("tab:cyan", "tab:orange", "tab:red")
    for (step, fit), color in zip(snapshots.fits.items(), colors, strict=True):
        heights.plot(line, fit, color=color, label=f"fit after {step} steps")
    heights.set(title="the fit, on its way", xlabel="x", ylabel="y")
    heights.legend(fontsize=9)

    slopes.plot(line, slope(line), "k--", label="true slope")
    slopes.plot(line, fitted_slope(model, line), color="tab:red", label="of the fit")
    slopes.set(title="the slope, by tg.grad", xlabel="x", ylabel="dy / dx")
    slopes.legend(fontsize=9)

    steps, squares = curve(history.records, "loss")
    losses.plot(steps, smoothed(squares), label="on its own points")
    losses.plot(*curve(history.records, "val_loss"), "o-", label="on new points")
    losses.axhline(noise**2, color="black", linestyle="dotted", label="noise floor")
    losses.set(title="mean squared error", xlabel="step", yscale="log")
    losses.legend(fontsize=9)
    for axes in (heights, slopes, losses):
        axes.grid(alpha=0.3)
    save_picture(figure, path, "points, fits and the slope of the last one")


if __name__ == "__main__":
    sys.exit(main("fit_curve", CurveOptions, fit_curve))

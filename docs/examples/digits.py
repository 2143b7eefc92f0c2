"""Handwritten digits: a plain network beside a convolutional one.

The 1,797 images of 8 x 8 grey pixels that come with scikit-learn. The last 360 are
held out: neither model ever learns from them, and no setting was chosen by them.

The plain network (MLP) sees 64 numbers and does not know which are neighbours. Each
of its hidden neurons has a weight for every pixel, so it learns a template of a whole
image. The convolutional one looks through windows of 3 x 3 pixels and uses the same
few weights wherever it looks: a stroke is the same stroke one pixel further on. With
hardly more parameters it makes less than half as many mistakes.

The picture shows how both learn (the test loss stops falling long before that of the
training images does), the weights of their first layers (templates here, edges and
strokes there), and test digits with what the convolutional network says: first those
that it gets wrong. Some of them a person would get wrong too.
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
from nn.evaluation import evaluating
from nn.losses import cross_entropy
from nn.progress import progress
from nn.recipe import TrainerConfig
from nn.report import curve, new_figure, smoothed
from nn.trainer import Trainer
from tensorgrad.errors import MissingExtra

Images = NDArray[np.float32]  # (n, 1, 8, 8), from 0 to 1
Labels = NDArray[np.int64]  # (n,)
HELD_OUT = 360


@dataclass(frozen=True)
class DigitsOptions(Options):
    """Teach a plain and a convolutional network to read handwritten digits."""


def load_images() -> tuple[Images, Labels]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingExtra(
            "the digits come with scikit-learn, in the extra `examples`: "
            "pip install '.[examples,viz]' in the checkout"
        ) from None
    digits = load_digits()
    images = digits.images[:, None].astype(np.float32) / 16  # (1797, 1, 8, 8)
    return images, digits.target.astype(np.int64)


def plain_network(rng: np.random.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),  # (B, 1, 8, 8) -> (B, 64)
        nn.Linear(64, 64, rng=rng),
        nn.ReLU(),
        nn.Linear(64, 10, rng=rng),
    )


def convolutional_network(rng: np.random.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, rng=rng),  # (B, 16, 8, 8)
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 16, 4, 4)
        nn.Conv2d(16, 32, 3, padding=1, rng=rng),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 32, 2, 2)
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10, rng=rng),
    )


def train(
    model: nn.Sequential, images: Images, labels: Labels, options: Options
) -> History:
    """Learn from all but the last images; the losses of each step and on those."""

    def objective(batch: Any) -> Any:
        images, labels = batch
        return cross_entropy(model(images), labels, reduction="sum"), len(labels)

    history = History()
    steps = 60 if options.quick else 1200
    trainer = Trainer(
        model,
        objective,
        DataLoader(
            (images[:-HELD_OUT], labels[:-HELD_OUT]),
            batch_size=32,
            shuffle=True,
            rng=options.seed,
        ),
        TrainerConfig(
            max_steps=steps,
            learning_rate=3e-3,
            warmup_steps=steps // 20,
            eval_interval=steps // 12,
        ),
        held_out=[(images[-HELD_OUT:], labels[-HELD_OUT:])],
        callbacks=[history, progress(options.plain, "images")],
    )
    trainer.run()
    return history


def predict(model: nn.Sequential, images: Images) -> Labels:
    with evaluating(model), tg.no_grad():
        logits = model(images).numpy()  # (n, 10)
    return np.argmax(logits, axis=-1)


def digits(options: DigitsOptions) -> None:
    images, labels = load_images()
    folder = new_folder("digits", options)
    rng = np.random.default_rng(options.seed)
    models = {"MLP": plain_network(rng), "convolutions": convolutional_network(rng)}
    histories = {}
    for name, model in models.items():
        print(f"\n{name}: {model.num_parameters():,} parameters")
        histories[name] = train(model, images, labels, options)

    images, labels = images[-HELD_OUT:], labels[-HELD_OUT:]
    said = {name: predict(model, images) for name, model in models.items()}
    draw(folder / "digits.png", models, histories, images, labels, said["convolutions"])
    print(f"Of {HELD_OUT} digits that neither has seen:")
    for name in models:
        right = said[name] == labels
        print(f"  {name:<12}  {right.mean():6.2%} right, {(~right).sum():2} mistakes")


# --- the picture


def draw(
    path: Path,
    models: dict[str, nn.Sequential],
    histories: dict[str, History],
    images: Images,
    labels: Labels,
    said: Labels,
) -> None:
    figure = new_figure(13, 7)
    left, right = figure.subfigures(1, 2, width_ratios=[2, 3])
    above, below = left.subfigures(2, 1)
    draw_curves(above.subplots(), histories)
    templates, filters = below.subplots(1, 2)
    mlp = models["MLP"][1].weight.detach().numpy().reshape(-1, 8, 8)
    draw_weights(templates, mlp[:16], "16 of the MLP's 64\nfirst neurons")
    conv = models["convolutions"][0].weight.detach().numpy()[:, 0]  # (16, 3, 3)
    draw_weights(filters, conv, "the 16 first filters\nof the convolutions")
    draw_digits(right, images, labels, said)
    save_picture(figure, path, "the learning, the first layers, and test digits")


def draw_curves(axes: Any, histories: dict[str, History]) -> None:
    for (name, history), color in zip(
        histories.items(), ("tab:orange", "tab:blue"), strict=True
    ):
        steps, losses = curve(history.records, "loss")
        axes.plot(steps, smoothed(losses), color=color, alpha=0.4)
        axes.plot(*curve(history.records, "val_loss"), "o-", color=color, label=name)
    axes.plot([], [], color="gray", alpha=0.5, label="pale: on training images")
    axes.set(title="loss on the test images", xlabel="step", yscale="log")
    axes.set(ylabel="cross-entropy (nats)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")


def draw_weights(axes: Any, weights: Images, title: str) -> None:
    """Sixteen, (16, N, N), four in a row: red is above 0, blue below."""
    weights = weights / abs(weights).max(axis=(1, 2), keepdims=True)
    framed = np.pad(weights, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    rows = [np.concatenate(list(framed[i : i + 4]), axis=1) for i in range(0, 16, 4)]
    axes.imshow(np.concatenate(rows), cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_title(title, fontsize=10)
    axes.axis("off")


def draw_digits(figure: Any, images: Images, labels: Labels, said: Labels) -> None:
    """Mistakes first, then digits from the start of what was held out."""
    wrong = said != labels
    order = np.argsort(~wrong, kind="stable")
    figure.suptitle(
        f"test images and what the convolutions say; red: all {wrong.sum()} mistakes"
        if wrong.sum() <= 40
        else "test images and what the convolutions say; red: 40 of the mistakes",
    )
    for axes, i in zip(figure.subplots(5, 8).flat, order, strict=False):
        axes.imshow(images[i, 0], cmap="gray_r")
        axes.axis("off")
        text = f"{said[i]}, is {labels[i]}" if wrong[i] else f"{said[i]}"
        axes.set_title(text, color="tab:red" if wrong[i] else "black", fontsize=11)


if __name__ == "__main__":
    sys.exit(main("digits", DigitsOptions, digits))

"""Wouldn't all attention heads end up with the same values? An experiment.

The heads of an attention layer do the same computation and are trained on the same
loss. What keeps them apart? Only where they start.

The task needs two heads. Places stand in a ring, each with 4 random numbers, and
every place must name the numbers of the place 1 back and of the place 3 back. One
head returns one weighted sum, w a + (1 - w) b of the two answers a and b; out of it
no linear map gets both. However w is chosen, half of the variance stays unexplained:
a floor at 1/2, which one head can't get below, and two different ones can.

Four models are trained, alike but for the first values of their two heads:

identical       The second head is a copy of the first: its rows of W_Q, W_K and W_V,
                and also its columns of W_O, through which its result goes on. The
                loss is then a symmetric function of the two heads. Where they are
                equal their gradients are equal, so that any optimiser changes them
                equally, and they stay equal for ever: one head, paid for twice.
moved by 1e-6   The same, with the second head's W_Q moved by as little. The symmetric
                place is a saddle: the difference grows exponentially from the first
                step on, yet for long nothing is to be seen, and then the heads part.
                How long that takes depends on the seed; it can outlast the run.
only W_O apart  W_Q, W_K and W_V are copies, W_O is random. The gradient reaches each
                head through its own columns of W_O, and differs from the first step on.
random          How layers start. The heads never were near each other, and that is
                why nobody meets the problem.

So: yes, to the last bit, if they started so; and they don't. The same holds for the
neurons of any layer: random first values are there to break the symmetry.
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
from common import Options, main, new_folder, save_picture
from nn.data import DataLoader
from nn.losses import mse_loss
from nn.progress import Callback, progress
from nn.recipe import TrainerConfig
from nn.report import Record, curve, new_figure
from nn.trainer import Trainer

Array = NDArray[np.float32]
T = 12  # places in the ring
N = 4  # numbers at each
BACK = (1, 3)
H, D = 2, N  # heads, and the channels of each
# So narrow that every BLAS tried adds up all columns alike. Wider matrices may go in
# blocks of unequal width, which round differently: then heads are equal to 1e-8, and
# the saddle makes a difference of that too.
C = H * D
STARTS = ("identical", "moved by 1e-6", "only W_O apart", "random")


@dataclass(frozen=True)
class HeadsOptions(Options):
    """Train two attention heads from equal first values, and from different ones."""


class LookBack(nn.Module):
    """Contents (B, T, N) -> (B, T, 2 N): those of the place 1 back, and 3 back.

    Where a head looks depends on positions alone, what it fetches on contents.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.position = nn.Embedding(T, C, rng=rng)
        self.content = nn.Linear(N, C, rng=rng)
        self.attention = nn.MultiHeadAttention(C, H, bias=False, rng=rng)

    def forward(self, contents: Array) -> Any:
        """What each place answers, and the weights (B, H, T, T) of its looking."""
        places = np.broadcast_to(np.arange(T), contents.shape[:2])
        where = self.position(places)  # (B, T, C)
        what = self.content(contents)  # (B, T, C)
        return self.attention(where, where, what, need_weights=True)


def rings(n: int, rng: np.random.Generator) -> Array:
    return rng.standard_normal((n, T, N), np.float32)


def answers(contents: Array) -> Array:
    """(B, T, N) -> (B, T, 2 N)"""
    return np.concatenate([np.roll(contents, k, axis=1) for k in BACK], axis=-1)


# --- heads as parts of the matrices


def heads_of(attention: nn.MultiHeadAttention) -> dict[str, Array]:
    """The matrices with the axis of heads in front, as views: (H, D, C) each.

    Head h has rows h D to (h + 1) D of W_Q, W_K and W_V, and those columns of W_O.
    """
    names = {"W_Q": "query", "W_K": "key", "W_V": "value"}
    parts = {
        matrix: getattr(attention, name).weight.writable().reshape(H, D, C)
        for matrix, name in names.items()
    }
    parts["W_O"] = attention.out.weight.writable().T.reshape(H, D, C)
    return parts


def prepare(attention: nn.MultiHeadAttention, start: str) -> None:
    """Give the heads the first values that a start asks for."""
    if start == "random":
        return
    for matrix, heads in heads_of(attention).items():
        if matrix != "W_O" or start != "only W_O apart":
            heads[1:] = heads[0]
    if start == "moved by 1e-6":
        heads_of(attention)["W_Q"][1] += 1e-6


def weight_difference(attention: nn.MultiHeadAttention) -> float:
    """The largest difference of a weight from its like in the other head."""
    return max(
        float(np.abs(heads - heads[0]).max()) for heads in heads_of(attention).values()
    )


def maps_of(model: LookBack) -> Array:
    """The weights with which each head looks: (H, T, T), the same for all contents."""
    with tg.no_grad():
        maps: Array = model(np.zeros((1, T, N), np.float32))[1].numpy()[0]
    return maps


def map_difference(maps: Array) -> float:
    """The share of its attention that a head gives to other places, 0 to 1."""
    return float(np.abs(maps[1] - maps[0]).sum(axis=-1).mean() / 2)


# --- the experiment


class Watch(Callback):
    """Adds to each step's record how far the heads are apart."""

    def __init__(self, model: LookBack) -> None:
        self.model = model
        self.records: list[Record] = []

    def stepped(self, trainer: Trainer, record: Record) -> None:
        weights = weight_difference(self.model.attention)
        maps = map_difference(maps_of(self.model))
        self.records.append({**record, "weights": weights, "maps": maps})


@dataclass(frozen=True)
class Outcome:
    loss: float  # over new rings, at the end
    records: list[Record]
    maps: Array


def train(start: str, options: Options) -> Outcome:
    # the same seed for all starts: they differ in what `prepare` does, and nowhere else
    for_model, for_data = np.random.default_rng(options.seed).spawn(2)
    model = LookBack(for_model)
    prepare(model.attention, start)
    held_out = rings(1024, for_data)
    held_out /= held_out.std()  # a variance of 1, so that half of it is 1/2
    steps = 200 if options.quick else 1500

    def objective(contents: Array) -> Any:
        answer, _ = model(contents)
        wanted = answers(contents)
        return mse_loss(answer, wanted, reduction="sum"), wanted.size

    watch = Watch(model)
    trainer = Trainer(
        model,
        objective,
        DataLoader(rings(4096, for_data), 32, shuffle=True, rng=for_data),
        TrainerConfig(
            max_steps=steps,
            learning_rate=0.01,
            schedule="constant",
            weight_decay=0.0,
            eval_interval=steps,
        ),
        held_out=[held_out],
        callbacks=[watch, progress(options.plain, "numbers")],
    )
    trainer.run()
    assert trainer.final_loss is not None  # as something was held out
    return Outcome(trainer.final_loss, watch.records, maps_of(model))


def do_heads_converge(options: HeadsOptions) -> None:
    folder = new_folder("do_heads_converge", options)
    outcomes = {}
    for start in STARTS:
        print(f"\nfirst values: {start}")
        outcomes[start] = train(start, options)
    draw(folder / "do_heads_converge.png", outcomes)
    report(outcomes)


def report(outcomes: dict[str, Outcome]) -> None:
    print(
        "\nOf the two heads: how far a weight of one ever was from its like in the "
        "other;\nthe share of attention given to different places at the end; the "
        "step at which the\nloss had left the floor of one head, 1/2, for half of it; "
        "the loss on new rings.\n"
    )
    print("first values    weights apart  attention apart  parted at step     loss")
    for start, outcome in outcomes.items():
        print(
            f"{start:<15} {most_apart(outcome):13.2g} "
            f"{map_difference(outcome.maps):16.1%} {parted_at(outcome):>15} "
            f"{outcome.loss:8.4f}"
        )
    most = most_apart(outcomes["identical"])
    if most == 0:
        print("\nIdentical heads were equal to the last bit after every step.")
    else:
        print(
            f"\nIdentical heads came apart by {most:.2g}: the machine's matrix product "
            "rounds\none head's columns differently from the other's. In exact "
            "arithmetic it is 0."
        )


def most_apart(outcome: Outcome) -> float:
    return max(float(record["weights"]) for record in outcome.records)


def parted_at(outcome: Outcome) -> str:
    low = (record["step"] for record in outcome.records if record["loss"] < 0.25)
    return str(next(low, "never"))


# --- the picture


def draw(path: Path, outcomes: dict[str, Outcome]) -> None:
    figure = new_figure(12, 6.7)
    above, below = figure.subfigures(2, 1, height_ratios=[3, 2])
    draw_curves(above, outcomes)
    below.suptitle("where each head looks, at the end", fontweight="bold")
    panels = below.subplots(1, len(outcomes) * H)
    for i, (start, outcome) in enumerate(outcomes.items()):
        for h in range(H):
            panel = panels[i * H + h]
            panel.imshow(outcome.maps[h], cmap="Blues", vmin=0, vmax=1)
            panel.set_title(f"{start}\nhead {h + 1}", fontsize=10)
            panel.set(xlabel="looks at place", xticks=(0, 5, 10), yticks=(0, 5, 10))
    panels[0].set(ylabel="place")
    save_picture(figure, path, "how the heads part, or don't")


def draw_curves(figure: Any, outcomes: dict[str, Outcome]) -> None:
    losses, weights, maps = figure.subplots(1, 3)
    for start, outcome in outcomes.items():
        losses.plot(*curve(outcome.records, "loss"), label=start)
        weights.plot(*curve(outcome.records, "weights"))
        maps.plot(*curve(outcome.records, "maps"))
    losses.axhline(0.5, color="black", linestyle="dotted", label="floor for one head")
    losses.set(title="loss: variance unexplained", ylim=(0, 1.1))
    losses.legend()
    weights.set(title="difference of the heads' weights")
    weights.set_yscale("symlog", linthresh=1e-7)  # so that 0 has a place
    maps.set(title="difference of where they look", ylim=(-0.03, 1.03))
    for panel in (losses, weights, maps):
        panel.set(xlabel="step")
        panel.grid(alpha=0.3)


if __name__ == "__main__":
    sys.exit(main("do_heads_converge", HeadsOptions, do_heads_converge))

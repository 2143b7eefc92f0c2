"""One trainer for any model: steps, evaluation, checkpoints, exact resumes.

>>> from nn import Linear
>>> from nn.data import DataLoader
>>> model = Linear(1, 1, rng=0)
>>> def objective(batch):
...     errors = model(batch[:, :1]) - batch[:, 1:]
...     return (errors * errors).sum(), len(batch)
>>> points = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
>>> config = TrainerConfig(max_steps=300, learning_rate=0.1, weight_decay=0.0)
>>> trainer = Trainer(model, objective, DataLoader(points, 3), config)
>>> trainer.run()
'finished'
>>> [round(p.item(), 3) for p in model.parameters()]
[2.0, 1.0]
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol, final

import numpy as np

import tensorgrad as tg
from tensorgrad.errors import CheckpointError, ConfigError, DataError

from . import checkpoints, replay
from .evaluation import Objective, evaluate, evaluating
from .module import Module
from .optim import clip_scale, grad_norm
from .optimizer import Optimizer
from .parts import backward_in_parts, threads_for
from .progress import Callback
from .recipe import TrainerConfig
from .report import MetricsLog, Record
from .runs import check_same
from .text import StrPath

Outcome = Literal["finished", "stopped", "patience"]


class Batches(Protocol):
    """An endless iterator that can be saved: BlockSampler, DataLoader, or your own."""

    def __next__(self) -> Any: ...

    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON can hold it."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


@final
class Trainer:
    """Trains a model by a `TrainerConfig`, with AdamW unless given another optimiser.

    `objective(batch)` gives (the sum of the batch's losses, how many were counted).
    Gradients are sums too, divided by all that a step counted, so that accumulated
    batches of unequal size equal one large batch, and so do the parts of one that run
    at once in several threads, if the config asks for them. `held_out` is a sequence of
    batches. With a `folder`, metrics and checkpoints go there. `about` is what a
    resumed run must agree with, as JSON can hold it: {"model": {...}}.
    """

    def __init__(
        self,
        model: Module,
        objective: Objective,
        batches: Batches,
        config: TrainerConfig,
        *,
        held_out: Sequence[Any] = (),
        folder: StrPath | None = None,
        about: Mapping[str, Any] | None = None,
        optimizer: Optimizer | None = None,
        callbacks: Iterable[Callback] = (),
    ) -> None:
        self.model, self.objective, self.batches = model, objective, batches
        self.config, self.held_out = config, held_out
        self.folder = None if folder is None else Path(folder)
        self.about = json.loads(json.dumps(dict(about or {})))
        self.optimizer = optimizer or config.optimizer(model)
        self.callbacks = list(callbacks)
        self.step = 0
        self.seconds = 0.0  # in training so far, before a resume too
        self.best_loss: float | None = None  # of the evaluations so far
        self.best_step = 0
        self.final_loss: float | None = None  # over all that is held out, at the end
        self.final_count = 0
        self._since_best = 0  # evaluations
        self._rate = config.rate()
        self._parameters = list(model.parameters())
        self._generators = replay.generators(model)
        self._threads = threads_for(model, config.threads)
        self._stopping = self._resumed = False
        self._log: MetricsLog | None = None

    # --- the run

    def run(self) -> Outcome:
        """Train up to `max_steps`, the end of patience, or `stop()`; which it was.

        ConfigError for a folder with checkpoints, unless it is `resume()`d.
        """
        tg.keep_freed_memory()
        if self.folder is not None:
            # not steps(): a kill may have left one that `latest` never came to name
            new = not (self.step or self._resumed)
            if new and checkpoints.latest_step(self.folder) is not None:
                raise ConfigError(
                    f"{self.folder}: holds another run. Call resume() to continue it, "
                    "or choose another folder"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            self._log = MetricsLog(self.folder / "metrics.jsonl", self.step)
        self._began = time.perf_counter() - self.seconds
        self.model.train()
        try:
            self._tell("started")
            with np.errstate(all="ignore"):  # every loss and gradient is looked at
                return self._run()
        finally:
            self._tell("ended")
            log, self._log = self._log, None
            if log is not None:
                log.close()

    def stop(self) -> None:
        """Finish the step, save, return from `run`; a signal handler may call this."""
        self._stopping = True

    def _run(self) -> Outcome:
        if self.step >= self.config.max_steps:
            self._conclude({})
            return "finished"
        while True:
            record = self._step()
            if self.held_out and self._due(self.config.eval_interval):
                self._judge(record)
            outcome = self._outcome()
            if outcome:
                self._conclude(record)
            self._note(record)
            if self._stopping:
                outcome = outcome or "stopped"
            if outcome or self._due(self.config.saves_every):
                self.save()
            if outcome:
                return outcome

    def _due(self, interval: int) -> bool:
        return self.step % interval == 0 or self.step >= self.config.max_steps

    def _outcome(self) -> Outcome | None:
        patience = self.config.patience
        if self.step >= self.config.max_steps:
            return "finished"
        if patience is not None and self._since_best >= patience:
            return "patience"
        return None

    def _note(self, record: Record) -> None:
        """Log the step, and tell of it."""
        self.seconds = time.perf_counter() - self._began
        record["seconds"] = round(self.seconds, 3)
        due = self._due(self.config.log_interval) or "val_loss" in record
        if self._log is not None and due:
            self._log.write(record)
        self._tell("stepped", record)

    def _tell(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *args)

    # --- a step

    def _step(self) -> Record:
        began, config = time.perf_counter(), self.config
        batches = [next(self.batches) for _ in range(config.accumulate)]
        before = replay.random_states(self._generators)
        total, count = self._gradients(batches)
        loss = total / count
        norm = grad_norm(self._parameters) / count
        if not (math.isfinite(loss) and math.isfinite(norm)):
            replay.set_random_states(self._generators, before)
            name, value = ("gradient", norm) if math.isfinite(loss) else ("loss", loss)
            what = f"{name} is {value}"
            self._fail(self.step + 1, what, batches, lambda: self._gradients(batches))
        self.optimizer.lr = rate = self._rate(self.step)
        clip = clip_scale(norm, config.clip) if config.clip else 1.0
        self.optimizer.step(clip / count)  # inside the update: no pass of its own
        self.optimizer.zero_grad()
        self.step += 1
        speed = count / (time.perf_counter() - began)
        return {
            "step": self.step,
            "loss": loss,
            "lr": rate,
            "grad_norm": norm,
            "tokens_per_s": round(speed, 1),
        }

    def _gradients(self, batches: Sequence[Any]) -> tuple[float, int]:
        """Add up the gradients; the sum of the losses and how many they were."""
        total, count = 0.0, 0
        for batch in batches:
            for losses, counted in backward_in_parts(
                self.objective, batch, self._threads, self._generators.values()
            ):
                total += losses.item()
                count += counted
        if not count:
            raise DataError(
                f"step {self.step + 1}: the batch holds nothing that counts in the loss"
            )
        return total, count

    def _fail(
        self, step: int, what: str, batches: Sequence[Any], attempt: Callable[[], Any]
    ) -> NoReturn:
        """Raise DivergenceError; the step left no trace in model and optimiser."""
        if not replay.is_finite(batches):
            raise DataError(
                f"step {step}: the {what}, as the batch itself holds numbers that are "
                "not finite. Look for them in the data"
            )
        cause = replay.explain(self.model, attempt)
        last = checkpoints.latest_step(self.folder) if self.folder else None
        if last is None:
            advice = "Start again"
        elif last == step - 1:  # a resume would meet the same step
            advice = (
                f"The weights saved at step {last} lead straight there: start again"
            )
        else:
            advice = f"Resume from step {last}, saved"
        raise replay.DivergenceError(
            f"step {step}: the {what}: {cause}. {advice}, with a lower "
            f"learning_rate than {self.config.learning_rate:g}?"
        )

    # --- evaluation

    def evaluate(self, every: int = 1) -> tuple[float, int]:
        """(mean loss, how many it is over) of every n-th held-out batch."""
        return self._evaluate(every, lambda: False)

    def _evaluate(self, every: int, quits: Callable[[], bool]) -> tuple[float, int]:
        def told(done: int, total: int) -> bool:
            self._tell("evaluated", done, total)
            return quits()

        batches, threads = self.held_out, self._threads
        return evaluate(self.model, self.objective, batches, every, told, threads)

    @property
    def _every(self) -> int:
        """How many held-out batches there are for each one evaluated on the way."""
        return -(-len(self.held_out) // self.config.eval_batches)

    def _judge(self, record: Record) -> None:
        """Evaluate, and compare with the best."""
        loss, count = self.evaluate(self._every)
        self._check_held_out(loss, self._every)
        record |= {"val_loss": loss, "val_tokens": count}
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_step, self._since_best = loss, self.step, 0
            if self.config.keep_best and self.folder is not None:
                weights = {"model": self.model.state_dict()}
                about = {"about": self.about, "val_loss": loss}
                checkpoints.save(
                    self.folder / "best", self.step, weights, about, keep=1
                )
        else:
            self._since_best += 1

    def _check_held_out(self, loss: float, every: int) -> None:
        """Raise DivergenceError, before weights that are of no use are saved."""
        if math.isfinite(loss):
            return
        batches = self.held_out[::every]

        def attempt() -> None:
            with evaluating(self.model):  # and not no_grad, where nothing is traced
                for batch in batches:
                    self.objective(batch)

        self._fail(self.step, f"validation loss is {loss}", batches, attempt)

    def _conclude(self, record: Record) -> None:
        """The loss over all that is held out, unless the step's own was."""
        if self.held_out and (self._every > 1 or "val_loss" not in record):
            loss, count = self._evaluate(1, lambda: self._stopping)
            if not count:
                return
            self._check_held_out(loss, 1)
            record |= {"val_loss": loss, "val_tokens": count}
        self.final_loss = record.get("val_loss")
        self.final_count = record.get("val_tokens", 0)

    # --- checkpoints

    def save(self) -> None:
        """Write a checkpoint of everything that the next step depends on."""
        if self.folder is None:
            return
        if self._log is not None:
            self._log.flush(sync=True)
        arrays, settings = self.optimizer.state_dict()
        state = {
            "about": self.about,
            "config": asdict(self.config),
            "optimizer": settings,
            "random": replay.random_states(self._generators),
            "data": self.batches.state(),
            "seconds": self.seconds,
            "best": [self.best_loss, self.best_step, self._since_best],
        }
        tensors = {"model": self.model.state_dict(), "optimizer": arrays}
        checkpoints.save(self.folder, self.step, tensors, state, keep=self.config.keep)
        self._tell("saved")

    def resume(self) -> int:
        """Go on from the folder's latest checkpoint; its step, 0 if there is none.

        What follows equals, bit for bit, what would have followed without a stop.
        CheckpointError where model or data differ from those that it was saved with.
        """
        if self.folder is None:
            raise ConfigError("resume: this trainer has no folder")
        step = checkpoints.latest_step(self.folder)
        if step is None:
            return 0
        tensors, state = checkpoints.load(self.folder)
        place = self.folder / f"step-{step}"
        try:
            check_same(f"{place} was saved with", state["about"], self.about)
            self._load(tensors, state)
        except (LookupError, TypeError) as error:
            raise CheckpointError(f"{place}: not saved by a trainer: {error}") from None
        self.step, self._resumed = step, True
        return step

    def _load(self, tensors: checkpoints.Groups, state: dict[str, Any]) -> None:
        self.model.load_state_dict(tensors["model"])
        settings = [dict(group) for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(tensors["optimizer"], state["optimizer"])
        for group, ours in zip(self.optimizer.param_groups, settings, strict=True):
            group.update(ours)  # the recipe may be changed in a resumed run
        replay.set_random_states(self._generators, state["random"])
        self.batches.load_state(state["data"])
        self.seconds = state["seconds"]
        self.best_loss, self.best_step, self._since_best = state["best"]

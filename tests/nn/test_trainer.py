"""The trainer: sums that add up, resumes that change nothing, failures that explain."""

import errno
import gc
import json
import math
import os
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from nn import Dropout, Linear, Module, Parameter, Sequential, Tanh, checkpoints
from nn.data import DataLoader
from nn.optim import SGD
from nn.progress import Callback
from nn.recipe import TrainerConfig
from nn.replay import DivergenceError
from nn.report import read_metrics
from nn.trainer import Trainer
from tensorgrad import Tensor
from tensorgrad.errors import CheckpointError, ConfigError, DataError

N = 24
RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((N, 3))
QUIET = dict(eval_interval=4, warmup_steps=2, learning_rate=0.05)


class Given:
    """Batches that are written down, over and over."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches, self.position = batches, 0

    def __next__(self) -> Any:
        self.position += 1
        return self.batches[(self.position - 1) % len(self.batches)]

    def state(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.position = state["position"]


def squares(model: Module) -> Callable[[Any], tuple[Tensor, int]]:
    """The sum of squared errors over points (B, 3): two inputs and a target each."""

    def objective(points: Any) -> tuple[Tensor, int]:
        errors = model(points[:, :2]) - points[:, 2:]
        return (errors * errors).sum(), len(points)

    return objective


def network(p: float = 0.0, seed: int = 0) -> Sequential:
    rng = np.random.default_rng(seed)
    model = Sequential(Linear(2, 8, rng=rng), Tanh(), Dropout(p), Linear(8, 1, rng=rng))
    return model.to(np.float64).set_rng(rng)


def trainer(folder: Path | None = None, **changes: Any) -> Trainer:
    """Everything that can be random is: dropout, and the order of the data."""
    config = TrainerConfig(**{"max_steps": 12, "batch_size": 5, **QUIET, **changes})
    model = network(p=0.3, seed=config.seed)
    return Trainer(
        model,
        squares(model),
        DataLoader(POINTS, config.batch_size, shuffle=True, rng=config.seed),
        config,
        held_out=[POINTS[:7], POINTS[7:9], POINTS[9:20]],
        folder=folder,
        about={"model": {"hidden": 8}},
    )


def facts(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without the times."""
    timed = ("tokens_per_s", "seconds")
    return [
        {key: value for key, value in record.items() if key not in timed}
        for record in read_metrics(folder / "metrics.jsonl")
    ]


def weights(model: Module) -> list[bytes]:
    return [parameter.data.tobytes() for parameter in model.parameters()]


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer, record: Any) -> None:
        if trainer.step == self.step:
            trainer.stop()


# --- sums


@given(st.lists(st.integers(1, N - 1), max_size=5, unique=True), st.floats(0.01, 5.0))
def test_accumulated_batches_of_any_sizes_equal_the_whole(
    cuts: list[int], clip: float
) -> None:
    parts = np.split(POINTS, sorted(cuts))
    results = []
    for batches in ([POINTS], parts):
        model = network()
        config = TrainerConfig(
            max_steps=3,
            accumulate=len(batches),
            clip=clip,
            warmup_steps=0,
            learning_rate=0.1,
        )
        losses: list[float] = []

        class Keep(Callback):
            def stepped(
                self, trainer: Trainer, record: Any, kept: Any = losses
            ) -> None:
                kept += [record["loss"], record["grad_norm"]]

        optimizer = SGD(model.named_parameters(), lr=0.1)
        Trainer(
            model,
            squares(model),
            Given(batches),
            config,
            optimizer=optimizer,
            callbacks=[Keep()],
        ).run()
        flat = [parameter.data.ravel() for parameter in model.parameters()]
        results.append(np.concatenate([*flat, losses]))
    # the same sums in another order: a few roundings of float64
    np.testing.assert_allclose(results[1], results[0], rtol=1e-11, atol=1e-13)


def test_the_gradient_is_that_of_the_mean_and_clipped_by_its_norm() -> None:
    model = network()
    objective = squares(model)
    losses, count = objective(POINTS)
    gradients = tg.grad(losses / count, list(model.parameters()))
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    before = [parameter.data.copy() for parameter in model.parameters()]
    config = TrainerConfig(max_steps=1, clip=norm / 4, schedule="constant")
    optimizer = SGD(model.named_parameters(), lr=1.0)
    Trainer(model, objective, Given([POINTS]), config, optimizer=optimizer).run()
    for old, g, parameter in zip(before, gradients, model.parameters(), strict=True):
        expected = old - config.learning_rate * g.data / 4
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-4)


def test_a_batch_with_nothing_to_count_is_refused() -> None:
    model = network()
    run = Trainer(model, squares(model), Given([POINTS[:0]]), TrainerConfig())
    with pytest.raises(DataError, match="step 1: the batch holds nothing"):
        run.run()


# --- evaluation


def test_evaluation_is_the_mean_over_all_without_dropout() -> None:
    run = trainer()
    model = run.model.eval()
    expected = float(squares(model)(POINTS[:20])[0]) / 20
    model.train()
    loss, count = run.evaluate()
    assert count == 20
    assert loss == pytest.approx(expected, rel=1e-12)
    assert model.training
    assert run.evaluate(every=2)[1] == 7 + 11


def test_on_the_way_a_part_is_evaluated_and_all_of_it_in_the_end(
    tmp_path: Path,
) -> None:
    run = trainer(tmp_path, eval_batches=2)
    assert run.run() == "finished"
    judged = [r for r in facts(tmp_path) if "val_loss" in r]
    assert [(r["step"], r["val_tokens"]) for r in judged] == [
        (4, 18),
        (8, 18),
        (12, 20),
    ]
    assert judged[-1]["val_loss"] == run.final_loss == run.evaluate()[0]


def test_patience_ends_a_training_that_no_longer_gains(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_steps=100, learning_rate=0.0, patience=2)
    assert run.run() == "patience"
    # the first evaluation is the best, as nothing changes; two more are not better
    assert (run.step, run.best_step) == (12, 4)
    assert checkpoints.latest_step(tmp_path) == 12
    assert run.final_loss == run.best_loss


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_steps=20, learning_rate=0.9, keep_best=True, clip=0.0)
    run.run()
    step = checkpoints.latest_step(tmp_path / "best")
    assert step == run.best_step
    losses = {r["step"]: r["val_loss"] for r in facts(tmp_path) if "val_loss" in r}
    assert min(losses.values()) == losses[step]
    tensors, _ = checkpoints.load(tmp_path / "best")
    run.model.load_state_dict(tensors["model"])
    assert run.evaluate()[0] == losses[step]


# --- checkpoints


LONGER: dict[str, Any] = dict(max_steps=16, accumulate=2, checkpoint_interval=6)


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run that never stopped."""
    run = trainer(tmp_path_factory.mktemp("whole"), **LONGER)
    assert run.run() == "finished"
    return run


@settings(max_examples=10)  # each waits for the disk a dozen times
@given(stops=st.lists(st.integers(1, 15), min_size=1, max_size=3, unique=True))
def test_a_resumed_run_equals_one_that_never_stopped(
    tmp_path_factory: pytest.TempPathFactory, through: Trainer, stops: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    for stop in sorted(stops):
        run = trainer(folder, **LONGER)
        run.resume()
        run.callbacks.append(StopAt(stop))
        assert run.run() == "stopped"
        assert checkpoints.latest_step(folder) == stop
    last = trainer(folder, **LONGER)
    last.resume()
    assert last.run() == "finished"
    assert through.folder is not None
    assert facts(folder) == facts(through.folder)
    assert weights(last.model) == weights(through.model)
    assert last.final_loss == through.final_loss


@pytest.mark.parametrize("saved", [0, 3, 6])
def test_metrics_past_the_checkpoint_are_dropped(tmp_path: Path, saved: int) -> None:
    """A kill can come long after a checkpoint, and in the middle of a line."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    trainer(whole, max_steps=8).run()
    run = trainer(killed, max_steps=8, checkpoint_interval=3)
    if saved:
        run.callbacks.append(StopAt(saved))
        run.run()
    else:
        killed.mkdir()
    lines = (whole / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (killed / "metrics.jsonl").write_bytes(b"".join(lines[:7]) + lines[7][:20])
    again = trainer(killed, max_steps=8)
    assert again.resume() == saved
    again.run()
    assert facts(killed) == facts(whole)


def test_a_kill_before_the_first_checkpoint_is_named_is_no_end(
    tmp_path: Path,
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    trainer(whole).run()
    run = trainer(killed)
    run.callbacks.append(StopAt(4))
    run.run()
    (killed / "latest").write_text("none\n")  # as it is until it names step-4
    again = trainer(killed)
    assert again.resume() == 0
    assert again.run() == "finished"
    assert facts(killed) == facts(whole)


def test_the_recipe_may_change_in_a_resumed_run(tmp_path: Path) -> None:
    trainer(tmp_path, max_steps=4, weight_decay=0.1).run()
    longer = trainer(tmp_path, max_steps=8, weight_decay=0.7, beta1=0.5)
    assert longer.resume() == 4
    assert longer.optimizer.param_groups[0]["weight_decay"] == 0.7
    assert longer.optimizer.param_groups[0]["betas"] == (0.5, 0.99)
    assert longer.run() == "finished"
    assert [r["step"] for r in facts(tmp_path)] == list(range(1, 9))


def test_a_finished_run_is_only_evaluated_again(tmp_path: Path) -> None:
    first = trainer(tmp_path)
    first.run()
    lines = (tmp_path / "metrics.jsonl").read_bytes()
    again = trainer(tmp_path)
    again.resume()
    assert again.run() == "finished"
    assert again.final_loss == first.final_loss
    assert (tmp_path / "metrics.jsonl").read_bytes() == lines


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"holds another run.*resume\(\)"):
        trainer(tmp_path).run()
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    trainer(tmp_path, checkpoint_interval=2, keep=3).run()
    assert checkpoints.steps(tmp_path) == [8, 10, 12]


def test_a_checkpoint_of_another_config_is_refused_with_both_values(
    tmp_path: Path,
) -> None:
    trainer(tmp_path).run()
    other = trainer(tmp_path)
    other.about = {"model": {"hidden": 9}}
    before = weights(other.model)
    with pytest.raises(CheckpointError, match=r"step-12 was saved with hidden 8, .* 9"):
        other.resume()
    assert weights(other.model) == before


def test_a_checkpoint_that_no_trainer_wrote_is_refused(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 3, {"model": {}}, {"something": 1})
    with pytest.raises(CheckpointError, match="step-3: not saved by a trainer"):
        trainer(tmp_path).resume()
    with pytest.raises(ConfigError, match="no folder"):
        trainer().resume()


def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, full_disk: Callable[[], None]
) -> None:
    run = trainer(tmp_path, checkpoint_interval=4)
    run.callbacks.append(Call(4, full_disk))
    with pytest.raises(CheckpointError, match=r"disk full.*last good .* step 4"):
        run.run()
    assert checkpoints.steps(tmp_path) == [4]
    assert checkpoints.load(tmp_path)[1]["about"] == {"model": {"hidden": 8}}


class Call(Callback):
    """Something that happens after a checkpoint."""

    def __init__(self, step: int, function: Callable[[], None]) -> None:
        self.step, self.function = step, function

    def saved(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            self.function()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Once called, no more tensors fit on the disk."""

    def full(path: Path) -> None:
        if path.suffix == ".safetensors":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return lambda: monkeypatch.setattr(checkpoints, "sync", full)


# --- losses that are not finite


class Root(Module):
    """sqrt(a x): not a number once a is negative."""

    def __init__(self, a: float) -> None:
        self.a = Parameter([a])
        self.dropout = Dropout(0.0, rng=0)

    def forward(self, x: Any) -> Any:
        return tg.sqrt(self.dropout(self.a * x))


def root_trainer(folder: Path | None, model: Root, **changes: Any) -> Trainer:
    def objective(x: Any) -> tuple[Tensor, int]:
        return model(x).sum(), len(x)

    settings = {"weight_decay": 0.0, "warmup_steps": 0, "schedule": "constant"}
    config = TrainerConfig(**{"checkpoint_interval": 2, **settings, **changes})
    batches = Given([np.array([1.0, 2.0], np.float32)])
    return Trainer(model, objective, batches, config, folder=folder)


def test_a_loss_that_is_not_a_number_names_the_op_and_the_line(tmp_path: Path) -> None:
    run = root_trainer(tmp_path, Root(1.0), learning_rate=0.3)
    with pytest.raises(DivergenceError) as error:
        run.run()
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"step {run.step + 1}: the loss is nan: sqrt gave nan")
    assert "test_trainer.py" in message
    assert "tg.sqrt(self.dropout(self.a * x))" in message
    assert f"step {run.step // 2 * 2}" in message
    assert "learning_rate" in message
    # the last good checkpoint is there, and what led to it is logged
    assert checkpoints.latest_step(tmp_path) == run.step // 2 * 2
    assert [r["step"] for r in facts(tmp_path)] == list(range(1, run.step + 1))


def test_the_failed_step_changes_nothing(tmp_path: Path) -> None:
    run = root_trainer(None, Root(-1.0))
    before = weights(run.model)
    with pytest.raises(DivergenceError, match=r"step 1: the loss is nan.*Start again"):
        run.run()
    assert weights(run.model) == before


def test_the_replay_draws_the_random_numbers_of_the_failed_step() -> None:
    model = Root(1.0)
    model.dropout.p = 0.1  # a dropped input has an infinite derivative: 1 / (2 sqrt 0)
    run = root_trainer(None, model, max_steps=10_000, learning_rate=0.0)
    with pytest.raises(DivergenceError, match=r"the gradient is (inf|nan).*of sqrt"):
        run.run()
    assert run.step > 0


def test_a_parameter_that_is_not_finite_is_named() -> None:
    run = root_trainer(None, Root(math.inf))
    with pytest.raises(DivergenceError, match="the loss is inf: a is not finite"):
        run.run()


def test_a_batch_that_is_not_finite_is_suspected() -> None:
    run = root_trainer(None, Root(1.0))
    run.batches = Given([np.array([1.0, np.nan], np.float32)])
    with pytest.raises(DataError, match="step 1: the loss is nan, as the batch"):
        run.run()


def test_a_validation_loss_that_is_not_a_number_is_not_saved(tmp_path: Path) -> None:
    settings = {"learning_rate": 0.0, "eval_interval": 3}
    run = root_trainer(tmp_path, Root(1.0), **settings)
    run.held_out = [np.array([-1.0], np.float32)]
    with pytest.raises(DivergenceError, match=r"step 3: the valid.*sqrt gave nan"):
        run.run()
    assert checkpoints.latest_step(tmp_path) == 2
    run = root_trainer(None, Root(1.0), **settings)
    run.held_out = [np.array([np.nan], np.float32)]
    with pytest.raises(DataError, match="validation loss is nan, as the batch"):
        run.run()


# --- what does not grow, and what is told


def test_a_thousand_steps_hold_memory_flat() -> None:
    sizes = {}

    class Measure(Callback):
        def stepped(self, trainer: Trainer, record: Any) -> None:
            if trainer.step in (100, 1000):
                gc.collect()
                sizes[trainer.step] = tracemalloc.get_traced_memory()[0]

    run = trainer(max_steps=1000, eval_interval=100)
    run.callbacks.append(Measure())
    tracemalloc.start()
    try:
        run.run()
    finally:
        tracemalloc.stop()
    # one array of the smallest size kept per step would be 100 KB
    assert sizes[1000] - sizes[100] < 20_000


def test_callbacks_are_told_in_order(tmp_path: Path) -> None:
    told: list[str] = []

    class Tell(Callback):
        def __getattribute__(self, name: str) -> Any:
            return lambda trainer, *args: told.append(f"{name}{args[:2] or ''}")

    run = trainer(tmp_path, max_steps=1)
    run.callbacks = [Tell()]
    run.run()
    record = read_metrics(tmp_path / "metrics.jsonl")[0]
    assert told == [
        "started",
        "evaluated(1, 3)",
        "evaluated(2, 3)",
        "evaluated(3, 3)",
        f"stepped{(record,)}",
        "saved",
        "ended",
    ]
    assert list(record) == [
        "step",
        "loss",
        "lr",
        "grad_norm",
        "tokens_per_s",
        "val_loss",
        "val_tokens",
        "seconds",
    ]


def test_metrics_are_json_of_every_step(tmp_path: Path) -> None:
    trainer(tmp_path, log_interval=5).run()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    # every fifth, those with an evaluation, and the last
    assert [json.loads(line)["step"] for line in lines] == [4, 5, 8, 10, 12]


def test_a_checkpoint_that_leads_straight_to_a_failure_is_not_advised(
    tmp_path: Path,
) -> None:
    """A step so large that its weights are finite, and of no use."""
    ruined = dict(learning_rate=1e200, min_lr=1e200, warmup_steps=0, clip=0.0)
    run = trainer(tmp_path, checkpoint_interval=1, **ruined)
    with pytest.raises(DivergenceError, match=r"lead straight there: start again"):
        run.run()
    again = trainer(tmp_path, checkpoint_interval=1, **ruined)
    again.resume()
    with pytest.raises(DivergenceError, match=r"lead straight there: start again"):
        again.run()

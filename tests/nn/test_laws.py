"""The laws of models and of training, on our own layers, optimisers and trainer."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn import (
    BatchNorm1d,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    MultiHeadAttention,
    Sequential,
    Tanh,
    losses,
)
from nn.data import BlockSampler, DataLoader, pad_batch
from nn.optim import SGD, Adam, AdamW
from nn.optimizer import Optimizer
from nn.progress import Callback
from nn.recipe import TrainerConfig
from nn.trainer import Trainer
from tensorgrad import Tensor
from tensorgrad.testing import laws

B, T, C, H, V = 2, 5, 6, 3, 7
rng = np.random.default_rng(0)
X = rng.standard_normal((B, T, C))
TOKENS = rng.integers(0, V, (B, T))
seeds = st.integers(0, 2**32 - 1)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Reader(Module):
    """Embedded tokens, causal attention, and a head that shares the embedding."""

    def __init__(self, dropout: float = 0.0, seed: Any = 0) -> None:
        draws = np.random.default_rng(seed)
        self.embedding = Embedding(V, C, rng=draws)
        self.norm = LayerNorm(C)
        self.attention = MultiHeadAttention(C, H, dropout, rng=draws)
        self.drop = Dropout(dropout)
        self.head = Linear(C, V, bias=False)
        self.head.weight = self.embedding.weight
        self.set_rng(draws)

    def forward(self, tokens: Any) -> Any:
        x = self.embedding(tokens)
        x = x + self.drop(self.attention(self.norm(x), causal=True))
        return self.head(x)


def attention(dtype: Any = np.float64, **settings: Any) -> MultiHeadAttention:
    return MultiHeadAttention(C, H, rng=1, **settings).to(dtype)


# --- what attention may see


@dtypes
@given(seed=seeds)
def test_a_reader_is_causal_to_the_bit_and_attention_alone_is_not(
    dtype: Any, seed: int
) -> None:
    laws.causality(Reader().to(dtype), TOKENS, vocab_size=V, seed=seed)
    with pytest.raises(laws.LawError, match=r"after x\[:, 1\] changed"):
        laws.causality(attention(dtype), X.astype(dtype), seed=seed)


@dtypes
@given(seed=seeds, lengths=st.lists(st.integers(1, T), min_size=B, max_size=B))
def test_masked_attention_does_not_see_padding(
    dtype: Any, seed: int, lengths: list[int]
) -> None:
    layer, x = attention(dtype), X.astype(dtype)
    options: dict[str, Any] = {"lengths": lengths, "seed": seed, "extra": 2}

    def masked(x: Any, mask: Any) -> Any:
        return layer(x, mask=mask[:, None, :])

    laws.padding_invariance(masked, x, **options)
    # what follows is never seen by what comes before: no mask is needed
    laws.padding_invariance(lambda x, mask: layer(x, causal=True), x, **options)
    with pytest.raises(laws.LawError, match="real times of"):
        laws.padding_invariance(lambda x, mask: layer(x), x, **options)


@given(seeds)
def test_a_loss_ignores_padded_targets(seed: int) -> None:
    model = Reader().to(np.float64)

    def loss_of_rows(tokens: Any, mask: Any) -> Any:
        targets = np.where(mask, tokens, -100)
        return losses.cross_entropy(model(tokens), targets, reduction="none").sum(1)

    laws.padding_invariance(loss_of_rows, TOKENS, vocab_size=V, seed=seed)


@dtypes
@given(seed=seeds)
def test_attention_is_to_a_set_of_rows_that_are_alone(dtype: Any, seed: int) -> None:
    layer, x = attention(dtype), X.astype(dtype)
    laws.permutation_equivariance(layer, x, seed=seed)
    query = x[:, :1]
    laws.permutation_invariance(lambda keys: layer(query, keys), x, seed=seed)
    laws.batch_independence(layer, x, seed=seed)
    laws.batch_independence(Reader().to(dtype), TOKENS, seed=seed)


@given(seeds)
def test_attention_to_cached_keys_is_attention(seed: int) -> None:
    layer = attention()

    def cached(chunk: Any, seen: Any) -> tuple[Any, Any]:
        seen = chunk if seen is None else np.concatenate([seen, chunk], axis=1)
        return layer(chunk, seen, causal=True), seen

    laws.cached_equals_uncached(lambda x: layer(x, causal=True), cached, X, seed=seed)


# --- parameters and modes


def fresh_readers() -> Callable[[], Reader]:
    """Each reader has other weights, so what is not loaded shows."""
    numbers = count()
    return lambda: Reader(0.1, seed=next(numbers))


@given(seeds)
def test_a_state_dict_is_all_there_is(seed: int) -> None:
    laws.state_dict_round_trip(fresh_readers(), TOKENS, seed=seed)
    laws.state_dict_round_trip(lambda: attention(dropout=0.5, bias=False), X, seed=seed)
    laws.state_dict_round_trip(lambda: nn.ModuleList([Linear(2, 3), Tanh()]))


def test_running_statistics_are_part_of_the_state() -> None:
    def make() -> Module:
        return Sequential(Linear(C, 4), BatchNorm1d(4), Tanh())

    x = X.reshape(-1, C).astype(np.float32)
    laws.state_dict_round_trip(make, x)
    model = make()
    with pytest.raises(laws.LawError, match="as batch norm does"):
        laws.train_and_eval_differ_only_by_dropout(model, x)
    with pytest.raises(laws.LawError, match="taken over the batch"):
        laws.batch_independence(model, x)
    laws.batch_independence(model.eval(), x)


def test_a_shared_embedding_gets_the_sum_of_both_gradients() -> None:
    model = Reader().to(np.float64)
    weight = model.embedding.weight.data

    def logits(embedding: Tensor, head: Tensor) -> Any:
        model.embedding.weight, model.head.weight = embedding, head
        return model(TOKENS)

    laws.tied_gradient_is_sum(logits, weight)
    with pytest.raises(laws.LawError, match="use 1 of 2 sends no gradient"):
        laws.tied_gradient_is_sum(lambda a, b: logits(a, b.detach()), weight)


@given(st.floats(0, 0.9), st.booleans())
def test_modes_differ_by_dropout_alone(p: float, training: bool) -> None:
    model = Reader(p).train(training)
    laws.train_and_eval_differ_only_by_dropout(model, TOKENS)
    assert model.training is model.drop.training is training
    assert model.attention.attend.dropout.p == model.drop.p == p


# --- accumulation


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), seeds)
def test_sums_of_losses_accumulate_over_unequal_lengths(
    parts: list[int], seed: int
) -> None:
    model, draws = Reader().to(np.float64), np.random.default_rng(seed)
    parts = [*parts, 1]
    lengths = draws.integers(1, T + 1, sum(parts))
    tokens, mask = pad_batch([draws.integers(0, V, n) for n in lengths])

    def loss(batch: Any) -> Any:
        tokens, mask = batch
        targets = np.where(mask, tokens, -100)
        total = losses.cross_entropy(model(tokens), targets, reduction="sum")
        return total, np.count_nonzero(mask)

    def mean(batch: Any) -> Any:
        total, n = loss(batch)
        return total / n

    batch = tokens, mask
    laws.accumulated_equals_full_batch(loss, model, batch, parts=parts)
    laws.accumulated_equals_full_batch(
        mean, model, batch, parts=parts, count=lambda batch: batch[1].sum()
    )
    if len(set(lengths)) > 1:
        with pytest.raises(laws.LawError, match="count="):
            laws.accumulated_equals_full_batch(mean, model, batch)


class Given:
    """Batches that are written down."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = iter(batches)

    def __next__(self) -> Any:
        return next(self.batches)

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Any) -> None: ...


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_a_trainers_step_is_that_of_the_whole_batch(parts: list[int]) -> None:
    model = Linear(2, 1, rng=0).to(np.float64)
    points = np.random.default_rng(1).standard_normal((sum(parts), 3))

    def objective(points: Any) -> tuple[Tensor, int]:
        errors = model(points[:, :2]) - points[:, 2:]
        return (errors * errors).sum(), len(points)

    def step(batches: list[Any]) -> dict[str, Any]:
        """At a rate of 1, the gradient is how far the parameters go."""
        before = {name: p.data.copy() for name, p in model.named_parameters()}
        settings: dict[str, Any] = {"clip": 0.0, "schedule": "constant"}
        config = TrainerConfig(
            max_steps=1, accumulate=len(batches), learning_rate=1.0, **settings
        )
        optimizer = SGD(model.named_parameters())
        Trainer(model, objective, Given(batches), config, optimizer=optimizer).run()
        return {name: before[name] - p.data for name, p in model.named_parameters()}

    laws.accumulated_equals_full_batch(
        objective, model, points, parts=parts, accumulate=step
    )


# --- resumes


class Loop:
    """A training loop as one writes it: a model, an optimiser, batches."""

    def __init__(self, make: Callable[[Any], Optimizer]) -> None:
        self.model = Reader(0.2)
        self.optimizer = make(self.model.named_parameters())
        self.batches = BlockSampler(np.arange(40) % V, T, B, np.random.default_rng(0))
        self.loss = 0.0

    def step(self) -> None:
        x, y = next(self.batches)
        loss = losses.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss = loss.item()

    def observe(self) -> Any:
        return {"loss": self.loss, "model": self.model.state_dict()}

    def save(self) -> dict[str, Any]:
        return {
            "loss": self.loss,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state(),
            "dropout": nn.random_state.rng_state(self.model.drop.rng),
        }

    def load(self, saved: dict[str, Any], forget: str = "") -> "Loop":
        self.loss = saved["loss"]
        self.model.load_state_dict(saved["model"])
        if forget != "optimizer":
            self.optimizer.load_state_dict(*saved["optimizer"])
        if forget != "batches":
            self.batches.load_state(saved["batches"])
        if forget != "dropout":
            nn.random_state.set_rng_state(self.model.drop.rng, saved["dropout"])
        return self


OPTIMIZERS = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.01),
    "adamw": lambda parameters: AdamW(parameters, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_loop_that_saves_all_it_reads_resumes_exactly(name: str) -> None:
    def start() -> Loop:
        return Loop(OPTIMIZERS[name])

    def resumed(forget: str = "") -> None:
        laws.resumed_equals_uninterrupted(
            start,
            Loop.step,
            Loop.save,
            lambda saved: start().load(saved, forget),
            Loop.observe,
        )

    resumed()
    # other data and other masks show in the loss, another momentum in what it moves
    shown = {"optimizer": "model", "batches": "loss", "dropout": "loss"}
    for forgotten, place in shown.items():
        where = rf"step 2\['{place}'\].* when resumed from step 1 .* a step reads"
        with pytest.raises(laws.LawError, match=where):
            resumed(forgotten)


class StopAtOnce(Callback):
    """Each run() is one step."""

    def stepped(self, trainer: Trainer, record: Any) -> None:
        trainer.stop()


def test_a_trainer_resumes_exactly_from_its_folder(tmp_path: Path) -> None:
    points, folders = np.random.default_rng(2).standard_normal((24, 3)), count()

    def trainer(folder: Path) -> Trainer:
        draws = np.random.default_rng(0)
        layers = Linear(2, 8, rng=draws), Tanh(), Dropout(0.3), Linear(8, 1, rng=draws)
        model = Sequential(*layers).set_rng(draws)

        def objective(points: Any) -> tuple[Tensor, int]:
            errors = model(points[:, :2]) - points[:, 2:]
            return (errors * errors).sum(), len(points)

        config = TrainerConfig(max_steps=9, accumulate=2, warmup_steps=2)
        loader = DataLoader(points.astype(np.float32), 5, shuffle=True, rng=3)
        stop = [StopAtOnce()]
        return Trainer(model, objective, loader, config, folder=folder, callbacks=stop)

    def begun() -> Trainer:
        return trainer(tmp_path / f"run-{next(folders)}")

    def step(run: Trainer) -> None:
        run.run()

    def save(run: Trainer) -> Path:
        assert run.folder is not None
        return shutil.copytree(run.folder, tmp_path / f"saved-{next(folders)}")

    def load(folder: Path) -> Trainer:
        run = trainer(folder)
        assert run.resume() > 0
        return run

    def observe(run: Trainer) -> Any:
        memory, _ = run.optimizer.state_dict()
        return {"step": run.step, "model": run.model.state_dict(), "memory": memory}

    laws.resumed_equals_uninterrupted(
        begun, step, save, load, observe, steps=4, at=[1, 3]
    )

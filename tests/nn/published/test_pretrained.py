"""Layouts: a small model under their names, read and written in every way there is."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from nn import Buffer, Embedding, Linear, Module, checkpoints, init
from nn.published.layouts import Layout
from nn.published.pretrained import CONFIG, Pretrained
from nn.published.weight_files import FILE, WeightFiles
from tensorgrad.errors import (
    CheckpointError,
    ConfigError,
    InputError,
    StateDictError,
)


@dataclass(frozen=True)
class Sizes:
    width: int = 3
    rate: float = 0.5
    n_layer: int = 0


def to_json(config: Sizes) -> dict[str, Any]:
    return {"hidden": config.width, "rate": config.rate}


TOY = Layout(
    model_type="toy",
    architecture="ToyModel",
    config=lambda file: Sizes(file.get("hidden", 3), file.get("rate", 0.5)),
    to_json=to_json,
    names=(("^table", "words"), ("^out", "head")),
    prefix="toy.",
    bare=r"head\.",
    transposed=r"head\.weight$",
    rows="total$",
    ignored="noise",
    spellings=(("gamma$", "weight"),),
    aliases={"again.weight": "words.weight"},
)


class Toy(Pretrained):
    """A table, tied to a second name, a head and a buffer."""

    layouts = (TOY,)

    def __init__(self, config: Sizes) -> None:
        self.config = config
        self.table = Embedding(5, config.width, rng=0)
        self.twin = self.table
        self.out = Linear(config.width, 2, rng=1)
        self.total = Buffer(np.arange(4, dtype=np.float32))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    Toy(Sizes()).save_pretrained(tmp_path)
    return tmp_path


def rewrite(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    tensors = safetensors.numpy.load_file(folder / FILE)
    safetensors.numpy.save_file(change(tensors), folder / FILE)


def same(a: Module, b: Module) -> bool:
    pairs = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all([n == m and (x == y).all() for (n, x), (m, y) in pairs])


def test_names_and_shapes_are_theirs(saved: Path) -> None:
    shapes = {name: array.shape for name, array in WeightFiles(saved).items()}
    assert shapes == {
        "toy.words.weight": (5, 3),
        "head.weight": (3, 2),
        "head.bias": (2,),
        "toy.total": (1, 4),
    }
    content = json.loads((saved / CONFIG).read_text())
    assert content == {
        "architectures": ["ToyModel"],
        "model_type": "toy",
        "hidden": 3,
        "rate": 0.5,
    }


def test_it_is_read_as_it_was(saved: Path) -> None:
    read = Toy.from_pretrained(saved)
    assert same(read, Toy(Sizes()))
    assert read.config == Sizes()
    assert read.twin is read.table
    assert not read.training
    assert all(p.requires_grad for p in read.parameters())
    assert not any(p.data.flags.owndata for p in read.parameters())
    assert Toy.from_pretrained(saved, rate=0.25).config.rate == 0.25
    for dtype in (np.float16, np.float32, np.float64):
        converted = Toy.from_pretrained(saved, dtype=dtype)
        assert {p.dtype for p in converted.parameters()} == {np.dtype(dtype)}


def test_other_spellings(saved: Path) -> None:
    def older(tensors: dict[str, Any]) -> dict[str, Any]:
        words = tensors.pop("toy.words.weight")
        return tensors | {
            "words.gamma": words,
            "toy.again.weight": words,
            "toy.noise": np.ones(9, np.int64),
        }

    rewrite(saved, older)
    assert same(Toy.from_pretrained(saved), Toy(Sizes()))
    rewrite(saved, lambda tensors: tensors | {"again.weight": np.ones((5, 3), "f4")})
    with pytest.raises(StateDictError, match=r"again.weight differs from words.gamma"):
        Toy.from_pretrained(saved)


def test_each_kind_that_is_read_is_named_once(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "layouts", (TOY, TOY))
    content = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**content, "model_type": "car"}))
    with pytest.raises(CheckpointError, match=r"'car': Toy reads toy$"):
        Toy.from_pretrained(saved)


def test_a_stand_in_is_read_where_the_tensor_is_not(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = replace(TOY, stand_ins={"head.bias": "spare"})
    monkeypatch.setattr(Toy, "layouts", (layout,))

    def without(tensors: dict[str, Any]) -> dict[str, Any]:
        tensors["toy.spare"] = tensors.pop("head.bias")
        return tensors

    rewrite(saved, without)
    with pytest.raises(StateDictError, match=r"unexpected: toy.spare \(2,\)"):
        Toy.from_pretrained(saved)
    layout = replace(layout, ignored="spare")
    monkeypatch.setattr(Toy, "layouts", (layout,))
    assert same(Toy.from_pretrained(saved), Toy(Sizes()))


def test_nothing_is_left_of_a_folder_that_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        Toy(Sizes()).save_pretrained(tmp_path / "file")
    (tmp_path / "taken" / FILE).mkdir(parents=True)
    with pytest.raises(CheckpointError, match="cannot be written"):
        Toy(Sizes()).save_pretrained(tmp_path / "taken")
    assert not (tmp_path / "taken" / CONFIG).exists()


@pytest.mark.parametrize("width", [2**40, 2**47, 0, -1])
def test_sizes_that_no_file_has(saved: Path, width: int) -> None:
    (saved / CONFIG).write_text(json.dumps({"hidden": width}))
    with pytest.raises(InputError, match=str(saved)):
        Toy.from_pretrained(saved)


# --- models that wait for their weights


def test_deferred_parameters_take_no_memory() -> None:
    with init.deferred():
        layer = Linear(10**6, 10**6, rng=0)
        assert init.deferring()
    assert not init.deferring()
    assert layer.weight.shape == (10**6, 10**6)
    assert layer.weight.requires_grad
    assert layer.weight.data.strides == (0, 0)


def test_a_model_as_it_was_at_the_checkpoints_of_a_run(tmp_path: Path) -> None:
    every = [Toy(Sizes()) for _ in range(5)]
    for step, model in enumerate(every):
        model.out.weight.writable()[...] = step
        weights = {name: x.data for name, x in model.state_dict().items()}
        checkpoints.save(tmp_path, 10 * step, {"model": weights}, {})
    model = Toy(Sizes())
    before = model.state_dict()
    for at_most, steps in (
        (20, [0, 1, 2, 3, 4]),
        (3, [0, 2, 4]),
        (2, [0, 4]),
        (1, [4]),
    ):
        found = model.at_checkpoints(tmp_path, at_most)
        for step, (number, each) in zip(steps, found, strict=True):
            assert number == 10 * step
            assert same(each, every[step])
    assert all((x == before[name]).all() for name, x in model.state_dict().items())
    (tmp_path / "latest").write_text("step-20\n")  # it was set back
    assert [step for step, _ in model.at_checkpoints(tmp_path)] == [0, 10, 20]


def test_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        Toy(Sizes()).at_checkpoints(tmp_path)
    checkpoints.save(tmp_path, 1, {"model": {"other": np.zeros(2)}}, {})
    with pytest.raises(ConfigError, match="at_most=0"):
        Toy(Sizes()).at_checkpoints(tmp_path, 0)
    with pytest.raises(StateDictError, match="other"):
        list(Toy(Sizes()).at_checkpoints(tmp_path))

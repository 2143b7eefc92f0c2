"""Averaged checkpoints: the mean of the last, or an error that names what differs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nn
from nn import checkpoints
from nn.averaging import average_checkpoints
from tensorgrad.errors import CheckpointError, ConfigError

floats = st.floats(-1e6, 1e6, width=32)


def put(folder: Path, step: int, **weights: Any) -> None:
    model = {name: np.asarray(array) for name, array in weights.items()}
    optimizer = {"m": np.full(9, step)}
    checkpoints.save(folder, step, {"model": model, "optimizer": optimizer}, {})


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=floats),
    st.integers(1, 5),
    st.sampled_from(["f2", "f4", "f8"]),
)
def test_it_is_the_mean_of_the_last_ones(
    tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray, last: int, dtype: str
) -> None:
    folder = tmp_path_factory.mktemp("run")
    rows = (rows / 100).astype(dtype)  # within half precision
    for step, row in enumerate(rows):
        put(folder, step, w=row, scale=row[:1].reshape(()))
    if last > len(rows):
        with pytest.raises(CheckpointError, match=f"{last} check.* {len(rows)} "):
            average_checkpoints(folder, last)
        return
    weights = average_checkpoints(folder, last)
    expected = rows[-last:].astype(np.float64).sum(0) / last
    assert weights["w"].dtype == rows.dtype
    assert np.array_equal(weights["w"], expected.astype(dtype))
    assert weights["scale"].shape == ()
    assert weights["scale"] == weights["w"][0]


def test_many_small_parts_are_not_rounded_away(tmp_path: Path) -> None:
    put(tmp_path, 1, w=np.float32([2**24]))
    for step in (2, 3, 4):
        put(tmp_path, step, w=np.float32([1]))  # lost one by one in a float32 sum
    assert average_checkpoints(tmp_path, 4)["w"] == np.float32((2**24 + 3) / 4)


def test_what_is_no_float_is_the_newest_one_s(tmp_path: Path) -> None:
    for step in (1, 2):
        flags = np.array([step == 2])
        put(tmp_path, step, w=np.float32([step]), count=np.int64(step), flags=flags)
    weights = average_checkpoints(tmp_path, 2)
    assert set(weights) == {"count", "flags", "w"}
    assert (weights["count"], weights["flags"].tolist()) == (2, [True])
    assert weights["count"].dtype == np.int64
    assert weights["w"] == 1.5


def test_a_model_loads_it(tmp_path: Path) -> None:
    models = [nn.Linear(2, 3, rng=seed) for seed in (1, 2)]
    for step, model in enumerate(models):
        checkpoints.save(tmp_path, step, {"model": model.state_dict()}, {})
    mean = nn.Linear(2, 3, rng=3)
    mean.load_state_dict(average_checkpoints(tmp_path, 2))
    weights = [model.weight.data.astype(np.float64) for model in models]
    np.testing.assert_allclose(mean.weight.data, sum(weights) / 2, rtol=1e-7)


def test_steps_after_the_latest_do_not_count(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        put(tmp_path, step, w=np.float32([step]))
    (tmp_path / "latest").write_text("step-2\n")  # the run was set back
    assert average_checkpoints(tmp_path, 2)["w"] == 1.5
    with pytest.raises(CheckpointError, match=r"steps: 1, 2\): .*keep of 3"):
        average_checkpoints(tmp_path, 3)


# --- refusals


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"w": np.float32([1, 2, 3])}, r"step-1 has 'w' as float32 \(3,\), step-2 as"),
        ({"w": np.float64([1, 2])}, r"float64 \(2,\), step-2 as float32 \(2,\)"),
        ({"w": np.float32([[1, 2]])}, r"\(1, 2\), step-2 as float32 \(2,\)"),
        ({}, "step-2 has 'w' and .*step-1 has not"),
        ({"w": np.float32([1, 2]), "v": 1.0}, "step-1 has 'v' and step-2 has not"),
    ],
)
def test_checkpoints_of_two_models(
    tmp_path: Path, other: dict[str, Any], says: str
) -> None:
    put(tmp_path, 1, **other)
    put(tmp_path, 2, w=np.float32([1, 2]))
    with pytest.raises(CheckpointError, match=says) as caught:
        average_checkpoints(tmp_path, 2)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there are 0 \(steps: none"):
        average_checkpoints(tmp_path / "gone", 1)
    with pytest.raises(ConfigError, match="last=0"):
        average_checkpoints(tmp_path, 0)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    for step in (1, 2):
        put(tmp_path, step, w=np.float32([step]))
    path = tmp_path / "step-1" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        average_checkpoints(tmp_path, 2)
    assert average_checkpoints(tmp_path, 1)["w"] == 2
    checkpoints.save(tmp_path, 3, {"weights": {}}, {})
    with pytest.raises(CheckpointError, match="holds no model"):
        average_checkpoints(tmp_path, 1)

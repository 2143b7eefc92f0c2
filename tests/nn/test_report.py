"""metrics.jsonl, which a kill may cut anywhere, and the picture drawn from it."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn.report import MetricsLog, curve, draw_losses, read_metrics, smoothed
from tensorgrad.errors import CheckpointError, MissingExtra


def records(count: int) -> list[dict[str, Any]]:
    return [
        {"step": step, "loss": 4.0 / step, "val_loss": 4.1 / step}
        if step % 5 == 0
        else {"step": step, "loss": 4.0 / step}
        for step in range(1, count + 1)
    ]


@given(count=st.integers(0, 6), cut=st.integers(0, 400), step=st.integers(0, 8))
def test_whatever_a_kill_leaves_the_log_goes_on_from_the_step(
    tmp_path_factory: pytest.TempPathFactory, count: int, cut: int, step: int
) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    log = MetricsLog(path)
    for record in records(count):
        log.write(record)
    log.close()
    whole = path.read_bytes()[:cut].count(b"\n")
    os.truncate(path, min(cut, path.stat().st_size))
    log = MetricsLog(path, step)
    log.write({"step": step + 1, "loss": 0.5})
    log.close()
    expected = [*records(min(whole, step)), {"step": step + 1, "loss": 0.5}]
    assert read_metrics(path) == expected


def test_reading_stops_at_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_metrics(path) == [{"step": 1}]


def test_what_json_lacks_becomes_null(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write({"step": 1, "loss": float("nan"), "val_loss": float("inf")})
    log.close()
    line = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail) == {
        "step": 1,
        "loss": None,
        "val_loss": None,
    }


def test_a_full_disk_is_one_error_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write({"step": 1})

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            log_file.close()

    log_file = log._file
    monkeypatch.setattr(log, "_file", Full())
    with pytest.raises(CheckpointError, match=r"disk full while writing .*metrics"):
        log.flush()
    log.close()
    assert log_file.closed


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"No such file.*gone/metrics\.jsonl"):
        MetricsLog(tmp_path / "gone" / "metrics.jsonl")


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-5, 5)))
def test_smoothing_keeps_constants_ends_and_order(values: np.ndarray) -> None:
    smooth = smoothed(values)
    assert smooth.shape == values.shape
    np.testing.assert_allclose(smooth[[0, -1]], values[[0, -1]], atol=1e-12)
    np.testing.assert_allclose(smoothed(values[::-1]), smooth[::-1], atol=1e-12)
    np.testing.assert_allclose(smoothed(values + 1), smooth + 1, atol=1e-12)


def test_a_curve_has_the_steps_where_a_number_was_logged() -> None:
    steps, values = curve([*records(10), {"step": 11, "val_loss": None}], "val_loss")
    assert steps.tolist() == [5, 10]
    assert values.tolist() == [0.82, 0.41]


@pytest.mark.parametrize("count", [0, 1, 12])
def test_the_picture_is_drawn_from_any_number_of_records(
    tmp_path: Path, count: int
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "loss.png"
    draw_losses(records(count), path, "a run")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="viz"):
        draw_losses(records(3), tmp_path / "loss.png", "a run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["cost$x_{$", "\udcff", "\U0001f389"])
def test_any_name_of_a_folder_can_be_the_title(tmp_path: Path, title: str) -> None:
    pytest.importorskip("matplotlib")
    draw_losses(records(10), tmp_path / "loss.png", title)
    assert (tmp_path / "loss.png").stat().st_size

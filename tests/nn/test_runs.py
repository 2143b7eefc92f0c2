"""Run folders: numbered, never shared, whole or not there."""

import errno
import json
import os
from pathlib import Path

import pytest

import tensorgrad
from nn import checkpoints, runs
from tensorgrad.errors import CheckpointError, ConfigError, DataError


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(folder: Path) -> None:
    (folder / "tokens").write_text("1 2 3")
    runs.save_config(folder, {"kind": "toy"})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_runs_are_numbered_and_one_may_have_a_name_of_its_own(work: Path) -> None:
    assert runs.new("toy", None, fill) == Path("runs/toy-1")
    assert runs.new("toy", None, fill) == Path("runs/toy-2")
    assert runs.new("other", None, fill) == Path("runs/other-1")
    (work / "runs" / "toy-10").mkdir()
    assert runs.new("toy", None, fill) == Path("runs/toy-11")
    named = runs.new("toy", "deep/inside", fill)
    assert names(named) == ["config.json", "tokens"]
    assert runs.load_config(named) == {"version": tensorgrad.__version__, "kind": "toy"}


@pytest.mark.parametrize("out", [None, "mine", "deep/inside"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, DataError])
def test_a_failure_leaves_nothing(
    work: Path, out: str | None, stop: type[BaseException]
) -> None:
    def fails(folder: Path) -> None:
        fill(folder)
        raise stop("too short")

    with pytest.raises(stop):
        runs.new("toy", out, fails)
    assert names(work) == []


def test_a_failure_leaves_an_empty_folder_that_was_there(work: Path) -> None:
    (work / "mine").mkdir()

    def fails(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "tokens"))

    with pytest.raises(
        CheckpointError, match=r"disk full while writing .*mine/.*tokens"
    ):
        runs.new("toy", "mine", fails)
    assert names(work / "mine") == []
    assert names(runs.new("toy", "mine", fill)) == ["config.json", "tokens"]


def test_what_a_kill_left_half_prepared_is_prepared_anew(work: Path) -> None:
    (work / "mine" / runs.STAGING).mkdir(parents=True)
    (work / "mine" / runs.STAGING / "tokens").write_text("1 2")
    assert not runs.is_run(work / "mine")
    assert names(runs.new("toy", "mine", fill)) == ["config.json", "tokens"]


def test_a_folder_with_anything_in_it_is_refused_and_left(work: Path) -> None:
    runs.new("toy", "run", fill)
    with pytest.raises(ConfigError, match=r"run: holds another run.*--resume"):
        runs.new("toy", "run", fill)
    (work / "thesis").mkdir()
    (work / "thesis" / "chapter").write_text("one")
    with pytest.raises(ConfigError, match="thesis: holds files that are no run"):
        runs.new("toy", "thesis", fill)
    with pytest.raises(ConfigError, match=r"thesis: holds files[.] Choose a new"):
        runs.check_empty(work / "thesis")
    runs.check_empty(work / "new")
    with pytest.raises(ConfigError, match="chapter: a file"):
        runs.new("toy", "thesis/chapter", fill)
    with pytest.raises(ConfigError, match=r"chapter/run.*--out"):
        runs.new("toy", "thesis/chapter/run", fill)
    assert names(work / "thesis") == ["chapter"]


@pytest.mark.parametrize("name", ["x" * 300, "file/x"])
def test_a_folder_that_no_disk_takes_is_refused(work: Path, name: str) -> None:
    (work / "file").touch()
    with pytest.raises(ConfigError, match="choose another folder with --out"):
        runs.new("toy", name, fill)
    with pytest.raises(CheckpointError, match=r"Name the folder of a run|too long"):
        runs.load_config(work / name)


def test_the_newest_run_is_the_one_written_to_last(work: Path) -> None:
    with pytest.raises(CheckpointError, match="no toy run: train one with toy train"):
        runs.newest("toy", "toy train")
    first, second = (runs.new("toy", None, fill) for _ in range(2))
    (work / "runs" / "toy-3").mkdir()  # being prepared: no run yet
    os.utime(first / "config.json", (1000, 1000))
    assert runs.newest("toy", "toy train") == second
    with pytest.raises(CheckpointError, match="no toy run with a checkpoint"):
        runs.newest("toy", "toy train", trained=True)
    checkpoints.save(first, 3, {}, {})
    assert (
        runs.newest("toy", "toy train", trained=True)
        == runs.newest("toy", "toy train")
        == first
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"kind": "t', "truncated or edited"),
        (b"[1]", "edited"),
        (b"\xff", "truncated or edited"),
    ],
)
def test_a_damaged_config_is_refused(work: Path, content: bytes, says: str) -> None:
    run = runs.new("toy", "run", fill)
    (run / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"run/config\.json: {says}"):
        runs.load_config(run)
    with pytest.raises(CheckpointError, match="not a run"):
        runs.load_config(work)


def test_the_config_is_json_that_a_human_can_read(work: Path) -> None:
    text = (runs.new("toy", None, fill) / "config.json").read_text()
    assert json.loads(text)["kind"] == "toy"
    assert text.endswith("\n")
    assert "\n" in text.strip()


def test_a_run_of_another_kind(work: Path) -> None:
    folder = runs.new("toy", None, fill)
    assert runs.load_config(folder, "toy") == runs.load_config(folder)
    with pytest.raises(CheckpointError, match="toy-1: a run of kind 'toy', where one"):
        runs.load_config(folder, "other")


def test_fields_that_a_saved_config_did_not_have_yet_are_no_difference() -> None:
    here = {"model": {"n_layer": 2, "activation": "gelu_tanh"}, "data": "hash"}
    runs.check_same("saved with", {"model": {"n_layer": 2}, "data": "hash"}, here)
    for saved in (
        {"model": {"n_layer": 3}, "data": "hash"},
        {"model": {"n_layer": 2, "n_head": 4}, "data": "hash"},
        {"model": {"n_layer": 2}},
    ):
        with pytest.raises(CheckpointError, match="saved with"):
            runs.check_same("saved with", saved, here)

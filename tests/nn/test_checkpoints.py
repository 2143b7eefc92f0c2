"""Checkpoints: whole or not there, whatever kills, fills or edits."""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn.checkpoints import latest_step, load, save, steps
from tensorgrad.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]

dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="="),
    hnp.unsigned_integer_dtypes(endianness="="),
    hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
names = st.text(st.characters(codec="utf-8"), max_size=4).filter(
    lambda name: name != "__metadata__"
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def at(step: int) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """A checkpoint whose every number says which one it is."""
    model = {"weight": np.full((4, 8), step, np.float32), "bias": np.array(step)}
    return {"model": model, "optimizer": {"m": np.full(9, step)}}, {"number": step}


def number_of(loaded: tuple[Any, Any]) -> int:
    tensors, state = loaded
    numbers = {state["number"]}
    for named in tensors.values():
        for array in named.values():
            numbers |= set(array.ravel().tolist())
    assert len(numbers) == 1, f"a mixture of checkpoints: {numbers}"
    return int(numbers.pop())


def put(folder: Path, step: int, number: int | None = None, **options: Any) -> Path:
    tensors, state = at(step if number is None else number)
    return save(folder, step, tensors, state, **options)


# --- round trips


@given(
    st.dictionaries(names, arrays, max_size=3),
    st.dictionaries(st.text(), json_values, max_size=3),
)
def test_what_was_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    tensors: dict[str, np.ndarray],
    state: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("run")
    save(folder, 7, {"model": tensors, "nothing": {}}, state)
    loaded, again = load(folder)
    assert list(loaded) == ["model", "nothing"]
    assert repr(again) == repr(state)  # equal, with NaN and -0.0 told apart
    assert set(loaded["model"]) == set(tensors)
    for name, array in tensors.items():
        found = loaded["model"][name]
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert found.tobytes() == array.tobytes()
        assert found.flags.writeable


def test_memory_that_lies_otherwise_is_saved_as_it_reads(tmp_path: Path) -> None:
    grid = np.arange(24.0).reshape(4, 6)
    views = {
        "transposed": grid.T,
        "strided": grid[::2, ::-3],
        "broadcast": np.broadcast_to(grid[0], (3, 6)),
        "big endian": grid.astype(">f8"),
    }
    save(tmp_path, 1, {"model": views}, {})
    for name, array in load(tmp_path)[0]["model"].items():
        assert np.array_equal(array, views[name]), name


def test_numpy_scalars_in_the_state_become_numbers(tmp_path: Path) -> None:
    state = {"loss": np.float32(0.5), "steps": np.arange(3), 4: (True, None)}
    save(tmp_path, 1, {}, state)
    expected = {"loss": 0.5, "steps": [0, 1, 2], "4": [True, None]}
    assert load(tmp_path) == ({}, expected)
    with pytest.raises(TypeError, match="state holds a set"):
        save(tmp_path, 2, {}, {"bad": {1}})
    assert steps(tmp_path) == [1]


def test_state_json_says_what_made_it(tmp_path: Path) -> None:
    content = json.loads((put(tmp_path, 5) / "state.json").read_text())
    assert content["step"] == 5
    assert set(content["files"]) == {"model.safetensors", "optimizer.safetensors"}
    assert {"version", "format", "state", "sha256"} <= set(content)


# --- which step


def test_latest_is_the_last_one_saved_and_any_can_be_asked_for(tmp_path: Path) -> None:
    assert latest_step(tmp_path / "absent") is None
    for step in (10, 5, 20, 15):
        put(tmp_path, step)
        assert latest_step(tmp_path) == step
        assert number_of(load(tmp_path)) == step
    assert steps(tmp_path) == [5, 10, 15, 20]
    assert number_of(load(tmp_path, 5)) == 5


def test_single_groups_can_be_read(tmp_path: Path) -> None:
    tensors, state = at(3)
    save(tmp_path, 3, tensors, state)
    # what is not wanted is not looked at
    (tmp_path / "step-3" / "optimizer.safetensors").write_bytes(b"damaged")
    found, found_state = load(tmp_path, only=["model"])
    assert list(found) == ["model"]
    assert np.array_equal(found["model"]["weight"], tensors["model"]["weight"])
    assert found_state == state
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors: truncated"):
        load(tmp_path, only=["model", "optimizer"])
    with pytest.raises(CheckpointError, match=r"holds no other\.safetensors"):
        load(tmp_path, only=["other"])


def test_keep_deletes_older_steps_only(tmp_path: Path) -> None:
    for step in (1, 2, 3, 9):
        put(tmp_path, step)
    put(tmp_path, 4, keep=2)
    assert steps(tmp_path) == [3, 4, 9]
    put(tmp_path, 5, keep=1)
    assert steps(tmp_path) == [5, 9]
    assert number_of(load(tmp_path)) == 5


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    put(tmp_path, 3, number=1)
    put(tmp_path, 3, number=2)
    assert number_of(load(tmp_path)) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-3"]


def test_what_a_kill_left_is_swept_up(tmp_path: Path) -> None:
    put(tmp_path, 3)
    for name in (".step-4.tmp", ".step-3.old", ".step-2.gone"):
        shutil.copytree(tmp_path / "step-3", tmp_path / name)
    (tmp_path / ".latest.tmp").touch()
    put(tmp_path, 4)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["latest", "step-3", "step-4"]


def test_a_step_between_two_renames_survives_another_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.rename(put(tmp_path, 3), tmp_path / ".step-3.old")
    assert steps(tmp_path) == [3]
    assert number_of(load(tmp_path)) == 3
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", lambda *_: os.stat(tmp_path / "?"))
        with pytest.raises(CheckpointError, match="last good checkpoint is step 3"):
            put(tmp_path, 4)
    assert number_of(load(tmp_path)) == 3
    put(tmp_path, 4)
    assert steps(tmp_path) == [3, 4]
    assert number_of(load(tmp_path, 3)) == 3


@pytest.mark.parametrize(
    ("step", "group", "keep"),
    [(-1, "model", None), (1, "model", 0), (1, "../model", None), (1, "", None)],
)
def test_arguments_that_cannot_be(
    tmp_path: Path, step: int, group: str, keep: int | None
) -> None:
    with pytest.raises(CheckpointError):
        save(tmp_path / "run", step, {group: {}}, {}, keep=keep)
    assert not (tmp_path / "run").exists()


def test_a_dtype_the_format_lacks_is_named(tmp_path: Path) -> None:
    put(tmp_path, 1)
    with pytest.raises(CheckpointError, match="complex128"):
        save(tmp_path, 2, {"model": {"z": np.ones(2, np.complex128)}}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-1"]


# --- damage


def change_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def edit_a_number(path: Path) -> None:
    path.write_text(path.read_text().replace('"number": 2', '"number": 3'))


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "truncated tensors": (
        "step-2/model.safetensors",
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
    ),
    "longer tensors": (
        "step-2/model.safetensors",
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    ),
    "edited tensors": ("step-2/optimizer.safetensors", change_one_byte),
    "missing tensors": ("step-2/optimizer.safetensors", Path.unlink),
    "truncated state": (
        "step-2/state.json",
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
    ),
    "empty state": ("step-2/state.json", lambda path: path.write_bytes(b"")),
    "edited state": ("step-2/state.json", edit_a_number),
    "binary state": ("step-2/state.json", lambda path: path.write_bytes(b"\xff\0")),
    "other JSON": ("step-2/state.json", lambda path: path.write_text("[1, 2]")),
    "missing state": ("step-2/state.json", Path.unlink),
    "missing step": ("step-2", shutil.rmtree),
    "missing latest": ("latest", Path.unlink),
    "empty latest": ("latest", lambda path: path.write_bytes(b"")),
    "binary latest": ("latest", lambda path: path.write_bytes(b"\xff\xfe")),
    "latest elsewhere": ("latest", lambda path: path.write_text("step-2/../../x")),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_and_the_good_steps_too(tmp_path: Path, what: str) -> None:
    put(tmp_path, 1)
    put(tmp_path, 2)
    name, harm = DAMAGE[what]
    harm(tmp_path / name)
    with pytest.raises(
        CheckpointError, match=re.escape(str(tmp_path / name))
    ) as caught:
        load(tmp_path)
    good = "1, 2" if name == "latest" else "1"
    assert f"Good steps there: {good}." in str(caught.value)
    assert "\n" not in str(caught.value)
    assert number_of(load(tmp_path, 1)) == 1
    (tmp_path / "latest").write_text(f"step-{good[-1]}\n")  # what the message advises
    assert number_of(load(tmp_path)) == int(good[-1])


def test_no_advice_where_nothing_is_good(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        load(tmp_path)
    with pytest.raises(CheckpointError, match=r"no such step.*No other step"):
        load(tmp_path, 3)
    for step in (1, 2):
        change_one_byte(put(tmp_path, step) / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"edited or damaged.*No other step"):
        load(tmp_path)


def test_a_step_under_another_name_is_refused(tmp_path: Path) -> None:
    os.rename(put(tmp_path, 1), tmp_path / "step-2")
    with pytest.raises(CheckpointError, match="edited"):
        load(tmp_path, 2)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, 1) / "state.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(CheckpointError, match="format 2, this version reads 1"):
        load(tmp_path)


# --- full disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", range(7))  # as many as one save makes
def test_any_failing_sync_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, code: int
) -> None:
    put(tmp_path, 1)
    calls = 0
    real = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 == call:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        with pytest.raises(CheckpointError, match="last good checkpoint is") as caught:
            put(tmp_path, 2)
    assert ("disk full" in str(caught.value)) == (code != errno.EIO)
    assert not list(tmp_path.glob(".*"))
    assert number_of(load(tmp_path)) in {1, 2}
    assert number_of(load(tmp_path, 1)) == 1
    put(tmp_path, 2)
    assert number_of(load(tmp_path)) == 2


def test_the_tensor_library_s_full_disk_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(CheckpointError, match=r"disk full.*no checkpoint was"):
            put(tmp_path, 1)
    assert not list(tmp_path.iterdir())


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


SAVE_UNTIL_FULL = """
import sys
import numpy as np
from nn.checkpoints import load, save
from tensorgrad.errors import CheckpointError
folder, step = sys.argv[1], 0
try:
    while True:
        save(folder, step + 1, {"model": {"w": np.ones(10_000)}}, {"step": step + 1})
        step += 1
except CheckpointError as error:
    print(error)
    assert f"the last good checkpoint is step {step}" in str(error)
assert load(folder)[1] == {"step": step}
"""


def test_a_disk_that_really_fills(tmp_path: Path) -> None:
    """On a small file system of its own, where mounting one is permitted."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare here")
    mount = 'mount -t tmpfs -o size=400k tmpfs "$1" || exit 77; exec "$2" -c "$3" "$1"'
    shell = ["unshare", "-rm", "sh", "-c", mount, "sh"]
    done = subprocess.run(
        [*shell, str(tmp_path), sys.executable, SAVE_UNTIL_FULL],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip("mounting is not permitted here")
    assert done.returncode == 0, done.stderr
    assert re.match(r"disk full while writing .*step-\d+", done.stdout), done.stdout


# --- kills

KILL_EVERYWHERE = """
import itertools, os, shutil, sys
import numpy as np
from nn.checkpoints import latest_step, load, save, steps
WATCHED = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod"}

def put(folder, step, number, keep=None):
    model, optimizer = {"w": np.full(100, number)}, {"m": np.full(9, number)}
    tensors = {"model": model, "optimizer": optimizer}
    save(folder, step, tensors, {"number": number}, keep=keep)

def found(folder):
    for step in steps(folder):
        load(folder, step)
    if latest_step(folder) is None:
        return None
    tensors, state = load(folder)
    numbers = {int(n) for named in tensors.values() for a in named.values() for n in a}
    assert numbers == {state["number"]}, numbers
    return state["number"]

def dies_at(call, folder, step, keep):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = itertools.count(call, -1)
    def hook(event, _):
        if event in WATCHED and next(left) == 0:
            os._exit(9)
    sys.addaudithook(hook)
    put(folder, step, 99, keep)
    os._exit(0)

def every_moment(name, before, step, keep):
    for call in itertools.count():
        folder = os.path.join(sys.argv[1], f"{name}-{call}")
        for number in before:
            put(folder, number, number)
        died = dies_at(call, folder, step, keep)
        allowed = {max(before, default=None), 99} if died else {99}
        assert found(folder) in allowed, (name, call, found(folder))
        put(folder, 50, 50)
        assert found(folder) == 50
        assert not [entry for entry in os.listdir(folder) if entry.startswith(".")]
        shutil.rmtree(folder)
        if not died:
            return call

print(every_moment("first", [], 3, None), every_moment("next", [1, 2], 3, 1),
      every_moment("again", [1, 3], 3, None))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_before_any_call_to_the_system(tmp_path: Path) -> None:
    done = subprocess.run(
        python(KILL_EVERYWHERE, tmp_path), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert all(int(moments) > 10 for moments in done.stdout.split())


SAVE_FOR_EVER = """
import sys
import numpy as np
from nn.checkpoints import latest_step, save
folder = sys.argv[1]
step = latest_step(folder) or 0
while True:
    step += 1
    for again in range(2):
        model = {"w": np.full((200, 300), step, np.float32), "b": np.array(step)}
        tensors = {"model": model, "optimizer": {"m": np.full(90_000, step)}}
        save(folder, step, tensors, {"number": step}, keep=2)
    print(step, flush=True)
"""


def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    moments = random.Random(5)
    reported = 0
    for _ in range(5):
        with subprocess.Popen(
            python(SAVE_FOR_EVER, tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.1))
            child.send_signal(signal.SIGKILL)
            lines = child.stdout.read().split()
        reported = max([reported, *map(int, lines)])
        assert number_of(load(tmp_path)) >= reported
        assert len(steps(tmp_path)) <= 3

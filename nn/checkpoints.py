"""Checkpoints that survive a kill at any moment, as safetensors and JSON.

A run folder holds `step-N/` folders and the small file `latest`, which names one:

    latest                   step-2000
    step-2000/               model.safetensors, optimizer.safetensors, state.json

A step is written whole into `.step-N.tmp`, synced, and renamed; only then does
`latest` change. A step saved twice leaves its first version as `.step-N.old` until
the second stands; `.step-N.gone` is being deleted. A reader needs no repair: it
takes `step-N`, or `.step-N.old` where a kill fell between two renames.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

import tensorgrad
from tensorgrad.errors import CheckpointError

from .text import StrPath, disk_full, reason, sync, write_text

FORMAT = 1
Array = NDArray[Any]
Groups = dict[str, dict[str, Array]]


def save(
    folder: StrPath,
    step: int,
    tensors: Mapping[str, Mapping[str, Array]],
    state: Mapping[str, Any],
    *,
    keep: int | None = None,
) -> Path:
    """Write `step-N/`, one safetensors file per group, then let `latest` name it.

    `state` is anything JSON can hold; its tuples come back as lists and its keys as
    strings. `keep` deletes all but the newest `keep` steps up to this one.
    CheckpointError when the disk is full or refuses; what was saved before stays.
    """
    if step < 0 or (keep is not None and keep < 1):
        raise CheckpointError(f"step={step}, keep={keep}: needs step >= 0, keep >= 1")
    for group in tensors:
        if not re.fullmatch(r"\w[\w.-]*", group):
            raise CheckpointError(f"{group!r} cannot name a file: use letters, digits")
    written = json.loads(json.dumps(dict(state), default=_plain))
    folder = Path(folder)
    temporary = folder / f".step-{step}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        _write(temporary, step, tensors, written)
        _install(temporary, folder / f"step-{step}")
        write_text(folder / "latest", f"step-{step}\n")
        _prune(folder, step, keep)
    except OSError as error:
        raise _failure(folder, step, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / f"step-{step}"


def load(
    folder: StrPath, step: int | None = None, *, only: Collection[str] | None = None
) -> tuple[Groups, dict[str, Any]]:
    """(tensors, state) of one step, as `save` was given them; default: `latest`.

    With `only`, no other groups are read. Every file's size and SHA-256 are checked
    before a number of it is used. The arrays are writable and belong to the caller.
    CheckpointError names the file that is missing, truncated or edited, and the
    steps that are still good.
    """
    folder = Path(folder)
    wanted = latest_step(folder) if step is None else step
    if wanted is None:
        raise CheckpointError(f"{folder}: no checkpoint here. Is it a run folder?")
    try:
        return _read(folder, wanted, only)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. {_advice(folder, wanted)}") from None


def steps(folder: StrPath) -> list[int]:
    """The steps that are in a run folder, in order; their content is not checked."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = (re.fullmatch(r"step-(\d+)|\.step-(\d+)\.old", name) for name in names)
    return sorted({int(match[1] or match[2]) for match in found if match})


def latest_step(folder: StrPath) -> int | None:
    """The step that `latest` names; None where nothing was saved yet."""
    path = Path(folder) / "latest"
    try:
        content = path.read_bytes()
    except OSError as error:
        if not steps(folder):
            return None
        raise CheckpointError(
            f"{path}: {reason(error)}. {_advice(Path(folder), None)}"
        ) from None
    match = re.fullmatch(rb"step-(\d{1,18})\s*", content)
    if content == b"none\n":
        return None
    if not match:
        raise CheckpointError(
            f"{path}: does not name a step. {_advice(Path(folder), None)}"
        )
    return int(match[1])


def _write(
    temporary: Path,
    step: int,
    tensors: Mapping[str, Mapping[str, Array]],
    state: dict[str, Any],
) -> None:
    """The whole of a step, synced, into a new folder."""
    temporary.mkdir()
    files = {}
    for group, named in tensors.items():
        path = temporary / f"{group}.safetensors"
        _write_tensors(path, named)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _hash_file(path)}
    content = {
        "format": FORMAT,
        "version": getattr(tensorgrad, "__version__", "unknown"),
        "step": step,
        "files": files,
        "state": state,
    }
    content["sha256"] = _hash_json(content)
    write_text(temporary / "state.json", json.dumps(content, indent=1) + "\n")
    for name in files:  # the library makes them private to their owner
        shutil.copymode(temporary / "state.json", temporary / name)


def _write_tensors(path: Path, named: Mapping[str, Array]) -> None:
    # the library writes the memory as it lies: a transposed view would come back wrong
    solid = {name: np.asarray(array, order="C") for name, array in named.items()}
    try:
        safetensors.numpy.save_file(solid, path)
    except SafetensorError as error:
        if code := re.search(r"os error (\d+)", str(error)):
            number = int(code[1])
            raise OSError(number, os.strerror(number), str(path)) from None
        raise CheckpointError(f"{path.name}: {error}") from None
    sync(path)


def _install(temporary: Path, final: Path) -> None:
    """Rename the finished temporary folder to `step-N`, which may exist already."""
    latest, old = final.parent / "latest", final.with_name(f".{final.name}.old")
    if not steps(final.parent):
        # so that `latest` is never absent beside a step, unless someone deleted it
        write_text(latest, "none\n")
    if final.exists():
        os.rename(final, old)
    os.rename(temporary, final)
    sync(final.parent)
    if old.exists():
        _delete(old)


def _sweep(folder: Path) -> None:
    """Remove what earlier kills left behind; bring back a step caught in between."""
    (folder / ".latest.tmp").unlink(missing_ok=True)
    for pattern in (".step-*.tmp", ".step-*.gone"):
        for path in folder.glob(pattern):
            shutil.rmtree(path)
    for path in folder.glob(".step-*.old"):
        final = folder / path.name[1 : -len(".old")]
        if final.exists():
            _delete(path)
        else:
            os.rename(path, final)


def _prune(folder: Path, step: int, keep: int | None) -> None:
    if keep is not None:
        older = [number for number in steps(folder) if number < step]
        for number in older[: max(0, len(older) - (keep - 1))]:
            _delete(folder / f"step-{number}")


def _delete(path: Path) -> None:
    # renamed first: a kill half way must not leave a `step-N` with files missing
    gone = path.with_name(f".{path.name.strip('.').removesuffix('.old')}.gone")
    os.rename(path, gone)
    shutil.rmtree(gone)


def _failure(folder: Path, step: int, error: OSError) -> CheckpointError:
    try:
        good = latest_step(folder)
    except CheckpointError:
        good = None
    kept = (
        "no checkpoint was saved before"
        if good is None
        else (f"the last good checkpoint is step {good}")
    )
    what = error.filename or folder / f"step-{step}"
    advice = ". Free some space, then resume." if disk_full(error) else "."
    return CheckpointError(f"{reason(error)} while writing {what}; {kept}{advice}")


def _read(
    folder: Path, step: int, only: Collection[str] | None
) -> tuple[Groups, dict[str, Any]]:
    place, content = _verified(folder, step, only)
    tensors = {}
    for name in _chosen(content, only):
        try:
            named = safetensors.numpy.load_file(place / name)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{place / name}: {error}") from None
        tensors[name.removesuffix(".safetensors")] = named
    return tensors, content["state"]


def _chosen(content: Mapping[str, Any], only: Collection[str] | None) -> list[str]:
    """The names of a step's files, or of the groups among them that are wanted."""
    files = list(content["files"])
    return files if only is None else [f"{group}.safetensors" for group in only]


def _verified(
    folder: Path, step: int, only: Collection[str] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Where a step lies and its state.json, once every size and hash is right."""
    place = folder / f"step-{step}"
    interrupted = folder / f".step-{step}.old"
    if not place.exists() and interrupted.exists():
        place = interrupted
    if not place.is_dir():
        raise CheckpointError(f"{place}: there is no such step")
    content = _read_state(place / "state.json", step)
    for name in _chosen(content, only):
        if (facts := content["files"].get(name)) is None:
            raise CheckpointError(f"{place}: holds no {name}")
        _check_file(place / name, facts["bytes"], facts["sha256"])
    return place, content


def _read_state(path: Path, step: int) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        format_, digest = content["format"], content.pop("sha256")
    except OSError as error:
        raise CheckpointError(f"{path}: {reason(error)}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise CheckpointError(
            f"{path}: truncated or edited: not the JSON saved"
        ) from None
    if format_ != FORMAT:
        raise CheckpointError(
            f"{path}: format {format_!r}, this version reads {FORMAT}: it was saved "
            f"by tensorgrad {content.get('version')}"
        )
    if digest != _hash_json(content) or content["step"] != step:
        raise CheckpointError(f"{path}: edited: its content is not what was saved")
    return dict(content)


def _check_file(path: Path, size: int, digest: str) -> None:
    try:
        found = path.stat().st_size
        if found != size:
            state = "truncated" if found < size else "edited"
            raise CheckpointError(f"{path}: {state}: {found} bytes, saved were {size}")
        if _hash_file(path) != digest:
            raise CheckpointError(f"{path}: edited or damaged: its SHA-256 differs")
    except OSError as error:
        raise CheckpointError(f"{path}: {reason(error)}") from None


def _advice(folder: Path, broken: int | None) -> str:
    """The other steps that would load, and how to choose one."""
    good = []
    for step in steps(folder):
        try:
            if step != broken:
                _verified(folder, step)
                good.append(step)
        except CheckpointError:
            pass
    if not good:
        return "No other step there is good: start a new run, or restore a copy"
    return (
        f"Good steps there: {', '.join(map(str, good))}. To use the last of them, "
        f"write step-{good[-1]} into {folder / 'latest'}"
    )


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_json(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """What NumPy calls a number or a list of them, as Python's own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"state holds a {type(value).__name__}, which JSON cannot hold")

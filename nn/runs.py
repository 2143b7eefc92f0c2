"""Run folders: `runs/gpt-1`, `runs/gpt-2`, each with all that a training leaves.

A folder is a run once it holds config.json. That and what else a run needs from the
start is written into `.unfinished/` inside it and moved up in the end, so that a kill
leaves a whole run, or nothing that would stand in the way of the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorgrad
from tensorgrad.errors import CheckpointError, ConfigError

from . import checkpoints
from .text import disk_full, reason, write_text

ROOT = Path("runs")
CONFIG = "config.json"
STAGING = ".unfinished"
Config = dict[str, Any]


def is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def newest(kind: str, program: str, *, trained: bool = False) -> Path:
    """The run of a kind (`gpt`) under runs/ that was written to last.

    With `trained`, only runs that hold a checkpoint count. CheckpointError if none,
    which names the program that trains one.
    """
    found = [folder for _, folder in numbered(kind) if is_run(folder)]
    if trained:
        found = [folder for folder in found if checkpoints.steps(folder)]
    if not found:
        what = "run with a checkpoint" if trained else "run"
        raise CheckpointError(
            f"{ROOT}/ holds no {kind} {what}: train one with {program}, or name the "
            "folder of a run"
        )
    return max(found, key=last_written)


def numbered(kind: str) -> list[tuple[int, Path]]:
    """(n, runs/kind-n), whatever they hold, in order."""
    matches = ((re.fullmatch(rf"{kind}-(\d+)", p.name), p) for p in ROOT.glob("*"))
    return sorted((int(match[1]), path) for match, path in matches if match)


def last_written(folder: Path) -> float:
    files = [folder / name for name in (CONFIG, "metrics.jsonl", "latest")]
    return max(path.stat().st_mtime for path in files if path.exists())


def new(kind: str, out: str | None, fill: Callable[[Path], None]) -> Path:
    """A new run folder: `out`, or under runs/ the next free number.

    `fill(folder)` writes what it holds from the start, with `save_config`; if it
    fails, nothing is left. ConfigError if `out` holds a run, or anything else.
    """
    try:
        folder, made = _claim(Path(out)) if out else _next_free(kind)
    except OSError as error:
        raise _unusable(Path(error.filename), error) from None
    staging = folder / STAGING
    try:
        _fill(folder, staging, fill)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    return folder


def _fill(folder: Path, staging: Path, fill: Callable[[Path], None]) -> None:
    try:
        staging.mkdir()
        fill(staging)
        for path in sorted(staging.iterdir(), key=lambda path: path.name == CONFIG):
            os.rename(path, folder / path.name)
        staging.rmdir()
    except OSError as error:
        advice = ". Free some space, then try again." if disk_full(error) else "."
        what = f"{reason(error)} while writing {error.filename or folder}"
        raise CheckpointError(what + advice) from error


def check_free(folder: Path) -> None:
    """ConfigError if a new run cannot have this folder: it holds something."""
    try:
        _check_free(folder)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder}: {reason(error)}: choose another folder with --out")


def _check_free(folder: Path) -> None:
    if is_run(folder):
        raise ConfigError(
            f"{folder}: holds another run. Continue it with --resume, or choose "
            "another folder with --out"
        )
    check_empty(folder, "files that are no run")


def check_empty(folder: Path, holds: str = "files") -> None:
    """ConfigError unless a folder is new or empty; it says what is there."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: a file. Choose a folder with --out")
    if folder.exists() and any(path.name != STAGING for path in folder.iterdir()):
        raise ConfigError(
            f"{folder}: holds {holds}. Choose a new or an empty folder with --out"
        )


def _claim(folder: Path) -> tuple[Path, list[Path]]:
    """The folder, empty, and which folders had to be made for it, innermost first."""
    check_free(folder)
    shutil.rmtree(folder / STAGING, ignore_errors=True)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return folder, made


def _next_free(kind: str) -> tuple[Path, list[Path]]:
    """The folder after the highest number; two processes never get the same one."""
    made = [] if ROOT.exists() else [ROOT]
    ROOT.mkdir(exist_ok=True)
    while True:
        folder = ROOT / f"{kind}-{max((n for n, _ in numbered(kind)), default=0) + 1}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder, [folder, *made]


def save_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.json: with it, the folder is a run."""
    content = {"version": tensorgrad.__version__, **config}
    try:
        write_text(folder / CONFIG, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise CheckpointError(
            f"{reason(error)} while writing {folder / CONFIG}"
        ) from error


def load_config(folder: Path, kind: str | None = None) -> Config:
    """config.json of a run, of this kind if one is named.

    CheckpointError where there is none, or it is damaged.
    """
    path = folder / CONFIG
    try:
        if path.is_fifo():  # it may never end
            raise CheckpointError(f"{path}: a pipe, not a file")
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"{folder}: not a run: it holds no {CONFIG}. Name the folder of a run"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: truncated or edited: {error}. Restore a copy, or start a new run"
        ) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: edited: not what was saved")
    if kind is not None and content.get("kind", kind) != kind:
        raise CheckpointError(
            f"{folder}: a run of kind {content['kind']!r}, where one of {kind!r} is "
            "needed: name another folder"
        )
    return content


def check_same(what: str, saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """CheckpointError for the first setting that differs, with both values.

    Fields that a config did not have yet when it was saved are at their defaults.
    """
    for key in {**saved, **here}:
        old, new = saved.get(key), here.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            check_same(what, old, {name: new[name] for name in new if name in old})
        elif old != new:
            raise CheckpointError(
                f"{what} {key} {old!r}, and this run has {new!r}: leave that as it "
                "was, or start a new run"
            )

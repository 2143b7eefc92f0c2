"""Weights in safetensors files: mapped into memory, so that nothing is read twice."""

from __future__ import annotations

import json
import math
import mmap
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, final

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors import SafetensorError

from tensorgrad.errors import CheckpointError, DataError

from .. import checkpoints
from ..text import StrPath, json_object, no_file, reason, shown, write_pieces

Array = NDArray[Any]

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PIECE = 1 << 18  # so much of a tensor is converted or compared at a time
SHARD = r"[^/\\:\x00-\x1f\x7f]+\.safetensors"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# How safetensors name what NumPy can hold; BF16 is the upper half of an F32.
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "b1",
}


@final
@dataclass(frozen=True)
class Entry:
    """Where a tensor lies in its file."""

    file: MappedFile
    kind: str  # a key of DTYPES
    shape: tuple[int, ...]
    start: int  # bytes from the beginning of the file

    @property
    def stored(self) -> np.dtype[Any]:
        """What its bytes are in the file."""
        return np.dtype(DTYPES[self.kind])

    @property
    def dtype(self) -> np.dtype[Any]:
        """What it is read as: halves become float32, in which we compute."""
        halves = ("F16", "BF16")
        return np.dtype("<f4") if self.kind in halves else self.stored

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def read(self, dtype: Any = None) -> Array:
        """Its numbers as that dtype, or its own: a view of the file.

        Where they must be converted they are an array, read piece by piece, so that
        no more than it is in memory.
        """
        dtype = np.dtype(dtype or self.dtype)
        aligned = self.start % self.stored.itemsize == 0
        if aligned and self.kind != "BF16" and dtype == self.stored:
            view = np.frombuffer(self.file.memory, dtype, self.size, self.start)
            return view.reshape(self.shape)
        array = np.empty(self.size, dtype)
        with self.file.path.open("rb") as file:
            file.seek(self.start)
            for at in range(0, self.size, PIECE):
                count = min(PIECE, self.size - at)
                piece = np.fromfile(file, self.stored, count)
                if self.kind == "BF16":
                    piece = (piece.astype("<u4") << 16).view("<f4")
                array[at : at + count] = piece
        return array.reshape(self.shape)

    def equals(self, other: Entry) -> bool:
        """Whether both hold the same bytes; they are read in pieces, and not kept."""
        if (self.kind, self.shape) != (other.kind, other.shape):
            return False
        size = self.size * self.stored.itemsize
        with self.file.path.open("rb") as mine, other.file.path.open("rb") as theirs:
            mine.seek(self.start)
            theirs.seek(other.start)
            pieces = (min(PIECE, size - at) for at in range(0, size, PIECE))
            return all(mine.read(n) == theirs.read(n) for n in pieces)


@final
class MappedFile:
    """One safetensors file: its tensors, once the package has found the file sound.

    CheckpointError names the file and what is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path)
        try:
            # the package checks that the tensors fill the file without gap or overlap
            with safetensors.safe_open(path, "numpy"):
                pass
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                text = file.read(length).decode()
            header = json.loads(text, object_pairs_hook=unique)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
        except (SafetensorError, ValueError, RecursionError) as error:
            raise CheckpointError(
                f"{path}: damaged, or no safetensors file: {shown(str(error), 200)}. "
                "Copy it again?"
            ) from None
        header.pop("__metadata__", None)
        self.entries = {
            name: self._entry(name, facts, 8 + length) for name, facts in header.items()
        }

    def _entry(self, name: str, facts: dict[str, Any], beginning: int) -> Entry:
        kind, shape = facts["dtype"], tuple(facts["shape"])
        if kind not in DTYPES:
            raise CheckpointError(
                f"{self.path}: {shown(name)} holds {shown(kind)}, which is not read. "
                f"Save it as one of {', '.join(DTYPES)}"
            )
        if math.prod(max(1, n) for n in shape) > sys.maxsize // 8:
            raise CheckpointError(
                f"{self.path}: {shown(name)}: no array has the shape {shape}"
            )
        return Entry(self, kind, shape, beginning + facts["data_offsets"][0])

    @cached_property
    def memory(self) -> mmap.mmap | bytes:
        """The file's bytes, of which only those looked at are ever read."""
        with self.path.open("rb") as file:
            if not file.seek(0, 2):
                return b""
            # private, as compiled kernels copy what is read-only: nobody writes here
            # (see `hold`), and if anybody did, the file would not change
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


@final
class WeightFiles(Mapping[str, Array]):
    """The tensors of a checkpoint by name, read when asked for.

    `path` is a safetensors file, or a folder with `model.safetensors`, or with
    `model.safetensors.index.json` and the files that it names. Float32 and float64
    are views of the mapped file, which must not be written to meanwhile; replacing it
    by another is no harm. CheckpointError for what is missing or damaged; nothing is
    ever unpickled.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        self.entries: dict[str, Entry] = {}
        try:
            files = weight_files(self.path)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
        for file in files:
            entries = MappedFile(file).entries
            if both := entries.keys() & self.entries.keys():
                name = min(both)
                other = self.entries[name].file.path
                raise CheckpointError(f"{file}: {shown(name)} is also in {other}")
            self.entries |= entries

    def __getitem__(self, name: str) -> Array:
        array = self.entries[name].read()
        array.flags.writeable = False
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in JSON, which may have a name once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{shown(name)} is there twice")
    return found


def weight_files(path: Path) -> list[Path]:
    """The safetensors files that a path stands for."""
    if path.is_dir():
        if (path / FILE).exists():
            return [path / FILE]
        if (path / INDEX).exists():
            return shards(path / INDEX)
        raise no_weights(path)
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file or folder")
    if path.name.endswith(".index.json"):
        return shards(path)
    if any(path.match(pattern) for pattern in PICKLED):
        raise pickled(path)
    return [path]


def shards(index: Path) -> list[Path]:
    """The files that an index names, beside it."""
    names = read_object(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{index}: it has no weight_map from tensors to files")
    for tensor, name in names.items():
        # "a.safetensors", and no way out of the folder
        if not isinstance(name, str) or not re.fullmatch(SHARD, name):
            raise CheckpointError(
                f"{index}: weight_map gives {name!r:.80} for {shown(tensor)}: it "
                "should be the name of a file beside it that ends in .safetensors"
            )
    return [index.parent / name for name in sorted(set(names.values()))]


def check_regular(path: Path) -> None:
    """CheckpointError unless it is a file: not a folder, nor a pipe that never ends."""
    try:
        other = no_file(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
    if other:
        raise CheckpointError(f"{path}: {other}, not a file")


def no_weights(folder: Path) -> CheckpointError:
    for pattern in PICKLED:
        for path in sorted(folder.glob(pattern)):
            return pickled(path)
    if checkpoints.steps(folder):
        return CheckpointError(
            f"{folder}: the folder of a run, not of a published model: the run's "
            "program writes one (python -m gpt export --run FOLDER --out ANOTHER)"
        )
    return CheckpointError(f"{folder}: holds no {FILE} and no {INDEX}")


def pickled(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: a pickle, which could run any program, is never opened here. "
        "Convert it where you trust it: transformers' "
        f"AutoModel.from_pretrained(FOLDER).save_pretrained(NEW) writes {FILE}"
    )


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; CheckpointError if there is none."""
    check_regular(path)
    try:
        return json_object(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {reason(error)}") from None
    except DataError as error:
        raise CheckpointError(f"{path}: {error}") from None


def write_weights(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a safetensors file, in one step: after a kill it is the old or the new.

    One array at a time is brought into order, so hardly any memory is taken.
    """
    # the widest first: then each lies at a multiple of its size
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    ordered = {name: arrays[name] for name in names}
    try:
        write_pieces(path, chain([header(ordered)], map(as_bytes, ordered.values())))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {reason(error)}") from None


def as_bytes(array: Array) -> memoryview:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view("u1").data


def header(arrays: Mapping[str, Array]) -> bytes:
    """What stands before the arrays: its length, then where each of them is."""
    kinds = {dtype: kind for kind, dtype in DTYPES.items() if kind != "BF16"}
    facts: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # for transformers
    start = 0
    for name, array in arrays.items():
        end = start + array.nbytes
        facts[name] = {
            "dtype": kinds[array.dtype.str.replace("|", "")],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
        start = end
    text = json.dumps(facts).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text

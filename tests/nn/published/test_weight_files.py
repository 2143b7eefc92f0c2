"""Safetensors files as they are mapped: sound ones, and all the others."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nn import checkpoints
from nn.published.weight_files import FILE, INDEX, WeightFiles, write_weights
from tensorgrad.errors import CheckpointError

KINDS = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
Facts = dict[str, Any]


def raw(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with just this header, sound or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def facts(start: int, end: int, shape: list[int], dtype: str = "F32") -> Facts:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


ARRAYS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__metadata__"),
    st.sampled_from(KINDS).flatmap(
        lambda kind: npst.arrays(kind, npst.array_shapes(min_dims=0, min_side=0))
    ),
    max_size=4,
)


@given(ARRAYS)
def test_what_is_written_is_read(place: Path, arrays: dict[str, Any]) -> None:
    write_weights(place / FILE, arrays)
    found = WeightFiles(place)
    assert {*found} == {*safetensors.numpy.load_file(place / FILE)} == {*arrays}
    for name, array in arrays.items():
        wider = "f4" if array.dtype == np.float16 else array.dtype
        assert found[name].dtype == wider
        np.testing.assert_array_equal(found[name], array.astype(wider))
        assert found.entries[name].equals(found.entries[name])


@given(npst.arrays("u2", 5))
def test_bf16_is_the_upper_half_of_a_float32(place: Path, halves: Any) -> None:
    raw(place / "b", {"x": facts(0, 10, [5], "BF16")}, halves.tobytes())
    expected = (halves.astype("u4") << 16).view("f4")
    found = WeightFiles(place / "b").entries["x"]
    np.testing.assert_array_equal(found.read(), expected)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found.read("f8"), expected.astype("f8"))


def test_views_stay_what_they_were_when_the_file_is_replaced(tmp_path: Path) -> None:
    write_weights(tmp_path / FILE, {"x": np.ones(4, "f4")})
    view = WeightFiles(tmp_path)["x"]
    assert not view.flags.writeable
    assert not view.flags.owndata
    write_weights(tmp_path / FILE, {"x": view * 2})
    assert view.tolist() == [1, 1, 1, 1]
    assert WeightFiles(tmp_path)["x"].tolist() == [2, 2, 2, 2]


def test_what_does_not_lie_at_a_multiple_of_its_size_is_copied(tmp_path: Path) -> None:
    header = b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} '
    raw(tmp_path / FILE, header, np.array([1, 2], "f4").tobytes())
    assert len(header) % 4
    assert WeightFiles(tmp_path)["x"].tolist() == [1, 2]


def test_large_tensors_are_converted_and_compared_in_pieces(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal(600_000).astype("f2")
    y = x.copy()
    y[-1] += 1
    write_weights(tmp_path / FILE, {"x": x, "same": x, "y": y, "z": x[:-1]})
    found = WeightFiles(tmp_path)
    np.testing.assert_array_equal(found["x"], x.astype("f4"))
    x_, same, y_, z = (found.entries[name] for name in ("x", "same", "y", "z"))
    assert x_.equals(same)
    assert not x_.equals(y_)
    assert not x_.equals(z)


# --- what is refused

BAD_HEADERS: dict[str, tuple[Any, bytes, int | None]] = {
    "empty": (b"", b"", None),
    "no JSON": (b"nonsense", b"", None),
    "huge length": ({}, b"", 2**63),
    "length past the end": ({}, b"", 1000),
    "truncated": ({"x": facts(0, 8, [2])}, b"1234", None),
    "bytes that nothing names": ({"x": facts(0, 4, [1])}, b"12345678", None),
    "overlap": ({"x": facts(0, 8, [2]), "y": facts(4, 12, [2])}, b"0" * 12, None),
    "gap": ({"x": facts(4, 8, [1])}, b"0" * 8, None),
    "backwards": ({"x": facts(8, 0, [2])}, b"0" * 8, None),
    "negative shape": ({"x": facts(0, 8, [-2])}, b"0" * 8, None),
    "enormous shape": ({"x": facts(0, 8, [2**62, 2**62])}, b"0" * 8, None),
    "enormous and empty": ({"x": facts(0, 0, [0, 2**63])}, b"", None),
    "shape and bytes differ": ({"x": facts(0, 8, [3])}, b"0" * 8, None),
    "unknown dtype": ({"x": facts(0, 8, [2], "F31")}, b"0" * 8, None),
    "dtype that NumPy lacks": ({"x": facts(0, 8, [8], "F8_E4M3")}, b"0" * 8, None),
    "no dtype": ({"x": {"shape": [2], "data_offsets": [0, 8]}}, b"0" * 8, None),
    "a list": ([1], b"", None),
    "a shape that is a word": (
        {"x": {"dtype": "F32", "shape": "two", "data_offsets": [0, 8]}},
        b"0" * 8,
        None,
    ),
    "a name twice": (
        b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"\\u0078":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"0",
        None,
    ),
    "control characters": (
        {"\x1b[2J\n\x07": facts(0, 8, [8], "F8_E5M2")},
        b"0" * 8,
        None,
    ),
    "depth": (b"[" * 100_000, b"", None),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_bad_header_is_one_error_that_names_the_file(
    tmp_path: Path, case: str
) -> None:
    header, data, length = BAD_HEADERS[case]
    raw(tmp_path / FILE, header, data, length)
    with pytest.raises(CheckpointError) as caught:
        WeightFiles(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / FILE) in message
    assert message.isprintable(), "a terminal would obey it"
    assert len(message) < 500


BAD_INDEXES: dict[str, Any] = {
    "outside": {"weight_map": {"x": "../a.safetensors"}},
    "absolute": {"weight_map": {"x": "/etc/a.safetensors"}},
    "backslash": {"weight_map": {"x": "..\\a.safetensors"}},
    "missing": {"weight_map": {"x": "a.safetensors"}},
    "itself": {"weight_map": {"x": INDEX}},
    "a pickle": {"weight_map": {"x": "pytorch_model.bin"}},
    "no name": {"weight_map": {"x": None}},
    "control characters": {"weight_map": {"\x1b[2J": "\x1b.safetensors"}},
    "no map": {"metadata": {}},
    "an empty map": {"weight_map": {}},
    "a list": {"weight_map": ["a.safetensors"]},
    "no object": [1, 2],
}


@pytest.mark.parametrize("case", BAD_INDEXES)
def test_a_bad_index_is_one_error(tmp_path: Path, case: str) -> None:
    (tmp_path / INDEX).write_text(json.dumps(BAD_INDEXES[case]))
    with pytest.raises(CheckpointError) as caught:
        WeightFiles(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_tensor_is_in_one_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_weights(tmp_path / f"{name}.safetensors", {"x": np.ones(2)})
    names = {"x": "a.safetensors", "y": "b.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": names}))
    with pytest.raises(CheckpointError, match=r"b\.safetensors: x is also in .*a\.s"):
        WeightFiles(tmp_path)


def folder_in_its_place(folder: Path) -> Path:
    (folder / FILE).mkdir()
    return folder


def with_a_pickle(folder: Path) -> Path:
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    return folder


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / FILE)
    return folder


def run(folder: Path) -> Path:
    checkpoints.save(folder, 3, {"model": {"x": np.ones(2)}}, {})
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder, "holds no model.safetensors"),
        (run, "a run, not of a published model: .* gpt export"),
        (lambda folder: folder / "nothing", "no such file or folder"),
        (folder_in_its_place, "a folder, not a file"),
        (pipe, "a device or a pipe"),
        (with_a_pickle, "never opened"),
        (lambda folder: with_a_pickle(folder) / "pytorch_model.bin", "never opened"),
        (lambda folder: folder_in_its_place(folder) / "a" / "b", "no such file"),
    ],
)
def test_what_is_no_file_of_weights(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        WeightFiles(make(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights(tmp_path / FILE, {"x": np.ones(2)})

    def refuse(*args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for method in ("stat", "open"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, refuse)
            with pytest.raises(CheckpointError, match="Permission denied"):
                WeightFiles(tmp_path)


def test_what_cannot_be_written_leaves_what_was(tmp_path: Path) -> None:
    write_weights(tmp_path / FILE, {"x": np.ones(2)})
    with pytest.raises(CheckpointError, match=r"cannot be written"):
        write_weights(tmp_path / "no" / FILE, {"x": np.zeros(2)})
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match=r"cannot be written"):
        write_weights(tmp_path / "folder", {"x": np.zeros(2)})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", FILE]
    assert WeightFiles(tmp_path)["x"].tolist() == [1, 1]

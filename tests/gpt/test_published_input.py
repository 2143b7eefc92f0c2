"""Folders of published weights that are damaged, edited or hostile: one error each."""

import json
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt import GPT, GPTConfig
from nn.published.weight_files import FILE, INDEX
from tensorgrad.errors import CheckpointError, DtypeError, InputError, StateDictError

CONFIG = "config.json"
SIZES = GPTConfig(block_size=4, vocab_size=5, n_layer=2, n_head=2, n_embd=4)
FIELDS = ["n_layer", "n_head", "n_embd", "n_positions", "vocab_size", "n_inner"]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint in two shards; only to be copied."""
    folder = tmp_path_factory.mktemp("sound")
    GPT(SIZES, 0).save_pretrained(folder)
    tensors = safetensors.numpy.load_file(folder / FILE)
    (folder / FILE).unlink()
    names, weight_map = sorted(tensors), {}
    for i, part in enumerate((names[:9], names[9:])):
        file = f"model-0000{i}.safetensors"
        safetensors.numpy.save_file({n: tensors[n] for n in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


@contextmanager
def within(size: int) -> Iterator[None]:
    """No more bytes than that are taken inside."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def refused(folder: Path) -> str:
    """What the one error says, which names the folder."""
    with pytest.raises(InputError) as caught, within(4 << 20):
        GPT.from_pretrained(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert message.isprintable()
    return message


HOSTILE = [
    10**9,
    10**12,
    10**30,
    0,
    -1,
    float("nan"),
    float("inf"),
    1.5,
    True,
    "2",
    [],
    {"a": 1},
    3,
]


@pytest.mark.parametrize("value", HOSTILE, ids=str)
@pytest.mark.parametrize("field", FIELDS)
def test_a_size_that_the_weights_have_not(folder: Path, field: str, value: Any) -> None:
    if (field, value) == ("n_inner", 0):
        pytest.skip("the same as null")
    edit(folder / CONFIG, lambda config: config | {field: value})
    refused(folder)


@pytest.mark.parametrize("field", FIELDS[:-1])
def test_a_size_that_is_missing_is_gpt_2s(folder: Path, field: str) -> None:
    edit(folder / CONFIG, lambda config: {k: config[k] for k in config if k != field})
    refused(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"nul", b"[" * 10**5, b"9" * 5000]
)
def test_a_config_that_is_none(folder: Path, content: bytes) -> None:
    (folder / CONFIG).write_bytes(content)
    assert CONFIG in refused(folder)


def test_no_config(folder: Path) -> None:
    (folder / CONFIG).unlink()
    assert CONFIG in refused(folder)
    (folder / CONFIG).mkdir()
    assert "a folder" in refused(folder)


def test_all_that_does_not_fit_is_listed_at_once(folder: Path) -> None:
    file = folder / "model-00000.safetensors"
    tensors = safetensors.numpy.load_file(file)
    names = [name for name in tensors if "h.0" in name]
    del tensors[names[0]], tensors[names[1]]
    tensors[names[2]] = np.zeros((2, 3), np.float32)
    tensors[names[3]] = np.zeros_like(tensors[names[3]], np.int32)
    more = {"extra": np.ones(2), "bad\x1b[2J": np.ones(3)}
    safetensors.numpy.save_file(tensors | more, file)
    with pytest.raises(StateDictError) as caught:
        GPT.from_pretrained(folder)
    message = str(caught.value)
    for part in (*names[:2], f"{names[2]} (2, 3) should be", f"{names[3]} holds I32"):
        assert part.removeprefix("transformer.") in message
    assert "extra (2,)" in message
    assert r"bad\x1b[2J (3,)" in message


def test_no_folder_and_no_float(folder: Path) -> None:
    for bad in (folder / "none", folder / CONFIG / "below"):
        with pytest.raises(CheckpointError, match="no such file"):
            GPT.from_pretrained(bad)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        GPT.from_pretrained(folder / CONFIG)
    with pytest.raises(DtypeError, match="int32"):
        GPT.from_pretrained(folder, dtype=np.int32)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)


def same_or_refused(folder: Path) -> None:
    """Either it is read, to a model of finite size, or there is one error of ours."""
    with within(4 << 20), np.errstate(all="ignore"):
        try:
            model, message = GPT.from_pretrained(folder), str(folder)
        except InputError as error:
            model, message = None, str(error)
    assert str(folder) in message
    assert message.isprintable()
    assert model is None or model.num_parameters() < 10_000


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_changed_it_is_read_or_refused(sound: Path, data: Any) -> None:
    folder = sound.parent / "changed"
    shutil.copytree(sound, folder, dirs_exist_ok=True)
    file = folder / data.draw(st.sampled_from(sorted(p.name for p in sound.iterdir())))
    if file.suffix == ".json" and data.draw(st.booleans()):
        content = json.loads(file.read_text())
        inner = content.get("weight_map", content)
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(JSON)
        file.write_text(json.dumps(content))
    else:
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            # most of what can go wrong is in the header
            place = data.draw(st.integers(0, min(len(content), 1000) - 1))
            content[place] = data.draw(st.integers(0, 255))
        end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
        file.write_bytes(content[:end])
    same_or_refused(folder)

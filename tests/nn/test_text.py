"""Text files: what Python reads, in pieces, and every refusal."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.text import (
    TextFile,
    corpus_hash,
    default_corpus,
    json_object,
    read_as,
    read_file,
    read_text,
    shown,
    write_pieces,
    write_text,
)
from tensorgrad.errors import DataError

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain_texts = st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"))


@given(plain_texts.filter(bool), st.integers(1, 9))
def test_pieces_join_to_what_python_reads(
    tmp_path_factory: pytest.TempPathFactory, text: str, piece: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_bytes(text.encode())
    file = TextFile(path, piece=piece)
    with path.open(encoding="utf-8") as expected:
        assert "".join(file) == expected.read()
    assert list(file) == list(file)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeff\ufeffa\ufeffb".encode())
    assert read_text(path) == "\ufeffa\ufeffb"  # only the first is a mark
    assert "".join(TextFile(path, piece=1)) == "\ufeffa\ufeffb"


@given(st.integers(0, 40), st.integers(1, 9), st.booleans())
def test_invalid_utf8_is_found_at_its_byte(
    tmp_path_factory: pytest.TempPathFactory, place: int, piece: int, mark: bool
) -> None:
    before = b"\xef\xbb\xbf" * mark + ("é" * place).encode()
    path = tmp_path_factory.mktemp("text") / "text"
    for bad in (b"\xff", b"\xe2\x82a", b"\xe2\x82"):  # wrong, cut short, at the end
        path.write_bytes(before + bad)
        with pytest.raises(DataError, match=f"at byte {len(before)} "):
            list(TextFile(path, piece=piece))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"abc\0def", "binary.*byte 3"),
        ("text".encode("utf-16"), "UTF-16"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        list(TextFile(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_text(tmp_path / "absent")
    with pytest.raises(DataError, match="folder"):
        read_text(tmp_path)
    with pytest.raises(DataError, match="device"):
        read_text("/dev/null")


def test_the_default_corpus_is_python_s_own_reference() -> None:
    text = default_corpus()
    assert len(text) > 400_000
    assert len(set(text)) > 90
    assert text == default_corpus()
    assert "\r" not in text


def test_an_error_of_what_is_read_names_the_file_once(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("7")
    assert read_as(path, int) == 7

    def refuse(text: str) -> None:
        raise DataError(f"{text} is no good")

    with pytest.raises(DataError, match="number: 7 is no good"):
        read_as(path, refuse)
    with pytest.raises(DataError, match="No such file") as caught:
        read_as(tmp_path / "absent", refuse)
    assert str(caught.value).count("absent") == 1


@given(texts, st.integers(0, 10))
def test_a_hash_does_not_depend_on_the_pieces(text: str, cut: int) -> None:
    assert corpus_hash(text) == corpus_hash([text[:cut], text[cut:]])
    assert re.fullmatch("[0-9a-f]{16}", corpus_hash(text))


def test_write_text_replaces_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "note"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def broken() -> Iterator[bytes]:
        yield b"four"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_pieces(path, broken())
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "three")
    assert path.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note"]


@given(st.text(), st.integers(3, 30))
def test_what_is_shown_is_one_short_line(text: str, limit: int) -> None:
    assert shown(text, limit).isprintable()
    if text.isprintable() and len(text) <= limit:
        assert shown(text, limit) == text
    assert len(shown(text, limit)) <= 10 * limit  # each escaped by at most so much


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_an_object_is_read_as_json_reads_it(content: dict[str, object]) -> None:
    text = json.dumps(content)
    assert json_object(text) == json_object(text.encode()) == content


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", b"\xff\xfe\xfd", "[" * 99_999]
)
def test_anything_else_is_no_object(text: str | bytes) -> None:
    with pytest.raises(DataError, match=r"truncated or edited|holds a \w+ where"):
        json_object(text)


def test_a_pipe_is_no_file_to_wait_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, what in ((tmp_path, "a folder"), (tmp_path / "pipe", "or a pipe")):
        with pytest.raises(DataError, match=f"{what}, not a file"):
            read_file(place)

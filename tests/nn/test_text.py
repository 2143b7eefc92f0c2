"""Tokenizers and text files: round trips, streaming, and every refusal."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.text import (
    ByteTokenizer,
    CharTokenizer,
    StreamDecoder,
    TextFile,
    Tokenizer,
    corpus_hash,
    default_corpus,
    load_tokenizer,
    make_tokenizer,
    read_text,
    tokenizer_from_json,
    write_text,
)
from tensorgrad.errors import ConfigError, DataError

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain_texts = st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"))


def both(text: str) -> list[Tokenizer]:
    return [CharTokenizer.train(text), ByteTokenizer()]


@given(texts.filter(bool))
def test_decode_undoes_encode(text: str) -> None:
    for tokenizer in both(text):
        tokens = tokenizer.encode(text)
        assert tokens.dtype == np.int64
        assert tokens.ndim == 1
        assert tokenizer.decode(tokens) == text
        assert tokenizer.decode(tokens.tolist()) == text
        assert 0 <= tokens.min() <= tokens.max() < len(tokenizer)


@given(texts.filter(bool))
def test_char_tokens_are_places_in_the_sorted_vocabulary(text: str) -> None:
    tokenizer = CharTokenizer.train(text)
    vocabulary = sorted(set(text))
    assert tokenizer.vocabulary == "".join(vocabulary)
    assert tokenizer.encode(text).tolist() == [vocabulary.index(c) for c in text]


@given(texts.filter(bool))
def test_json_keeps_all_of_a_tokenizer(text: str) -> None:
    for tokenizer in both(text):
        again = tokenizer_from_json(tokenizer.to_json())
        assert type(again) is type(tokenizer)
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


@given(st.binary(), st.lists(st.integers(0, 20)))
def test_a_stream_gives_what_decode_gives(data: bytes, cuts: list[int]) -> None:
    tokenizer = ByteTokenizer()
    tokens = np.frombuffer(data, np.uint8)
    stream = tokenizer.stream()
    pieces = [stream.feed(part) for part in np.split(tokens, sorted(cuts))]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(tokens)


def test_a_stream_holds_back_half_a_character() -> None:
    stream = ByteTokenizer().stream()
    assert isinstance(stream, StreamDecoder)
    assert [stream.feed(byte) for byte in "a€".encode()] == ["a", "", "", "€"]
    assert stream.feed(0xE2) == ""
    assert stream.finish() == "\ufffd"
    assert CharTokenizer("ab").stream().feed(1) == "b"


def test_encoding_nothing_and_decoding_nothing() -> None:
    for tokenizer in both("abc"):
        assert tokenizer.encode("").shape == (0,)
        assert tokenizer.decode([]) == ""


@pytest.mark.parametrize(
    ("text", "named"), [("cé€", "'é', '€'"), ("\udcff", r"'\udcff'"), ("𝔸", "'𝔸'")]
)
def test_unknown_characters_are_named(text: str, named: str) -> None:
    with pytest.raises(DataError, match=re.escape(named)) as caught:
        CharTokenizer("abc").encode(text)
    assert "--tokenizer byte" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_unknown_characters_stay_on_one_line() -> None:
    with pytest.raises(DataError, match="and 16 more"):
        CharTokenizer("\n").encode("abcdefghijklmnopqrstuvwxyz")


def test_bytes_refuse_half_a_pair() -> None:
    with pytest.raises(DataError, match="character 1 "):
        ByteTokenizer().encode("a\udcff")


@pytest.mark.parametrize("tokens", [[3], [-1], [0, 300], [0.5], [[0, 1]]])
def test_decode_refuses_what_is_no_token(tokens: list[object]) -> None:
    with pytest.raises(DataError, match="decode"):
        CharTokenizer("abc").decode(tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize("vocabulary", ["", "aa", "a\ud800"])
def test_bad_vocabularies(vocabulary: str) -> None:
    with pytest.raises(DataError, match="vocabulary"):
        CharTokenizer(vocabulary)


def test_make_tokenizer_by_name() -> None:
    assert make_tokenizer("byte", "").vocab_size == 256
    assert make_tokenizer("char", "xy").vocab_size == 2
    with pytest.raises(ConfigError, match="char or byte"):
        make_tokenizer("word", "xy")


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    CharTokenizer("zé\n").save(path)
    loaded = load_tokenizer(path)
    assert isinstance(loaded, CharTokenizer)
    assert loaded.vocabulary == "zé\n"


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"type": "word"}', '{"type": "char"}', "3"]
)
def test_a_broken_tokenizer_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(DataError, match=re.escape(str(path))):
        load_tokenizer(path)
    with pytest.raises(DataError, match="No such file"):
        load_tokenizer(tmp_path / "absent.json")


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
    for tokenizer in both(text):
        assert tokenizer.decode(tokenizer.encode(text)) == text


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

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "three")
    assert path.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note"]

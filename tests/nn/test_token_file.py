"""Token files: the whole text, split by characters, or a refusal."""

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.subwords import SubwordTokenizer
from nn.text import TextFile, corpus_hash
from nn.token_file import Survey, TokenFile, survey
from nn.tokenizers import ByteTokenizer, CharTokenizer
from tensorgrad.errors import ConfigError, DataError

texts = st.text(st.characters(codec="utf-8"), min_size=1)
sizes = st.integers(1, 9)


def pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


@given(texts, sizes)
def test_survey_of_pieces_is_the_survey_of_the_text(text: str, size: int) -> None:
    expected = Survey(len(text), "".join(sorted(set(text))), corpus_hash(text))
    assert survey(pieces(text, size)) == survey([text]) == expected


@given(texts, sizes, st.booleans())
def test_a_token_file_holds_the_text_and_splits_it_by_characters(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int, char: bool
) -> None:
    path = tmp_path_factory.mktemp("tokens") / "tokens.npy"
    tokenizer = CharTokenizer.train(text) if char else ByteTokenizer()
    file = TokenFile.write(path, pieces(text, size), tokenizer)
    cut = int(0.9 * len(text))
    assert tokenizer.decode(file.train) == text[:cut]
    assert tokenizer.decode(file.held_out) == text[cut:]
    assert len(file) == len(tokenizer.encode(text))
    assert file.tokens.dtype == np.uint8
    assert file.vocab_size == tokenizer.vocab_size
    assert file.survey.hash == corpus_hash(text)


@given(st.lists(st.sampled_from(["to be ", "or", " not", "\n", "  ", "é"])), sizes)
def test_pieces_cut_no_word_in_two(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], size: int
) -> None:
    pytest.importorskip("tokenizers")
    text = "to be or not to be" + "".join(parts)
    tokenizer = SubwordTokenizer.train(text * 3, 270)
    path = tmp_path_factory.mktemp("tokens") / "tokens.npy"
    file = TokenFile.write(path, pieces(text, size), tokenizer, fraction=0.5)
    cut = len(text) // 2
    assert np.array_equal(file.train, tokenizer.encode(text[:cut]))
    assert np.array_equal(file.held_out, tokenizer.encode(text[cut:]))


def test_a_token_file_is_mapped_not_read(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("to be or not to be " * 1000)
    text = TextFile(tmp_path / "text", piece=100)
    surveyed = survey(text)
    tokenizer = CharTokenizer(surveyed.vocabulary)
    path = tmp_path / "tokens.npy"
    written = TokenFile.write(path, text, tokenizer, fraction=0.25, surveyed=surveyed)
    file = TokenFile(path)
    assert isinstance(file.tokens.base, np.memmap)
    assert not file.train.flags.writeable
    assert np.array_equal(file.tokens, written.tokens)
    assert len(file.held_out) == 19_000 // 4
    assert np.array_equal(np.load(path), tokenizer.encode("".join(text)))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "text",
        "tokens.json",
        "tokens.npy",
    ]


@pytest.mark.parametrize(("count", "dtype"), [(256, "u1"), (257, "u2"), (65537, "u4")])
def test_the_smallest_dtype_that_holds_the_vocabulary(
    tmp_path: Path, count: int, dtype: str
) -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x12000)][:count]))
    path = tmp_path / "tokens.npy"
    file = TokenFile.write(path, pieces(text, 1000), CharTokenizer(text))
    assert file.tokens.dtype == dtype
    assert np.array_equal(file.tokens, np.arange(count))


def test_a_text_that_changes_or_runs_out_is_refused(tmp_path: Path) -> None:
    path, tokenizer = tmp_path / "tokens.npy", CharTokenizer("ab")
    with pytest.raises(DataError, match="read only once"):
        TokenFile.write(path, iter(["ab", "ba"]), tokenizer)
    with pytest.raises(DataError, match="empty"):
        TokenFile.write(path, [], tokenizer)
    with pytest.raises(ConfigError, match="fraction"):
        TokenFile.write(path, ["ab"], tokenizer, fraction=1.0)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tokenizer = tmp_path / "tokens.npy", CharTokenizer("ab")
    TokenFile.write(path, ["abab"], tokenizer)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(DataError, match="disk full"):
            TokenFile.write(path, ["bbbbbb"], tokenizer)
    with pytest.raises(DataError, match="'c'"):
        TokenFile.write(path, ["ab", "c"], tokenizer)
    assert tokenizer.decode(TokenFile(path).tokens) == "abab"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_kill_between_the_two_files_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tokenizer = tmp_path / "tokens.npy", CharTokenizer("ab")
    TokenFile.write(path, ["abab"], tokenizer)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.token_file.write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        TokenFile.write(path, ["bbbb"], tokenizer)
    with pytest.raises(DataError, match="Write it again"):
        TokenFile(path)


@pytest.mark.parametrize(
    "damage", ["short", "long", "empty", "no json", "bad json", "gone"]
)
def test_a_broken_token_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "tokens.npy"
    TokenFile.write(path, ["abab" * 99], CharTokenizer("ab"))
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "long":
        np.save(path, np.zeros(999, np.uint8))
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no json":
        path.with_suffix(".json").unlink()
    elif damage == "bad json":
        path.with_suffix(".json").write_text("{")
    else:
        path.unlink()
    with pytest.raises(DataError, match="Write it again") as caught:
        TokenFile(path)
    assert str(path) in str(caught.value)


def test_a_token_that_was_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    tokens = TokenFile.write(path, ["abab" * 99], CharTokenizer("ab"))
    tokens.check()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="SHA-256 differs"):
        TokenFile(path).check()

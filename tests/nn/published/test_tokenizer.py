"""Published tokenizers are as transformers reads them, in and out, and whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.published.tokenizer import PublishedTokenizer, refused
from nn.published.tokenizers import load_published_tokenizer
from nn.tokenizers import TRAINED, make_tokenizer, tokenizer_from_json
from tensorgrad.errors import DataError
from tests.nn.published.files import (
    KINDS,
    TEXT,
    ids,
    json_of,
    kinds,
    ours,
    plain,
    quietly,
    reference,
    texts,
    theirs,
    whole,
)

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")


@given(kinds, texts)
def test_encode_is_that_of_transformers(kind: str, text: str) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    assert tokenizer.vocab_size == len(other)
    assert tokenizer.encode(text, recognise=True).tolist() == ids(other, text)
    as_text = ids(other, text, split_special_tokens=True)
    assert tokenizer.encode(text).tolist() == as_text
    inputs = tokenizer.inputs(text, recognise=True)
    assert inputs.tokens.tolist() == other.encode(text)


@given(st.sampled_from(["bert", "cased"]), plain, plain.filter(bool))
def test_two_texts_are_put_together_as_in_transformers(
    kind: str, first: str, second: str
) -> None:
    inputs, expected = ours(kind).inputs(first, second), theirs(kind)(first, second)
    assert inputs.tokens.tolist() == expected["input_ids"]
    assert inputs.segments.tolist() == expected["token_type_ids"]


@given(kinds, st.data())
def test_decode_is_that_of_transformers(kind: str, data: st.DataObject) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    token = st.integers(0, tokenizer.vocab_size - 1)
    tokens = data.draw(st.lists(token) | plain.map(lambda t: list(tokenizer.encode(t))))
    assert tokenizer.decode(tokens) == other.decode(tokens, skip_special_tokens=True)


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_are_those_of_transformers(kind: str) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    for name in ("bos", "eos", "pad", "unk", "cls", "sep", "mask"):
        assert getattr(tokenizer, name) == getattr(other, f"{name}_token_id"), name


# --- laws


@given(plain)
def test_bytes_come_back_whole(text: str) -> None:
    assert ours("gpt2").decode(ours("gpt2").encode(text)) == text


@given(kinds, st.data())
def test_a_stream_gives_what_decode_gives(kind: str, data: st.DataObject) -> None:
    tokenizer = ours(kind)
    token = st.integers(0, tokenizer.vocab_size - 1)
    tokens = data.draw(st.lists(token) | texts.map(lambda t: list(tokenizer.encode(t))))
    text, stream, printed = tokenizer.decode(tokens), tokenizer.stream(), ""
    for token in tokens:
        printed += stream.feed(token)
        assert text.startswith(printed)  # no halves, nothing taken back
    assert printed + stream.finish() == text
    assert tokenizer.to_bytes(tokens).decode("utf-8", "replace") == text


@given(kinds, texts, texts)
def test_what_is_settled_stays_whatever_follows(
    kind: str, text: str, more: str
) -> None:
    tokenizer = ours(kind)
    n = tokenizer.settled(text)
    parts = [tokenizer.encode(part) for part in (text[:n], text[n:] + more)]
    assert np.array_equal(np.concatenate(parts), tokenizer.encode(text + more))


@given(kinds, texts)
def test_json_keeps_all_of_it(kind: str, text: str) -> None:
    again = tokenizer_from_json(json_of(kind))
    assert isinstance(again, PublishedTokenizer)
    assert again.to_json() == json_of(kind)
    assert again.specials == ours(kind).specials
    assert np.array_equal(again.encode(text), ours(kind).encode(text))


@given(kinds)
def test_half_a_pair_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match="character 1 "):
        ours(kind).encode("a\udcff")


# --- the way out


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_reads_what_is_written(tmp_path: Path, kind: str) -> None:
    ours(kind).save_pretrained(tmp_path / "deep" / "folder")
    written = quietly(reference, tmp_path / "deep" / "folder")
    again = load_published_tokenizer(tmp_path / "deep" / "folder")
    assert again.specials == ours(kind).specials
    for name, number in ours(kind).specials.items():
        assert getattr(written, f"{name}_token_id") == number

    @given(texts)
    def same(text: str) -> None:
        tokens = ours(kind).inputs(text, recognise=True).tokens
        assert written.encode(text) == tokens.tolist()
        assert again.inputs(text, recognise=True).tokens.tolist() == tokens.tolist()
        decoded = written.decode(tokens, skip_special_tokens=True)
        assert decoded == ours(kind).decode(tokens) == again.decode(tokens)

    same()


@pytest.mark.parametrize("kind", TRAINED)
def test_transformers_reads_what_was_made_here(tmp_path: Path, kind: str) -> None:
    tokenizer = make_tokenizer(kind, TEXT, vocab_size=600)
    tokenizer.save_pretrained(tmp_path)
    written, again = quietly(reference, tmp_path), load_published_tokenizer(tmp_path)
    assert again.vocab_size == len(written) == tokenizer.vocab_size
    alphabet = st.sampled_from(sorted(set(TEXT))) if kind == "char" else whole

    @given(st.text(alphabet))
    def same(text: str) -> None:
        tokens = tokenizer.encode(text).tolist()
        assert written.encode(text) == tokens == again.encode(text).tolist()
        assert written.decode(tokens) == text == again.decode(tokens)

    same()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: cannot be written"):
        ours("gpt2").save_pretrained(tmp_path / "file")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_abort_or_a_lack_of_memory_comes_through(
    error: type[BaseException],
) -> None:
    with pytest.raises(error), refused("not read"):
        raise error
    with pytest.raises(DataError, match="not read: it is odd"), refused("not read"):
        raise RuntimeError("it is\nodd")

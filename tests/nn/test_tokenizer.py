"""The decoder that prints tokens as they come."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nn.tokenizer import StreamDecoder, after_a_word, recut
from nn.tokenizers import ByteTokenizer, CharTokenizer


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


@given(st.text(), st.lists(st.integers(0, 20)))
def test_a_stream_that_strips_gives_the_text_without_its_ends(
    text: str, cuts: list[int]
) -> None:
    data = text.encode("utf-8", "surrogatepass")
    stream = StreamDecoder(lambda part: bytes(np.asarray(part)), strip=True)
    parts = np.split(np.frombuffer(data, np.uint8), sorted(cuts))
    printed = [stream.feed(part) for part in parts]
    assert "".join(printed) + stream.finish() == data.decode("utf-8", "replace").strip()


@given(st.lists(st.text("ab \n\t", max_size=5)))
def test_pieces_are_cut_anew_after_words(pieces: list[str]) -> None:
    found = list(recut(pieces, after_a_word))
    assert "".join(found) == "".join(pieces)
    for left, right in pairwise(found):
        assert left[-1] not in " \n\t"
        assert right[0] in " \n"
    assert list(recut("".join(pieces), len)) == ["".join(pieces)] * any(pieces)

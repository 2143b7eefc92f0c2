"""The decoder that prints tokens as they come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nn.tokenizer import StreamDecoder
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

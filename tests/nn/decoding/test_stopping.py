"""Stop strings, however the text is cut into tokens, and when a sequence ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import StoppingText
from nn.decoding.stopping import Ending
from nn.published.pipeline_tokenizer import PipelineTokenizer
from nn.published.pipelines import word_ends
from nn.tokenizers import ByteTokenizer, CharTokenizer
from tensorgrad.errors import ConfigError

TEXTS = st.text("ab€", max_size=12)
STOPS = st.lists(st.text("ab€", min_size=1, max_size=4), max_size=3)
BYTES = ByteTokenizer()


def before_stop(text: str, stops: list[str]) -> str:
    """Read one more character at a time until a stop string is complete."""
    for end in range(len(text) + 1):
        starts = [end - len(s) for s in stops if text[:end].endswith(s)]
        if starts:
            return text[: min(starts)]
    return text


@given(TEXTS, STOPS, st.lists(st.integers(0, 36)))
def test_the_text_ends_before_the_stop_however_it_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    stopping = StoppingText(BYTES, stops)
    tokens = BYTES.encode(text)
    pieces = [stopping.feed(part) for part in np.split(tokens, sorted(cuts))]
    expected = before_stop(text, stops)
    assert "".join(pieces) + stopping.finish() == expected
    assert stopping.stopped == any(stop in text for stop in stops)


@given(TEXTS, STOPS)
def test_no_more_is_held_back_than_could_begin_a_stop(
    text: str, stops: list[str]
) -> None:
    stopping = StoppingText(CharTokenizer("ab€"), stops)
    read = given_out = ""
    for char in text:
        given_out += stopping.feed("ab€".index(char))
        read += char
        if stopping.stopped:
            return
        beginnings = [stop[:n] for stop in stops for n in range(len(stop))]
        held = max((len(b) for b in beginnings if read.endswith(b)), default=0)
        assert given_out == read[: len(read) - held]


def test_what_only_began_a_stop_is_given_out() -> None:
    text = StoppingText(CharTokenizer("abc"), ["aab"])
    assert [text.feed(token) for token in (0, 0, 0, 2)] == ["", "", "a", "aac"]
    assert [text.feed(0), text.finish()] == ["", "a"]


def test_the_stop_that_is_complete_first_counts() -> None:
    for stops in (["abc", "b"], ["b", "abc"]):
        text = StoppingText(CharTokenizer("abc"), stops)
        assert text.feed([0, 1, 2]) == "a"
        assert text.stopped
        assert text.feed(0) == text.finish() == ""


def test_characters_come_whole() -> None:
    text = StoppingText(BYTES, ["€!"])
    assert [text.feed(byte) for byte in "a€b".encode()] == ["a", "", "", "", "€b"]
    assert text.feed(0xE2) == ""
    assert text.finish() == "\ufffd"


def test_bad_stop_strings() -> None:
    with pytest.raises(ConfigError, match=r"stop_strings.*empty"):
        StoppingText(BYTES, ["a", ""])


def test_one_string_is_one_stop() -> None:
    text = StoppingText(CharTokenizer("abc"), "ab")
    assert text.feed([1, 2, 0, 1]) == "bc"


def test_why_a_sequence_ends() -> None:
    def ending(left: int, stops: set[int], strings: list[str]) -> Ending:
        return Ending(left, frozenset(stops), StoppingText(BYTES, strings))

    a, b = b"ab"
    end = ending(2, {b}, [])
    assert (end.feed(a), end.reason) == ("a", None)
    assert (end.feed(b), end.reason) == ("", "stop_token")  # though also the last
    end = ending(2, set(), ["ab"])
    assert (end.feed(a), end.reason) == ("", None)
    assert (end.feed(b), end.reason) == ("", "stop_string")
    end = ending(2, set(), ["abc"])
    assert (end.feed(a), end.reason) == ("", None)
    assert (end.feed(b), end.reason) == ("ab", "length")
    end = ending(9, {b}, ["ac"])
    assert end.feed(a) == ""
    assert (end.feed(b), end.reason) == ("a", "stop_token")  # what it held back
    end = Ending(1, frozenset(), None)
    assert (end.feed(a), end.reason) == ("", "length")


def test_what_stands_between_the_prompt_and_the_text_is_given_out() -> None:
    pytest.importorskip("tokenizers")
    vocabulary = {"<unk>": 0, "the</w>": 1, "cat</w>": 2}
    tokenizer = PipelineTokenizer(word_ends(vocabulary, []), {"unk": 0})
    text = StoppingText(tokenizer, ["at c"], after=[1, 1])
    assert [text.feed(2), text.feed(2), text.stopped] == [" c", "", True]
    text = StoppingText(tokenizer, after=[1])
    assert text.feed([2, 1]) + text.finish() == " cat the"
    assert StoppingText(tokenizer, ["the"], after=[1]).feed([2, 2]) == " cat ca"

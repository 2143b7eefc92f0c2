"""Pair files: what was written is read, other lines are named; splits do not leak."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.pairs import TextPair, read_pairs, split_pairs
from tensorgrad.errors import ConfigError, DataError

# a text on one line: Python's other line ends, such as U+2028, are characters of it
fields = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\t\r\n"), min_size=1
).filter(str.strip)
ends = st.sampled_from(["\n", "\r\n", "\r"])


@given(
    st.lists(st.tuples(fields, fields), min_size=1),
    ends,
    st.integers(0, 3),
    st.booleans(),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
    end: str,
    blank: int,
    mark: bool,
) -> None:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    content = end.join("\t".join(pair) for pair in pairs) + blank * end
    path.write_bytes(b"\xef\xbb\xbf" * mark + content.encode())
    found = read_pairs(path)
    if not mark and pairs[0][0].startswith("\ufeff"):
        return  # it is a mark, to any reader
    assert [pair[:2] for pair in found] == pairs
    assert [pair.line for pair in found] == list(range(1, len(pairs) + 1))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a\tb\nc d\ne\tf\n", r"line 2 has no tab \('c d'\)"),
        ("a\tb\tc\n", "line 1 has 2 tabs"),
        ("a\tb\n\t\t\n", "line 2 is blank"),
        ("a\tb\n\tc\n", "line 2 has no source"),
        ("a\tb\n \tc\n", "line 2 has no source"),
        ("a\tb\nc\t\n", "line 2 has no target"),
        ("a\tb\r\nc\t\r\n", "line 2 has no target"),
        ("a\tb\n\t\n", "line 2 is blank"),
        ("a\tb\n\nc\td\n", "line 2 is blank"),
        ("\na\tb\n", "line 1 is blank"),
        ("x" * 10_000, "line 1 has no tab"),
        ("a\vb\u2028c\n", r"line 1 has no tab \('a\\x0bb\\u2028c'\)"),
        ("\n\r\n", "only blank lines"),
        ("", "the file is empty"),
        ("a\tb\n\0", "binary"),
    ],
)
def test_lines_that_are_no_pair(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content.encode())
    with pytest.raises(DataError, match=says) as caught:
        read_pairs(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 150


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    with pytest.raises(DataError, match="No such file"):
        read_pairs(path)
    path.write_bytes(b"a\tcaf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8 at byte 5"):
        read_pairs(path)
    with pytest.raises(DataError, match="a folder"):
        read_pairs(tmp_path)


# --- splitting


def numbered(sources: list[int]) -> list[TextPair]:
    return [TextPair(str(x), str(i), i + 1) for i, x in enumerate(sources)]


@given(
    st.lists(st.integers(0, 20), min_size=1),
    st.integers(0, 99),
    st.integers(0, 9),
)
def test_a_split_keeps_every_pair_and_leaks_no_source(
    sources: list[int], percent: int, seed: int
) -> None:
    pairs, fraction = numbered(sources), percent / 100
    try:
        train, held_out = split_pairs(pairs, fraction, seed)
    except DataError:
        # all but one source would not have been enough
        few = min(len(pairs) - sources.count(x) for x in sources)
        assert few < fraction * len(pairs)
        return
    assert sorted(train + held_out, key=lambda pair: pair.line) == pairs
    assert train == sorted(train, key=lambda pair: pair.line)
    assert held_out == sorted(held_out, key=lambda pair: pair.line)
    assert not {pair.source for pair in train} & {pair.source for pair in held_out}
    most = max(sources.count(x) for x in sources)
    assert fraction * len(pairs) <= len(held_out) < fraction * len(pairs) + most
    assert split_pairs(pairs, fraction, seed) == (train, held_out)


def test_the_seed_decides_who_is_held_out() -> None:
    pairs = numbered(list(range(100)))
    assert split_pairs(pairs, 0.1, 1) != split_pairs(pairs, 0.1, 2)
    sides = [split_pairs(pairs, 0.25, seed)[1] for seed in range(200)]
    chosen = [sum(pair in side for side in sides) for pair in pairs]
    assert 20 < min(chosen) <= max(chosen) < 90  # 50 expected, of a spread of 6


def test_splits_that_cannot_be_made() -> None:
    with pytest.raises(DataError, match=re.escape("3 pairs of 1 different sources")):
        split_pairs(numbered([7, 7, 7]), 0.1, 0)
    with pytest.raises(DataError, match="0 pairs"):
        split_pairs([], 0.1, 0)
    for fraction in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="fraction"):
            split_pairs(numbered([1, 2]), fraction, 0)

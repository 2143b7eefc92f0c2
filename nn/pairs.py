"""Pairs of texts, a source and a target: read from a file, and split without a leak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tensorgrad.errors import ConfigError, DataError

from .text import StrPath, read_text


class TextPair(NamedTuple):
    """A source, its target, and the line that they are on, counted from 1."""

    source: str
    target: str
    line: int


def read_pairs(path: StrPath) -> list[TextPair]:
    """The pairs of a UTF-8 file whose every line is a source, a tab and a target.

    Its errors are a `TextFile`'s and, for a line that is no pair, a DataError that
    names the line. Line ends and blank lines at the end do not matter.
    """
    lines = read_text(path).rstrip("\n").split("\n")
    if lines == [""]:
        raise DataError(f"{path}: holds no pairs, only blank lines")
    return [_pair(path, number, line) for number, line in enumerate(lines, 1)]


def _pair(path: StrPath, number: int, line: str) -> TextPair:
    source, _, target = line.partition("\t")
    tabs = line.count("\t")
    if tabs == 1 and source.strip() and target.strip():
        return TextPair(source, target, number)
    if not line.strip():
        wrong = "is blank"
    elif tabs != 1:
        wrong = f"has {tabs or 'no'} tab{'s' * (tabs > 1)}"
    else:
        wrong = "has no target" if source.strip() else "has no source"
    raise DataError(
        f"{path}: line {number} {wrong} ({line!r:.40}): give a source, a tab, a target"
    )


def split_pairs(
    pairs: Sequence[TextPair], fraction: float, rng: np.random.Generator | int
) -> tuple[list[TextPair], list[TextPair]]:
    """(training, held-out) pairs, each in their order; no source is on both sides.

    Sources are drawn until at least `fraction` of the pairs is held out.
    DataError where that leaves nothing to train on.

    >>> pairs = [TextPair(source, source.upper(), i) for i, source in enumerate("abab")]
    >>> train, held_out = split_pairs(pairs, 0.5, rng=0)
    >>> [pair.source for pair in train], [pair.source for pair in held_out]
    (['b', 'b'], ['a', 'a'])
    """
    if not 0 <= fraction < 1:
        raise ConfigError(f"fraction={fraction}: held out is 0 or more, below 1")
    counts = Counter(pair.source for pair in pairs)
    sources = list(counts)
    drawn, held_out = set[str](), 0
    for i in np.random.default_rng(rng).permutation(len(sources)):
        if held_out >= fraction * len(pairs):
            break
        drawn.add(sources[i])
        held_out += counts[sources[i]]
    if held_out == len(pairs):
        raise DataError(
            f"{len(pairs)} pairs of {len(sources)} different sources, of which "
            f"{fraction:.0%} are to be held out, leave none to train on: give more"
        )
    return (
        [pair for pair in pairs if pair.source not in drawn],
        [pair for pair in pairs if pair.source in drawn],
    )

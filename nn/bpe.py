"""Byte-pair encoding in plain Python: to read, and to check the fast one by.

To train: write every word as bytes, count which two tokens stand side by side most
often, make one new token of them, and again. To encode: apply the same merges, in
the order they were learnt, to every word of another text.

Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016);
bytes, and how words are cut, from Radford et al. (2019), section 2.2.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .subwords import LONGEST, SubwordTokenizer, check_vocab_size
from .tokenizer import Tokenizer, after_a_word, recut, utf8
from .tokenizers_package import LETTERS

Pair = tuple[int, int]
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
SEPARATORS = "\x1c\x1d\x1e\x1f"  # spaces in Python alone, not in Unicode
# Of two pairs as frequent, the package `tokenizers` takes the one whose tokens come
# first: bytes as the letters that it writes for them are sorted, then merges by age.
RANK = {byte: i for i, byte in enumerate(sorted(LETTERS, key=LETTERS.__getitem__))}


@final
class BytePairTokenizer(Tokenizer):
    """The same tokens as `SubwordTokenizer` of the same merges, without the package.

    >>> tokenizer = BytePairTokenizer.train("low low lower lowest", 259)
    >>> tokenizer.merges  # l + o, lo + w, space + low
    [(108, 111), (256, 119), (32, 257)]
    >>> [tokenizer.decode([token]) for token in tokenizer.encode("slow lows")]
    ['s', 'low', ' low', 's']
    """

    def __init__(self, merges: Sequence[Sequence[int]]) -> None:
        self._same = SubwordTokenizer(merges)  # checks them; spells, and saves
        self.merges, self.vocab_size = self._same.merges, self._same.vocab_size
        spelt = [self.to_bytes([token]) for token in range(self.vocab_size)]
        number = {token: i for i, token in enumerate(spelt)}
        self._turn = {pair: turn for turn, pair in enumerate(self.merges)}
        self._makes = {(a, b): number[spelt[a] + spelt[b]] for a, b in self.merges}
        self._encode_word = lru_cache(1 << 16)(self._merged)

    @classmethod
    def train(cls, text: Iterable[str], vocab_size: int) -> BytePairTokenizer:
        """The merges that `SubwordTokenizer.train` finds, by counting anew for each."""
        check_vocab_size(vocab_size)
        pieces = recut(text, after_a_word)
        counts = Counter(word for piece in pieces for word in words(piece))
        parts = {word: list(utf8(word)) for word in counts}
        merges: list[Pair] = []
        tokens = [bytes([byte]) for byte in range(256)]
        while len(tokens) < vocab_size:
            pairs = count_pairs(parts, counts)
            pair = most_frequent(pairs, tokens)
            if pair is None or pairs[pair] < 2:
                break
            for word in parts:
                parts[word] = merge(parts[word], pair, new=len(tokens))
            tokens.append(tokens[pair[0]] + tokens[pair[1]])
            merges.append(pair)
        return cls(merges)

    def encode(self, text: str) -> NDArray[np.int64]:
        utf8(text)  # half a pair is refused
        found = [token for word in words(text) for token in self._encode_word(word)]
        return np.array(found, np.int64)

    def _merged(self, word: str) -> list[int]:
        """Of the merges that fit, the one learnt first, where it fits first; again."""
        parts, never = list(utf8(word)), len(self._turn)
        while len(parts) > 1:
            turns = [self._turn.get(pair, never) for pair in pairwise(parts)]
            if (first := min(turns)) == never:
                break
            i = turns.index(first)
            parts[i : i + 2] = [self._makes[self.merges[first]]]
        return parts

    def settled(self, text: str) -> int:
        return after_a_word(text)

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        return self._same.to_bytes(tokens)

    def to_json(self) -> str:
        return self._same.to_json()

    def pretrained_files(self) -> dict[str, str | bytes]:
        return self._same.pretrained_files()


# --- training


def count_pairs(
    parts: Mapping[str, Sequence[int]], counts: Mapping[str, int]
) -> Counter[Pair]:
    """How often each two tokens are neighbours in the words' parts.

    >>> count_pairs({"aba": [97, 98, 97]}, {"aba": 5})
    Counter({(97, 98): 5, (98, 97): 5})
    """
    pairs: Counter[Pair] = Counter()
    for word, tokens in parts.items():
        for pair in pairwise(tokens):
            pairs[pair] += counts[word]
    return pairs


def most_frequent(pairs: Mapping[Pair, int], tokens: Sequence[bytes]) -> Pair | None:
    """The pair that comes most often, of those that make no token too long."""

    def order(pair: Pair) -> tuple[int, int, int]:
        left, right = pair
        return -pairs[pair], RANK.get(left, left), RANK.get(right, right)

    # the package stops before its limit
    short = (p for p in pairs if len(tokens[p[0]]) + len(tokens[p[1]]) < LONGEST)
    return min(short, key=order, default=None)


def merge(tokens: Sequence[int], pair: Pair, new: int) -> list[int]:
    """The tokens with each pair replaced, from the left.

    >>> merge([97, 97, 97, 98], (97, 97), 256)
    [256, 97, 98]
    """
    merged: list[int] = []
    i = 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == pair
        merged.append(new if found else tokens[i])
        i += 2 if found else 1
    return merged


# --- words


def words(text: str) -> Iterator[str]:
    """Runs of letters, of numbers or of other signs, each with one space before it.

    English contractions are words of their own, and so is white space but for its
    last space. Joined, the words are the text.

    >>> list(words("We've  42 apples!?"))
    ['We', "'ve", ' ', ' 42', ' apples', '!?']
    """
    start = 0
    while start < len(text):
        end = _word_end(text, start)
        yield text[start:end]
        start = end


def _word_end(text: str, start: int) -> int:
    for contraction in CONTRACTIONS:
        if text.startswith(contraction, start):
            return start + len(contraction)
    first = start + (text[start] == " " and start + 1 < len(text))
    if _kind(text[first]) != "space":
        return _run_end(text, first)
    end = _run_end(text, start)
    # the last of several spaces may stand before a word
    return end if end in (start + 1, len(text)) else end - 1


def _run_end(text: str, start: int) -> int:
    """Where characters of another kind than text[start] begin."""
    end = start + 1
    while end < len(text) and _kind(text[end]) == _kind(text[start]):
        end += 1
    return end


def _kind(character: str) -> str:
    """What a character is, by the Unicode that this Python knows."""
    if character.isspace() and character not in SEPARATORS:
        return "space"
    return {"L": "letter", "N": "number"}.get(
        unicodedata.category(character)[0], "other"
    )

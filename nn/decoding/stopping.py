"""When a text ends: stop tokens, stop strings, and the most tokens allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, final

from numpy.typing import ArrayLike

from tensorgrad.errors import ConfigError

from ..tokenizer import Tokenizer
from .incremental import require

Reason = Literal["length", "stop_token", "stop_string"]
"""Why a text ended: "length" if `max_new_tokens` were written."""


@final
class StoppingText:
    """The text of tokens as they come, which ends before the first stop string.

    What could be the beginning of a stop string is held back until it is none, and a
    character until it is whole. The first stop string is the one complete first, and
    of those complete together the longest; so it doesn't matter how the text is cut
    into tokens.

    >>> from nn.tokenizers import ByteTokenizer
    >>> text = StoppingText(ByteTokenizer(), ["END"])
    >>> [text.feed(ord(char)) for char in "EaEND"], text.stopped
    (['', 'Ea', '', '', ''], True)
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop_strings: Sequence[str] = (),
        after: ArrayLike = (),
    ) -> None:
        """`after` are the tokens in front: some kinds write a space between the two."""
        self.stopped = False
        self._stop_strings = check_stop_strings(stop_strings, tokenizer)
        self._decoder = tokenizer.stream()
        self._decoder.feed(after)
        self._held = ""

    def feed(self, tokens: ArrayLike) -> str:
        """The text that these tokens make certain."""
        self._add(self._decoder.feed(tokens))
        uncertain = 0 if self.stopped else self._begun()
        return self._release(len(self._held) - uncertain)

    def finish(self) -> str:
        """What was held back, once no more tokens come."""
        self._add(self._decoder.finish())
        return self._release(len(self._held))

    def _add(self, text: str) -> None:
        if self.stopped:
            return
        self._held += text
        found = [
            (start + len(stop), start)
            for stop in self._stop_strings
            if (start := self._held.find(stop)) >= 0
        ]
        if found:
            self.stopped = True
            _, start = min(found)
            self._held = self._held[:start]

    def _begun(self) -> int:
        """How many of the last characters could begin a stop string."""
        return max(
            (
                n
                for stop in self._stop_strings
                for n in range(1, len(stop))
                if self._held.endswith(stop[:n])
            ),
            default=0,
        )

    def _release(self, n: int) -> str:
        text, self._held = self._held[:n], self._held[n:]
        return text


def check_stop_strings(
    stop_strings: Sequence[str], tokenizer: Tokenizer | None
) -> tuple[str, ...]:
    """Refuse a stop string that is empty, and any where there is no text to search."""
    if isinstance(stop_strings, str):
        stop_strings = (stop_strings,)
    require(
        all(stop_strings), "stop_strings", stop_strings, "texts, none of them empty"
    )
    if stop_strings and tokenizer is None:
        raise ConfigError(
            f"stop_strings={stop_strings!r} are looked for in the text: "
            "give the tokenizer that makes it"
        )
    return tuple(stop_strings)


@final
@dataclass
class Ending:
    """Says of one sequence, token by token, what text it adds and whether it ends."""

    left: int
    """Tokens that may still come."""
    stop_tokens: frozenset[int]
    text: StoppingText | None
    reason: Reason | None = field(default=None, init=False)

    def feed(self, token: int) -> str:
        """The text that becomes certain; sets `reason` when this was the last token.

        A stop token adds no text of its own.
        """
        self.left -= 1
        if token in self.stop_tokens:
            self.reason = "stop_token"
            return self.text.finish() if self.text else ""
        piece = self.text.feed(token) if self.text else ""
        if self.text and self.text.stopped:
            self.reason = "stop_string"
        elif not self.left:
            self.reason = "length"
            piece += self.text.finish() if self.text else ""
        return piece

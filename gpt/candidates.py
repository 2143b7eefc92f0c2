"""The candidates for a token, and what each setting makes of them, as a table."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nn.decoding import Sampling, explain
from nn.decoding.incremental import largest
from nn.tokenizer import Tokenizer
from tensorgrad.errors import DataError

LONGEST = 60  # characters of the text so far


@dataclass(frozen=True)
class Candidates:
    """Shows how a token was chosen: its rivals, and what each setting left of them."""

    tokenizer: Tokenizer
    settings: Sampling

    def table(
        self,
        logits: np.ndarray,
        tokens: np.ndarray,
        drawn: int,
        rows: int,
        *,
        last: bool = False,
    ) -> str:
        """The likeliest candidates for what follows the tokens (T,), and the drawn one.

        Columns are the probabilities by the model (V,), then after each setting.
        """
        stages = explain(logits, tokens, self.settings, last)
        found = self._headed(stages)
        best = largest(logits, rows).tolist()
        for token in best + [drawn] * (drawn not in best):
            rank = 1 + int(np.count_nonzero(logits > logits[token]))
            cells = [percent(float(p[token])) for p in stages.values()]
            written = [">" * (token == drawn), str(rank), self.visible(token)]
            style = "bold" if token == drawn else None
            found.add_row(*map(Text, written + cells), style=style)
        *_, chances = stages.values()
        left = np.count_nonzero(chances)
        chance = percent(float(chances[drawn]))
        rivals = "the only one left" if left == 1 else f"from {left:,}, chance {chance}"
        return f"{printed(found)}drawn: {self.visible(drawn)}, {rivals}\n"

    def _headed(self, stages: Iterable[str]) -> Table:
        found = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for name in ("", "rank", "token"):
            found.add_column(name, justify="right" if name == "rank" else "left")
        for name in stages:
            found.add_column(self.heading(name), justify="right", no_wrap=True)
        return found

    def heading(self, name: str) -> str:
        """What a column shows: a setting, and below it its value."""
        value = getattr(self.settings, name, "")
        if name == "suppress":
            value = f"{len(value)} tokens"
        return "\n".join([*name.split("_"), str(value)])

    def visible(self, token: int) -> str:
        """A token with spaces and newlines to be seen; bytes where it is no text."""
        try:
            spelt = self.tokenizer.to_bytes([token])
        except DataError:
            spelt = b""
        if not spelt:  # a special one
            names: list[str] = getattr(self.tokenizer, "tokens", [])
            return names[token] if token < len(names) else f"token {token}"
        try:
            return repr(spelt.decode())
        except UnicodeDecodeError:
            return repr(spelt)

    def tail(self, text: str) -> str:
        """The end of a text in one line."""
        return "..." * (len(text) > LONGEST) + repr(text[-LONGEST:])


def percent(p: float) -> str:
    """As short as can be told apart; a dash for what was ruled out.

    >>> [percent(p) for p in (1.0, 0.1234, 0.0001, 0.0)]
    ['100.0%', '12.3%', '<0.1%', '-']
    """
    if p == 0:
        return "-"
    return f"{100 * p:.1f}%" if p >= 0.0005 else "<0.1%"


def printed(table: Table) -> str:
    """As text: with its styles where standard output is a terminal."""
    into = io.StringIO()
    # as wide as it needs to be: a terminal folds a line better than a cell
    console = Console(file=into, force_terminal=sys.stdout.isatty() or None, width=200)
    console.print(table)
    return "\n".join(line.rstrip() for line in into.getvalue().splitlines()) + "\n"

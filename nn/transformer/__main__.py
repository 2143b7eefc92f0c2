"""`python -m nn.transformer`: train an encoder-decoder, use it, look inside."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .. import cli


# Each imports its module when it is called: to translate, no trainer is needed.
def train(argv: list[str]) -> None:
    """Train a Transformer on pairs of texts."""
    from .train import train

    train(argv)


def translate(argv: list[str]) -> None:
    """Translate texts, or the lines of the standard input."""
    from .translate import translate

    translate(argv)


def evaluate(argv: list[str]) -> None:
    """Measure how well a trained model translates pairs."""
    from .evaluate import evaluate

    evaluate(argv)


def attention(argv: list[str]) -> None:
    """Write a page of where each head looks as it reads and writes."""
    from .pages import attention

    attention(argv)


def next_token(argv: list[str]) -> None:
    """Write a page of what may follow in a target, and how it comes to that."""
    from .pages import next_token

    next_token(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """The status to exit with: 0, 2 for what cannot be used, 130 when aborted."""
    commands = {
        "train": train,
        "translate": translate,
        "evaluate": evaluate,
        "attention": attention,
        "next-token": next_token,
    }
    return cli.main("python -m nn.transformer", commands, argv)


if __name__ == "__main__":
    sys.exit(main())

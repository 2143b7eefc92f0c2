"""`python -m gpt`: make a tokenizer, train a GPT, let it write, look inside."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nn import cli


# Each imports its module when it is called: to sample, nothing of training is needed.
def train(argv: list[str]) -> None:
    """Train a model on a text, and show what it learnt."""
    from .train import train

    train(argv)


def sample(argv: list[str]) -> None:
    """Let a trained model write on from a prompt."""
    from .sample import sample

    sample(argv)


def tokenize(argv: list[str]) -> None:
    """Make a tokenizer of a text, to train with and for other programs."""
    from .tokenize import tokenize

    tokenize(argv)


def evaluate(argv: list[str]) -> None:
    """Measure how well a trained model predicts a text."""
    from .evaluate import evaluate

    evaluate(argv)


def export(argv: list[str]) -> None:
    """Write a trained model as a folder that transformers loads."""
    from .export import export

    export(argv)


def attention(argv: list[str]) -> None:
    """Write a page of where each head looks as it reads a text."""
    from .pages import attention

    attention(argv)


def next_token(argv: list[str]) -> None:
    """Write a page of what may follow a prompt, and how it comes to that."""
    from .pages import next_token

    next_token(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """The status to exit with: 0, 2 for what cannot be used, 130 when aborted."""
    commands = {
        "tokenize": tokenize,
        "train": train,
        "sample": sample,
        "eval": evaluate,
        "export": export,
        "attention": attention,
        "next-token": next_token,
    }
    return cli.main("python -m gpt", commands, argv)


if __name__ == "__main__":
    sys.exit(main())

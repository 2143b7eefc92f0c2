"""The package `tokenizers`, imported when needed, and the letters of its byte level."""

from __future__ import annotations

from typing import Any

from tensorgrad.errors import MissingExtra


def _alphabet() -> str:
    """The letter by which the package writes each byte: its own where that prints."""
    printed = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return "".join(chr(b if b in printed else next(others)) for b in range(256))


LETTERS = dict(enumerate(_alphabet()))


def tokenizers_package() -> Any:
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise MissingExtra(
            "subwords need the package tokenizers, which comes with the extra `text`: "
            "pip install '.[text]' in the checkout"
        ) from None
    return tokenizers

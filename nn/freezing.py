"""Which parameters of a model train: by name, the others are frozen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tensorgrad.errors import ConfigError

from .module import Module

BLOCK = r"(?<=\.)\d+(?=\.)"  # the number of a block in a name


def train_only(model: Module, patterns: Sequence[str]) -> None:
    """Let those parameters train that the patterns name, and freeze the others.

    A pattern is the name of a parameter or of a module, `h.3` or `ln_f.weight`, and
    may hold the wildcards `*` and `?`. Frozen parameters get no gradient, and nothing
    is recorded below the first one that trains. ConfigError for one that names none.
    """
    named = dict(model.named_parameters())
    chosen = {name for pattern in patterns for name in matching(pattern, named)}
    for name, parameter in named.items():
        parameter.requires_grad = name in chosen


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern stands for."""
    names = list(names)
    parts = [pattern, f"{pattern}.*"]
    found = [name for name in names if any(fnmatchcase(name, p) for p in parts)]
    if not found:
        raise ConfigError(
            f"{pattern!r} names no parameter. There are {', '.join(outlined(names))}"
        )
    return found


def outlined(names: Iterable[str]) -> list[str]:
    """The names in short: those of blocks that are alike come once, with a range.

    >>> outlined(["wte.weight", "h.0.ln.weight", "h.1.ln.weight"])
    ['wte.weight', 'h.0-1.ln.weight']
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        number = re.search(BLOCK, name)
        short = re.sub(BLOCK, "{}", name, count=1)
        alike.setdefault(short, []).append(number[0] if number else "")
    return [
        short.replace("{}", f"{numbers[0]}-{numbers[-1]}")
        for short, numbers in alike.items()
    ]


def count_trained(model: Module) -> int:
    """How many numbers train."""
    return sum(p.size for p in model.parameters() if p.requires_grad)

"""What the tests of gradcheck share: ops made for one test, and complaints."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY


@pytest.fixture
def op() -> Iterator[Callable[..., Any]]:
    """Make an op for the test, out of a forward and its formulas."""
    before = set(REGISTRY)

    def make(forward: Any, broadcasts: bool = False, **formulas: Any) -> Any:
        forward.__name__ = "mine"
        REGISTRY.pop("mine", None)
        made = tg.primitive(forward, broadcasts=broadcasts)
        made.gradient(**formulas)
        return made

    yield make
    for name in set(REGISTRY) - before:
        del REGISTRY[name]

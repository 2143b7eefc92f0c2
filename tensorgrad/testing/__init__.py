"""Tests of derivatives and models, for this library's ops and for your own.

`gradcheck` holds derivatives to the third order against numerical ones and explains
failures. With the extra `testing` (Hypothesis): `strategies` draws tensors, inputs for
any op and whole random programs; `laws` states what every model should obey; `mutants`
plants faults in derivatives and tells which of them a test suite lets live.
`tensorgrad.testing.plugin` is for pytest.
"""

import importlib
from typing import Any

from .gradcheck import Report, assert_gradients, gradcheck
from .leaks import assert_graph_freed
from .problem import Constant, GradientError

__all__ = [
    "Constant",
    "GradientError",
    "Report",
    "assert_gradients",
    "assert_graph_freed",
    "gradcheck",
    "laws",
    "mutants",
    "strategies",
]

_LAZY = {"domains", "laws", "mutants", "strategies"}


def __getattr__(name: str) -> Any:
    """The modules that draw examples, imported when they are first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'tensorgrad.testing' has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)

"""Hypothesis, or at once the error that says how to get it.

The modules that draw examples import this before anything that needs it.
"""

from ..errors import MissingExtra

try:
    import hypothesis
except ImportError as error:
    raise MissingExtra(
        "drawing examples needs Hypothesis: pip install 'tensorgrad[testing]'. "
        "(gradcheck, assert_graph_freed and the laws work without it.)"
    ) from error

__all__ = ["hypothesis"]

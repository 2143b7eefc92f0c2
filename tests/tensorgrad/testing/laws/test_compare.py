"""How results are compared, and what all laws have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.errors import DtypeError, TensorgradError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import X, broken


def test_a_broken_law_is_an_assertion_and_an_error_of_this_library() -> None:
    assert issubclass(laws.LawError, AssertionError)
    assert issubclass(laws.LawError, TensorgradError)


def test_every_law_is_public_and_says_what_it_is() -> None:
    for name in laws.__all__:
        assert getattr(laws, name).__doc__


def test_randomness_is_named_before_anything_is_blamed_on_the_model() -> None:
    draws = np.random.default_rng(0)
    message = broken(laws.causality, lambda x: x * draws.random(x.shape), X)
    assert "in a second call and" in message
    assert "call eval()" in message
    assert broken(laws.determinism, draws.random).startswith("output is ")


def in_turn(*values: Any) -> Callable[[], Any]:
    """A function that gives another value at each call."""
    return iter(values).__next__


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (True, False, "output is False in a second call and True in the first."),
        ("ab", "ac", "output is ac"),
        (np.array([1.0, 0.0]), np.array([1.0, -0.0]), "output[1] is -0.0"),
        (
            np.array([1, 2**53]),
            np.array([1, 2**53 + 1]),
            "output[1] is 9007199254740993",
        ),
        (np.zeros(2), np.zeros(3), "output is float64 of shape (3,) in a second call"),
        (np.zeros(2), np.zeros(2, np.float32), "output is float32"),
        ([1.0, 2.0], [1.0, 3.0], "output[1] is 3.0"),
        ({"a": 1}, {"a": 1, "b": 2}, "only in a second call is there output['b']"),
        # of several, the first: its owner knows what matters
        ([1.0, 2.0], [1.5, 9.0], "output[0] is 1.5"),
    ],
)
def test_bits_types_and_names_tell_apart(first: Any, second: Any, said: str) -> None:
    assert broken(laws.determinism, in_turn(first, second)).startswith(said)


def test_what_is_the_same_bit_for_bit_may_be_anything() -> None:
    things = {"nan": np.nan, "text": "abc", "none": None, "empty": np.zeros((0, 2))}
    laws.determinism(lambda: [things, (True, 3), np.arange(3)])
    with pytest.raises(DtypeError, match=r"output\[0\] is a object: laws compare"):
        laws.determinism(lambda: [object()])
    with pytest.raises(DtypeError, match="returned nothing"):
        laws.determinism(lambda: None)


@given(st.floats(1e-30, 1e30), st.sampled_from([np.float32, np.float64]))
def test_tolerances_grow_with_what_is_compared(scale: float, dtype: Any) -> None:
    x = (X * scale).astype(dtype)
    unit = np.finfo(dtype).eps ** (2 / 3)

    def mean(x: np.ndarray, off: float = 0.0) -> np.ndarray:
        ordered = x[0, 0, 0] > x[0, 1, 0]
        return (x.mean(1) * (1 + off * ordered)).astype(dtype)

    laws.permutation_invariance(mean, x)
    laws.permutation_invariance(lambda x: mean(x, unit / 10), x)
    message = broken(laws.permutation_invariance, lambda x: mean(x, 10 * unit), x)
    assert "elements differ" in message
    laws.permutation_invariance(lambda x: mean(x, 10 * unit), x, tolerance=100 * unit)

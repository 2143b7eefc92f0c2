"""Where an op's mutants come from, in the op's own words."""

from typing import Any

import numpy as np

from tensorgrad.testing import mutants
from tests.tensorgrad.checks import slopes


def test_a_formula_that_serves_two_inputs_has_its_source_changed_once(op: Any) -> None:
    def formula(g: Any, x: Any, y: Any) -> Any:
        return g * x * y

    made = op(lambda x, y: x * y, x=formula, y=formula)
    found = [m for m in mutants.of(made) if m.fault == "factor dropped"]
    assert sorted((m.input, m.after) for m in found) == [
        ("x", "return g * x"),
        ("x", "return g * y"),
        ("x", "return x * y"),
        ("x", "return y"),
    ]


def test_a_closure_may_hold_a_name_that_a_fault_could_ask_for(op: Any) -> None:
    """`out` is then the closure's, whatever the op calls its output."""
    out = 3.0
    made = op(lambda x: out * x, x=lambda g, x: g * out + 0.0 * x)
    found = {m.after: m for m in mutants.of(made)}
    point = [np.array([1.0, 2.0])]
    (right,) = slopes(made, point)
    with found["g * x + 0.0 * x"].planted():  # x for out
        np.testing.assert_allclose(slopes(made, point)[0], right * point[0] / 3)
    with found["g + 0.0 * x"].planted():
        np.testing.assert_allclose(slopes(made, point)[0], right / 3)
    np.testing.assert_array_equal(slopes(made, point)[0], right)

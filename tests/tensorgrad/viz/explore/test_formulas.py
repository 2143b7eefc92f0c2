"""Formulas are shown as the source has them."""

from typing import Any

import numpy as np
import pytest

from tensorgrad import REGISTRY
from tensorgrad.call import arguments
from tensorgrad.viz.explore.formulas import definition, described, place

FORMULAS = [
    (f"{name}-{given}", formula)
    for name, op in REGISTRY.items()
    for given, formula in op.formulas.items()
    if formula is not None
]


@pytest.mark.parametrize(
    "formula", [f for _, f in FORMULAS], ids=[name for name, _ in FORMULAS]
)
def test_every_formula_is_found_and_split(formula: Any) -> None:
    assert definition(formula) is not None
    found = described(formula)
    parts = [part.get("text") or part["name"] for part in found["tokens"]]
    assert "".join(parts) == found["code"]
    names = {part["name"] for part in found["tokens"] if "name" in part}
    assert names <= {"g", *arguments(formula)}


def test_what_is_pointwise() -> None:
    def pointwise(op: str, name: str = "x") -> bool:
        formula = REGISTRY[op].formulas[name]
        assert formula is not None
        return bool(described(formula)["pointwise"])

    assert all(map(pointwise, ["multiply", "exp", "sin", "log1p", "cbrt"]))
    assert not any(map(pointwise, ["matmul", "sum", "transpose", "cumsum"]))


def test_of_two_lambdas_on_a_line_the_right_one() -> None:
    pair = [lambda g, x: g + x, lambda g, x: g - x]
    assert [described(f)["code"] for f in pair] == ["g + x", "g - x"]


def test_what_has_no_source_has_a_name() -> None:
    scope: dict[str, Any] = {}
    exec("def hidden(g, x): return g\nno_name = lambda g, out: g", scope)
    assert described(scope["hidden"])["code"] == "hidden(g, x)"
    assert described(scope["no_name"])["code"] == "lambda g, out: …"
    assert place(scope["hidden"]) == "<string>:1"
    assert described(np.negative)["code"] == "negative"
    assert place(np.negative) == ""
    assert place(described).startswith("tensorgrad/viz/explore/formulas.py:")

"""What counts as a change on an op's domain, and what does not."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest

from tensorgrad import REGISTRY
from tensorgrad.testing import mutants
from tensorgrad.testing.mutants.equivalence import Fingerprint


def cases(*inputs: Any, **settings: Any) -> Any:
    return st.tuples(st.just(list(inputs)), st.just(settings))


def equal_under(name: str, strategy: Any) -> dict[str, bool]:
    """Which of an op's mutants, by what they make of it, change nothing there."""
    fingerprint = Fingerprint(REGISTRY[name], strategy)
    return {m.after: fingerprint.is_equal_under(m) for m in mutants.of(name)}


def test_a_fault_shows_where_the_domain_reaches_it() -> None:
    signs = equal_under("absolute", cases(np.array([2.0, 3.0])))
    both = equal_under("absolute", cases(np.array([-2.0, 3.0])))
    assert signs["g"]  # g * sign(x), where every x is positive
    assert not both["g"]
    assert not any(same for after, same in both.items() if after.startswith("-("))


def test_the_value_alone_counts_where_nothing_is_differentiable() -> None:
    found = equal_under("multiply", cases(np.array([2, 3]), np.array([4, 5])))
    assert found
    assert all(found.values())


def test_each_of_several_outputs_counts_by_itself() -> None:
    symmetric = np.array([[2.0, 0.5], [0.5, 1.0]])
    found = equal_under("eigh", cases(symmetric))
    ignored = {after: same for after, same in found.items() if "with g[" in after}
    assert list(ignored.values()) == [False, False]


def test_nan_is_itself_and_to_refuse_is_a_result_too() -> None:
    undefined = equal_under("sqrt", cases(np.array([-1.0])))
    assert undefined["2 * (g * 0.5 / out)"] == undefined["-(g * 0.5 / out)"]
    refused = equal_under("matmul", cases(np.ones((2, 3)), np.ones((2, 3))))
    assert all(refused.values())


def _refusing(limit: float) -> float:
    if limit > 1.0:
        raise ValueError("too large")
    return 2.0


@pytest.mark.parametrize(("limit", "refused"), [(0.5, False), (1.5, True)])
def test_to_refuse_no_longer_is_a_change(op: Any, limit: float, refused: bool) -> None:
    op(lambda x, *, limit: x * 2.0, x=lambda g, limit: g * _refusing(limit))
    found = equal_under("mine", cases(np.array([3.0]), limit=limit))
    assert not found["g"]
    assert not found["g * limit"]
    # these are refused as the original is, if it is
    same = {found["-(g * _refusing(limit))"], found["return 3.0"]}
    assert same == {refused}


def test_to_refuse_from_now_on_is_a_change() -> None:
    found = equal_under("matmul", cases(np.ones((2, 3)), np.ones((3, 4))))
    assert not found["return g @ y"]  # its shapes do not fit
    assert found["return squeeze(gy) if len(y_shape) == 1 else gy"]

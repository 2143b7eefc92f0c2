"""The mutants, and that this project's own tests of an op kill all of its mutants."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest

from tensorgrad import REGISTRY, Tensor, grad, primitive
from tensorgrad.errors import ConfigError
from tensorgrad.testing import gradcheck, mutants
from tensorgrad.testing.mutants import drawn
from tests.tensorgrad.testing.own_tests import TESTED, own_tests


@pytest.mark.mutants
@pytest.mark.parametrize("name", TESTED)
def test_the_projects_own_tests_kill_every_mutant(name: str) -> None:
    assert not mutants.survivors(own_tests, ops=[name])


@pytest.mark.mutants
def test_the_projects_own_tests_kill_the_engines_mutants() -> None:
    ops = ["engine", "add", "getitem", "embedding", "eigh"]
    assert not mutants.survivors(own_tests, ops)


# --- the mutants themselves


@pytest.fixture
def my_op() -> Iterator[Any]:
    """An op of a user's own."""
    rate = 3.0

    @primitive(broadcasts=True)
    def scaled_product(x, y):  # type: ignore[no-untyped-def]
        return rate * x * y

    scaled_product.gradient(x=lambda g, y: rate * g * y, y=lambda g, x: _half(g) * x)

    yield scaled_product
    del REGISTRY["scaled_product"]


def _half(g: Any) -> Any:
    return g * 6.0 / 2.0


def gradients_at(function: Any, *points: Any) -> list[Any]:
    xs = [Tensor(np.asarray(p, float), requires_grad=True) for p in points]
    return [g.tolist() for g in grad(function(*xs).sum(), xs)]


def test_a_planted_fault_is_there_until_the_block_ends(my_op: Any) -> None:
    right = gradients_at(my_op, [1.0, 2.0], [5.0])
    assert right == [[15, 15], [9]]
    for mutant in mutants.of(my_op):
        with pytest.raises(ZeroDivisionError), mutant.planted():
            raise ZeroDivisionError
        assert gradients_at(my_op, [1.0, 2.0], [5.0]) == right
    with mutants.of(my_op)[0].planted():
        assert gradients_at(my_op, [1.0, 2.0], [5.0]) == [[-15, -15], [9]]


def test_mutants_within_each_other_come_out_in_turn(my_op: Any) -> None:
    before = my_op.op.formulas, my_op.op.formulas["y"].__code__
    sources = [m for m in mutants.of(my_op) if m.fault == "factor dropped"]
    with sources[0].planted(), sources[-1].planted(), mutants.of(my_op)[0].planted():
        assert gradients_at(my_op, 1.0, 1.0) != [3, 3]
    assert before == (my_op.op.formulas, my_op.op.formulas["y"].__code__)
    assert gradients_at(my_op, 1.0, 1.0) == [3, 3]


def test_faults_reach_closures_helpers_and_names_that_were_not_asked_for(
    my_op: Any,
) -> None:
    found = {(m.input, m.before, m.after) for m in mutants.of(my_op)}
    assert ("x", "rate * g * y", "g * y") in found  # rate is a cell of the closure
    assert ("y", "return g * 6.0 / 2.0", "return g * 6.0 * 2.0") in found
    assert ("x", "rate * g * y", "rate * g * out") in found  # it saves another array
    for mutant in mutants.of(my_op):
        if mutant.after == "rate * g * out":
            with mutant.planted():
                assert gradients_at(my_op, 2.0, 5.0) == [90, 6]


def test_lambdas_that_share_a_line_are_told_apart(my_op: Any) -> None:
    texts = {(m.input, m.before) for m in mutants.of(my_op) if m.fault == "sign"}
    assert texts == {("x", "rate * g * y"), ("y", "_half(g) * x")}


def test_an_op_without_source_has_the_faults_of_results() -> None:
    names: dict[str, Any] = {"primitive": primitive}
    exec(
        "@primitive\ndef sourceless(x): return x * x\n"
        "sourceless.gradient(x=lambda g, x: g * 2.0 * x)",
        names,
    )
    try:
        found = mutants.of(names["sourceless"])
        assert {"sign", "factor 2", "transposed"} < {m.fault for m in found}
        assert {m.where for m in found} == {"<string>:3"}
        with found[0].planted():
            assert gradients_at(names["sourceless"], 3.0) == [-6]
    finally:
        del REGISTRY["sourceless"]


def test_a_formula_may_be_any_callable(my_op: Any) -> None:
    by = functools.partial(lambda y, g: 3.0 * g * y, 2.0)
    my_op.gradient(x=by, y=None)
    for mutant in mutants.of(my_op):
        with mutant.planted():
            gradients_at(lambda x: my_op(x, 2.0), 1.0)
    assert gradients_at(lambda x: my_op(x, 2.0), 1.0) == [6]


def test_of_takes_a_name_a_function_or_an_op(my_op: Any) -> None:
    names = ["scaled_product", my_op, my_op.op]
    assert len({tuple(map(repr, mutants.of(given))) for given in names}) == 1
    assert mutants.of("equal") == []  # it has no derivative
    with pytest.raises(ConfigError, match="no op"):
        mutants.of("scaled_quotient")


def points_of(my_op: Any) -> Any:
    rng = np.random.default_rng(0)
    return st.sampled_from([((2, 2), (2, 2)), ((3,), ()), ((2, 1), (3,))]).map(
        lambda shapes: ([np.asarray(rng.normal(size=s)) for s in shapes], {})
    )


def test_a_good_test_lets_none_of_a_users_mutants_live(my_op: Any) -> None:
    cases = points_of(my_op)

    def test(name: str) -> None:
        for inputs, _ in drawn(cases):
            gradcheck(my_op, *inputs, layouts=False)

    report = mutants.survivors(test, ops=[my_op], domains={"scaled_product": cases})
    assert not report, report
    assert len(report.killed) > 30
    unknown = mutants.survivors(test, ops=[my_op])
    assert len(unknown) == len(report.equivalent)


def test_a_weak_test_lets_live_what_it_does_not_look_at(my_op: Any) -> None:
    def of_one_input(name: str) -> None:
        assert gradients_at(lambda x: my_op(x, 2.0), 1.0) == [6]

    report = mutants.survivors(of_one_input, ops=["scaled_product"])
    assert report
    assert {"x", "y"} == {m.input for m in report}
    assert all(m.input == "x" for m in report.killed)
    lines = str(report).splitlines()
    assert lines[0].endswith("equivalent")
    assert len(lines) == 1 + len(report)
    assert "test_mutants.py:" in lines[1]
    assert "->" in lines[1]


def test_a_failure_of_any_kind_kills_and_a_skip_does_not(my_op: Any) -> None:
    calls = itertools.count()

    def fails_later(name: str) -> None:
        if next(calls):
            pytest.fail("as a test does")

    assert not mutants.survivors(fails_later, ops=[my_op])
    report = mutants.survivors(lambda name: pytest.skip("no reason"), ops=[my_op])
    assert not report.killed


def test_a_test_that_fails_anyway_is_no_judge(my_op: Any) -> None:
    def fails(name: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mutants.survivors(fails, ops=[my_op])


def test_an_interruption_is_not_taken_for_a_verdict(my_op: Any) -> None:
    calls = itertools.count()

    def interrupted(name: str) -> None:
        if next(calls):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mutants.survivors(interrupted, ops=[my_op])
    assert gradients_at(my_op, 1.0, 1.0) == [3, 3]


def test_reports_add_up_and_iterate_over_survivors(my_op: Any) -> None:
    one = mutants.survivors(lambda name: None, ops=["negative"])
    two = mutants.survivors(lambda name: None, ops=[my_op])
    assert [*one, *two] == [*(one + two)]
    assert len(one + two) == len(one) + len(two)


def test_every_sum_of_the_engine_has_a_mutant() -> None:
    found = mutants.of("engine")
    assert {m.input for m in found} == {
        "walk",
        "add",
        "backward",
        "scatter_add",
        "scatter_add_rows",
    }
    x = Tensor([1.0, 2.0], requires_grad=True)
    leaf_overwritten = next(m for m in found if m.input == "backward")
    with leaf_overwritten.planted():
        for _ in range(2):
            x.sum().backward()
    assert x.grad.tolist() == [1, 1]

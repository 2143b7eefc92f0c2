"""Who is judged, how often, and what is known about a survivor."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tensorgrad import REGISTRY, grad
from tensorgrad.testing import mutants
from tests.tensorgrad.checks import leaf


def test_unless_ops_are_named_all_with_a_derivative_are_judged_and_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = {name: REGISTRY[name] for name in ("exp", "equal", "negative")}
    monkeypatch.setattr("tensorgrad.testing.mutants.report.REGISTRY", some)
    planted: list[mutants.Mutant] = []
    calls: list[str] = []

    @contextmanager
    def plant(mutant: mutants.Mutant) -> Iterator[None]:
        planted.append(mutant)
        try:
            yield
        finally:
            planted.pop()

    def test(name: str) -> None:
        calls.append(name)
        assert not planted

    monkeypatch.setattr(mutants.Mutant, "planted", plant)
    for ops, expected in (
        (None, {"exp", "negative", "engine"}),
        (["engine"], {"engine"}),
        (["exp"], {"exp"}),
    ):
        calls.clear()
        report = mutants.survivors(test, ops)
        assert not report
        assert {m.op for m in report.killed} == expected
        assert len(report.killed) == sum(len(mutants.of(op)) for op in expected)
        assert set(calls) <= {"exp", "negative"}


def test_an_op_without_a_derivative_is_given_to_no_test() -> None:
    def test(name: str) -> None:
        raise AssertionError(name)

    report = mutants.survivors(test, ops=["equal", "argmax"])
    assert repr(report) == "0 killed, 0 survived, 0 equivalent"


def test_the_engines_mutants_live_where_nothing_meets() -> None:
    """One gradient that reaches each leaf once needs no sum; two of them do."""

    def once(name: str) -> None:
        x = leaf(2.0, 3.0)
        assert grad((x * 5.0).sum(), x).tolist() == [5, 5]

    def twice(name: str) -> None:
        x = leaf(2.0, 3.0)
        y = x * x  # two arrays of its own for x, and one for both places of y
        assert grad((y + y).sum(), x).tolist() == [8, 12]

    ops = ["engine", "multiply"]
    lives = {m.input for m in mutants.survivors(once, ops) if m.op == "engine"}
    assert lives == {m.input for m in mutants.of("engine")}
    dies = {m.input for m in mutants.survivors(twice, ops).killed if m.op == "engine"}
    assert {"walk", "add"} <= dies
    assert "scatter_add" not in dies


def test_without_hypothesis_no_domain_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(name: str) -> None:
        """A test that looks at nothing."""

    report = mutants.survivors(blind, ops=["relu"])
    assert [m.after for m in report.equivalent] == ["where(x <= 0, 0.0, g)"]
    for name in [n for n in sys.modules if n.startswith("tensorgrad.testing.domains")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tensorgrad.testing.extra")
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    unknown = mutants.survivors(blind, ops=["relu"])
    assert not unknown.equivalent
    assert len(unknown) == len(report) + 1

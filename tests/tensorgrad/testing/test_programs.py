"""Random programs: right by every oracle, printed as they are, and short when wrong."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis.vendor.pretty import pretty

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, writing
from tensorgrad.errors import MissingExtra, MutationError, ShapeError
from tensorgrad.testing import GradientError
from tensorgrad.testing.programs import (
    FAMILIES,
    Kind,
    Program,
    Statement,
    check,
    named,
    one,
    programs,
)
from tensorgrad.testing.programs.elementwise import UNARIES
from tensorgrad.testing.programs.memory import COPIES, WRITES
from tensorgrad.testing.programs.scope import Scope
from tests.tensorgrad.checks import leaf

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
KINDS = {kind.text: kind for family in FAMILIES for kind in family}


@settings(max_examples=2000 if THOROUGH else 60)
@given(programs())
def test_gradients_are_those_of_both_oracles(program: Program) -> None:
    program.check()


def execute(program: Program) -> dict[str, Any]:
    """What the printed program leaves behind."""
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(str(program), found)
    return found


@settings(max_examples=1000 if THOROUGH else 60)
@given(programs())
def test_what_is_printed_is_what_runs(program: Program) -> None:
    found = execute(program)
    np.testing.assert_array_equal(found["loss"].data, program.run().data)
    for name, g in program.gradients().items():
        np.testing.assert_array_equal(found[name].grad.data, g)


@settings(max_examples=25)
@given(programs(max_leaves=2, max_statements=3))
def test_a_program_is_as_small_as_asked_for(program: Program) -> None:
    assert 1 <= len(program.leaves) <= 2
    assert len(program.statements) <= 3
    assert len(str(program).splitlines()) <= 3 + 2 + 2 * 3 + 3


LEAVES = {
    "x0": np.array([[0.3, -0.7, 1.6], [-1.4, 0.55, 1.25]]),
    "x1": np.array([0.45, -0.85, 1.9]),
    "x2": np.array([0.8, -0.4, -1.7]),
}


@pytest.mark.parametrize("text", KINDS)
@settings(max_examples=30 if THOROUGH else 4)
@given(data=st.data())
def test_every_kind_is_right_alone(text: str, data: Any) -> None:
    scope = Scope(LEAVES)
    for name in LEAVES:
        scope.add(KINDS["{0}.copy()"], (name,), {})
    choice = KINDS[text].draw(data.draw, scope)
    assume(choice is not None)
    scope.add(KINDS[text], *choice)
    program = scope.program()
    program.check()
    assert execute(program)["loss"].item() == program.run().item()


QUICK = settings(
    max_examples=500,
    database=None,
    derandomize=True,
    suppress_health_check=[*HealthCheck],
)


# --- faults shrink to programs that show them

ABOUT_MEMORY = (UNARIES[:1], COPIES, WRITES)


@contextlib.contextmanager
def wrong(name: str, **formulas: Any) -> Iterator[None]:
    """The op with another derivative."""
    op = REGISTRY[name]
    right = dict(op.formulas)
    op.gradient(**right | formulas)
    try:
        yield
    finally:
        op.gradient(**right)


def fails(program: Program) -> bool:
    try:
        program.check()
    except GradientError:
        return True
    return False


def shortest(**options: Any) -> Program:
    return find(programs(**options), fails, settings=QUICK)


def test_a_wrong_derivative_shrinks_to_one_statement() -> None:
    with wrong("tanh", x=lambda g, out: g * (1 - out)):
        program = shortest()
    assert [s.kind.text for s in program.statements] == ["tg.tanh({0})"]
    (x,) = program.leaves.values()
    assert x.size == 1


def test_a_write_that_shows_elsewhere_shrinks_to_three_statements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "alone", lambda array: True)
    program = shortest(families=ABOUT_MEMORY, max_leaves=2, max_statements=4)
    assert len(program.statements) <= 3
    assert "write" in [s.kind.role for s in program.statements]


def test_a_kept_gradient_shrinks_to_a_write_and_what_it_needs() -> None:
    with wrong("setitem", x=lambda g: g):
        program = shortest(families=ABOUT_MEMORY, max_leaves=2, max_statements=4)
    assert len(program.statements) <= 3


def test_a_failure_prints_the_program_and_what_differs() -> None:
    program = made("tg.tanh({0})", "x")
    with wrong("tanh", x=lambda g, out: 2 * g * (1 - out * out)):
        with pytest.raises(GradientError) as caught:
            program.check()
        assert str(caught.value).endswith(str(program))
        assert "x.grad" in str(caught.value)


def test_finite_differences_alone_say_which_leaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    program = made("{0} * {1}", "x", "y")
    program.check()
    with wrong("multiply", y=lambda g, x: 2 * g * x):
        with pytest.raises(GradientError, match=r"<y.grad, v>") as caught:
            check(program)
        assert "finite differences" in str(caught.value)
    with pytest.raises(MissingExtra, match="pip install torch"):
        program.in_torch()


def test_an_error_says_in_which_program(monkeypatch: pytest.MonkeyPatch) -> None:
    program = made("tg.tanh({0})", "x")
    with wrong("tanh", x=lambda g, out: g[None]):
        with pytest.raises(ShapeError) as caught:
            program.check()
        assert str(program) in caught.value.__notes__[0]


def test_an_error_while_drawing_shows_the_statement_that_failed() -> None:
    def refuse(x: Any) -> Any:
        raise MutationError("no")

    kind = Kind("refuse({0})", one(), refuse, lambda torch, x: x)
    with pytest.raises(MutationError) as caught:
        find(programs(families=((kind,),)), lambda program: True, settings=QUICK)
    assert any("v1 = refuse(x0)" in note for note in caught.value.__notes__)


# --- programs made by hand


def made(text: str, *names: str, **settings: Any) -> Program:
    leaves = {name: np.array([0.5, -1.0]) + i for i, name in enumerate(names)}
    return Program(leaves, (Statement(KINDS[text], "v", names, settings),), ("v",))


def weighed_cosines(n: int) -> np.ndarray:
    return np.cos(np.arange(n))


def test_detached_values_are_constants_for_both_oracles() -> None:
    detach = Statement(KINDS["{0}.detach()"], "c", ("x",))
    times = Statement(KINDS["{0} * {1}"], "v", ("c", "x"))
    x = np.array([0.5, -1.0])
    program = Program({"x": x}, (detach, times), ("v",))
    expected = x * weighed_cosines(2)  # not twice that
    np.testing.assert_allclose(program.gradients()["x"], expected)
    slope, uncertainty = program.finite_differences([np.array([1.0, 0.0])])
    assert slope == pytest.approx(expected[0])
    assert uncertainty < 1e-9
    program.check()


def test_a_wrong_loss_is_told_from_wrong_gradients() -> None:
    pytest.importorskip("torch")
    kind = Kind("tg.sin({0})", one(), tg.sin, lambda torch, x: torch.sin(x) + 1)
    statement = Statement(kind, "v", ("x",))
    program = Program({"x": np.array([0.5, -1.0])}, (statement,), ("v",))
    with pytest.raises(GradientError, match=r"the loss .*PyTorch"):
        program.check()


def test_the_leaf_that_is_most_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for order in (("x", "y"), ("y", "x")):
        leaves = {name: np.array([0.5, -1.0]) for name in order}
        statement = Statement(KINDS["{0} * {1}"], "v", ("x", "y"))
        program = Program(leaves, (statement,), ("v",))
        two = wrong("multiply", x=lambda g, y: 1.1 * g * y, y=lambda g, x: 5 * g * x)
        with two, pytest.raises(GradientError, match=r"<y\.grad, v>"):
            program.check()


def test_what_no_grad_computed_is_a_constant_until_it_is_written_to() -> None:
    island = Statement(KINDS["tg.tanh({0})"], "c", ("x",), frozen=True)
    write = Statement(KINDS["{0}[{key}] = {1}"], "c", ("c", "y"), {"key": 0})
    leaves = {"x": np.array([0.5, -1.0]), "y": np.array(0.25)}
    program = Program(leaves, (island, write), ("c", "x"))
    assert "with tg.no_grad():\n    c = tg.tanh(x)\nc[0] = y" in str(program)
    np.testing.assert_allclose(program.gradients()["y"], 1)
    np.testing.assert_allclose(program.gradients()["x"], weighed_cosines(2))
    program.check()


def test_a_program_runs_on_other_inputs() -> None:
    program = made("{0} * {1}", "x", "y")
    x, y = leaf(3.0, 1.0), np.array([2.0, 0.0])
    loss = program.run(x, y)
    assert loss.item() == 6.0
    loss.backward()
    np.testing.assert_allclose(x.grad.data, [2, 0])
    np.testing.assert_allclose(program.gradients(x, y)["y"], [3, np.cos(1)])
    with pytest.raises(ShapeError, match="2 leaves, not 1"):
        program.run(x)
    with pytest.raises(ShapeError, match=r"\(2,\), not \(\)"):
        program.run(x, np.array(1.0))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (1, "x[1]"),
        ((), "x[()]"),
        ((0, slice(None)), "x[0, :]"),
        (slice(1, None, -2), "x[1::-2]"),
        ((..., None), "x[..., None]"),
        ([0, 0], "x[[0, 0]]"),
        (((0, 1),), "x[(0, 1),]"),
        (np.array([[0, -1]]), "x[[[0, -1]]]"),
        (np.array(True), "x[np.array(True)]"),
        (np.zeros((0, 3), int), "x[np.zeros((0, 3), 'int64')]"),
    ],
)
def test_keys_are_printed_as_they_would_be_typed(key: Any, shown: str) -> None:
    assert f"v = {shown}\n" in str(made("{0}[{key}]", "x", key=key))


def test_hypothesis_prints_a_program_as_a_program() -> None:
    program = made("tg.tanh({0})", "x")
    assert pretty(program) == repr(program)
    assert "    v = tg.tanh(x)\n" in repr(program)


def test_a_users_own_statement() -> None:
    softsign = Kind(
        "{0} / tg.sqrt({0} * {0} + 1)",
        one(),
        lambda x: x / tg.sqrt(x * x + 1),
        lambda torch, x: x / torch.sqrt(x * x + 1),
    )
    arctan = named("arctan", one(), "arctan")
    program = find(
        programs(families=((softsign,), (arctan,))),
        lambda program: len(program.statements) == 2,
        settings=QUICK,
    )
    program.check()
    assert isinstance(execute(program)["loss"], Tensor)


def test_what_pytorch_returns_unchanged_is_another_tensor_here() -> None:
    plus = Kind("+{0}", one(), lambda x: +x, lambda torch, x: x)
    statements = (
        Statement(KINDS["{0}.copy()"], "c", ("x",)),
        Statement(plus, "v", ("c",)),
        Statement(KINDS["{0}[{key}] = 0.5"], "v", ("v",), {"key": 0}),
    )
    program = Program({"x": np.array([0.5, -1.0])}, statements, ("c", "v"))
    program.check()


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@settings(max_examples=25)
@given(programs(families=((Kind("boom", one(), lambda x: x / 0, None),), UNARIES)))
def test_infinite_values_do_not_get_in(program: Program) -> None:
    assert "boom" not in str(program)

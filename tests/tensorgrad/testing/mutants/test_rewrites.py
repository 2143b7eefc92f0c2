"""What a slip of the pen can make of each kind of node, and what is left alone."""

import ast
import textwrap
from types import FunctionType
from typing import Any

import pytest

from tensorgrad import REGISTRY
from tensorgrad.testing.mutants.rewrites import asking_for, confusions, rewrites
from tensorgrad.testing.mutants.source import Function, compiled, tree_of


def lambda_of(text: str) -> ast.Lambda:
    found = ast.parse(f"lambda: {text}", mode="eval").body
    assert isinstance(found, ast.Lambda)
    return found


def def_of(text: str) -> ast.FunctionDef:
    found = ast.parse("def f():\n" + textwrap.indent(text, "    ")).body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def slips(function: Function, *changes: Any) -> set[tuple[str, str]]:
    """(fault, what the statement or expression around it becomes)."""
    return {(fault, after) for fault, _, after, *_ in rewrites(function, *changes)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # operators
        ("x + y", {("- for +", "x - y"), ("term dropped", "x"), ("term dropped", "y")}),
        (
            "x - y",
            {("+ for -", "x + y"), ("term dropped", "x"), ("term dropped", "-y")},
        ),
        (
            "x / y",
            {
                ("* for /", "x * y"),
                ("factor dropped", "x"),
                ("factor dropped", "1.0 / y"),
            },
        ),
        ("x @ y", {("factors exchanged", "y @ x")}),
        ("x ** n", {("right side dropped", "x")}),
        ("x % y", {("right side dropped", "x")}),
        ("x // y", {("right side dropped", "x")}),
        ("x & y", {("right side dropped", "x")}),
        ("x << y", set()),
        ("-x", {("sign dropped", "x")}),
        ("~x", {("not dropped", "x")}),
        ("not x", {("not dropped", "x")}),
        ("+x", set()),
        # choices
        ("x > y", {("comparison", "x >= y"), ("comparison", "x < y")}),
        ("x is not y", {("comparison", "x is y")}),
        ("x and y", {("and/or", "x or y")}),
        ("x or y", {("and/or", "x and y")}),
        ("g if c else h", {("case dropped", "g"), ("case dropped", "h")}),
        # numbers, flags and names
        ("2", {("number off by one", "3")}),
        ("True", {("flag turned", "False")}),
        ("'name'", set()),
        ("x.mT", {("transpose dropped", "x")}),
        ("x.shape", set()),
        # calls
        ("exp(x)", {("exp dropped", "x")}),
        ("np.linalg.inv(x)", {("inv dropped", "x")}),
        ("x.sum()", {("sum dropped", "x")}),
        ("x.swapaxes(i, j)", {("transpose dropped", "i"), ("transpose dropped", "x")}),
        ("f(*xs)", set()),
        ("f()()", set()),
        ("np.asarray(x)", set()),
        ("isinstance(x, axis)", set()),
        ("np.zeros(n, dtype=float(1))", set()),
        (
            "where(c, x, y)",
            {
                ("branches exchanged", "where(c, y, x)"),
                ("branch dropped", "x"),
                ("branch dropped", "y"),
            },
        ),
        ("where(c, x, x)", {("branch dropped", "x")}),  # exchanged it is the same
        ("np.add.at(out, key, g)", {("= for +=", "out.__setitem__(key, g)")}),
        # axes
        (
            "take(x, axis)",
            {("take dropped", "x"), ("axis off by one", "take(x, axis±1)")},
        ),
        (
            "take(x, axis=axis)",
            {
                ("take dropped", "x"),
                ("axis dropped", "take(x)"),
                ("axis off by one", "take(x, axis=axis±1)"),
            },
        ),
        (
            "take(x, axis=k)",
            {("take dropped", "x"), ("axis dropped", "take(x)")},
        ),
    ],
)
def test_every_slip_in_an_expression(text: str, expected: Any) -> None:
    assert slips(lambda_of(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "out += g",
            {
                ("operator", "out -= g"),
                ("= for +=", "out = g"),
                ("statement dropped", "pass"),
            },
        ),
        ("out *= g", {("operator", "out /= g"), ("statement dropped", "pass")}),
        ("out @= g", {("statement dropped", "pass")}),
        (
            "out.T += g",  # the place that is written to stays a place
            {
                ("operator", "out.T -= g"),
                ("= for +=", "out.T = g"),
                ("statement dropped", "pass"),
            },
        ),
        ("out[key] = g", {("statement dropped", "pass")}),
        ("out = g", set()),
        (
            "if flag:\n    return g",
            {("condition turned", "if not flag:\n    return g")},
        ),
        # a comparison and a `not` have slips of their own
        ("if not flag:\n    return g", {("not dropped", "flag")}),
        # what is for the reader, or refuses
        ('"""It doubles 2."""', set()),
        ("if n > 2:\n    raise ValueError(f'{n + 1}')", set()),
        ("assert n > 2", set()),
    ],
)
def test_every_slip_in_a_statement(text: str, expected: Any) -> None:
    assert slips(def_of(text)) == expected


def test_each_statement_is_shown_alone() -> None:
    body = "for i in n:\n    if flag:\n        out = -i\n    return out"
    found = slips(def_of(body))
    assert ("sign dropped", "out = i") in found
    assert all("return" not in after for _, after in found)


def test_one_name_for_another_is_a_slip_where_it_is_read() -> None:
    body = "x = y\nreturn x * z"
    found = slips(def_of(body), confusions(("x", "y")))
    assert found == {("x for y", "x = x"), ("y for x", "return y * z")}


@pytest.fixture(scope="module")
def formulas() -> list[Function]:
    trees = [tree_of(f) for op in REGISTRY.values() for f in op.formulas.values()]
    return [tree for tree in trees if tree is not None]


def test_a_rewrite_changes_one_place_of_a_copy(formulas: list[Function]) -> None:
    assert len(formulas) > 100
    for tree in formulas:
        before, text = ast.dump(tree), ast.unparse(tree)
        for _, shown, after, line, wrong in rewrites(tree):
            assert shown != after
            assert ast.unparse(wrong) != text
            assert line >= tree.lineno
            assert type(wrong) is type(tree)
        assert ast.dump(tree) == before


def test_a_rewrite_is_a_program(formulas: list[Function]) -> None:
    for tree in formulas:
        for *_, wrong in rewrites(tree):
            assert compiled(wrong).co_name == getattr(tree, "name", "<lambda>")


def test_an_axis_off_by_one_stays_an_axis_and_is_no_other_where_all_are_meant() -> None:
    found = {after: wrong for *_, after, _, wrong in rewrites(lambda_of("f(axis)"))}
    code = compiled(found["f(axis±1)"])
    moved = {}
    for axis in (-2, -1, 0, 1, None, (0, 1)):
        names = {"isinstance": isinstance, "int": int, "axis": axis, "f": lambda x: x}
        moved[axis] = FunctionType(code, names)()
    assert moved == {-2: -1, -1: -1, 0: 0, 1: 0, None: None, (0, 1): (0, 1)}


def test_what_a_fault_uses_is_asked_for_once() -> None:
    asked = asking_for(lambda_of("x * out * other"), ("x", "y", "out"))
    assert ast.unparse(asked.args) == "x, out"
    assert asking_for(asked, ("x", "y", "out")) is asked


def test_what_it_takes_already_is_not_asked_for_again() -> None:
    text = "lambda g, /, x, *xs, out, **rest: g(x, xs, out, rest, x_shape)"
    (function,) = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Lambda))
    asked = asking_for(function, ("g", "x", "xs", "out", "rest", "x_shape"))
    assert ast.unparse(asked.args) == "g, /, x, x_shape, *xs, out, **rest"

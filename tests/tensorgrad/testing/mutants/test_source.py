"""From a formula to its source, and to the functions that it calls."""

import ast
import importlib.util
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tensorgrad import REGISTRY
from tensorgrad.kernels import reference
from tensorgrad.testing import mutants
from tensorgrad.testing.mutants.source import compiled, helpers, place, text_of, tree_of


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Import a module of this text, from a file."""
    name, path = "mutants_source_module", tmp_path / "module.py"

    def load(text: str) -> Any:
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    yield load
    sys.modules.pop(name, None)


def test_a_file_edited_since_has_no_known_source(module: Any, tmp_path: Path) -> None:
    double = module("def double(g):\n    return g * 2\n").double
    assert isinstance(tree_of(double), ast.FunctionDef)
    for text in ("def double(g):\n    return  g * 3\n", "def double(g: no Python", ""):
        (tmp_path / "module.py").write_text(text)
        linecache.checkcache()
        assert tree_of(double) is None
        assert text_of(double) == ""
        assert place(double) == "module.py:1"  # where it was


@pytest.mark.parametrize("first", ["", "from __future__ import annotations"])
def test_annotations_inside_a_function_are_read_as_its_file_says(
    module: Any, first: str
) -> None:
    made = module(
        first
        + """
def outer(x):
    def inner(y: int) -> float:
        return y + 1.0

    return inner(x)
"""
    )
    tree = tree_of(made.outer)
    assert tree is not None
    made.outer.__code__ = compiled(tree)
    assert made.outer(1) == 2.0


def test_what_is_no_function_of_python_has_neither_source_nor_place() -> None:
    for function in (len, 3, None):
        assert tree_of(function) is None
        assert text_of(function) == text_of(function) == ""
        assert place(function) == ""


def test_a_tree_compiles_to_the_function_that_it_is_of(module: Any) -> None:
    """Also with a closure, a decorator, defaults, and a name that is used nowhere."""
    made = module(
        """
        import functools

        def scaled(rate, unused):
            @functools.cache
            def inner(x: int, y: int = 2, *more, z=3, **rest) -> int:
                return rate * x + y + z + sum(more) + sum(rest.values())

            return inner.__wrapped__, lambda x, y=2: (rate * x + y, unused)[0]
        """
    ).scaled(10, None)
    for function, free in zip(made, (("rate",), ("rate", "unused")), strict=True):
        tree = tree_of(function)
        assert tree is not None
        code = compiled(tree, function.__code__.co_freevars)
        assert code.co_freevars == function.__code__.co_freevars == free
        before = function(3, 4)
        function.__code__ = code
        assert function(3, 4) == before == 34 + 3 * (function is made[0])


def test_helpers_are_private_and_found_once_each_through_each_other(
    module: Any,
) -> None:
    made = module(
        """
        __all__ = ["public", "formula"]

        def public(x): return x
        def _first(x): return _second(x) + _second(x) + _first(x)
        def _second(x): return public(x)
        def _unused(x): return x

        def formula(g, _local=None):
            _unused = _first
            return _second(_first(g)) + len(str(_unused))
        """
    )
    # _unused is a local name in the formula, and len is Python's
    found = helpers(made.formula)
    assert sorted(f.__name__ for f in found) == ["_first", "_second"]


def test_kernels_are_known_by_their_names_also_where_a_stem_is_put_together() -> None:
    def of(name: str) -> list[Any]:
        (formula,) = REGISTRY[name].formulas.values()
        return helpers(formula) if formula else []

    def function(kernel: Any) -> FunctionType:
        return kernel.__wrapped__

    assert function(reference.softmax_backward) in of("softmax")
    gelus = {function(reference.gelu_erf_backward)}
    gelus |= {function(reference.gelu_tanh_backward)}
    assert gelus <= set(of("gelu"))
    assert not gelus & set(of("softmax"))


def test_a_kernel_of_another_name_is_none(module: Any) -> None:
    made = module("def formula(g, name):\n    return kernel('no_such', g)(kernel(g))")
    assert helpers(made.formula) == []


def test_without_any_source_results_alone_have_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(linecache, "getlines", lambda *_: [])
    assert mutants.of("engine") == []
    faults = {m.fault for m in mutants.of("multiply")}
    assert {"sign", "factor 2", "not summed"} < faults
    assert not {"factor dropped", "/ for *"} & faults
    assert {m.before for m in mutants.of("multiply")} == {"gx"}

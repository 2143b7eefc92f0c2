"""An op's own tests as one quick call: what the mutants are given to.

The laws of test_ops.py on examples that stay the same, without the search for a small
example that a failure starts; then the tests of kinks, called as plain functions.
"""

import functools
import importlib
import inspect
import itertools
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, enable_grad, grad, no_grad
from tensorgrad.op import Op
from tensorgrad.testing.differences import careful, central
from tensorgrad.testing.domains import DOMAINS
from tensorgrad.testing.mutants import drawn
from tensorgrad.testing.mutants.equivalence import squared, weighed
from tensorgrad.testing.problem import Problem, differentiable
from tests.tensorgrad.checks import listed

OPS = [op.name for op in REGISTRY.values() if any(op.formulas.values())]
TESTED = [name for name in OPS if name in DOMAINS]


def own_tests(name: str) -> None:
    """The laws on fixed examples, large ones first; then the tests of kinks."""
    tests = plain_tests(name)
    for example in examples(name):
        example.check_value()
        for problem in example.problems:
            check_derivative(problem, 1, remembered(problem, 1))
    for example in examples(name):
        for problem in example.squares:
            check_derivative(problem, 2, remembered(problem, 2))
    for i, example in enumerate(examples(name)):
        for problem in example.problems[:1]:
            check_that_g_is_only_read(problem)
            if i < 10:
                check_that_gradients_add_up(problem)
    with verdicts_only():
        for test in tests:
            test()


class Example:
    """An op at a point of its domain; and each of its outputs, if it has several.

    Squared, its outputs have a g that depends on the inputs: the second order then
    differentiates the formulas with respect to g too.
    """

    def __init__(self, name: str, inputs: Any, settings: Any) -> None:
        domain = DOMAINS[name]
        self.name, self.inputs, self.settings = name, inputs, settings
        self.value = listed(domain.value(*inputs, **settings))
        parts = [functools.partial(self.output, i) for i in range(len(self.value))]
        functions = [self.outputs, *(parts if len(parts) > 1 else ())]
        if not domain.smooth or not any(map(differentiable, inputs)):
            functions = []
        self.problems = [weighed(f, inputs) for f in functions]
        self.squares = [weighed(squared(f), inputs) for f in functions[:1]]

    def outputs(self, *xs: Any) -> tuple[Any, ...]:
        return tuple(listed(REGISTRY[self.name].call(*xs, **self.settings)))

    def output(self, i: int, *xs: Any) -> Any:
        return self.outputs(*xs)[i]

    def check_value(self) -> None:
        for out, value in zip(self.outputs(*self.inputs), self.value, strict=True):
            np.testing.assert_allclose(out, value, 1e-9, 1e-9)


@functools.cache
def examples(name: str) -> list[Example]:
    return [Example(name, *case) for case in drawn(DOMAINS[name].cases)]


def check_derivative(problem: Problem, order: int, expected: float) -> None:
    """Along one direction it is what the differences say."""
    found, scale = along(problem, order)
    assert abs(found - expected) <= 1e-5 * scale


def along(problem: Problem, order: int) -> tuple[float, float]:
    """The derivative along the direction of that order, and the size of its parts."""
    gradients, direction = problem.gradient(order), problem.direction(order)
    pairs = zip(gradients, direction, strict=True)
    parts = [float((g * v).sum()) for g, v in pairs]
    return sum(parts), 1 + sum(map(abs, parts))


def by_differences(problem: Problem, order: int) -> float:
    """The derivative along the direction of that order, numerically."""
    found, scale = along(problem, order)
    value, point = problem.value(order), problem.point
    slope = central(value, point, problem.direction(order))
    if abs(found - slope) > 1e-5 * scale:  # a step too long, to another sign of svd's
        slope, _ = careful(value, point, problem.direction(order))
    return slope


# computed while no fault is planted yet, once for all mutants
remembered = functools.cache(by_differences)


def check_that_gradients_add_up(problem: Problem) -> None:
    """An output used twice, and two backward passes: each time it is the sum."""
    leaves, once = problem.tensors(), problem.gradient(1)
    outs = problem.outputs(leaves)
    twice = problem.total([out + out for out in outs])
    if not isinstance(twice, Tensor) or twice.node is None:
        return
    for mode in (enable_grad(), no_grad()):
        with mode:
            found = grad(twice, leaves, create_graph=True, allow_unused=True)
            twice.backward(retain_graph=True)
        for g, expected in zip(found, once, strict=True):
            if g is not None:
                np.testing.assert_allclose(g.data, 2 * expected, 1e-7, 1e-9)
    for x, expected in zip(leaves, once, strict=True):
        if x.grad is not None:
            np.testing.assert_allclose(x.grad.data, 4 * expected, 1e-7, 1e-9)


def check_that_g_is_only_read(problem: Problem) -> None:
    """A sum sends one g to both of its terms, and the older gets what was sent."""
    zeros = [np.zeros(weight.shape) for weight in problem.weights]
    older = [Tensor(zero, requires_grad=True) for zero in zeros]
    leaves = problem.tensors()
    pairs = zip(problem.outputs(leaves), older, strict=True)
    total = problem.total([out + other for out, other in pairs])
    found = grad(total, [*older, *leaves], allow_unused=True)
    for g, weight in zip(found, problem.weights, strict=False):
        np.testing.assert_array_equal(g.data, weight)


# --- the tests of kinks


LAWS = "tests.tensorgrad.test_ops"
FOLDER = Path(__file__).parent.parent / "ops"
FAMILIES = [f"tests.tensorgrad.ops.{m.name}" for m in pkgutil.iter_modules([FOLDER])]
MOST = 20  # tests of one op: those that touch the fewest others


def plain_tests(name: str) -> list[Callable[[], None]]:
    """The tests of an op's family that use neither Hypothesis nor fixtures."""
    modules = [m for m in FAMILIES if name in family_of(m)] or FAMILIES
    found = [row for m in (LAWS, *modules) for row in plain_tests_in(m).get(name, ())]
    return [test for _, test in sorted(found, key=lambda row: row[0])[:MOST]]


def family_of(module: str) -> list[str]:
    """The ops of the family that a module of tests is about."""
    return getattr(getattr(tg.ops, module.rpartition("test_")[2], None), "__all__", [])


@functools.cache
def plain_tests_in(module: str) -> dict[str, list[Any]]:
    """By the name of an op: how many ops a test differentiates, and the test."""
    found: dict[str, list[Any]] = {}
    for test in calls(module):
        touched = ops_differentiated(test)
        for name in touched:
            found.setdefault(name, []).append((len(touched), test))
    return found


def calls(module: str) -> Iterator[Callable[[], None]]:
    """The plain tests of a module, each parametrisation a call."""
    for name, test in [*vars(importlib.import_module(module)).items()]:
        if not name.startswith("test_") or hasattr(test, "hypothesis"):
            continue
        marks = [m for m in getattr(test, "pytestmark", []) if m.name == "parametrize"]
        for rows in itertools.product(*map(parameters, marks)):
            given = {k: v for row in rows for k, v in row.items()}
            if given.keys() == inspect.signature(test).parameters.keys():
                yield functools.partial(test, **given)


def parameters(mark: Any) -> Iterator[dict[str, Any]]:
    names, rows = mark.args[:2]
    names = names.replace(",", " ").split() if isinstance(names, str) else names
    for row in rows:
        row = row.values if type(row).__name__ == "ParameterSet" else row
        yield dict(zip(names, row if len(names) > 1 else [row], strict=True))


def ops_differentiated(test: Callable[[], None]) -> set[str]:
    """The ops whose derivative a test runs; none if it is skipped, or fails anyway."""
    touched: set[str] = set()
    original = Op.backward

    def backward(self: Op, *args: Any, **kwargs: Any) -> Any:
        touched.add(self.name)
        return original(self, *args, **kwargs)

    with verdicts_only(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Op, "backward", backward)
        try:
            test()
        except (Exception, pytest.skip.Exception):
            return set()
    return touched


@contextmanager
def verdicts_only() -> Iterator[None]:
    """The tests' gradcheck without explanations, which take a hundred times as long."""
    with pytest.MonkeyPatch.context() as patch:
        for module in filter(None, map(sys.modules.get, (LAWS, *FAMILIES))):
            for name in ("assert_gradients", "gradcheck"):
                patch.setattr(module, name, verdict, raising=False)
        yield


def verdict(f: Any, *inputs: Any, order: int = 1, **_: Any) -> None:
    for k in range(1, order + 1):
        problem = weighed(f, inputs)
        check_derivative(problem, k, by_differences(problem, k))

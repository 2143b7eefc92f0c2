"""The random state of a checkpoint: found, rewound, and put back."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tensorgrad import Tensor
from tensorgrad.errors import GraphError
from tensorgrad.functional import checkpoint
from tensorgrad.functional.randomness import generators
from tests.tensorgrad.checks import leaf


def dropout(x: Any, rng: np.random.Generator) -> Any:
    return x * (rng.random(x.shape) >= 0.5) * 2.0


GENERATOR = np.random.default_rng(0)


def from_a_global(x: Any) -> Any:
    return (lambda x: dropout(x, GENERATOR))(x)


class Noisy:
    """An object that isn't a module, with a method."""

    def __init__(self, rng: Any) -> None:
        self.rng = rng

    def apply(self, x: Any) -> Any:
        return dropout(x, self.rng)


class Hidden:
    """Where no search finds it."""

    __slots__ = ("rng",)

    def __init__(self, rng: Any) -> None:
        self.rng = rng


def plain(f: Any, *xs: Any, rng: Any = None, **kwargs: Any) -> Any:
    return f(*xs, **kwargs)


def in_a_closure(rng: Any, x: Any, run: Any) -> Any:
    def body(x: Any) -> Any:
        return dropout(x, rng)

    return run(lambda x: body(x) * 1.0, x)


def in_an_object(rng: Any, x: Any, run: Any) -> Any:
    noisy = Noisy(rng)
    return run(lambda x: noisy.apply(x), x)


def named(rng: Any, x: Any, run: Any) -> Any:
    hidden = Hidden(rng)
    return run(lambda x: dropout(x, hidden.rng), x, rng=rng)


def among_several(rng: Any, x: Any, run: Any) -> Any:
    hidden = Hidden(rng)
    return run(lambda x: dropout(x, hidden.rng), x, rng=[GENERATOR, rng])


HOLDERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "input": lambda rng, x, run: run(dropout, x, rng),
    "keyword": lambda rng, x, run: run(
        lambda x, r: dropout(x, r["a"]), x, r={"a": rng}
    ),
    "closure": in_a_closure,
    "default": lambda rng, x, run: run(lambda x, r=rng: dropout(x, r), x),
    "keyword default": lambda rng, x, run: run(lambda x, *, r=rng: dropout(x, r), x),
    "partial": lambda rng, x, run: run(functools.partial(dropout, rng=rng), x),
    "method": lambda rng, x, run: run(Noisy(rng).apply, x),
    "object": in_an_object,
    "named": named,
    "several named": among_several,
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
def test_generators_are_rewound_and_put_back(holder: str, bits: Any) -> None:
    found = []
    for run in (plain, checkpoint):
        rng = np.random.Generator(bits(0))
        x = Tensor(np.ones(64), requires_grad=True)
        y = HOLDERS[holder](rng, x, run)
        rng.random(3)
        y.sum().backward()
        found.append((y.numpy() if y.node.op is None else y.data, x.grad, rng.random()))
    for a, b in zip(*found, strict=True):
        assert np.array_equal(getattr(a, "data", a), getattr(b, "data", b))


def test_a_global_generator_is_found() -> None:
    x = Tensor(np.ones(64), requires_grad=True)
    y = checkpoint(from_a_global, x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_a_generator_that_is_not_found_is_an_error() -> None:
    x, hidden = Tensor(np.ones(64), requires_grad=True), Hidden(GENERATOR)
    y = checkpoint(lambda x: dropout(x, hidden.rng), x)
    with pytest.raises(GraphError, match="rng="):
        y.sum().backward()


def test_generators_are_put_back_when_the_second_run_fails() -> None:
    x, rng, runs = leaf(1.0), np.random.default_rng(0), []

    def f(x: Any) -> Any:
        runs.append(rng.random())
        if len(runs) == 2:
            raise ZeroDivisionError
        return x * runs[-1]

    y = checkpoint(f, x)
    state = rng.bit_generator.state
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert runs[0] == runs[1]
    assert rng.bit_generator.state == state


def test_a_generator_in_a_python_module_is_found() -> None:
    module = ModuleType("noise")
    module.rng = rng = np.random.default_rng(0)  # type: ignore[attr-defined]
    code = "def draw(x): return x * rng.random(x.shape)"
    exec(code, vars(module))  # as an import would
    scope = {"noise": module}
    exec("def f(x): return noise.draw(x)", scope)
    assert generators(scope["f"]) == [rng]


def test_what_is_searched_and_what_is_not() -> None:
    rng = np.random.default_rng(0)
    cycle: list[Any] = [rng]
    cycle.append(cycle)
    assert generators(cycle, rng) == [rng]
    assert generators(Noisy, np, tuple, 3, "text", None, Hidden(rng)) == []

    def f() -> Any:
        return unassigned

    assert generators(f) == []
    unassigned = rng
    assert generators(f) == [rng]

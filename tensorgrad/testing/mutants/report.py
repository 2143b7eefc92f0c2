"""Which mutants a test lets live."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import MissingExtra
from ...op import REGISTRY, Op
from .collect import of, op_of
from .engine import ENGINE
from .equivalence import Fingerprint
from .mutant import Mutant

Test = Callable[[str], Any]


@dataclass
class Report:
    """The mutants that a test killed, those that survived, and the equivalent ones.

    It is a collection of the survivors: empty, and so false, when none is left.
    Equivalent is what changes nothing on the op's domain: the rule at a kink, perhaps,
    which a test of its own has to look at.
    """

    killed: list[Mutant] = field(default_factory=list)
    survived: list[Mutant] = field(default_factory=list)
    equivalent: list[Mutant] = field(default_factory=list)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.survived)

    def __len__(self) -> int:
        return len(self.survived)

    def __repr__(self) -> str:
        counts = (
            f"{len(self.killed)} killed, {len(self.survived)} survived, "
            f"{len(self.equivalent)} equivalent"
        )
        return "\n".join([counts, *_table(self.survived)])

    def __add__(self, other: Report) -> Report:
        return Report(
            self.killed + other.killed,
            self.survived + other.survived,
            self.equivalent + other.equivalent,
        )


def _table(mutants: list[Mutant]) -> Iterator[str]:
    rows = [
        (m.where, f"{m.op} {m.input}".strip(), m.fault, m.change()) for m in mutants
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(["", *(text.ljust(n) for text, n in cells)]).rstrip()


def survivors(
    test: Test,
    ops: Iterable[str | Op | Callable[..., Any]] | None = None,
    domains: Mapping[str, Any] | None = None,
) -> Report:
    """Plant each mutant in turn, run `test(name of its op)`, and report who lives.

    `test` raises where the derivative is wrong; any exception kills. It must pass
    while no fault is planted. `ops` are all that have a derivative, and the engine,
    unless named; each of them can be a name, an op's function, or the Op. The
    engine's mutants are given to the tests of all `ops` until one of them kills.

    `domains` tells what your own ops take: a Hypothesis strategy of (inputs,
    settings) for each name, as `tensorgrad.testing.domains` has it for the built-in
    ones. A survivor that changes nothing there is equivalent.

    >>> survivors(lambda name: None, ops=["negative"])
    0 killed, 7 survived, 0 equivalent
      elementwise.py:...  negative x  sign          -g -> -(-g)
      ...
      elementwise.py:...  negative x  sign dropped  -g -> g
    """
    known = {**_known_domains(), **(domains or {})}
    ops = [ENGINE, *_with_derivative()] if ops is None else [*ops]
    chosen = [op_of(op) for op in ops if op != ENGINE]
    report = Report()
    for op in chosen:
        report += _of_one(test, op, known.get(op.name))
    if ENGINE in ops:
        names = [op.name for op in chosen]
        names = names or [name for name in _with_derivative() if name in known]
        report += _of_engine(test, names)
    return report


def _of_one(test: Test, op: Op, domain: Any) -> Report:
    report, mutants, fingerprint = Report(), of(op), None
    if mutants:
        _must_pass(test, op.name)
    for mutant in mutants:
        if _verdict(test, op.name, mutant) is not None:
            report.killed.append(mutant)
            continue
        if fingerprint is None and domain is not None:
            fingerprint = Fingerprint(op, getattr(domain, "cases", domain))
        same = fingerprint is not None and fingerprint.is_equal_under(mutant)
        (report.equivalent if same else report.survived).append(mutant)
    return report


def _of_engine(test: Test, names: list[str]) -> Report:
    report = Report()
    passed: set[str] = set()
    for mutant in of(ENGINE):
        for name in names:
            if name not in passed:
                _must_pass(test, name)
            passed.add(name)
            if _verdict(test, name, mutant) is not None:
                report.killed.append(mutant)
                break
        else:
            report.survived.append(mutant)
    return report


def _must_pass(test: Test, name: str) -> None:
    """A test that fails while nothing is wrong would kill everything."""
    error = _verdict(test, name)
    if error is not None:
        raise error


def _verdict(test: Test, name: str, *faults: Mutant) -> BaseException | None:
    """What the test raises, with the faults planted. A skip is no verdict."""
    try:
        with ExitStack() as stack:
            for mutant in faults:
                stack.enter_context(mutant.planted())
            stack.enter_context(_quiet())
            test(name)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # pytest.fail and pytest.skip are no Exceptions
        skipped = type(error).__name__ in ("Skipped", "SkipTest")
        return None if skipped else error
    return None


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """NaN and infinity are for the test to find; a warning is no verdict."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _with_derivative() -> list[str]:
    return [op.name for op in REGISTRY.values() if any(op.formulas.values())]


def _known_domains() -> Mapping[str, Any]:
    """The built-in ones, where Hypothesis is installed."""
    try:
        from ..domains import DOMAINS
    except MissingExtra:
        return {}
    return DOMAINS

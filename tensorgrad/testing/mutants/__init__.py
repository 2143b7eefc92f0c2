"""Mutants: derivatives with one planted fault, to test the tests.

    mutants.of("multiply")       the faulty versions of an op
    mutants.survivors(test)      those that `test` doesn't notice

A suite that lets a mutant live would let the same slip live in the real formula.
`test` is called with an op's name and raises where the derivative is wrong:

    def test(name):
        for inputs, settings in mutants.drawn(strategies.inputs_for(name))[:5]:
            op = partial(REGISTRY[name].call, **settings)
            assert_gradients(op, *inputs, order=2)

    assert not mutants.survivors(test, ops=["multiply", my_op])

`drawn` gives examples of a strategy. A test with Hypothesis's `@given` works too, but
looks for the smallest example of every fault, which takes minutes.
"""

from .collect import of
from .equivalence import drawn
from .mutant import Mutant
from .report import Report, survivors

__all__ = ["Mutant", "Report", "drawn", "of", "survivors"]

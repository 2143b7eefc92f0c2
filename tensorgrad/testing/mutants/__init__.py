"""Mutants: derivatives with one planted fault, to test the tests.

    mutants.of("multiply")       the faulty versions of an op
    mutants.survivors(test)      those that `test` doesn't notice

A suite that lets a mutant live would let the same slip live in the real formula.
`test` is called with an op's name and raises where the derivative is wrong:

    def test(name):
        inputs, settings = strategies.inputs_for(name).example()
        assert_gradients(partial(getattr(tg, name), **settings), *inputs, order=2)

    assert not mutants.survivors(test, ops=["multiply", my_op])
"""

from .collect import of
from .equivalence import drawn
from .mutant import Mutant
from .report import Report, survivors

__all__ = ["Mutant", "Report", "drawn", "of", "survivors"]

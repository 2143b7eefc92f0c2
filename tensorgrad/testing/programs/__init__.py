"""Random whole computations, checked against finite differences and PyTorch.

An op that is right alone can still be wrong in company: used twice, seen through a
view, written to afterwards, held constant, differentiated again. `programs()` draws
such company, `Program.check` judges it, and a failure prints the shortest program that
Hypothesis found.

A statement of another kind takes one row, which says how it is drawn, written, and run
here and in PyTorch:

    arctan = named("arctan", one(), "arctan")
    programs(families=(*FAMILIES, (arctan,)))
"""

from ..extra import hypothesis  # noqa: F401 - first: it says what is missing
from .draw import FAMILIES, programs
from .oracles import check
from .program import Program
from .scope import one, two
from .statement import Kind, Statement, named

__all__ = [
    "FAMILIES",
    "Kind",
    "Program",
    "Statement",
    "check",
    "named",
    "one",
    "programs",
    "two",
]

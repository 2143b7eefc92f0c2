"""The strategy of random programs."""

from __future__ import annotations

import hypothesis.strategies as st

from ..values import arrays, shapes
from .elementwise import BINARIES, KINKED, UNARIES
from .memory import COPIES, GRADIENTS, WRITES
from .products import PRODUCTS
from .program import Program
from .reductions import REDUCTIONS
from .scope import Scope
from .shapes import JOINS, VIEWS
from .statement import Kind

Families = tuple[tuple[Kind, ...], ...]

# One family is drawn as often as another, the first when an example is shrunk.
FAMILIES: Families = (
    UNARIES,
    BINARIES,
    REDUCTIONS,
    PRODUCTS,
    VIEWS,
    JOINS,
    KINKED,
    COPIES,
    WRITES,
    GRADIENTS,
)
_MORE = st.integers(0, 30)  # 0 ends the program: the shorter, the simpler


@st.composite
def programs(
    draw: st.DrawFn,
    *,
    max_leaves: int = 4,
    max_statements: int = 12,
    families: Families = FAMILIES,
) -> Program:
    """Random computations in float64 that print as Python and check themselves.

        @given(programs())
        def test_my_ops(program):
            program.check()

    They share sub-expressions, broadcast, take views, write in place, compute parts
    under no_grad and differentiate on the way; values stay small and away from kinks.
    A failing one shrinks to a few statements. `families` says what they are made of: a
    `Kind` of your own brings your op into them.
    """
    found = draw(st.lists(arrays(shapes()), min_size=1, max_size=max_leaves))
    scope = Scope({f"x{i}": x for i, x in enumerate(found)})
    while draw(_grown(scope, families, max_statements)):
        pass
    return scope.program()


@st.composite
def _grown(
    draw: st.DrawFn, scope: Scope, families: Families, max_statements: int
) -> bool:
    """Whether the program goes on, by a statement if some variable suits its kind.

    All that a statement needs is drawn here, so that shrinking can take it out whole.
    """
    more = draw(_MORE) and len(scope.statements) < max_statements
    if scope.tried and not more:
        return False
    scope.tried += 1
    kind = draw(st.sampled_from(draw(st.sampled_from(families))))
    choice = kind.draw(draw, scope)
    if choice is not None:
        frozen = kind.role == "value" and draw(st.integers(0, 9)) == 9
        scope.add(kind, *choice, frozen)
    return True

"""For every op, inputs that it accepts and its value by definition, in plain NumPy.

`DOMAINS[name].cases` draws (inputs, settings) where the op is smooth: away from ties
and kinks, which have tests of their own. The laws of test_ops.py and of
test_against_torch.py run over these rows, and an op without one fails the suite.
"""

from .draws import Constant, Domain
from .elementwise import ELEMENTWISE, LOGICAL
from .fused import KERNELS
from .index import INDICES
from .linalg import PRODUCTS
from .reduce import REDUCTIONS
from .shape import SHAPES

__all__ = ["DOMAINS", "Constant", "Domain"]

DOMAINS: dict[str, Domain] = {
    **ELEMENTWISE,
    **LOGICAL,
    **REDUCTIONS,
    **SHAPES,
    **INDICES,
    **PRODUCTS,
    **KERNELS,
}

"""For every op, inputs that it accepts and its value by definition, in plain NumPy.

`DOMAINS[name].cases` draws (inputs, settings) where the op is smooth: away from ties
and kinks. An op that `tensorgrad` registers has a row here.
"""

from ..extra import hypothesis  # noqa: F401 - first: it says what is missing
from .activations import ACTIVATIONS
from .compare import COMPARISONS
from .convolution import CONVOLUTIONS
from .diagonals import DIAGONALS
from .dot_product_attention import ATTENTION
from .draws import Constant, Domain
from .elementwise import ELEMENTWISE
from .exponential import EXPONENTIALS
from .index import INDICES
from .join import JOINS
from .linalg import LINALG
from .norms import NORMS
from .order import ORDERS
from .probability import PROBABILITIES
from .products import PRODUCTS
from .reduce import REDUCTIONS
from .rounding import ROUNDINGS
from .scan import SCANS
from .shape import SHAPES
from .trigonometric import TRIGONOMETRIC

__all__ = ["DOMAINS", "Constant", "Domain"]

DOMAINS: dict[str, Domain] = {
    **ACTIVATIONS,
    **ATTENTION,
    **COMPARISONS,
    **ELEMENTWISE,
    **EXPONENTIALS,
    **INDICES,
    **JOINS,
    **NORMS,
    **PROBABILITIES,
    **PRODUCTS,
    **REDUCTIONS,
    **SHAPES,
    **TRIGONOMETRIC,
    **ROUNDINGS,
    **SCANS,
    **ORDERS,
    **DIAGONALS,
    **LINALG,
    **CONVOLUTIONS,
}

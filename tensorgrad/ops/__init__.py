"""Every op, each with its derivative beside it."""

from . import (
    activations,
    compare,
    convolution,
    diagonals,
    dot_product_attention,
    elementwise,
    exponential,
    factorizations,
    index,
    inverses,
    join,
    matrix_norms,
    norms,
    order,
    probability,
    products,
    reduce,
    rounding,
    scan,
    shape,
    trigonometric,
)
from .activations import *
from .compare import *
from .convolution import *
from .diagonals import *
from .dot_product_attention import *
from .elementwise import *
from .exponential import *
from .factorizations import *
from .index import *
from .inverses import *
from .join import *
from .matrix_norms import *
from .norms import *
from .order import *
from .probability import *
from .products import *
from .reduce import *
from .rounding import *
from .scan import *
from .shape import *
from .trigonometric import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += compare.__all__
__all__ += convolution.__all__
__all__ += diagonals.__all__
__all__ += dot_product_attention.__all__
__all__ += elementwise.__all__
__all__ += exponential.__all__
__all__ += factorizations.__all__
__all__ += index.__all__
__all__ += inverses.__all__
__all__ += join.__all__
__all__ += matrix_norms.__all__
__all__ += norms.__all__
__all__ += order.__all__
__all__ += probability.__all__
__all__ += products.__all__
__all__ += reduce.__all__
__all__ += rounding.__all__
__all__ += scan.__all__
__all__ += shape.__all__
__all__ += trigonometric.__all__

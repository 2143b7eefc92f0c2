"""Linear algebra: inverses, determinants, factorisations and norms."""

from . import factorizations, inverses, matrix_norms
from .factorizations import *  # noqa: F403
from .inverses import *  # noqa: F403
from .matrix_norms import *  # noqa: F403

__all__: list[str] = []
__all__ += factorizations.__all__
__all__ += inverses.__all__
__all__ += matrix_norms.__all__

"""Every op with a derivative as PyTorch has it, by our name and with our settings."""

from collections.abc import Callable
from typing import Any

from .elementwise import ELEMENTWISE
from .networks import NETWORKS
from .products import PRODUCTS
from .reduce import REDUCTIONS
from .shape import SHAPES

TORCH: dict[str, Callable[..., Any]] = {
    **ELEMENTWISE,
    **NETWORKS,
    **PRODUCTS,
    **REDUCTIONS,
    **SHAPES,
}

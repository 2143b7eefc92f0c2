"""Reverse-mode automatic differentiation on NumPy, to be read.

>>> import tensorgrad as tg
>>> x = tg.Tensor(3.0, requires_grad=True)
>>> y = x * x + tg.sin(x)
>>> y.backward()
>>> x.grad  # 2 x + cos x
Tensor(5.01001, dtype=float32)
"""

import importlib
from typing import Any

from . import errors, functional, ops
from .allocator import keep_freed_memory
from .differentiate import backward, grad
from .mode import detect_anomaly, enable_grad, is_grad_enabled, no_grad, trace_calls
from .op import REGISTRY, fused, primitive
from .ops import *  # noqa: F403
from .parallel import backward_each
from .profiling import profile
from .tensor import Tensor

__version__ = "0.1.0"

__all__ = [
    "REGISTRY",
    "Tensor",
    "backward",
    "backward_each",
    "detect_anomaly",
    "enable_grad",
    "errors",
    "functional",
    "fused",
    "grad",
    "is_grad_enabled",
    "keep_freed_memory",
    "no_grad",
    "primitive",
    "profile",
    "trace_calls",
]
__all__ += ops.__all__


def __getattr__(name: str) -> Any:
    """tensorgrad.viz, imported when it is first asked for."""
    if name == "viz":
        return importlib.import_module(".viz", __name__)
    raise AttributeError(f"module 'tensorgrad' has no attribute {name!r}")

"""Derivatives of functions: each takes a function f, and can be nested in any other.

>>> from tensorgrad import functional
>>> f = lambda x: x * x * x
>>> functional.grad(f)(2.0)
array(12.)
>>> functional.grad(functional.grad(f))(2.0)
array(12.)

f is called with Tensors. Its arguments may be Tensors, arrays, Python numbers (which
count as NumPy's float64), and tuples, lists and dicts of them; a gradient is built
like its argument. What goes in as an array comes out as one, a Tensor as a Tensor.
But a result that an enclosing derivative still needs stays a tracked Tensor: one that
depends on a tracked Tensor that f was given or closes over. Under `no_grad` none is.
"""

from .checkpointing import checkpoint
from .derivatives import grad, hvp, jvp, value_and_grad, vjp
from .jacobians import hessian, jacobian

__all__ = [
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "hvp",
    "jacobian",
    "hessian",
    "checkpoint",
]

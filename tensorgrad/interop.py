"""NumPy meets Tensors: its operators, its functions, DLPack and repr."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ops
from .errors import GraphError, MutationError
from .graph import Variable

if TYPE_CHECKING:
    from .tensor import Tensor

# NumPy's functions and the ops that stand for them, by NumPy's name.
_OTHER_NAMES = {"abs": "absolute", "permute_dims": "transpose", "true_divide": "divide"}


def _op_for(function: Any) -> Any:
    name = function.__name__
    return getattr(ops, _OTHER_NAMES.get(name, name), None)


def array_ufunc(
    self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
) -> Any:
    """NumPy's ufuncs, and `ndarray + Tensor`, run our ops."""
    if any(out is not None for out in kwargs.get("out", ())):
        raise MutationError(
            f"numpy.{ufunc.__name__} can't write a Tensor into an array: the graph would "
            "not see it. Write `a = a + t` for `a += t`"
        )
    op = _op_for(ufunc)
    if ufunc is np.power and len(inputs) == 2 and isinstance(inputs[1], int | float):
        return inputs[0] ** inputs[1]
    if op is None or method != "__call__" or kwargs:
        raise TypeError(
            f"numpy.{ufunc.__name__} ({method}, {sorted(kwargs)}) has no op for Tensors; "
            "use tensorgrad's functions, or .detach().numpy()"
        )
    return op(*inputs)


def array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's functions run our ops, given NumPy's positions and names."""
    op = _op_for(function)
    if function in (np.shape, np.ndim, np.size):
        return getattr(args[0]._data, function.__name__)
    if op is None:
        raise TypeError(
            f"numpy.{function.__name__} has no op for Tensors; use tensorgrad's "
            "functions, or .detach().numpy()"
        )
    bound = inspect.signature(function).bind(*args, **kwargs).arguments
    known = {*op.op.inputs, *op.op.settings} if hasattr(op, "op") else set()
    if not known:  # einsum, take_along_axis: plain functions with NumPy's signature
        return op(*args, **kwargs)
    inputs, settings = [], {}
    for i, (name, value) in enumerate(bound.items()):
        name = _SETTINGS.get(name, name)
        if name in op.op.settings:
            settings[name] = value
        elif i < max(1, len(op.op.inputs)):
            inputs.append(value)
        elif value is not None and value is not np._NoValue:
            raise TypeError(f"numpy.{function.__name__} on Tensors has no option {name!r}")
    return op(*inputs, **settings)


_SETTINGS = {"a_min": "min", "a_max": "max", "newshape": "shape", "ary": "x"}


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """numpy.asarray(tensor): refused while a gradient would be lost."""
    if self.node is not None:
        raise GraphError(
            "numpy.asarray of a tracked tensor would lose its gradient: detach() it first"
        )
    if copy or (dtype is not None and dtype != self.dtype):
        return np.array(self._data, dtype)
    return self.data


def dlpack(self: Tensor, **kwargs: Any) -> Any:
    """Lend the array by DLPack. What the borrower writes is not guarded against."""
    if self.node is not None:
        raise GraphError("DLPack of a tracked tensor: detach() it first")
    return self._data.__dlpack__(**kwargs)


def dlpack_device(self: Tensor) -> Any:
    return self._data.__dlpack_device__()


def tensor_repr(self: Tensor) -> str:
    """NumPy's repr, with the shape when large and the op when tracked."""
    body = np.array2string(
        self._data, separator=", ", prefix="Tensor(", threshold=100, edgeitems=3
    )
    parts = [body]
    if self.size > 100 or self.size == 0:
        parts.append(f"shape={self.shape}")
    parts.append(f"dtype={self.dtype}")
    if self.node is not None:
        op = self.node.op
        parts.append("requires_grad=True" if op is None else f"op={op.name}")
    return f"{type(self).__name__}({', '.join(parts)})"


def is_tensor(x: Any) -> bool:
    return isinstance(x, Variable)

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
_OTHER_NAMES = {
    "amax": "max",
    "amin": "min",
    "around": "round",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "invert": "logical_not",
    "permute_dims": "transpose",
}
_INSTEAD = "use tensorgrad's functions, or .detach().numpy()"


# numpy.linalg's take the last two axes, where numpy's take the first two.
_LAST_AXES = {np.linalg.trace, np.linalg.diagonal}


def _op_for(function: Any) -> Any:
    name = _OTHER_NAMES.get(function.__name__, function.__name__)
    return getattr(ops, name) if name in _NAMES else None


_NAMES = frozenset(ops.__all__)


def array_ufunc(
    self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
) -> Any:
    """NumPy's ufuncs, and `ndarray + Tensor`, run our ops."""
    if any(out is not None for out in kwargs.get("out", ())):
        raise MutationError(
            f"numpy.{ufunc.__name__} can't write a Tensor into an array: the graph "
            "would not see it. Write `a = a + t` for `a += t`"
        )
    op = _op_for(ufunc)
    if op is None or method != "__call__" or kwargs:
        called = ufunc.__name__ + f".{method}" * (method != "__call__")
        options = f" with {', '.join(kwargs)}" * bool(kwargs)
        raise TypeError(f"numpy.{called}{options} has no op for Tensors; {_INSTEAD}")
    if ufunc is np.power and not isinstance(inputs[1], Variable):
        return inputs[0] ** inputs[1]  # a number as exponent has an op of its own
    return op(*inputs)


def array_function(
    self: Tensor, function: Any, types: Any, args: Any, kwargs: Any
) -> Any:
    """NumPy's functions run our ops, given NumPy's positions and names."""
    name = function.__name__
    if name in ("shape", "ndim", "size") and len(args) + len(kwargs) == 1:
        return getattr(self, name)
    options = _named(function, args, kwargs)
    if function in _LAST_AXES:
        kwargs = kwargs | {"axis1": -2, "axis2": -1}
        options |= kwargs
    function = _op_for(function)
    if function is None:
        raise TypeError(f"numpy.{name} has no op for Tensors; {_INSTEAD}")
    if not hasattr(function, "op"):  # a function of ops: its positions are NumPy's
        return function(*args, **kwargs)
    op, inputs, settings = function.op, [], {}
    for i, (option, value) in enumerate(options.items()):
        option = _SETTINGS.get(option, option)
        if option in op.settings:
            settings[option] = value
        elif i < max(1, len(op.inputs)):
            inputs.append(value)
        elif not _is_default(option, value):
            raise TypeError(f"numpy.{name} on Tensors has no option {option!r}")
    inputs = [*inputs[0]] if op.variadic else inputs
    if not any(isinstance(x, Variable) for x in inputs):
        raise TypeError(f"numpy.{name} of arrays takes no Tensor among its settings")
    return function(*inputs, **settings)


_SETTINGS = {"a_min": "min", "a_max": "max", "newshape": "shape", "ary": "x"}
_IN_C = {"concatenate": ("arrays", "axis", "out"), "where": ("condition", "x", "y")}
_DEFAULTS = {"mode": "constant", "order": "C", "subok": False}


def _named(function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments by name, as the function's signature has them."""
    try:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
    except ValueError:  # written in C: newer versions of NumPy have a signature for it
        names = _IN_C.get(function.__name__, ())
        return dict(zip(names, args, strict=False)) | kwargs
    return given | given.pop("kwargs", {})


def _is_default(option: str, value: Any) -> bool:
    if isinstance(value, str | bool):
        return bool(value == _DEFAULTS.get(option))
    return value is None or value is np._NoValue


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """numpy.asarray(tensor): refused while a gradient would be lost."""
    if self.node is not None:
        raise GraphError(
            "numpy.asarray of a tracked tensor would lose its gradient: detach() it, "
            "or join tensors with tensorgrad.stack"
        )
    if not copy and (dtype is None or dtype == self.dtype):
        return self.data
    if copy is False:
        raise ValueError(f"a {self.dtype} tensor can't be {dtype} without a copy")
    return np.array(self._data, dtype)


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


def tensor_html(self: Tensor) -> str:
    """What a notebook shows."""
    from .viz.notebook import tensor_html

    return tensor_html(self)

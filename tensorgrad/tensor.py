"""Tensor: a NumPy array that remembers how it was computed."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from . import differentiate, graph, interop, ops
from .aliases import alias
from .coerce import as_array
from .errors import DtypeError, GraphError, ShapeError
from .graph import Node, leaf, result_class, wrap
from .methods import Methods
from .mode import recording


@result_class
class Tensor(Methods):
    """A NumPy array that can be differentiated.

    `Tensor(data)` copies its data: a number, (nested) lists, an array or a Tensor.
    Python floats become float32; arrays keep their dtype. With `requires_grad` the
    tensor is a leaf: `backward()` on anything computed from it fills its `.grad`.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.], dtype=float32)

    Tensors have value semantics: what shares memory with this one never changes when
    this one is written to, and a write that could only change a copy is an error. (In
    `for row in x: row += 1`, += makes row another tensor: x stays as it is.)
    """

    __slots__ = ()
    __hash__ = object.__hash__  # by identity, although == compares elements

    def __init__(
        self, data: Any, *, requires_grad: bool = False, dtype: Any = None
    ) -> None:
        self._data = as_array(data.numpy() if isinstance(data, Tensor) else data, dtype)
        self.node: Node | None = None
        self._grad: Tensor | None = None
        if requires_grad:
            self.requires_grad = True

    # --- what it holds

    @property
    def data(self) -> np.ndarray:
        """The array, read-only and without a copy."""
        view = self._data.view()
        view.flags.writeable = False
        return view

    def numpy(self) -> np.ndarray:
        """The array, read-only and without a copy; an error if it is tracked."""
        if self.node is not None and self.node.op is not None:
            raise GraphError(
                "numpy() of a tracked tensor would lose its history: detach() it first"
            )
        return self.data

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The kind of its numbers, as NumPy has it."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self._data.size

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self._data.nbytes

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item() needs one element; the shape is {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers; without axes, a number."""
        return self._data.tolist()

    # --- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow back to this tensor."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._data.dtype.kind != "f":
            raise DtypeError(f"only floats have gradients; this is {self.dtype}")
        if not self.is_leaf:
            if value:
                return
            raise GraphError("requires_grad of a computed tensor: detach() it instead")
        if value != self.requires_grad:
            self.node = leaf(self) if value else None

    def requires_grad_(self, value: bool = True) -> Tensor:
        """Set `requires_grad`, and return this tensor."""
        self.requires_grad = value
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no op made it: the user did, or nothing tracked it."""
        return self.node is None or self.node.op is None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up; None before the first."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (
            not isinstance(value, Tensor)
            or value.shape != self.shape
            or value.dtype != self.dtype
        ):
            raise ShapeError(
                f"grad must be None or a {self.dtype} Tensor of shape {self.shape}"
            )
        self._grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` becomes None."""
        self._grad = None

    def backward(
        self,
        gradient: Any = None,
        *,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        differentiate.backward(
            self, gradient, retain_graph=retain_graph, create_graph=create_graph
        )

    backward.__doc__ = differentiate.backward.__doc__

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` when this tensor's gradient is complete.

        A Tensor that it returns replaces the gradient. Returns a function that
        removes the hook.
        """
        node = self._tracked("register_hook")
        entry = functools.partial(hook)  # unlike the hook, registered only once
        node.hooks = (*node.hooks, entry)

        def remove() -> None:
            node.hooks = tuple(h for h in node.hooks if h is not entry)

        return remove

    def retain_grad(self) -> None:
        """Keep this computed tensor's gradient in `.grad`, as a leaf's is kept."""
        self._tracked("retain_grad").tensor = weakref.ref(self)

    def _tracked(self, what: str) -> Node:
        if self.node is None:
            raise GraphError(
                f"{what}: this tensor is not tracked (requires_grad=False)"
            )
        return self.node

    def detach(self) -> Tensor:
        """The same values, untracked. A later write to either leaves the other be."""
        return wrap(self._data)

    def copy(self) -> Tensor:
        """The same values in memory of their own; gradients flow back to this one."""
        node = alias(self).node if recording() else None
        return wrap(self._data.copy(), node)

    __pos__ = copy

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                "copy of a computed tensor: detach() it, or copy its leaves"
            )
        twin = graph._new(type(self))
        twin._data, twin.node, twin._grad = self._data.copy(), None, None
        twin.requires_grad = self.requires_grad
        memo[id(self)] = twin
        return twin

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "Tensors are not pickled: save arrays with safetensors, as "
            "nn.checkpoints does, or take .numpy()"
        )

    # --- Python's protocols

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a Tensor without axes can't be iterated over")
        return iter(ops.unstack(self)) if len(self) else iter(())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.shape} is ambiguous: compare "
                "one element, or take .any() or .all()"
            )
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __index__(self) -> int:
        return self._data.__index__()

    __repr__ = interop.tensor_repr
    _repr_html_ = interop.tensor_html
    __array_ufunc__ = interop.array_ufunc
    __array_function__ = interop.array_function
    __array__ = interop.array
    __dlpack__ = interop.dlpack
    __dlpack_device__ = interop.dlpack_device

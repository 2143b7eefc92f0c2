"""Module: parameters and other modules as attributes, and a `forward`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad import Tensor
from tensorgrad.errors import DefinitionError, DtypeError
from tensorgrad.graph import next_order
from tensorgrad.mode import recording

from .outline import outline
from .state import hold, load

T = TypeVar("T")


class Parameter(Tensor):
    """A tensor to be trained: it requires a gradient, and modules know it as theirs.

    What is computed from one is a plain Tensor.

    >>> Parameter([1.0, 2.0])
    Parameter([1., 2.], dtype=float32, requires_grad=True)
    """

    __slots__ = ()

    def __init__(
        self, data: Any, *, requires_grad: bool = True, dtype: Any = None
    ) -> None:
        super().__init__(data, requires_grad=requires_grad, dtype=dtype)


class Buffer(Tensor):
    """A tensor that is saved with a module and not trained, such as a running mean.

    What is computed from one is a plain Tensor; what is assigned in its place, or
    written to it, becomes the buffer's new value.

    >>> Buffer(np.zeros(2))
    Buffer([0., 0.], dtype=float64)
    """

    __slots__ = ()


class Module:
    """A function with parameters: subclass it, assign them, and define `forward`.

    >>> class Scale(Module):
    ...     def __init__(self, size):
    ...         self.factor = Parameter(np.ones(size, np.float32))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale(3)
    >>> scale(Tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 3.0]
    >>> [name for name, _ in scale.named_parameters()]
    ['factor']

    Attributes that are a Parameter, a Buffer or a Module belong to it, in the order in
    which they were assigned; a ModuleList holds many. `super().__init__()` may be
    called, and need not be. One parameter under several names is tied: it is listed,
    counted and saved once, under the first.
    """

    training: bool = True
    forward: Callable[..., Any]
    _label: str  # "h.0 Block": what a drawing of the graph calls it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._label = cls.__name__

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            value._rename(name)
        elif isinstance(value, list | tuple | dict):
            refuse_hidden(self, name, value)
        elif value is not None and isinstance(vars(self).get(name), Buffer):
            kept = isinstance(value, Parameter | Buffer)
            value = value if kept else Buffer(value)
        object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not recording():  # then there is no node to mark
            return self.forward(*args, **kwargs)
        since = next_order()
        out = self.forward(*args, **kwargs)
        if type(out) is Tensor:
            node = out.node
            if node is not None and node.order > since:
                node.module += ((since, self._label),)
        elif type(out) is tuple:
            mark(out, since, self._label)
        return out

    def _rename(self, name: str) -> None:
        vars(self)["_label"] = f"{name} {type(self).__name__}"

    # --- what it holds

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Its attributes; a list of modules gives its items instead."""
        yield from vars(self).items()

    def _paths(
        self, path: str = "", above: tuple[Module, ...] = ()
    ) -> Iterator[tuple[str, Module]]:
        """Every way to a module from this one, itself first, as (path., module)."""
        yield path, self
        above = (*above, self)
        for name, child in self._members():
            if isinstance(child, Module) and child not in above:
                yield from child._paths(f"{path}{name}.", above)

    def _tied(self, *kinds: type[T]) -> list[tuple[list[str], T]]:
        """Each tensor of those kinds with its names, the first of which is its own."""
        tied: dict[int, tuple[list[str], T]] = {}
        for path, module in self._paths():
            for name, value in module._members():
                if isinstance(value, kinds):
                    tied.setdefault(id(value), ([], value))[0].append(path + name)
        return list(tied.values())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter), each parameter once: a tied one under its first name."""
        return ((names[0], parameter) for names, parameter in self._tied(Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Each parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """(name, buffer), each buffer once."""
        return ((names[0], buffer) for names, buffer in self._tied(Buffer))

    def register_buffer(self, name: str, value: ArrayLike | Tensor) -> None:
        """Hold a copy of `value` as the attribute `name`: saved, and not trained."""
        setattr(self, name, Buffer(value))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(name, module), this one first, under the name ''."""
        return ((path.rstrip("."), m) for path, m in once(self._paths()))

    def modules(self) -> Iterator[Module]:
        """This module and all those inside it, each once."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return (m for _, m in once(self._members()) if isinstance(m, Module))

    def num_parameters(self) -> int:
        """How many numbers there are to train; tied ones count once."""
        return sum(parameter.size for parameter in self.parameters())

    # --- changing all of it; each returns the module

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module inside, then on this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set `training`, here and inside: what Dropout asks for."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """train(False)"""
        return self.train(False)

    def set_rng(self, rng: np.random.Generator | int) -> Self:
        """Give all dropout inside one generator, or a new one from a seed."""
        rng = np.random.default_rng(rng)
        for module in self.modules():
            if "rng" in vars(module):
                module.rng = rng
        return self

    def zero_grad(self) -> None:
        """Forget the gradients: each `.grad` becomes None."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self, value: bool = True) -> Self:
        """Train the parameters, or with False freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad = value
        return self

    def to(self, dtype: Any) -> Self:
        """Convert parameters and buffers of floats in place to another floating dtype.

        Gradients are forgotten; an optimiser made before must be made anew.
        """
        if np.dtype(dtype).kind != "f":
            raise DtypeError(f"parameters are floats: {np.dtype(dtype)} is not")
        for parameter in self.parameters():
            hold(parameter, parameter._data.astype(dtype))
        for _, buffer in self.named_buffers():
            if buffer.dtype.kind == "f":
                buffer._data = buffer._data.astype(dtype)
        return self

    # --- saving and loading

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The parameters and buffers by name, read-only and without a copy.

        Later training leaves them as they are: it writes elsewhere, as long as
        someone holds them.
        """
        return {names[0]: t.data for names, t in self._tied(Parameter, Buffer)}

    def load_state_dict(
        self, state: Mapping[str, ArrayLike], strict: bool = True
    ) -> tuple[list[str], list[str]]:
        """Copy values in by name, and return the names (missing, unexpected).

        A tied parameter may come under any of its names. Values are converted to the
        parameter's dtype. StateDictError lists all that is missing or unexpected (not
        with strict=False) and every wrong shape; then nothing was changed.
        """
        return load(type(self).__name__, self._tied(Parameter, Buffer), state, strict)

    # --- repr

    def extra_repr(self) -> str:
        """What stands between the parentheses: a subclass's settings."""
        return ""

    def __repr__(self) -> str:
        return outline(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from .outline_html import outline_html

        return outline_html(self)


def once(pairs: Iterator[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """The pairs whose value came in none before."""
    seen: dict[int, T] = {}  # by id, and held, so that no id is used again
    for name, value in pairs:
        if id(value) not in seen:
            seen[id(value)] = value
            yield name, value


def mark(outs: tuple[Any, ...], since: int, label: str) -> None:
    """Note on each result's node that a module's call, begun at `since`, ended there.

    The mark is a name and holds no module, so the graph keeps none alive.
    """
    for out in outs:
        node = getattr(out, "node", None)
        if node is not None and node.order > since:
            node.module += ((since, label),)


def refuse_hidden(owner: Module, name: str, value: Any) -> None:
    """An error for modules and their tensors inside a plain list, tuple or dict."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, Module | Parameter | Buffer):
            kind = type(value).__name__
            raise DefinitionError(
                f"{type(owner).__name__}.{name}: in a plain {kind}, a "
                f"{type(item).__name__} is hidden from parameters() and state_dict(). "
                "Use a ModuleList, or an attribute for each"
            )

"""What is known of a vertex: its name, and the value that it had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, GraphError
from ..graph import Node, Variable
from . import labels
from .outline import Group, Vertex, kept_input


class Known:
    """The names and values of the vertices of an outline.

    `names` are tensors or arrays by name. A value is known if a tensor still has it,
    if a trace kept it, or if some derivative needs it.
    """

    def __init__(
        self,
        found: Mapping[Node, Vertex],
        outputs: Sequence[Any],
        names: Mapping[str, Any],
    ) -> None:
        known = (*outputs, *names.values())
        self.tensors = {getattr(x, "node", None): x for x in known}
        self.names: dict[Any, str] = {}  # by node, or by the address of an array
        for name, x in names.items():
            key = getattr(x, "node", None) or id(getattr(x, "_data", x))
            self.names.setdefault(key, name)
        arrays = {n: x for n, x in names.items() if isinstance(x, np.ndarray)}
        self.arrays = {n: x for n, x in arrays.items() if x.ndim}
        self.users: dict[Vertex, tuple[Node, int]] = {}
        self.values: dict[Node, Any] = {}
        for node, vertex in found.items():
            for slot, used in enumerate(vertex.inputs):
                if used is not None:
                    self._note(node, slot, used)

    def _note(self, node: Node, slot: int, used: Vertex) -> None:
        """An op's argument: its first user names it, and may still have its value."""
        self.users.setdefault(used, (node, slot))
        if used.node is not None and used.node not in self.values:
            kept = kept_input(node, slot)
            if kept is not None:
                self.values[used.node] = kept

    def tensor(self, node: Node) -> Any:
        """The Tensor whose gradient collects at the node, or None."""
        tensor = self.tensors.get(node)
        return node.tensor() if tensor is None and node.tensor is not None else tensor

    def value(self, vertex: Vertex) -> Any:
        """Its array, or None if nothing has kept it."""
        node = vertex.node
        if node is None:
            return vertex.array
        if node.trace is not None and node.trace.out is not None:
            return None if type(node.trace.out) is tuple else node.trace.out
        if getattr(node.op, "name", "") == "pick":
            return self._output(vertex, node)
        tensor = self.tensor(node)
        value = kept_output(node) if tensor is None else tensor._data
        return self.values.get(node) if value is None else value

    def _output(self, vertex: Vertex, node: Node) -> Any:
        """One of several outputs."""
        [op], (i, _) = node.parents, node.saved
        outs = op.trace.out if op is not None and op.trace is not None else None
        return self.values.get(node) if outs is None else np.asarray(outs[i])

    def name(self, vertex: Vertex) -> str | None:
        """What the user calls it."""
        if vertex.node is not None:
            return self.names.get(vertex.node)
        name = self.names.get(id(vertex.array))
        return self._same(vertex.array) if name is None else name

    def _same(self, array: np.ndarray) -> str | None:
        """The name of an equal array: ops keep copies of those that are no Tensor's."""
        for name, x in self.arrays.items():
            alike = (x.shape, x.dtype) == (array.shape, array.dtype)
            if alike and np.array_equal(x, array):
                return name
        return None

    def title(self, vertex: Vertex) -> str:
        """What it is called in a picture: a name, a role, or the op's name."""
        node, name = vertex.node, self.name(vertex)
        if node is None:
            made_inside = vertex.home.home is not vertex.home
            return name or self._role(vertex, "constant" if made_inside else "input")
        if node.op is None:
            return local(name or self._role(vertex, "leaf"), vertex.home)
        what = node.op.name
        if what == "pick" and node.saved:
            what = f"output {node.saved[0]}"
        return f"{name}: {what}" if name else what

    def _role(self, vertex: Vertex, otherwise: str) -> str:
        """What the op that uses it calls it, if that is a word."""
        role = labels.argument(*self.users[vertex]) if vertex in self.users else ""
        return role if role.isidentifier() and len(role) > 1 else otherwise


def kept_output(node: Node) -> Any:
    """The result, if the derivative asked for it."""
    names = getattr(node.op, "names", ())
    out = dict(zip(names, node.saved or (), strict=False)).get("out")
    return out if isinstance(out, np.ndarray) else None


def local(name: str, home: Group) -> str:
    """A parameter's name without the name of the module that it is drawn in."""
    path, _, last = name.rpartition(".")
    return last if home.name and path.endswith(home.name) else name


def named(params: Any, who: str) -> dict[str, Any]:
    """Tensors by name: from a dict of them, or a module."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        return dict(params.named_parameters())
    if not isinstance(params, Mapping):
        raise ConfigError(
            f"{who}: params is a dict of names and tensors, or a module; got "
            f"{type(params).__name__}"
        )
    for name, x in params.items():
        if not isinstance(x, Variable | np.ndarray):
            raise ConfigError(
                f"{who}: params: {name!r} is a {type(x).__name__}, no Tensor"
            )
    return {str(name): x for name, x in params.items()}


def intact(tensor: Any, who: str) -> Node:
    """The tensor's node, or an error if there is no graph to show."""
    if not isinstance(tensor, Variable):
        raise ConfigError(
            f"{who}: only a Tensor has a graph; got {type(tensor).__name__}"
        )
    node = tensor.node
    if node is None:
        raise GraphError(
            f"{who}: there is no graph behind this tensor: none of its inputs had "
            "requires_grad=True, or it was computed under no_grad, or detached"
        )
    if node.saved is None:
        raise GraphError(
            f"{who}: a backward pass has freed the graph behind this {node.op.name}. "
            f"{who.capitalize()} it before, or call backward(retain_graph=True)"
        )
    return node

"""draw(): the graph behind a tensor as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, MissingExtra, TensorgradError
from ..tensor import Tensor
from .folding import drawn, fit, fold_repeats
from .known import intact, named
from .labels import plural
from .outline import outline
from .picture import Picture

TOO_MANY = 2000  # nodes: more are laid out only when asked for; it may take minutes

NO_PACKAGE = (
    "a picture needs the graphviz package: pip install 'tensorgrad[viz]'. "
    'The text needs nothing: .dot, or .save("graph.dot")'
)
NO_PROGRAM = (
    "a picture needs Graphviz's program `dot`, which pip does not bring: "
    "apt install graphviz, brew install graphviz or graphviz.org/download. "
    'The text needs nothing: .dot, or .save("graph.dot")'
)


def draw(
    tensors: Tensor | Sequence[Tensor],
    *,
    params: Any = None,
    fold: bool = True,
    max_nodes: int | None = 300,
    show_values: bool = True,
) -> Drawing:
    """The graph that leads to a tensor, or to several, as a picture.

    Rounded boxes are ops; square ones leaves, which collect gradients; green notes are
    untracked inputs. An arrow says the shape, and the dtype where it is not float32;
    one without a word carries a single number. Values of up to nine elements are
    shown where the graph still has them, and gradients after a
    `backward(retain_graph=True)`. Frames are calls of modules.

    `params` names tensors: a dict of them, or a module. `fold` draws equal calls in a
    row once, as "Block × 12", with the numbers of the first. Above `max_nodes` nodes,
    the innermost modules are closed and long stretches left out; None draws all.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> picture = draw(x * x, params={"x": x})
    >>> picture
    Drawing(2 nodes: a notebook shows it, .save("graph.svg") keeps it)
    >>> print(picture)
    digraph {
    ...
      n0 -> n1
      n0 -> n1
    }

    GraphError if nothing tracks a tensor, or a backward pass has freed its graph.
    """
    outputs: Any = tensors if isinstance(tensors, list | tuple) else [tensors]
    if max_nodes is not None and max_nodes < 1:
        raise ConfigError(
            f"draw: max_nodes must be at least 1, or None; got {max_nodes}"
        )
    names = named(params, "draw")
    root, found = outline([intact(tensor, "draw") for tensor in outputs])
    if fold:
        fold_repeats(root, found.values())
    if max_nodes is not None:
        fit(root, max_nodes)
    picture = Picture(root, found, outputs, names, show_values)
    return Drawing(picture.dot(), drawn(root))


class Drawing:
    """A graph in Graphviz's language, and its picture where Graphviz is installed."""

    def __init__(self, dot: str, nodes: int) -> None:
        self.dot = dot
        self.nodes = nodes

    def __str__(self) -> str:
        return self.dot

    def __repr__(self) -> str:
        return (
            f"Drawing({plural(self.nodes, 'node')}: a notebook shows it, "
            '.save("graph.svg") keeps it)'
        )

    def save(self, path: str | Path) -> Path:
        """Write the picture; the suffix says how: .svg, .png, .pdf, or .dot for text.

        MissingExtra where a picture is asked for and Graphviz is not installed.
        """
        path = Path(path)
        kind = path.suffix.lower().lstrip(".")
        text = kind in {"dot", "gv"}
        path.write_bytes(self.dot.encode() if text else self._render(kind))
        return path

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: the picture, or the text and how to get a picture."""
        if self.nodes > TOO_MANY:
            hint = f"{self.nodes:,} nodes are many to lay out unasked: lower max_nodes"
            return {"text/plain": f'{hint}, or .save("graph.svg") and wait'}
        try:
            svg = self._render("svg").decode()
        except TensorgradError as error:
            return {"text/plain": f"{error}\n\n{self.dot}"}
        return {"image/svg+xml": svg, "text/plain": repr(self)}

    def _render(self, kind: str) -> bytes:
        """The picture in a format of the `dot` program."""
        try:
            import graphviz
        except ImportError as error:
            raise MissingExtra(NO_PACKAGE) from error
        if kind not in graphviz.FORMATS:
            raise ConfigError(
                f"save: no picture has the suffix {'.' + kind!r}: use .svg, .png, .pdf "
                "or .dot"
            )
        try:
            return bytes(graphviz.pipe("dot", kind, self.dot.encode(), quiet=True))
        except (graphviz.ExecutableNotFound, OSError) as error:
            raise MissingExtra(NO_PROGRAM) from error
        except graphviz.CalledProcessError as error:
            message = (error.stderr or b"").decode(errors="replace").strip()
            raise TensorgradError(f"dot can't draw this graph: {message}") from error

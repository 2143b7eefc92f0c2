"""Pictures of the graph behind a tensor: `draw`."""

from .drawing import Drawing, draw

__all__ = ["Drawing", "draw"]

"""What is behind a tensor: `draw` it, or `explore` it step by step."""

from .drawing import Drawing, draw
from .explore import explore
from .page import Page

__all__ = ["Drawing", "Page", "draw", "explore"]

"""What is behind a tensor, and what goes on in a model, as pictures and pages.

`draw` is the graph of a tensor, `explore` its backward pass, step by step. Of a model
that reads text, `attention` is where each head looks, `next_token` what may follow.
"""

from .drawing import Drawing, draw
from .explore import explore
from .heads import attention
from .page import Page
from .predictions import next_token

__all__ = ["Drawing", "Page", "attention", "draw", "explore", "next_token"]

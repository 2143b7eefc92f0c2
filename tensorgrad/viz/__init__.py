"""Pictures of the graph behind a tensor, and pages of what a model does.

`draw` is the graph; `attention` where each head looks, `next_token` what a model holds
for likely.
"""

from .drawing import Drawing, draw
from .heads import attention
from .predictions import next_token

__all__ = ["Drawing", "attention", "draw", "next_token"]

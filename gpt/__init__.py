"""GPT-2 on nn: the model, and `python -m gpt` to train it, sample and evaluate."""

from .config import PRESETS, GPTConfig
from .model import GPT

__all__ = ["GPT", "PRESETS", "GPTConfig"]

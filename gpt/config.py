"""What a GPT is: its sizes, and the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nn.presets import preset
from tensorgrad.errors import ConfigError


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. The defaults are those of GPT-2, the smallest."""

    block_size: int = 1024
    """Context: how many tokens the model sees at once."""
    vocab_size: int = 50257
    """How many different tokens there are."""
    n_layer: int = 12
    """How many blocks are stacked."""
    n_head: int = 12
    """Attention heads in each block; they divide the channels among themselves."""
    n_embd: int = 768
    """Channels: the width of the vector that stands for a token."""
    dropout: float = 0.0
    """The share of activations zeroed in training, from 0 up to but without 1."""
    bias: bool = True
    """Whether linear layers and layer norms add a bias."""

    def __post_init__(self) -> None:
        for name in ("block_size", "vocab_size", "n_layer", "n_head", "n_embd"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number >= 1, got {value!r}")
        if self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd ({self.n_embd}) must be a multiple of n_head ({self.n_head}): "
                "each head gets n_embd / n_head channels"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be in [0, 1), got {self.dropout}")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> GPTConfig:
        """A named size with some fields changed: `GPTConfig.preset("gpt2-xl")`."""
        return preset(PRESETS, name, **changes)


# Radford et al., Language Models are Unsupervised Multitask Learners, table 2.
PRESETS = {
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(n_layer=24, n_head=16, n_embd=1024),
    "gpt2-large": GPTConfig(n_layer=36, n_head=20, n_embd=1280),
    "gpt2-xl": GPTConfig(n_layer=48, n_head=25, n_embd=1600),
    # Trains on characters or bytes in about a minute on a CPU.
    "nano": GPTConfig(64, 256, n_layer=4, n_head=4, n_embd=128, bias=False),
}

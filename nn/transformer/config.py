"""The sizes of a Transformer and of a BERT, and those that have a name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from tensorgrad.errors import ConfigError

from ..activations import Activation
from ..presets import preset
from .blocks import BlockConfig, divided, token_of, whole_number

Positions = Literal["sinusoidal", "sinusoidal_halves", "learned"]


@dataclass(frozen=True)
class TransformerConfig(BlockConfig):
    """The sizes of a Transformer. The defaults are those of the paper's base model."""

    vocab_size: int = 37000
    """How many different tokens the source has."""
    target_vocab_size: int | None = None
    """How many the target has; None: both are written in one vocabulary."""
    n_encoder: int = 6
    """How many blocks read the source."""
    n_decoder: int = 6
    """How many blocks write the target."""
    max_length: int = 512
    """Context: how many tokens a source or a target may have."""
    decoder_n_head: int | None = None
    """How many heads the decoder has; None: as many as the encoder."""
    decoder_d_ff: int | None = None
    """How wide its feed-forward layer is in between; None: as the encoder's."""
    positions: Positions = "sinusoidal"
    """How positions are told apart; in halves: all sines before all cosines."""
    share_embeddings: bool = True
    """Whether source and target share their embeddings, as one vocabulary can."""
    tie_output: bool = True
    """Whether the last layer's weight is the target's embedding."""
    output_bias: bool = False
    """Whether the last layer adds a bias."""
    scale_embeddings: bool = True
    """Whether embeddings are multiplied by sqrt(d_model)."""
    final_norm: bool | None = None
    """A norm after each stack, as PyTorch adds; None: where norm_first leaves none."""
    pad: int = 0
    """The token that fills short rows, and is never looked at in a source."""
    bos: int = 1
    """The token that a target starts from."""
    eos: int = 2
    """The token that ends a target."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("target_vocab_size", "decoder_n_head", "decoder_d_ff"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name))
        divided(self.d_model, "decoder_n_head", self.decoder_n_head or self.n_head)
        if self.positions not in get_args(Positions):
            raise ConfigError(
                f"positions={self.positions!r}: choose {', '.join(get_args(Positions))}"
            )
        if self.positions != "learned" and self.d_model % 2:
            raise ConfigError(
                f"d_model ({self.d_model}) must be even for sinusoidal positions: "
                "their waves come in pairs"
            )
        if self.share_embeddings and self.target_size != self.vocab_size:
            raise ConfigError(
                f"share_embeddings needs one vocabulary, not {self.vocab_size} and "
                f"{self.target_size} tokens: leave target_vocab_size out, or set "
                "share_embeddings=False"
            )
        token_of(self.vocab_size, "pad", self.pad)
        for name in ("pad", "bos", "eos"):
            token_of(self.target_size, name, getattr(self, name))

    @classmethod
    def whole_numbers(cls) -> tuple[str, ...]:
        counts = ("vocab_size", "n_encoder", "n_decoder", "max_length")
        return *super().whole_numbers(), *counts

    @property
    def target_size(self) -> int:
        """How many different tokens the target has."""
        return self.target_vocab_size or self.vocab_size

    @property
    def of_decoder(self) -> TransformerConfig:
        """The same with the decoder's heads and width for both stacks."""
        return replace(
            self,
            n_head=self.decoder_n_head or self.n_head,
            d_ff=self.decoder_d_ff or self.d_ff,
        )

    @property
    def has_final_norm(self) -> bool:
        """Whether a stack ends in a norm: unless set, if its blocks begin with one."""
        return self.norm_first if self.final_norm is None else self.final_norm

    @classmethod
    def preset(cls, name: str, **changes: Any) -> TransformerConfig:
        """A named size with some fields changed: `preset("big", vocab_size=32000)`."""
        return preset(TRANSFORMERS, name, **changes)


# Vaswani et al., table 3; big is trained with more dropout (section 5.4).
TRANSFORMERS = {
    "base": TransformerConfig(),
    "big": TransformerConfig(d_model=1024, n_head=16, d_ff=4096, dropout=0.3),
    # Learns a small task on a CPU in minutes.
    "tiny": TransformerConfig(d_model=128, d_ff=512, n_encoder=2, n_decoder=2),
}


@dataclass(frozen=True)
class BertConfig(BlockConfig):
    """The sizes of a BERT. The defaults are those of BERT base."""

    d_model: int = 768
    n_head: int = 12
    d_ff: int = 3072
    activation: Activation = "gelu"
    norm_eps: float = 1e-12
    attention_dropout: float = 0.1
    vocab_size: int = 30522
    """How many different tokens there are."""
    n_layer: int = 12
    """How many blocks are stacked."""
    max_length: int = 512
    """Context: how many tokens are seen at once."""
    n_segment: int = 2
    """How many parts a text may have: two sentences, say."""
    pad: int = 0
    """The token that fills short rows, and is never looked at."""
    tie_output: bool = True
    """Whether hidden words are scored by the weight of the tokens' embedding."""
    pooler: bool = True
    """Whether there is a pooler, which those heads need that look at whole texts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        token_of(self.vocab_size, "pad", self.pad)

    @classmethod
    def whole_numbers(cls) -> tuple[str, ...]:
        counts = ("vocab_size", "n_layer", "max_length", "n_segment")
        return *super().whole_numbers(), *counts

    @classmethod
    def preset(cls, name: str, **changes: Any) -> BertConfig:
        """A named size with some fields changed: `preset("tiny", vocab_size=1000)`."""
        return preset(BERTS, name, **changes)


# Devlin et al., section 3; tiny is the smallest of Turc et al., arXiv 1908.08962.
BERTS = {
    "base": BertConfig(),
    "large": BertConfig(d_model=1024, n_head=16, d_ff=4096, n_layer=24),
    "tiny": BertConfig(d_model=128, n_head=2, d_ff=512, n_layer=2),
}

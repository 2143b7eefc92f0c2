"""Marian's checkpoints, a Transformer's, as Hugging Face publishes them.

Read are all settings but these, which ConfigError names: layers that are dropped in
training, no padding, several tokens that end a text, activations that are not among
`PUBLISHED`, and what the first versions could say but never used: norms elsewhere,
positions that are learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import ConfigError

from ..activations import PUBLISHED, published_name
from ..published.layouts import ConfigFile, Layout, Rules, cannot_say
from ..published.weight_files import Entry
from .config import TransformerConfig
from .positions import sinusoid_halves

# ours -> theirs, and what a file that lacks it means
FIELDS: dict[str, tuple[str, Any]] = {
    "vocab_size": ("vocab_size", 58101),
    "max_length": ("max_position_embeddings", 1024),
    "n_encoder": ("encoder_layers", 12),
    "d_ff": ("encoder_ffn_dim", 4096),
    "n_head": ("encoder_attention_heads", 16),
    "n_decoder": ("decoder_layers", 12),
    "decoder_d_ff": ("decoder_ffn_dim", 4096),
    "decoder_n_head": ("decoder_attention_heads", 16),
    "d_model": ("d_model", 1024),
    "dropout": ("dropout", 0.1),
    "attention_dropout": ("attention_dropout", 0.0),
    "activation_dropout": ("activation_dropout", 0.0),
    "scale_embeddings": ("scale_embedding", False),
    "tie_output": ("tie_word_embeddings", True),
    "bos": ("decoder_start_token_id", 58100),
    "pad": ("pad_token_id", 58100),
    "eos": ("eos_token_id", 0),
}
NAMES: Rules = (
    (r"^(en|de)coder\.", r"model.\1coder.layers."),
    (r"\.attention\.", ".self_attn."),
    (r"\.cross_attention\.", ".encoder_attn."),
    (r"attn\.query", "attn.q_proj"),
    (r"attn\.key", "attn.k_proj"),
    (r"attn\.value", "attn.v_proj"),
    (r"attn\.out", "attn.out_proj"),
    (r"residual1\.norm", "self_attn_layer_norm"),
    (r"(model\.decoder.*)residual2\.norm", r"\1encoder_attn_layer_norm"),
    (r"residual[23]\.norm", "final_layer_norm"),
    (r"feed_forward\.linear", "fc"),
    (r"^target_embedding", "model.decoder.embed_tokens"),
    (r"^output\.weight", "lm_head.weight"),
    (r"^output\.bias", "final_logits_bias"),
)
POSITIONS = ("encoder.embed_positions.weight", "decoder.embed_positions.weight")


def read(content: ConfigFile) -> TransformerConfig:
    """A Marian's config.json; ConfigError for what is not computed here."""
    content.refuse(
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        normalize_before=False,
        normalize_embedding=False,
        add_final_layer_norm=False,
        add_bias_logits=False,
        static_position_embeddings=True,
        quantization_config=None,
    )
    for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id"):
        if content.fields.get(name, 0) is None:
            raise ConfigError(f"{name}=None is not supported: name a token")
    fields = {ours: content.get(*theirs) for ours, theirs in FIELDS.items()}
    activation: Any = content.named("activation_function", "gelu", PUBLISHED)
    target_size = content.get("decoder_vocab_size", fields["vocab_size"])
    share = content.get("share_encoder_decoder_embeddings", True)
    if share and target_size != fields["vocab_size"]:
        raise ConfigError(
            f"decoder_vocab_size={target_size}, and embeddings of "
            f"{fields['vocab_size']} are shared"
        )
    return TransformerConfig(
        positions="sinusoidal_halves",
        activation=activation,
        target_vocab_size=target_size,
        # transformers shares nothing where the last layer is not tied
        share_embeddings=share and fields["tie_output"],
        output_bias=True,
        **fields,
    )


def seen(config: TransformerConfig, entries: Mapping[str, Entry]) -> TransformerConfig:
    """The config, without a bias where the files have none.

    ConfigError where files of old, which store the positions, have others than ours.
    """
    for name in POSITIONS:
        if name in entries and not sinusoidal(entries[name], config):
            raise ConfigError(f"{name} holds other positions than Marian's sinusoids")
    return replace(config, output_bias="final_logits_bias" in entries)


def sinusoidal(entry: Entry, config: TransformerConfig) -> bool:
    """Whether these are the positions that we compute, as exactly as halves hold."""
    if entry.shape != (config.max_length, config.d_model):
        return False
    table = sinusoid_halves(*entry.shape)
    return bool(np.allclose(entry.read(), table, rtol=0, atol=1e-3))


def write(config: TransformerConfig) -> dict[str, Any]:
    """Its config.json; ConfigError for what Marian's can't say."""
    cannot_say(
        config,
        "Marian's",
        positions="sinusoidal_halves",
        norm_first=False,
        norm_eps=1e-5,
        has_final_norm=False,
    )
    if not config.tie_output:
        cannot_say(config, "Marian's, with tie_output=False,", share_embeddings=False)
    same = {"decoder_n_head": config.n_head, "decoder_d_ff": config.d_ff}
    fields = {
        theirs: getattr(config, ours) or same.get(ours, getattr(config, ours))
        for ours, (theirs, _) in FIELDS.items()
    }
    return {
        **fields,
        "activation_function": published_name(config.activation),
        "decoder_vocab_size": config.target_size,
        "share_encoder_decoder_embeddings": config.share_embeddings,
        "is_encoder_decoder": True,
        "forced_eos_token_id": config.eos,
    }


def with_bias(
    config: TransformerConfig, arrays: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """A bias of zeros for a model that has none: the format always has it."""
    if config.output_bias:
        return arrays
    dtype = next(iter(arrays.values())).dtype
    return {**arrays, "final_logits_bias": np.zeros((1, config.target_size), dtype)}


SHARED = Layout(
    model_type="marian",
    architecture="MarianMTModel",
    config=read,
    to_json=write,
    names=((r"^source_embedding", "model.shared"), *NAMES),
    prefix="model.",
    bare=r"lm_head\.|final_logits_bias",
    n_layer=lambda config: config.n_encoder + config.n_decoder,
    rows="final_logits_bias",
    ignored=r"(en|de)coder\.embed_positions\.weight",
    aliases={"encoder.embed_tokens.weight": "shared.weight"},
    applies=lambda config: config.share_embeddings,
    seen=seen,
    completed=with_bias,
)
SEPARATE = replace(
    SHARED,
    names=((r"^source_embedding", "model.encoder.embed_tokens"), *NAMES),
    ignored=SHARED.ignored + r"|shared\.weight",
    aliases={},
    stand_ins={
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    },
    applies=lambda config: not config.share_embeddings,
)

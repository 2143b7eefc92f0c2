"""GPT-1 and GPT-2 as they are published: names, layout and config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.activations import PUBLISHED, published_name
from nn.published.layouts import ConfigFile, Layout, cannot_say

from .config import DROPOUTS, GPTConfig

Array = NDArray[Any]
NO_ENDS = {"bos_token_id": None, "eos_token_id": None}
# GPT-1 says gelu and means the form with tanh, the only one that it has.
ACTIVATIONS_1 = {
    "gelu": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
TRANSPOSED = r"h\.\d+\.(attn|mlp)\.c_\w+\.weight$"
# buffers, and the heads of other models on the same blocks
IGNORED = (
    r"h\.\d+\.attn\.(bias|masked_bias)$|position_ids$|"
    r"(multiple_choice_head|score|classifier|qa_outputs)\."
)


def config_2(file: ConfigFile) -> GPTConfig:
    """From the config.json of GPT-2. `reorder_and_upcast_attn` is the same sum."""
    file.refuse(add_cross_attention=False, is_encoder_decoder=False)
    usual = GPTConfig()
    return GPTConfig(
        **sizes(file, usual),
        n_inner=file.get("n_inner", 0) or None,
        activation=file.named("activation_function", "gelu_new", PUBLISHED),
        scale_attn_weights=file.get("scale_attn_weights", True),
        scale_attn_by_inverse_layer_idx=file.get(
            "scale_attn_by_inverse_layer_idx", False
        ),
    )


def config_1(file: ConfigFile) -> GPTConfig:
    """From the config.json of GPT-1."""
    usual = GPTConfig(block_size=512, vocab_size=40478)
    return GPTConfig(
        **sizes(file, usual),
        norm_first=False,
        activation=file.named("afn", "gelu", ACTIVATIONS_1),
    )


def sizes(file: ConfigFile, usual: GPTConfig) -> dict[str, Any]:
    """What both have, by our names."""
    file.refuse(quantization_config=None, pruned_heads={})
    dropouts = {name: file.get(name, 0.1) for name in DROPOUTS}
    same = len(set(dropouts.values())) == 1
    return {
        "block_size": file.get("n_positions", usual.block_size),
        "vocab_size": file.get("vocab_size", usual.vocab_size),
        "n_layer": file.get("n_layer", usual.n_layer),
        "n_head": file.get("n_head", usual.n_head),
        "n_embd": file.get("n_embd", usual.n_embd),
        "norm_eps": file.get("layer_norm_epsilon", usual.norm_eps),
        "tie_word_embeddings": file.get("tie_word_embeddings", True),
        "dropout": dropouts["resid_pdrop"],
        **({} if same else dropouts),
    }


def to_json_2(config: GPTConfig) -> dict[str, Any]:
    # by default, its start and end are the last of GPT-2's own tokens
    ends = {} if config.vocab_size == GPTConfig().vocab_size else NO_ENDS
    return {
        **both(config),
        **ends,
        "n_inner": config.n_inner,
        "activation_function": published_name(config.activation),
        "scale_attn_weights": config.scale_attn_weights,
        "scale_attn_by_inverse_layer_idx": config.scale_attn_by_inverse_layer_idx,
    }


def to_json_1(config: GPTConfig) -> dict[str, Any]:
    """ConfigError for what GPT-1's config.json has no field for."""
    usual: dict[str, Any] = {
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
    }
    if config.n_inner != 4 * config.n_embd:
        usual["n_inner"] = None
    if config.activation == "gelu":  # by which GPT-1 means the form with tanh
        usual["activation"] = "gelu_tanh"
    cannot_say(config, "GPT-1's, with norm_first=False,", **usual)
    activation = "gelu" if config.activation == "gelu_tanh" else config.activation
    return {**both(config), "afn": activation}


def both(config: GPTConfig) -> dict[str, Any]:
    return {
        "n_positions": config.block_size,
        "vocab_size": config.vocab_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "layer_norm_epsilon": config.norm_eps,
        "tie_word_embeddings": config.tie_word_embeddings,
        **{name: config.dropout_of(name) for name in DROPOUTS},
    }


def with_biases(config: GPTConfig, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Biases of zeros for a model that has none: the format always has them."""
    if config.bias:
        return dict(arrays)
    found = {}
    for name, array in arrays.items():
        found[name] = array
        if ".h." in name or ".ln_f." in name:
            bias = np.zeros(array.shape[-1:], array.dtype)
            found[name.removesuffix("weight") + "bias"] = bias
    return found


GPT2 = Layout(
    model_type="gpt2",
    architecture="GPT2LMHeadModel",
    config=config_2,
    to_json=to_json_2,
    names=(),
    prefix="transformer.",
    bare=r"lm_head\.",
    transposed=TRANSPOSED,
    ignored=IGNORED,
    aliases={"lm_head.weight": "wte.weight"},
    applies=lambda config: bool(config.norm_first),
    completed=with_biases,
)
GPT1 = Layout(
    model_type="openai-gpt",
    architecture="OpenAIGPTLMHeadModel",
    config=config_1,
    to_json=to_json_1,
    names=(("^wte", "tokens_embed"), ("^wpe", "positions_embed")),
    prefix="transformer.",
    bare=r"lm_head\.",
    transposed=TRANSPOSED,
    ignored=IGNORED,
    aliases={"lm_head.weight": "tokens_embed.weight"},
    applies=lambda config: not config.norm_first,
    completed=with_biases,
)
LAYOUTS = (GPT2, GPT1)

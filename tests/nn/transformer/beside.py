"""Our models beside PyTorch's and Hugging Face's, with the same values in both."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nn import Module
from nn.transformer import BertConfig, TransformerConfig

Arrays = dict[str, NDArray[Any]]
# Of outputs and of gradients. In float32 either side's gradients are up to 1e-5 from
# those in float64, where a norm enlarges what little is left of a sum.
TOLERANCES = {np.float32: (1e-5, 1e-4), np.float64: (1e-10, 1e-10)}
Rename = list[tuple[str, str]]  # what stands in their names, and what in ours

TORCH: Rename = [
    (r"^transformer\.", ""),
    (r"coder\.layers\.", "coder."),
    (r"coder\.norm\.", "coder_norm."),
    ("self_attn", "attention"),
    ("multihead_attn", "cross_attention"),
    ("out_proj", "out"),
    (r"\.linear", ".feed_forward.linear"),
    (r"\.norm(\d)", r".residual\1.norm"),
    (r"^(source|target)_positions", r"\1_positions.embedding"),
]
HUGGING_FACE: Rename = [
    (r"embeddings\.word_embeddings", "token_embedding"),
    (r"embeddings\.position_embeddings", "positions.embedding"),
    (r"embeddings\.token_type_embeddings", "segment_embedding"),
    (r"embeddings\.LayerNorm", "norm"),
    (r"encoder\.layer\.", "encoder."),
    (r"attention\.self\.", "attention."),
    (r"attention\.output\.dense", "attention.out"),
    (r"attention\.output\.LayerNorm", "residual1.norm"),
    (r"intermediate\.dense", "feed_forward.linear1"),
    (r"(\d)\.output\.dense", r"\1.feed_forward.linear2"),
    (r"(\d)\.output\.LayerNorm", r"\1.residual2.norm"),
    (r"pooler\.dense", "pooler"),
    (r"cls\.predictions\.transform\.dense", "words.transform"),
    (r"cls\.predictions\.transform\.LayerNorm", "words.norm"),
    (r"cls\.predictions\.bias", "words.output.bias"),
    (r"cls\.seq_relationship", "next_sentence"),
]


def ours(theirs: Mapping[str, Any], rename: Rename) -> Arrays:
    """Their tensors, or gradients of them, under our names."""
    found: Arrays = {}
    for name, tensor in theirs.items():
        for pattern, replacement in rename:
            name = re.sub(pattern, replacement, name)
        array = tensor.detach().numpy().copy()
        if "in_proj_" not in name:
            found[name] = array
            continue
        thirds = zip(("query.", "key.", "value."), np.split(array, 3), strict=True)
        found |= {name.replace("in_proj_", third): a for third, a in thirds}
    return found


def copy(theirs: Any, model: Module, rename: Rename, seed: int = 0) -> None:
    """Draw all their parameters, norms and biases too, and load them into ours."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in theirs.parameters():
            p.normal_(0, 1 / np.sqrt(p.shape[-1]))
            p += 1.0 * (p.ndim == 1)
    names = dict(theirs.named_parameters())
    values = ours(names, rename)
    missing, unexpected = model.load_state_dict(values, strict=False)
    assert not unexpected
    assert all(name.startswith("bert.pooler") for name in missing)


def compare(
    theirs: Callable[[], Any],
    our_outputs: Callable[[], Any],
    models: tuple[Any, Module],
    rename: Rename,
    dtype: Any,
) -> None:
    """Equal outputs, and equal gradients of every parameter, weighed at random."""
    torch = pytest.importorskip("torch")
    rng, (tolerance, of_gradients) = np.random.default_rng(0), TOLERANCES[dtype]
    close = {"rtol": tolerance, "atol": tolerance}
    outs, touts = tuple_of(our_outputs()), tuple_of(theirs())
    total, ttotal = 0, 0
    for out, tout in zip(outs, touts, strict=True):
        np.testing.assert_allclose(out.data, tout.detach(), **close)
        assert out.dtype == dtype
        weight = rng.standard_normal(out.shape).astype(dtype)
        total = total + (out * weight).sum()
        ttotal = ttotal + (tout * torch.tensor(weight)).sum()
    total.backward()
    ttotal.backward()
    grads = ours({n: p.grad for n, p in models[0].named_parameters()}, rename)
    found = {
        n: p.grad.data for n, p in models[1].named_parameters() if p.grad is not None
    }
    assert found.keys() == grads.keys()
    for name, expected in grads.items():
        atol = of_gradients * max(1.0, np.abs(expected).max())
        assert found[name].dtype == dtype
        np.testing.assert_allclose(
            found[name], expected, rtol=0, atol=atol, err_msg=name
        )


def tuple_of(outputs: Any) -> tuple[Any, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def torchs(config: TransformerConfig, dtype: Any) -> Any:
    """torch.nn.Transformer with embeddings before it and a linear layer behind it."""
    torch = pytest.importorskip("torch")
    C = config.d_model
    module = torch.nn.Module()
    module.source_embedding = torch.nn.Embedding(config.vocab_size, C)
    module.target_embedding = module.source_embedding
    if not config.share_embeddings:
        module.target_embedding = torch.nn.Embedding(config.target_size, C)
    if config.positions == "learned":
        module.source_positions = torch.nn.Embedding(config.max_length, C)
        module.target_positions = torch.nn.Embedding(config.max_length, C)
    module.transformer = torch.nn.Transformer(
        C,
        config.n_head,
        config.n_encoder,
        config.n_decoder,
        config.d_ff,
        dropout=0.0,
        activation=config.activation,
        layer_norm_eps=config.norm_eps,
        batch_first=True,
        norm_first=config.norm_first,
    )
    if not config.has_final_norm:
        module.transformer.encoder.norm = module.transformer.decoder.norm = None
    module.output = torch.nn.Linear(C, config.target_size, bias=config.output_bias)
    if config.tie_output:
        module.output.weight = module.target_embedding.weight
    return module.to(getattr(torch, np.dtype(dtype).name))


def torchs_logits(
    module: Any,
    config: TransformerConfig,
    source: NDArray[Any],
    target: NDArray[Any],
    target_real: NDArray[Any] | None = None,
) -> Any:
    """What ours computes, in their words: there, True in a mask means hidden."""
    torch = pytest.importorskip("torch")
    table = torch.tensor(waves(config.max_length, config.d_model))

    def embedded(tokens: NDArray[Any], what: str) -> Any:
        x = getattr(module, f"{what}_embedding")(torch.tensor(tokens))
        x = x * config.d_model**0.5 if config.scale_embeddings else x
        T = tokens.shape[1]
        if config.positions == "learned":
            return x + getattr(module, f"{what}_positions").weight[:T]
        return x + table[:T].to(x.dtype)

    hidden = torch.tensor(source == config.pad)
    out = module.transformer(
        embedded(source, "source"),
        embedded(target, "target"),
        tgt_mask=torch.triu(torch.ones(2 * target.shape[1:], dtype=torch.bool), 1),
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
        tgt_key_padding_mask=None
        if target_real is None
        else torch.tensor(~target_real),
    )
    return module.output(out)


def waves(length: int, d_model: int) -> NDArray[np.float64]:
    """The sinusoids of Attention Is All You Need, number by number."""
    table = np.zeros((length, d_model))
    for pos in range(length):
        for i in range(d_model // 2):
            angle = pos / 10000 ** (2 * i / d_model)
            table[pos, 2 * i] = np.sin(angle)
            table[pos, 2 * i + 1] = np.cos(angle)
    return table


def hugging_faces(kind: str, config: BertConfig, dtype: Any, **changes: Any) -> Any:
    """A BERT of theirs with our sizes, in evaluation."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    names = {"gelu_tanh": "gelu_new"}
    theirs = transformers.BertConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.d_model,
        num_hidden_layers=config.n_layer,
        num_attention_heads=config.n_head,
        intermediate_size=config.d_ff,
        hidden_act=names.get(config.activation, config.activation),
        max_position_embeddings=config.max_length,
        type_vocab_size=config.n_segment,
        layer_norm_eps=config.norm_eps,
        pad_token_id=config.pad,
        attn_implementation="eager",
        **changes,
    )
    model = getattr(transformers, kind)(theirs).eval()
    # theirs keeps the padding's embedding from training; here, all outputs count
    model.bert.embeddings.word_embeddings.padding_idx = None
    return model.to(getattr(torch, np.dtype(dtype).name))

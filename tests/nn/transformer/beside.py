"""Our models beside PyTorch's and transformers', with the same values in both."""

import hashlib
import json
import re
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nn import Module
from nn.published.pretrained import Pretrained
from nn.transformer import TransformerConfig
from tensorgrad.errors import InputError

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


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No progress bars, and no word of what transformers itself deprecates."""
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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


def randomise(theirs: Any, seed: int = 0) -> Any:
    """Draw all their parameters, norms and biases too."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            if "embed_positions" not in name:  # a table, in the guise of a parameter
                p.normal_(0, 1 / np.sqrt(p.shape[-1]))
                p += 1.0 * (p.ndim == 1)
    return theirs


def copy(theirs: Any, model: Module, rename: Rename, seed: int = 0) -> None:
    """Draw all their parameters, and load them into ours."""
    names = dict(randomise(theirs, seed).named_parameters())
    model.load_state_dict(ours(names, rename))


def published_names(model: Pretrained) -> Callable[[Mapping[str, Any]], Arrays]:
    """What puts their tensors under our names, by the model's own layout."""
    layout = model._own_layout()
    names = {layout.prefixed(layout.theirs(n)): n for n, _ in model.named_parameters()}
    shapes = {name: p.shape for name, p in model.named_parameters()}

    def renamed(theirs: Mapping[str, Any]) -> Arrays:
        found = {names[name]: t.detach().numpy() for name, t in theirs.items()}
        return {name: array.reshape(shapes[name]) for name, array in found.items()}

    return renamed


def compare(
    theirs: Callable[[], Any],
    our_outputs: Callable[[], Any],
    models: tuple[Any, Module],
    renamed: Callable[[Mapping[str, Any]], Arrays],
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
    for model in models:
        model.zero_grad()
    total.backward()
    ttotal.backward()
    buffers = {n: b for n, b in models[0].named_buffers() if b.requires_grad}
    tensors = {**dict(models[0].named_parameters()), **buffers}
    grads = renamed({n: p.grad for n, p in tensors.items() if p.grad is not None})
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


def trainable(theirs: Any) -> Any:
    """In evaluation, with a gradient for what theirs keeps from training.

    That is the padding's embedding, and Marian's bias.
    """
    for module in theirs.modules():
        if hasattr(module, "padding_idx"):
            module.padding_idx = None
        if hasattr(module, "final_logits_bias"):
            module.final_logits_bias.requires_grad_()
    return theirs.eval()


def rewrite(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace the tensors in a folder's file by change(tensors)."""
    import safetensors.torch

    file = folder / "model.safetensors"
    safetensors.torch.save_file(change(safetensors.torch.load_file(file)), file)


def fingerprint(folder: Path) -> str:
    """What tells a folder's weights from others, to the byte."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def edit_config(folder: Path, **fields: Any) -> None:
    """Change fields of a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def refusal(read: Callable[[], Any]) -> str:
    """What is wrong, in one line, found without memory; "" if nothing is."""
    tracemalloc.start()
    try:
        read()
    except InputError as error:
        text = str(error)
        assert "\n" not in text
        assert text
        return text
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 22
    return ""


# values that no field, or hardly one, can have
SIZES = [-1, 0, 3, 10**9, 1 << 62, 10**30]
ODD = [None, True, "x", 0.5, -0.5, float("nan"), [1], {"0": 1}]

"""What is measured: which programs, of which sizes, on which tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .toys import TOYS

OPS_IN_CHAIN = 50


class Program(NamedTuple):
    """A step that both sides can take: the function of that kind, with these sizes."""

    title: str
    kind: str
    sizes: dict[str, Any]
    parts: int = 1  # the step's time is divided by it


def gpt(
    layers: int, heads: int, channels: int, batch: int, block: int, **other: Any
) -> Program:
    sizes = dict(n_layer=layers, n_head=heads, n_embd=channels, block_size=block)
    return Program(
        f"GPT {layers}/{heads}/{channels} step, {batch} x {block} tokens",
        "gpt",
        {**sizes, "vocab_size": 65, "batch": batch, **other},
    )


REGULAR = {"bias": True, "dropout": 0.1}
TRAINING = {
    "op": Program(
        "one op, 16 elements, forward and backward", "op", {}, parts=OPS_IN_CHAIN
    ),
    "mlp": Program("MLP 2-16-16-1 step, 100 points", "mlp", {}),
    "small": gpt(4, 4, 128, 12, 64),
    "medium": gpt(6, 6, 384, 8, 256),
    "large": gpt(12, 12, 768, 2, 512, vocab_size=50304)._replace(
        title="GPT-2 124M step, 2 x 512 tokens"
    ),
    "encoder-decoder": Program(
        "Transformer 2 + 2/8/128 step, 64 x (32 and 12) tokens",
        "encoder-decoder",
        dict(n_layer=2, n_head=8, d_model=128, d_ff=512, vocab_size=100),
    ),
}
# Nothing was ever made faster for these in particular.
OTHERS = {
    "narrow": gpt(2, 2, 64, 8, 32),
    "deep": gpt(8, 8, 256, 8, 128),
    "dropout": gpt(4, 4, 128, 12, 64, **REGULAR)._replace(
        title="GPT 4/4/128 step, 12 x 64 tokens, biases and dropout"
    ),
    "bert": Program(
        "BERT 4/4/256 step, 16 x 128 tokens, of which 15 % are guessed",
        "bert",
        dict(n_layer=4, n_head=4, d_model=256, vocab_size=2000, batch=16, T=128),
    ),
    "convolutions": Program(
        "2 convolutions and a linear layer, step, 64 images of 28 x 28",
        "convolutions",
        dict(batch=64),
    ),
}
SMALL_MODELS = {
    name: Program(title, "toy", {"name": name}) for name, (title, _) in TOYS.items()
}
# op and mlp are left out: compiled kernels take no arrays as small as theirs.
NUMPY = {
    f"{name}-numpy": program
    for name, program in {**TRAINING, **OTHERS}.items()
    if name not in ("op", "mlp")
}

# Growth: the same program, one of its sizes at several values.
BATCHES = {
    B: gpt(4, 4, 128, B, 64)._replace(parts=64 * B)  # so that a time is a token's
    for B in (1, 2, 4, 8, 16)
}
LAYERS = {layers: gpt(layers, 4, 128, 12, 64) for layers in (2, 4, 8)}
ATTENTION = {
    T: Program(f"attention, 8 heads of 64, {T} tokens", "attention", {"T": T})
    for T in (128, 256, 512, 1024, 2048)
}

PROGRAMS: dict[str, Program] = {
    **TRAINING,
    **OTHERS,
    **SMALL_MODELS,
    **NUMPY,
    **{f"batch-{B}": program for B, program in BATCHES.items()},
    **{f"layers-{layers}": program for layers, program in LAYERS.items()},
    **{f"attention-{T}": program for T, program in ATTENTION.items()},
}


def pairs_of_tokens(
    vocab_size: int, batch: int = 64, S: int = 32, T: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources (B, S), targets read (B, T) and targets to predict (B, T).

    Rows fill from three quarters of that up to all of it; the rest is padding, 0, and
    -100 in what is to be predicted.
    """
    rng = np.random.default_rng(0)
    source = rng.integers(1, vocab_size, (batch, S))
    target = rng.integers(1, vocab_size, (batch, T + 1))
    ends = rng.integers(3 * S // 4, S, (batch, 1), endpoint=True)
    source[np.arange(S) >= ends] = 0
    ends = rng.integers(3 * T // 4, T, (batch, 1), endpoint=True)
    padded = np.arange(T) >= ends
    read, predicted = target[:, :-1].copy(), target[:, 1:].copy()
    read[padded], predicted[padded] = 0, -100
    return source, read, predicted


def blocks_of_tokens(
    vocab_size: int, batch: int, block_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (B, T) and those that follow each, (B, T)."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(vocab_size, size=(batch, block_size + 1))
    return tokens[:, :-1].copy(), tokens[:, 1:].copy()


def masked_tokens(
    vocab_size: int, batch: int, T: int
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Tokens (B, T) with 15 % hidden, as token 1; the places of these; what they were.

    There is no padding, 0, among them.
    """
    rng = np.random.default_rng(0)
    tokens = rng.integers(2, vocab_size, (batch, T))
    rows, columns = np.nonzero(rng.random((batch, T)) < 0.15)
    hidden = tokens[rows, columns].copy()
    tokens[rows, columns] = 1
    return tokens, (rows, columns), hidden


def images(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (B, 1, 28, 28) and which of ten classes each is of."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(batch, 1, 28, 28)).astype(np.float32)
    return pixels, rng.integers(10, size=batch)


def queries_keys_values(T: int) -> list[np.ndarray]:
    """q, k, v and the gradient of attention's result, each (1, 8, T, 64)."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(1, 8, T, 64)).astype(np.float32) for _ in range(4)]

"""What neural networks are made of, in PyTorch."""

from typing import Any

import torch
import torch.nn.functional as F


def losses(logits: Any, targets: Any, ignore_index: int, label_smoothing: float) -> Any:
    found = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1).long(),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    return found.reshape(targets.shape)


def attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_mask: Any, causal: bool, scale: Any
) -> Any:
    """Spelt out: PyTorch's own has no dropout mask, and aligns causal differently."""
    t, s = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (scale or max(q.shape[-1], 1) ** -0.5)
    allowed = torch.ones(t, s, dtype=torch.bool)
    if causal:
        allowed = allowed.tril(s - t)
    if mask is not None and mask.dtype == torch.bool:
        allowed = allowed & mask
    elif mask is not None:
        scores = scores + mask
    scores = scores.masked_fill(~allowed, -1e30)
    weights = scores.softmax(-1).masked_fill(~allowed, 0.0)
    return (weights if dropout_mask is None else weights * dropout_mask) @ v


def normed(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """F.layer_norm can't be differentiated twice without a weight."""
    centred = x - x.mean(-1, keepdim=True)
    out = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


NETWORKS = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "layer_norm": normed,
    "cross_entropy": losses,
    "attention": attention,
}

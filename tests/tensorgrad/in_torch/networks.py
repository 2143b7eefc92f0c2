"""What neural networks are made of, in PyTorch."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from tensorgrad.testing.domains.dot_product_attention import in_heads


def losses(logits: Any, targets: Any, ignore_index: int, label_smoothing: float) -> Any:
    found = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1).long(),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    return found.reshape(targets.shape)


@in_heads
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


def batch_normed(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """F.batch_norm refuses an empty batch and one number a channel."""
    if not x.numel():
        return x * 1
    axes, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    centred = x - x.mean(axes, keepdim=True)
    out = centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt()
    out = out if weight is None else out * weight.reshape(column)
    return out if bias is None else out + bias.reshape(column)


def rms_normed(x: Any, weight: Any, eps: float) -> Any:
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def flat(x: Any, axes: int) -> Any:
    """One leading axis in place of however many there are before the last ones."""
    lead, rest = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    return x.reshape(math.prod(lead), *rest)


def convolved(x: Any, weight: Any, bias: Any, **settings: Any) -> Any:
    out = F.conv2d(flat(x, 3), weight, bias, **settings)
    return out.reshape(*x.shape[:-3], *out.shape[1:])


def pooled(function: Callable[..., Any]) -> Callable[..., Any]:
    # differs: where elements of a window tie, max_pool2d takes the first alone
    def pool(x: Any, **settings: Any) -> Any:
        out = function(flat(x, 2)[:, None], **settings)
        return out.reshape(*x.shape[:-2], *out.shape[-2:])

    return pool


def unfolded(x: Any, kernel_size: Any, **settings: Any) -> Any:
    # differs: windows and their elements are one axis each, not two
    out = F.unfold(flat(x, 2)[:, None], kernel_size, **settings)
    high, wide = [
        len(range(0, n - d * (k - 1), s))
        for n, k, d, s in zip(
            x.shape[-2:],
            both(kernel_size),
            both(settings["dilation"]),
            both(settings["stride"]),
            strict=True,
        )
    ]
    return out.reshape(*x.shape[:-2], *both(kernel_size), high, wide)


def folded(x: Any, output_size: Any, **settings: Any) -> Any:
    parts = flat(x, 4).flatten(1, 2).flatten(2)
    out = F.fold(parts, output_size, x.shape[-4:-2], **settings)
    return out.reshape(*x.shape[:-4], *output_size)


def both(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)


NETWORKS = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "layer_norm": normed,
    "rms_norm": rms_normed,
    "batch_norm": batch_normed,
    "conv2d": convolved,
    "unfold": unfolded,
    "fold": folded,
    "max_pool2d": pooled(F.max_pool2d),
    "avg_pool2d": pooled(F.avg_pool2d),
    "cross_entropy": losses,
    "attention": attention,
}

"""Optimisers: SGD, Adam and AdamW; groups that decay; gradients clipped by norm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tensorgrad import Tensor
from tensorgrad.errors import ConfigError
from tensorgrad.kernels import kernel

from .module import Module
from .optimizer import Optimizer, Update

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "clip_grad_norm",
    "clip_scale",
    "decay_groups",
    "grad_norm",
]


class SGD(Optimizer):
    """p -= lr b with b = momentum b + g; with nesterov p -= lr (g + momentum b).

    g is the gradient plus weight_decay p.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
        )

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        self._within("momentum", group["momentum"], 1)
        if group["nesterov"] and not group["momentum"]:
            raise ConfigError("SGD: nesterov needs a momentum above 0")

    def _remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum",) if group["momentum"] else ()

    def _update(self, now: Update, group: dict[str, Any], scale: float) -> None:
        p, g, momentum = now.p, now.g, group["momentum"]
        if scale != 1.0:
            g = g * scale
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if momentum:
            b = now.memory[0]
            b *= momentum
            b += g
            g = g + momentum * b if group["nesterov"] else b
        p -= group["lr"] * g


class AdamW(Optimizer):
    """p -= lr (m' / (sqrt(v') + eps) + weight_decay p).

    m and v are running means of g and g^2 with betas, m' and v' are corrected for
    their start at 0. Source: Loshchilov and Hutter, Decoupled Weight Decay
    Regularization, algorithm 2, arXiv 1711.05101.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay
        )

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        self._within("eps", group["eps"], math.inf)
        for i, beta in enumerate(group["betas"]):
            self._within(f"betas[{i}]", beta, 1)

    _joins = True

    def _remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "m", "v"

    def _update(self, now: Update, group: dict[str, Any], scale: float) -> None:
        rates = group["lr"], *group["betas"], group["eps"], group["weight_decay"]
        kernel("adamw", now.p)(now.p, now.g, *now.memory, *rates, now.step, scale)


class Adam(AdamW):
    """p -= lr m' / (sqrt(v') + eps), where weight_decay p is added to the gradient.

    Source: Kingma and Ba, Adam, algorithm 1, arXiv 1412.6980.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def _update(self, now: Update, group: dict[str, Any], scale: float) -> None:
        if group["weight_decay"]:
            now = now._replace(g=now.g * scale + group["weight_decay"] * now.p)
            scale = 1.0
        super()._update(now, {**group, "weight_decay": 0.0}, scale)


def decay_groups(model: Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: the matrices, which decay, and biases and norms, which do not.

    What is frozen is in neither.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [(name, p) for name, p in named if p.ndim >= 2]
    others = [(name, p) for name, p in named if p.ndim < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


_CHUNK = 1 << 13


@np.errstate(over="ignore")
def grad_norm(parameters: Iterable[Tensor]) -> float:
    """sqrt(sum g^2) over all gradients; a tied one counts once.

    Squares are summed by pieces in the gradients' dtype, the pieces in float64. It is
    NaN or infinite where a gradient is: look before a step.
    """
    total = 0.0
    grads = {id(p): p._grad for p in parameters}
    for grad in grads.values():
        if grad is None:
            continue
        flat = grad._data.ravel(order="K")
        for start in range(0, len(flat), _CHUNK):
            part = flat[start : start + _CHUNK]
            squares = float(part.dot(part))
            if not math.isfinite(squares):  # of numbers like 1e20, only in float32
                part = part.astype(np.float64)
                squares = float(part.dot(part))
            total += squares
    return math.sqrt(total)


def clip_scale(norm: float, max_norm: float) -> float:
    """min(1, max_norm / norm): for `optimizer.step(grad_scale=...)`, without a pass."""
    if not 0 < max_norm < math.inf:
        raise ConfigError(f"max_norm={max_norm} must be a finite number above 0")
    return min(1.0, max_norm / (norm + 1e-6))


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients down together to a norm of max_norm; their norm before.

    Where that is NaN or infinite they stay as they are.
    """
    parameters = list(parameters)
    norm = grad_norm(parameters)
    scale = clip_scale(norm, max_norm)
    if math.isfinite(norm) and scale < 1:
        for grad in {id(p): p._grad for p in parameters}.values():
            if grad is not None:
                array = grad.writable()
                array *= scale
    return norm

"""Modules, layers, losses, optimisers and schedules, on tensorgrad.

>>> rng = np.random.default_rng(0)
>>> model = Sequential(Linear(2, 16, rng=rng), Tanh(), Linear(16, 1, rng=rng))
>>> optimizer = optim.AdamW(model.parameters(), lr=1e-2)
>>> x, y = rng.standard_normal((2, 100, 2))
>>> loss = losses.mse_loss(model(x), y[:, :1])
>>> loss.backward()
>>> optimizer.step()
"""

from tensorgrad.ops.dot_product_attention import merge_heads, split_heads

from . import init, losses, optim, schedules
from .attention import MultiHeadAttention
from .convolution import AvgPool2d, Conv2d, MaxPool2d
from .layers import (
    GELU,
    Dropout,
    Embedding,
    Flatten,
    Linear,
    ModuleList,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from .module import Buffer, Module, Parameter
from .norms import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm

__all__ = [
    "Module",
    "Parameter",
    "Buffer",
    "ModuleList",
    "Sequential",
    "Linear",
    "Embedding",
    "Conv2d",
    "MaxPool2d",
    "AvgPool2d",
    "Flatten",
    "LayerNorm",
    "RMSNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "MultiHeadAttention",
    "merge_heads",
    "split_heads",
    "ReLU",
    "GELU",
    "Tanh",
    "Sigmoid",
    "init",
    "losses",
    "optim",
    "schedules",
]

"""The compiled kernels, by the names of `reference`; importing this imports numba."""

from .numba_attention import attention, attention_backward
from .numba_elementwise import (
    adamw,
    gelu_erf,
    gelu_erf_backward,
    gelu_tanh,
    gelu_tanh_backward,
)
from .numba_elementwise import erf_values as erf
from .numba_index import cross_entropy, cross_entropy_backward, scatter_add_rows
from .numba_rows import (
    layer_norm,
    layer_norm_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from .reference import sum_rows

__all__ = [
    "adamw",
    "attention",
    "attention_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "erf",
    "gelu_erf",
    "gelu_erf_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "layer_norm",
    "layer_norm_backward",
    "log_softmax",
    "log_softmax_backward",
    "scatter_add_rows",
    "softmax",
    "softmax_backward",
    "sum_rows",
]

"""The compiled kernels, by the names of `reference`; importing this imports numba."""

from .numba_attention import attention, attention_backward
from .numba_elementwise import (
    adamw,
    gelu_erf,
    gelu_erf_backward,
    gelu_tanh,
    gelu_tanh_backward,
    hypot,
    relu,
    sigmoid,
    where,
)
from .numba_elementwise import erf_values as erf
from .numba_index import cross_entropy, cross_entropy_backward, scatter_add_rows
from .numba_matmul import matmul
from .numba_norms import (
    batch_norm,
    batch_norm_backward,
    channel_moments,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from .numba_products import linear
from .numba_random import dropout_mask
from .numba_rows import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from .numba_scan import cumsum
from .numba_windows import (
    conv2d,
    conv2d_backward,
    fold,
    max_pool2d_backward,
)
from .reference import sum_rows

__all__ = [
    "adamw",
    "attention",
    "attention_backward",
    "batch_norm",
    "batch_norm_backward",
    "channel_moments",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "cumsum",
    "dropout_mask",
    "erf",
    "fold",
    "gelu_erf",
    "gelu_erf_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "hypot",
    "layer_norm",
    "layer_norm_backward",
    "linear",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "max_pool2d_backward",
    "relu",
    "rms_norm",
    "rms_norm_backward",
    "scatter_add_rows",
    "sigmoid",
    "softmax",
    "softmax_backward",
    "sum_rows",
    "where",
]

"""Products and linear algebra, in PyTorch."""

from typing import Any

import torch


def einsum(*xs: Any, subscripts: str) -> Any:
    return torch.einsum(subscripts, *xs)


PRODUCTS = {
    "matmul": torch.matmul,
    "linear": torch.nn.functional.linear,
    "contract": einsum,
    "einsum": einsum,
}

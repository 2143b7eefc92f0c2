"""Our layers beside PyTorch's, with the same values in both."""

from typing import Any

import numpy as np
import pytest

import nn
from tensorgrad import Tensor


def compare(
    ours: nn.Module, theirs: Any, shape: tuple[int, ...], seed: int = 0
) -> None:
    """Equal values, gradients and buffers in float64, from our parameters' values."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    ours.to(np.float64)
    for p in ours.parameters():
        nn.init.normal_(p, rng=rng)
    theirs.to(torch.float64).train(ours.training)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    data = rng.standard_normal(shape)
    x, tx = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    out, tout = ours(x), theirs(tx)
    weight = rng.standard_normal(out.shape)
    out.backward(weight)
    tout.backward(torch.tensor(weight))
    close = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
    np.testing.assert_allclose(out.data, tout.detach(), **close)
    np.testing.assert_allclose(x.grad.data, tx.grad, **close)
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.data, named[name].grad, **close)
    buffers = dict(theirs.named_buffers())
    assert buffers.keys() == {name for name, _ in ours.named_buffers()}
    for name, buffer in ours.named_buffers():
        np.testing.assert_allclose(buffer.data, buffers[name], **close)

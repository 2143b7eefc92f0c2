"""A module of PyTorch's with its output and gradients, in one safetensors file."""

import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 4, batch_first=True)
        self.head = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return self.head(x)


def write(path: str) -> None:
    rng = np.random.default_rng(0)
    model = Net().double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(0.5 * rng.standard_normal(p.shape)))
    x = torch.tensor(rng.standard_normal((2, 5, 6)), requires_grad=True)
    out = model(x)
    loss = (out**2).mean()
    loss.backward()
    found = {f"model.{name}": p for name, p in model.state_dict().items()}
    found |= {f"gradient.{name}": p.grad for name, p in model.named_parameters()}
    found |= {"input": x, "gradient of input": x.grad, "output": out, "loss": loss}
    save_file({name: t.detach().contiguous() for name, t in found.items()}, path)


if __name__ == "__main__":
    write(sys.argv[1])

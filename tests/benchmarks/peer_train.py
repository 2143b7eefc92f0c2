"""The training of `python -m gpt train`, as a program in PyTorch.

`python -m tests.benchmarks.peer_train --out FOLDER` reads the same text, cut in the
same place, and takes the same steps, with the same evaluations and checkpoints.
metrics.jsonl has the same fields. It draws no picture and writes no sample.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .peer_gpt import TorchGPT

BLOCK, BATCH, RATE, WARMUP, EVALUATE = 64, 12, 1e-3, 100, 250


def rate_at(step: int, steps: int, warmup: int) -> float:
    """Linear up to the peak over the warm-up, then a cosine down to a tenth of it."""
    if step < warmup:
        return RATE * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return RATE * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def held_out_loss(model: TorchGPT, data: Tensor, block_size: int) -> float:
    """Mean loss over every token of data but the first, in consecutive blocks."""
    total = 0.0
    whole = (len(data) - 1) // block_size * block_size
    x, y = data[:whole].view(-1, block_size), data[1 : whole + 1].view(-1, block_size)
    for rows in range(0, len(x), 64):
        loss = model(x[rows : rows + 64], y[rows : rows + 64])
        total += loss.item() * y[rows : rows + 64].numel()
    rest = len(data) - 1 - whole
    if rest:
        total += model(data[None, whole:-1], data[None, whole + 1 :]).item() * rest
    return total / (len(data) - 1)


def default_tokens() -> tuple[Tensor, int]:
    """Python's language reference, a character a token, and how many differ."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    characters = {character: i for i, character in enumerate(sorted(set(text)))}
    return torch.tensor([characters[c] for c in text]), len(characters)


def save(folder: Path, model: TorchGPT, optimizer: torch.optim.AdamW) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, folder / "checkpoint.pt")


def train(folder: Path, steps: int, seed: int) -> None:
    data, vocab_size = default_tokens()
    split = len(data) * 9 // 10
    sizes = dict(n_layer=4, n_head=4, n_embd=128, block_size=BLOCK)
    model = TorchGPT(**sizes, vocab_size=vocab_size, seed=seed)
    optimizer, rng = model.optimizer(RATE), np.random.default_rng(seed)
    windows = data[:split].unfold(0, BLOCK + 1, 1)
    began = time.perf_counter()
    with (folder / "metrics.jsonl").open("w") as log:
        for step in range(1, steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step - 1, steps, min(WARMUP, steps))
            rows = torch.from_numpy(rng.integers(len(windows), size=BATCH))
            loss = model.learn(optimizer, windows[rows][:, :-1], windows[rows][:, 1:])
            record = {"step": step, "loss": loss.item()}
            if step % EVALUATE == 0 or step == steps:
                record["val_loss"] = held_out_loss(model, data[split:], BLOCK)
                save(folder, model, optimizer)
            record["seconds"] = time.perf_counter() - began
            log.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--max-steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train(options.out, options.max_steps, options.seed)

"""Writing tokens, beside Hugging Face's `generate` and beside the memory's speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .tables import time_text


class Task(NamedTuple):
    """What is written, and by how large a model."""

    title: str
    sizes: dict[str, int]
    prompt: int = 8  # tokens
    new: int = 24
    beams: int = 1


SMALL = dict(block_size=256, vocab_size=65, n_layer=6, n_head=6, n_embd=384)
GPT2 = dict(block_size=1024, vocab_size=50257, n_layer=12, n_head=12, n_embd=768)
TASKS = {
    "write-small": Task("GPT 6/6/384, a token", SMALL, new=100),
    "write-gpt2": Task("GPT-2 124M, a token", GPT2),
    "beams-gpt2": Task("GPT-2 124M, a token of 4 beams", GPT2, beams=4),
    "prompt-gpt2": Task("GPT-2 124M, a prompt of 256 tokens", GPT2, prompt=256, new=1),
}
TITLES = {name: task.title for name, task in TASKS.items()}
READING = {"read-gpt2": "GPT-2 124M, a token"}


def build(side: str, name: str) -> tuple[Callable[[], object], int]:
    """Writing once, greedily or with beams, and how many tokens that makes."""
    task = TASKS[name]
    prompt = np.random.default_rng(0).integers(0, task.sizes["vocab_size"], task.prompt)
    return (theirs if side == "torch" else ours)(task, prompt), task.new


def ours(task: Task, prompt: np.ndarray) -> Callable[[], object]:
    from gpt import GPT, GPTConfig
    from nn.decoding import GREEDY, Beams, beam_search

    model = GPT(GPTConfig(**task.sizes)).eval()
    if task.beams == 1:
        return lambda: model.generate(
            [prompt], max_new_tokens=task.new, settings=GREEDY
        )
    return lambda: beam_search(
        model.start(),
        [prompt],
        max_new_tokens=task.new,
        settings=Beams(beam_size=task.beams),
    )


def theirs(task: Task, prompt: np.ndarray) -> Callable[[], object]:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {**task.sizes, "n_positions": task.sizes["block_size"]}
    del sizes["block_size"]
    config: Any = GPT2Config(**sizes, bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(config).eval()
    tokens = torch.from_numpy(prompt)[None]

    @torch.no_grad()
    def write() -> object:
        return model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=task.new,
            do_sample=False,
            num_beams=task.beams,
            pad_token_id=0,
        )

    return write


def compare_reading(rounds: int) -> list[str]:
    """The cells: a token, reading all weights once, and the one as part of the other.

    How fast memory is read says the product of GPT-2's largest matrix with a vector,
    in NumPy; the two take turns.
    """
    from gpt import GPT, GPTConfig
    from nn.decoding import GREEDY, stream

    model = GPT(GPTConfig(**GPT2)).eval()
    matrix, vector = model.wte.weight.data, np.ones(GPT2["n_embd"], np.float32)
    read = sum(p.data.nbytes for p in model.parameters()) - model.wpe.weight.data.nbytes
    steps = stream(
        model.start(),
        [np.arange(8)],
        max_new_tokens=20 * rounds + 20,
        settings=GREEDY,
    )
    tokens, readings = [], []
    for _ in range(rounds):
        tokens += [seconds(lambda: next(steps)) for _ in range(20)][2:]
        readings += [seconds(lambda: matrix @ vector) for _ in range(40)]
    token = statistics.median(tokens)
    reading = statistics.median(readings) * read / matrix.nbytes
    return [time_text(token), time_text(reading), f"{reading / token:.2f}"]


def seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began

"""Activations by name, as configs choose them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import tensorgrad as tg
from tensorgrad.errors import ConfigError

Activation = Literal["relu", "gelu", "gelu_tanh", "silu"]
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tg.relu,
    "gelu": tg.gelu,
    "gelu_tanh": lambda x: tg.gelu(x, approximate="tanh"),
    "silu": tg.silu,
}
# What config.json calls them. Some of its names are one function, written in
# different ways: the tanh form of GELU has five.
PUBLISHED = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "silu": "silu",
    "swish": "silu",
}


def published_name(activation: str) -> str:
    """What a config.json that we write calls it.

    >>> published_name("gelu_tanh"), published_name("relu")
    ('gelu_new', 'relu')
    """
    return {"gelu_tanh": "gelu_new"}.get(activation, activation)


def check_activation(name: str) -> None:
    """ConfigError unless there is one of that name."""
    if name not in ACTIVATIONS:
        raise ConfigError(f"activation={name!r}: choose {', '.join(ACTIVATIONS)}")

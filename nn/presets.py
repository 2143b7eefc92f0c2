"""Named sizes of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from tensorgrad.errors import ConfigError

Config = TypeVar("Config", bound=Any)


def preset(presets: Mapping[str, Config], name: str, **changes: Any) -> Config:
    """The dataclass of that name with some fields changed; ConfigError names them all.

    >>> from nn.transformer.config import BERTS
    >>> preset(BERTS, "tiny", n_layer=3).n_layer
    3
    """
    if name not in presets:
        raise ConfigError(f"no preset {name!r}; there are {', '.join(presets)}")
    found: Config = replace(presets[name], **changes)
    return found

"""How published checkpoints are laid out: names, shapes, and fields of config.json."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from numpy.typing import NDArray

from tensorgrad.errors import ConfigError

from .weight_files import Entry

Array = NDArray[Any]
Json = Mapping[str, Any]
Rules = tuple[tuple[str, str], ...]  # patterns of names, and what stands for them
NONE = "(?!)"  # matches no name
LARGEST = 1 << 48  # no size in a config is beyond it


@final
class ConfigFile:
    """The fields of a config.json, each of the type that it should have."""

    def __init__(self, fields: Json) -> None:
        self.fields = fields

    def get(self, name: str, default: Any) -> Any:
        """The field, or the default where it is absent or null.

        ConfigError unless it has the default's type; whole numbers pass for floats.
        """
        value = self.fields.get(name)
        if value is None:
            return default
        if type(default) is float and type(value) is int and abs(value) < LARGEST:
            return float(value)
        if type(value) is not type(default):
            kind = type(default).__name__
            raise ConfigError(f"{name}={value!r:.40}: should be of type {kind}")
        if type(value) is int and abs(value) >= LARGEST:
            raise ConfigError(f"{name}={value!r:.40}: larger than in any model")
        return value

    def named(self, name: str, default: str, known: Mapping[str, str]) -> Any:
        """What our name is for the one that the field holds, such as an activation."""
        value = self.get(name, default)
        if value not in known:
            raise ConfigError(f"{name}={value!r:.40}: known are {', '.join(known)}")
        return known[value]

    def refuse(self, **only: Any) -> None:
        """ConfigError for a field whose value changes what is computed, named here.

        Each is given with the one value that we do compute, which is also its default.
        """
        for name, value in only.items():
            if self.fields.get(name) not in (value, None):
                raise ConfigError(
                    f"{name}={self.fields[name]!r:.40} is not supported, only {value!r}"
                )


def cannot_say(config: Any, whose: str, **only: Any) -> None:
    """ConfigError unless the config has these values, the only ones of a format."""
    for name, value in only.items():
        if getattr(config, name) != value:
            raise ConfigError(
                f"{name}={getattr(config, name)!r} cannot be saved: {whose} "
                f"checkpoints know only {value!r}"
            )


@final
@dataclass(frozen=True)
class Layout:
    """How one kind of checkpoint is laid out, and how it becomes one of our models.

    Patterns match a name from its start, without the prefix.
    """

    model_type: str
    """What config.json calls it."""
    architecture: str
    """The class of transformers that reads what we save."""
    config: Callable[[ConfigFile], Any]
    """config.json -> our config; ConfigError for what we don't compute."""
    to_json: Callable[[Any], dict[str, Any]]
    """Our config -> config.json."""
    names: Rules
    """Our names -> theirs, each pattern in turn, anywhere in a name."""
    prefix: str = ""
    """What their names begin with, where the file does not leave it out."""
    bare: str = NONE
    """Their names that have no prefix: those of heads."""
    n_layer: Callable[[Any], int] = lambda config: int(config.n_layer)
    """How many blocks a config has, of all kinds."""
    transposed: str = NONE
    """Their weights that are stored (in, out); ours are (out, in)."""
    rows: str = NONE
    """Their vectors that are stored (1, n)."""
    ignored: str = NONE
    """Their tensors that are no part of the model: buffers, and other heads."""
    spellings: Rules = ()
    """Older names in files -> the names of today."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Their further names of one tensor -> its name in `names`."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Their names -> those of other tensors, taken where a file lacks them."""
    applies: Callable[[Any], bool] = lambda config: True
    """Which configs it is for, where a model type has several layouts."""
    seen: Callable[[Any, Mapping[str, Entry]], Any] = lambda config, entries: config
    """What the tensors in the files, by their names of today, make of a config.

    ConfigError, which then names the files, for tensors that can't be the model's.
    """
    completed: Callable[[Any, dict[str, Array]], dict[str, Array]] = (
        lambda config, arrays: arrays
    )
    """What is saved -> the same with what their format has and our config has not."""

    def theirs(self, name: str) -> str:
        """Their name, without the prefix, of the parameter that we call so."""
        for pattern, replacement in self.names:
            name = re.sub(pattern, replacement, name)
        return name.removeprefix(self.prefix)

    def prefixed(self, name: str) -> str:
        """Their name as it stands in a file."""
        return name if re.match(self.bare, name) else self.prefix + name

    def canonical(self, name: str) -> str:
        """A name in a file, without the prefix and as it is spelt today."""
        name = name.removeprefix(self.prefix)
        for pattern, replacement in self.spellings:
            name = re.sub(pattern, replacement, name)
        return name

"""Checkpoints as Hugging Face publishes them, in and out: `config.json` and weights.

Each family of models describes its own `Layout`; what is common to all is here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import CheckpointError, ConfigError, DtypeError, StateDictError

from . import init
from .module import Buffer, Module, Parameter
from .state import differences, hold
from .text import StrPath, reason, shown, write_text
from .weight_files import FILE, Entry, WeightFiles, read_object, write_weights

Array = NDArray[Any]
Json = Mapping[str, Any]
Rules = tuple[tuple[str, str], ...]  # patterns of names, and what stands for them
CONFIG = "config.json"
NONE = "(?!)"  # matches no name
LAYER = 8  # no block of any model has fewer tensors
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


class Pretrained(Module):
    """A model whose weights are published: its subclasses say in which layouts.

    `config` is what the model was made from, and `from_config` makes it.
    """

    layouts: ClassVar[tuple[Layout, ...]]
    config: Any

    @classmethod
    def from_config(cls, config: Any, content: ConfigFile) -> Self:
        """A new model; `content` is the config.json that the config was read from."""
        return cls(config)  # type: ignore[call-arg]

    @classmethod
    def from_pretrained(
        cls, path: StrPath, *, dtype: Any = None, **changes: Any
    ) -> Self:
        """The model whose `config.json` and safetensors lie in a folder, in eval mode.

        `path` may also name the safetensors file, beside which config.json lies. The
        weights are mapped, not copied, until they are trained: see `WeightFiles`. They
        keep their dtype, but halves become float32; `dtype` converts them. `changes`
        are fields of the config: `dropout=0.0`. CheckpointError for files that are
        missing, damaged or contradict each other, StateDictError with every name that
        is missing, unexpected or of another shape.
        """
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise DtypeError(f"weights are floats: {np.dtype(dtype)} is not")
        path = Path(path)
        weights = WeightFiles(path)
        file = (path if path.is_dir() else path.parent) / CONFIG
        content = read_object(file)
        try:
            layouts = cls._layouts(content.get("model_type"))
            config = layouts[0].config(ConfigFile(content))
            config = cls._changed(seen(config, layouts[0], weights), changes)
            layout = next(layout for layout in layouts if layout.applies(config))
            model = cls._empty(config, ConfigFile(content), layout, len(weights))
        except ConfigError as error:
            raise CheckpointError(f"{file}: {error}") from None
        load(model, layout, weights, dtype)
        return model.eval()

    @classmethod
    def _changed(cls, config: Any, changes: dict[str, Any]) -> Any:
        """The config with some fields changed; ConfigError for one it has not."""
        known = [f.name for f in fields(config)]
        if unknown := changes.keys() - set(known):
            raise ConfigError(
                f"no field {', '.join(sorted(unknown))}; there are {', '.join(known)}"
            )
        return replace(config, **changes)

    @classmethod
    def _empty(
        cls, config: Any, content: ConfigFile, layout: Layout, tensors: int
    ) -> Self:
        """A model without memory for weights; ConfigError where so few can't do."""
        layers = layout.n_layer(config)
        if layers * LAYER > tensors:
            raise ConfigError(f"{layers:,} layers, where the weights are {tensors:,}")
        try:
            with init.deferred():
                return cls.from_config(config, content)
        except (ValueError, OverflowError) as error:  # from NumPy, of its shapes
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"no array has such sizes: {error}") from None

    @classmethod
    def _layouts(cls, model_type: Any) -> list[Layout]:
        found = [la for la in cls.layouts if model_type in (la.model_type, None)]
        if not found:
            known = ", ".join(layout.model_type for layout in cls.layouts)
            raise ConfigError(
                f"model_type={model_type!r:.40}: {cls.__name__} reads {known}"
            )
        return found

    def _own_layout(self) -> Layout:
        """The layout that it is saved in."""
        return next(layout for layout in self.layouts if layout.applies(self.config))

    def _to_json(self, layout: Layout) -> dict[str, Any]:
        """What config.json says of it."""
        return layout.to_json(self.config)

    def save_pretrained(self, folder: StrPath) -> None:
        """Write config.json and model.safetensors, as transformers reads them.

        Into a new folder or over what is there; CheckpointError where that fails.
        """
        folder, layout = Path(folder), self._own_layout()
        content = {
            "architectures": [layout.architecture],
            "model_type": layout.model_type,
            **self._to_json(layout),
        }
        made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_weights(folder / FILE, stored(self, layout))
            write_text(folder / CONFIG, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise CheckpointError(
                f"{folder}: cannot be written: {reason(error)}"
            ) from None
        finally:
            if made and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def stored(model: Pretrained, layout: Layout) -> dict[str, Array]:
    """The model's weights by their names, laid out as they store them."""
    arrays = {}
    for names, tensor in model._tied(Parameter, Buffer):
        theirs = layout.theirs(names[0])
        array = tensor.data
        if re.match(layout.transposed, theirs):
            array = array.T
        elif re.match(layout.rows, theirs):
            array = array[None]
        arrays[layout.prefixed(theirs)] = array
    return layout.completed(model.config, arrays)


def seen(config: Any, layout: Layout, weights: WeightFiles) -> Any:
    """The config in the light of what is in the files."""
    entries = {layout.canonical(name): e for name, e in weights.entries.items()}
    try:
        return layout.seen(config, entries)
    except ConfigError as error:
        raise CheckpointError(f"{weights.path}: {error}") from None


def load(model: Module, layout: Layout, weights: WeightFiles, dtype: Any) -> None:
    """Let the model's tensors be those of the files, without a copy where possible.

    StateDictError lists everything that does not fit; then nothing was changed.
    """
    tied = model._tied(Parameter, Buffer)
    wanted = {layout.theirs(name) for names, _ in tied for name in names}
    found, unexpected = sorted_out(layout, weights, wanted)
    missing: dict[str, tuple[int, ...]] = {}
    wrong: list[str] = []
    fitting: list[tuple[Any, str, Entry]] = []
    for names, tensor in tied:
        theirs = [layout.theirs(name) for name in names]
        files = [file for name in dict.fromkeys(theirs) for file in found.get(name, ())]
        if not files:
            missing[theirs[0]] = stored_shape(layout, theirs[0], tensor.shape)
            continue
        wrong += misfits(layout, theirs[0], tensor.shape, files, weights)
        fitting.append((tensor, theirs[0], weights.entries[files[0]]))
    if missing or unexpected or wrong:
        raise StateDictError(
            f"{weights.path}: {differences(missing, unexpected, wrong)}. Does its "
            f"{CONFIG} belong to these weights?"
        )
    kept = np.dtype(dtype or np.result_type(*(e.dtype for _, _, e in fitting)))
    for tensor, name, entry in fitting:
        array = entry.read(kept)
        array = array.T if re.match(layout.transposed, name) else array
        hold(tensor, array.reshape(tensor.shape))


def sorted_out(
    layout: Layout, weights: WeightFiles, wanted: set[str]
) -> tuple[dict[str, list[str]], dict[str, tuple[int, ...]]]:
    """The names in the files that each wanted one has; and those that nothing wants."""
    found: dict[str, list[str]] = {}
    unexpected = {}
    named = {layout.canonical(file): file for file in weights}
    for name, other in layout.stand_ins.items():
        if name in wanted and name not in named and other in named:
            found[name] = [named[other]]
    further: list[tuple[str, str]] = []
    for file in weights:
        name = layout.canonical(file)
        if name in wanted:
            found.setdefault(name, []).append(file)
        elif layout.aliases.get(name) in wanted:
            further.append((layout.aliases[name], file))
        elif not re.match(layout.ignored, name):
            unexpected[file] = weights.entries[file].shape
    for name, file in further:  # behind the tensor's own name
        found.setdefault(name, []).append(file)
    return found, unexpected


def stored_shape(layout: Layout, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in a file of a tensor that has this shape here."""
    if re.match(layout.transposed, name):
        return shape[::-1]
    return (1, *shape) if re.match(layout.rows, name) else shape


def misfits(
    layout: Layout,
    name: str,
    shape: tuple[int, ...],
    files: list[str],
    weights: WeightFiles,
) -> Iterator[str]:
    """What is wrong with the tensors that stand for one of the model's."""
    expected = stored_shape(layout, name, shape)
    first = files[0]
    for file in files:
        entry = weights.entries[file]
        if entry.dtype.kind != "f":
            yield f"{shown(file)} holds {entry.kind}, not floats"
        elif entry.shape != expected:
            yield f"{shown(file)} {entry.shape} should be {expected}"
        elif file != first and not entry.equals(weights.entries[first]):
            yield f"{shown(file)} differs from {shown(first)}, to which it is tied"

"""Checkpoints as Hugging Face publishes them, in and out: `config.json` and weights.

Each family of models describes its own `Layout`; what is common to all is here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import CheckpointError, ConfigError, DtypeError, StateDictError

from .. import checkpoints, init
from ..module import Buffer, Module, Parameter
from ..state import differences, hold
from ..text import StrPath, reason, shown, write_text
from .layouts import ConfigFile, Layout
from .weight_files import FILE, Entry, WeightFiles, read_object, write_weights

Array = NDArray[Any]
CONFIG = "config.json"
P = TypeVar("P", bound="Pretrained")
LAYER = 8  # no block of any model has fewer tensors


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
            layout = next((la for la in layouts if la.applies(config)), layouts[0])
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
            known = ", ".join(dict.fromkeys(la.model_type for la in cls.layouts))
            raise ConfigError(
                f"model_type={model_type!r:.40}: {cls.__name__} reads {known}"
            )
        return found

    def at_checkpoints(
        self, run: StrPath, at_most: int = 20
    ) -> Iterator[tuple[int, Self]]:
        """(step, the model as it was then) at the checkpoints that a run keeps.

        Oldest first, and if there are more, so many of them, evenly spread, the newest
        included. One model takes on all weights in turn; this one stays as it is.
        CheckpointError where there are none, or none of such a model. How many a run
        keeps is what its trainer was told: `keep` of a `TrainerConfig`.
        """
        latest = checkpoints.latest_step(run)
        # later ones belong to a run that was set back
        there = [
            s for s in checkpoints.steps(run) if latest is not None and s <= latest
        ]
        if not there:
            raise CheckpointError(f"{run}: holds no checkpoint: name a run's folder")
        if at_most < 1:
            raise ConfigError(f"at_most={at_most}: must be 1 or more")
        chosen = np.linspace(len(there) - 1, 0, min(at_most, len(there))).round()
        twin = copy.deepcopy(self)
        return _at_steps(twin, run, [there[int(i)] for i in reversed(chosen)])

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


def _at_steps(model: P, run: StrPath, steps: list[int]) -> Iterator[tuple[int, P]]:
    for step in steps:
        tensors, _ = checkpoints.load(run, step, only=["model"])
        model.load_state_dict(tensors["model"])
        yield step, model


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

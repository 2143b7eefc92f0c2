"""The options of a `train` command, and the config.json that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from tyro.conf import OmitArgPrefixes

from tensorgrad.errors import CheckpointError

from . import cli, runs
from .recipe import TrainerConfig

NOT_SAVED = ("out", "resume", "plain")  # of one call, not of the run


@dataclass(frozen=True)
class RunOptions:
    """What every `train` command can be told.

    Abstract: a subclass says what it trains, and adds `model`, the model's sizes as
    a dataclass. Its `FROM_DATA` names those of them that no option sets, but the data.
    """

    KIND: ClassVar[str]
    """What its runs are called: `gpt` for runs/gpt-1."""
    PROGRAM: ClassVar[str]
    """The command: `python -m gpt train`."""
    FILES: ClassVar[tuple[str, ...]] = ("data",)
    """The options that name files."""
    ADDED: ClassVar[tuple[str, ...]] = ()
    """The options that runs of earlier versions lack: they had their defaults."""

    data: cli.File = None
    preset: str = ""
    """The sizes to start from."""
    out: cli.Folder = None
    """The run folder; None: the next free number under runs/."""
    resume: bool = False
    """Continue the run in --out, or the newest one, with the options it had."""
    plain: bool = False
    """Plain lines instead of a live display."""
    training: OmitArgPrefixes[TrainerConfig] = field(
        default_factory=lambda: TrainerConfig(threads=None)
    )

    def file(self, name: str) -> str | None:
        """The path that an option names, as it is known from everywhere."""
        given = getattr(self, name)
        return None if given is None else str(Path(given).resolve())


Options = TypeVar("Options", bound=RunOptions)


@dataclass(frozen=True)
class First:
    """The options that decide what the defaults of the others are."""

    preset: str | None = None
    out: str | None = None
    resume: bool = False


def read_options(
    kind: type[Options],
    argv: Sequence[str],
    default: Callable[[str | None], Options],
) -> tuple[Options, Path | None]:
    """The options, over those of a preset, and the folder of the run to continue."""
    first = cli.peek(First, argv, kind.PROGRAM)
    if not first.resume or {"-h", "--help"} & set(argv):
        return cli.parse(kind, argv, kind.PROGRAM, default(first.preset)), None
    folder = Path(first.out) if first.out else runs.newest(kind.KIND, kind.PROGRAM)
    saved = options_of(kind, folder)
    options = cli.parse(kind, argv, kind.PROGRAM, saved)
    runs.check_same(f"{folder} was trained with", fixed(saved), fixed(options))
    return options, folder


def as_config(options: RunOptions, model: Any) -> dict[str, Any]:
    """The content of config.json; `model` has the sizes that the data decided, too."""
    simple = [f.name for f in fields(options) if f.name not in NOT_SAVED]
    files = {name: options.file(name) for name in options.FILES}
    config = {"kind": options.KIND, **{name: getattr(options, name) for name in simple}}
    return {
        **config,
        **files,
        "model": asdict(model),
        "training": asdict(options.training),
    }


def fixed(options: RunOptions) -> dict[str, Any]:
    """What a resumed run cannot change."""
    config = as_config(options, options.model)  # type: ignore[attr-defined]
    del config["training"]
    return {**config, "seed": options.training.seed}


def options_of(kind: type[Options], folder: Path) -> Options:
    """The options that a run was started with, from its config.json."""
    config = runs.load_config(folder, kind.KIND)
    try:
        given = {}
        for name, hint in get_type_hints(kind).items():
            if get_origin(hint) is ClassVar or name in NOT_SAVED:
                continue
            if name in kind.ADDED and name not in config:
                continue
            given[name] = config[name]
            if is_dataclass(hint):
                given[name] = from_json(hint, config[name])
            elif get_origin(hint) is tuple and isinstance(config[name], list):
                given[name] = tuple(config[name])
        check_types(kind, given)
        return kind(**given)
    except (LookupError, TypeError, ValueError) as error:
        raise damaged(folder, error) from None


def from_json(kind: Any, values: Any) -> Any:
    """The dataclass of these values; TypeError for one that is of another type."""
    if not isinstance(values, dict):
        raise TypeError(f"{values!r:.40} is no {kind.__name__}")
    kept = {k: v for k, v in values.items() if k not in getattr(kind, "FROM_DATA", ())}
    check_types(kind, kept)
    return kind(**kept)


def check_types(kind: type, values: dict[str, Any]) -> None:
    """TypeError for a value that JSON can hold and a field of the class cannot."""
    for name, hint in get_type_hints(kind).items():
        known = name in values and get_origin(hint) is not ClassVar
        if known and not fits(values[name], hint):
            raise TypeError(f"{name} is {values[name]!r}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a field of this type can hold it; whole numbers pass for floats."""
    allowed = get_args(hint) or (hint,)
    if get_origin(hint) is tuple:  # tuple[str, ...]
        return type(value) is tuple and all(type(item) is allowed[0] for item in value)
    found = value if get_origin(hint) is Literal else type(value)
    return found in allowed or (type(value) is int and float in allowed)


def damaged(folder: Path, error: Exception) -> CheckpointError:
    what = f"it has no {error}" if isinstance(error, KeyError) else error
    return CheckpointError(
        f"{folder / runs.CONFIG}: edited, or from another version: {what}"
    )

"""Options of a run: what config.json keeps is what was given, or it is refused."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tyro.conf import OmitArgPrefixes, Suppress

import gpt.options
from gpt import GPTConfig
from nn import cli, runs
from nn.recipe import TrainerConfig
from nn.run_options import (
    RunOptions,
    as_config,
    check_types,
    fixed,
    from_json,
    options_of,
    read_options,
)
from nn.transformer import TransformerConfig, options
from tensorgrad.errors import CheckpointError, ConfigError
from tests.commands import edit


@dataclass(frozen=True)
class Sizes:
    FROM_DATA: ClassVar = ("inputs",)

    width: int = 4
    inputs: Suppress[int] = 1


@dataclass(frozen=True)
class ToyOptions(RunOptions):
    """Train a toy."""

    KIND = "toy"
    PROGRAM = "python -m toy train"

    preset: Literal["small", "large"] = "small"
    share: float = 0.5
    model: OmitArgPrefixes[Sizes] = field(default_factory=Sizes)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"share must be above 0 and below 1; got {self.share}")


def defaults(preset: str | None) -> ToyOptions:
    if preset is None:
        return ToyOptions()
    width = {"small": 4, "large": 64}[preset]
    return ToyOptions(preset=preset, model=Sizes(width))  # type: ignore[arg-type]


def read(*argv: str) -> tuple[ToyOptions, Path | None]:
    return read_options(ToyOptions, argv, defaults)


def save(given: RunOptions, folder: Path, model: Any = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model = given.model if model is None else model  # type: ignore[attr-defined]
    runs.save_config(folder, as_config(given, model))
    return folder


@pytest.fixture
def run(work: Path) -> Path:
    """A run that was started with some options."""
    argv = ["--data=text", "--share=0.25", "--width=8", "--max-steps=7", "--seed=3"]
    given, _ = read(*argv)
    return save(given, Path("runs/toy-1"), Sizes(8, inputs=5))


# --- the round trip

training = st.builds(
    TrainerConfig,
    max_steps=st.integers(1, 10**6),
    learning_rate=st.floats(1e-3, 1e3),
    min_lr=st.none() | st.floats(0, 1e-3),
    patience=st.none() | st.integers(1, 9),
    schedule=st.sampled_from(["cosine", "linear", "constant", "noam"]),
    keep_best=st.booleans(),
    seed=st.integers(0, 2**63),
)
files = st.none() | st.sampled_from(["text", "a b/猫.tsv", "/tmp/text"])
calls = {"out": files, "resume": st.booleans(), "plain": st.booleans()}
GPTS = st.builds(
    gpt.options.TrainOptions,
    data=files,
    preset=st.sampled_from(["nano", "gpt2-xl"]),
    tokenizer=st.sampled_from(["char", "byte"]),
    model=st.builds(
        gpt.options.Sizes,
        n_layer=st.integers(1, 99),
        n_head=st.just(4),
        n_embd=st.integers(1, 99).map(lambda n: 4 * n),
        dropout=st.floats(0, 0.99),
        bias=st.booleans(),
    ),
    training=training,
    **calls,
)
TRANSFORMERS = st.builds(
    options.TrainOptions,
    data=files,
    held_out=files,
    preset=st.sampled_from(["tiny", "base", "big"]),
    share=st.floats(0.01, 0.99),
    tokenizer=st.sampled_from(["subword", "char", "byte"]),
    label_smoothing=st.floats(0, 0.99),
    drop_longer=st.booleans(),
    model=st.builds(
        options.Sizes,
        d_model=st.integers(1, 99).map(lambda n: 8 * n),
        activation=st.sampled_from(["relu", "gelu"]),
        final_norm=st.none() | st.booleans(),
        share_embeddings=st.booleans(),
    ),
    training=training,
    **calls,
)
GIVEN_DATA = [
    (GPTS, GPTConfig, {"vocab_size": 77}),
    (TRANSFORMERS, TransformerConfig, {"vocab_size": 77, "pad": 5, "eos": 6}),
]


@pytest.mark.parametrize(("strategy", "config", "of_data"), GIVEN_DATA)
@given(data=st.data())
def test_what_config_json_keeps_is_what_was_given(
    tmp_path_factory: pytest.TempPathFactory,
    strategy: Any,
    config: Any,
    of_data: dict[str, int],
    data: st.DataObject,
) -> None:
    given = data.draw(strategy)
    model = config(**{**asdict(given.model), **of_data})
    folder = save(given, tmp_path_factory.mktemp("run"), model)
    names = {name: given.file(name) for name in given.FILES}
    expected = replace(given, **names, out=None, resume=False, plain=False)
    found = options_of(type(given), folder)
    assert found == expected
    assert fixed(found) == fixed(given)
    # and once more, as a resumed run writes it
    assert options_of(type(given), save(found, folder, model)) == expected
    assert json.loads((folder / "config.json").read_text())["model"] == asdict(model)


@given(GPTS | TRANSFORMERS)
def test_all_but_the_recipe_is_fixed(given: Any) -> None:
    longer = replace(given.training, max_steps=given.training.max_steps + 1)
    assert fixed(replace(given, training=longer)) == fixed(given)
    reseeded = replace(given.training, seed=given.training.seed + 1)
    assert fixed(replace(given, training=reseeded)) != fixed(given)
    wider = replace(given.model, dropout=given.model.dropout / 2 + 0.001)
    assert fixed(replace(given, model=wider)) != fixed(given)


# --- presets


def test_options_go_over_those_of_the_preset() -> None:
    assert read() == (ToyOptions(), None)
    assert read("--preset", "large")[0].model.width == 64
    assert read("--width", "5", "--preset=large")[0].model.width == 5
    with pytest.raises(ConfigError, match="inputs"):
        read("--inputs", "3")


# --- a run that goes on


def test_a_resumed_run_has_the_options_it_was_started_with(run: Path) -> None:
    for argv in (["--resume"], ["--resume", f"--out={run}"], ["--resume", "--seed=3"]):
        given, folder = read(*argv)
        assert folder == run
        assert (given.share, given.model.width) == (0.25, 8)
        assert (given.training.max_steps, given.training.seed) == (7, 3)


def test_the_recipe_may_change_in_a_resumed_run(run: Path) -> None:
    given, _ = read("--resume", "--max-steps", "9", "--learning-rate=0.5")
    assert (given.training.max_steps, given.training.learning_rate) == (9, 0.5)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--share=0.5", "share 0.25, and this run has 0.5"),
        ("--width=4", "width 8, and this run has 4"),
        ("--seed=0", "seed 3, and this run has 0"),
        ("--preset=large", "preset 'small', and this run has 'large'"),
        ("--data=other", "data '.*/text', and this run has '.*/other'"),
    ],
)
def test_options_that_contradict_the_run(run: Path, argv: str, says: str) -> None:
    with pytest.raises(CheckpointError, match=f"^runs/toy-1 was trained with {says}"):
        read("--resume", argv)


def test_a_file_is_the_same_by_any_name(run: Path, work: Path) -> None:
    for name in (work / "text", "./text", f"../{work.name}/text"):
        assert read("--resume", "--data", str(name))[1] == run


def test_a_run_of_another_kind(run: Path) -> None:
    edit(run / "config.json", '"kind": "toy"', '"kind": "gpt"')
    with pytest.raises(CheckpointError, match="'gpt', where one of 'toy' is needed"):
        read("--resume", "--out", str(run))


# --- a config that was edited


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"share": 0.25', '"share": "x"', "share is 'x'"),
        ('"share": 0.25', '"share": true', "share is True"),
        ('"share": 0.25', '"share": 2', "share must be above 0 and below 1; got 2"),
        ('"share": 0.25', '"share": NaN', "share must be"),
        ('"share": 0.25', '"portion": 0.25', "it has no 'share'"),
        ('"preset": "small"', '"preset": "huge"', "preset is 'huge'"),
        ('"preset": "small"', '"preset": ["small"]', "preset is"),
        ('"width": 8', '"width": 8.5', "width is 8.5"),
        ('"width": 8', '"width": null', "width is None"),
        ('"width": 8', '"breadth": 8', "breadth"),
        ('"model": {', '"model": [], "old": {', r"\[\] is no Sizes"),
        ('"training": {', '"training": "fast", "old": {', "'fast' is no TrainerConfig"),
        ('"max_steps": 7', '"max_steps": 0', "max_steps must be 1 or more"),
        ('"patience": null', '"patience": 0.5', "patience is 0.5"),
        ('"schedule": "cosine"', '"schedule": {}', "schedule is {}"),
        ('"data": "', '"data": 5, "was": "', "data is 5"),
    ],
)
def test_an_edited_config(run: Path, old: str, new: str, says: str) -> None:
    edit(run / "config.json", old, new)
    with pytest.raises(CheckpointError, match=f"config.json: edited.*{says}"):
        read("--resume")


def test_whole_numbers_do_for_floats(run: Path) -> None:
    edit(run / "config.json", '"clip": 1.0', '"clip": 1')
    assert read("--resume")[0].training.clip == 1


@dataclass
class Fields:
    number: int = 0
    real: float = 0.0
    flag: bool = False
    word: Literal["a", "b"] = "a"
    path: cli.File = None
    maybe: int | None = None
    names: tuple[str, ...] = ()
    TABLE: ClassVar[int] = 0


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"number": -1, "real": 2, "flag": True, "word": "b"},
        {"path": "x", "maybe": 3},
        {"path": None, "maybe": None, "real": 0.5},
        {"TABLE": "not a field"},
        {"unknown": "is another's error"},
        {"names": ()},
        {"names": ("a", "b")},
    ],
)
def test_values_that_a_field_can_hold(good: dict[str, Any]) -> None:
    check_types(Fields, good)


@pytest.mark.parametrize(
    "bad",
    [
        {"number": 1.0},
        {"number": True},
        {"number": None},
        {"real": False},
        {"real": "1"},
        {"flag": 1},
        {"word": "c"},
        {"word": None},
        {"path": 5},
        {"maybe": "3"},
        {"maybe": [3]},
        {"names": ["a"]},
        {"names": ("a", 3)},
        {"names": "a"},
    ],
)
def test_values_that_a_field_cannot_hold(bad: dict[str, Any]) -> None:
    [(name, value)] = bad.items()
    with pytest.raises(TypeError) as caught:
        check_types(Fields, bad)
    assert str(caught.value) == f"{name} is {value!r}"


def test_what_the_data_decides_is_not_read_back() -> None:
    assert from_json(Sizes, {"width": 3, "inputs": "whatever"}) == Sizes(3)

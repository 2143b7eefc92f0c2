"""What a user can get wrong: one line that says what, status 2, nothing written."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nn import checkpoints
from nn.text import StrPath
from tests.commands import edit, facts

Tree = Callable[[Path], dict[str, bytes]]
pytestmark = pytest.mark.usefixtures("undrawn")
# the commands that read a run
TRAIN, TRANSLATE, EVALUATE = USES = (
    "train --resume --max-steps=30",
    "translate abc",
    "evaluate",
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# --- pairs

BAD_PAIRS = [
    (None, "cannot be read: No such file"),
    (b"", "the file is empty"),
    (b"\n\n", "holds no pairs, only blank lines"),
    (b"a\tA\n\nb\tB\n", "line 2 is blank"),
    (b"a\tA\nb B\n", "line 2 has no tab"),
    (b"a\tA\nb\tB\tC\n", "line 2 has 2 tabs"),
    (b"a\tA\nb\t\n", "line 2 has no target"),
    (b"a\tA\n\tB\n", "line 2 has no source"),
    (b"a\tA\n \tB\n", "line 2 has no source"),
    (b"a\tcaf\xe9\n", "not UTF-8 at byte 5.*iconv"),
    ("a\tA\n".encode("utf-16"), "begins as UTF-16"),
    (b"a\tA\n\0", "binary"),
]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        *BAD_PAIRS,
        (b"a\tA\n", "1 pairs of 1 different sources.*none to train on"),
        (b"a\tA\na\tB\n", "2 pairs of 1 different sources.*none to train on"),
        (b"abc\tA\nde\tabcdefghijkl\n", "line 2: 3 tokens in the source and 13 in"),
        (b"abcdefghijkl\tA\nde\tA\n", "line 1: 13 tokens in the source and 2 in"),
    ],
)
@pytest.mark.parametrize("out", [None, "run"])
def test_pairs_that_cannot_be_trained_on(
    work: Path,
    command: Any,
    tiny: Any,
    content: bytes | None,
    says: str,
    out: str | None,
) -> None:
    path = work.parent / "bad.tsv"
    if content is not None:
        write(path, content)
    error = command(*tiny, "--data", path, *(["--out", out] if out else [])).error
    assert re.search(f"^{path}: .*{says}|^{path}: {says}", error), error
    assert not list(work.iterdir())


@pytest.mark.parametrize(("content", "says"), BAD_PAIRS)
def test_pairs_to_validate_on_and_to_measure_are_checked_alike(
    trained: Path, command: Any, tiny: Any, content: bytes | None, says: str
) -> None:
    path = Path("bad.tsv")
    if content is not None:
        write(path, content)
    for argv in ([*tiny, "--held-out", path, "--out=x"], ["evaluate", "--data", path]):
        done = command(*argv)
        assert done.error.startswith("bad.tsv")
        assert re.search(says, done.error)
        assert done.out == ""
    assert not Path("x").exists()


def test_held_out_pairs_that_are_too_long(work: Path, command: Any, tiny: Any) -> None:
    write(work / "other.tsv", b"a\tA\nabcdefghijklm\tA\n")
    error = command(*tiny, "--held-out=other.tsv").error
    assert error.startswith("other.tsv: line 2: 14 tokens in the source")
    assert [path.name for path in work.iterdir()] == ["other.tsv"]


def test_pairs_that_are_all_too_long(work: Path, command: Any, tiny: Any) -> None:
    error = command(*tiny, "--max-length=2", "--drop-longer", "--share=0.9").error
    assert re.search(r"pairs.tsv: there are no pairs: all \d+ are over", error), error
    assert not list(work.iterdir())


def test_a_folder_as_pairs(work: Path, command: Any, tiny: Any) -> None:
    assert "a folder, not a file" in command(*tiny, "--data", work).error


# --- options


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--d-model=10 --n-head=3", r"d_model \(10\) must be a multiple of n_head"),
        ("--d-model=9 --n-head=3", r"d_model \(9\) must be even for sinusoidal"),
        ("--norm-eps=-1", "norm_eps must be a number, 0 or more, got -1"),
        ("--norm-eps=nan", "norm_eps"),
        ("--dropout=1", r"dropout must be in \[0, 1\)"),
        ("--n-encoder=0", "n_encoder must be a whole number >= 1"),
        ("--max-length=1", "max_length=1: must be 2 or more"),
        ("--label-smoothing=1", r"label_smoothing must be in \[0, 1\), got 1"),
        ("--label-smoothing=nan", "label_smoothing"),
        ("--share=0", "share must be above 0 and below 1; got 0"),
        ("--share=1", "share must be above 0 and below 1; got 1"),
        ("--share=nan", "share"),
        ("--subwords=10", "subwords must be 256, one for each byte, or more; got 10"),
        ("--preset=huge", "no preset 'huge'; there are base, big, tiny"),
        ("--preset=huge --help", "huge"),
        ("--tokenizer=word", "word"),
        ("--learning-rate=-1", "learning_rate"),
        ("--max-step=3", "--max-step.*perhaps you meant --max-steps"),
        ("--vocab-size=9", "--vocab-size"),
        ("--pad=1", "--pad"),
        ("pairs.tsv", "pairs.tsv"),
        ("--max-length=1000000000", "GiB.*--max-length"),
        ("--d-model=1000000", "GiB.*--d-model, --d-ff or"),
        ("--batch-size=1000000000000", "GiB.*--batch-size$"),
    ],
)
def test_an_option_that_makes_no_sense(
    work: Path, command: Any, tiny: Any, options: str, says: str
) -> None:
    error = command(*tiny, *options.split()).error
    assert re.search(says, error), error
    assert not list(work.iterdir())


def test_no_pairs_at_all(work: Path, command: Any) -> None:
    assert command("train").error.startswith("--data FILE is needed")
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--beam-size=0", "beam_size must be a whole number, 1 or more; got 0"),
        ("--n-best=5 --beam-size=2", r"n_best must be at most beam_size \(2\); got 5"),
        ("--n-best=5", r"n_best must be at most beam_size \(4\)"),
        ("--alpha=nan", "alpha must be a finite number"),
        ("--repetition-penalty=0", "repetition_penalty"),
        ("--no-repeat-ngram=-1", "no_repeat_ngram"),
        ("--early-stopping=maybe", "maybe"),
        ("--batch-size=0", "batch_size must be 1 or more"),
        ("--average=0", "average must be 1 or more; got 0"),
        ("--average=4", r"runs/transformer-1: 4 .* are 3 .*10, 15, 20"),
        ("--average=2 --best", "best is one checkpoint"),
    ],
)
@pytest.mark.parametrize("name", ["translate", "evaluate"])
def test_decoding_that_makes_no_sense(
    trained: Path, command: Any, name: str, options: str, says: str
) -> None:
    done = command(name, *options.split(), *["abc"] * (name == "translate"))
    assert done.out == ""
    assert re.search(says, done.error), done.error


@pytest.mark.parametrize(
    ("argv", "given", "says"),
    [
        (["a", ""], "", "text 2 is empty"),
        ([], "a\n\nb\n", "text 2 is empty"),
        ([], "a\n \nb\n", "text 2 is empty"),
        (["--batch-size=1"], "a\n" * 3 + "\n", "text 4 is empty"),
        (["abcde" * 3], "", "text 1 has 16 tokens, and the context 12"),
        (["--max-new-tokens=0", "a"], "", "max_new_tokens must be 1 or more"),
    ],
)
def test_texts_that_cannot_be_translated(
    trained: Path, command: Any, argv: list[str], given: str, says: str
) -> None:
    assert command("translate", *argv, given=given).error.startswith(says)


def test_half_of_a_pair_of_surrogates(work: Path, command: Any, tiny: Any) -> None:
    """How Python hands on an argument that is no UTF-8."""
    command(*tiny, "--tokenizer=byte", "--max-steps=1", "--out=run")
    error = command("translate", "--run=run", "caf\udce9").error
    assert error.startswith("text 1: character 3 of the text")


# --- run folders


def test_a_folder_that_holds_another_run(
    trained: Path, command: Any, tiny: Any, tree: Tree
) -> None:
    before = tree(trained)
    error = command(*tiny, "--out", trained).error
    assert error.startswith("runs/transformer-1: holds another run")
    assert tree(trained) == before


def test_a_folder_that_holds_something_else(
    work: Path, command: Any, tiny: Any, tree: Tree
) -> None:
    (work / "thesis").mkdir()
    write(work / "thesis" / "chapter", b"one")
    assert "holds files that are no run" in command(*tiny, "--out=thesis").error
    assert "a file" in command(*tiny, "--out=thesis/chapter").error
    assert tree(work) == {"thesis/chapter": b"one"}


@pytest.mark.parametrize("name", ["train --resume --out", "translate --run"])
def test_a_folder_that_holds_no_run(work: Path, command: Any, name: str) -> None:
    (work / "empty").mkdir()
    for folder in ("empty", "gone"):
        assert command(*name.split(), folder).error.startswith(f"{folder}: not a run")
    assert not list((work / "empty").iterdir())


@pytest.mark.parametrize("name", USES)
def test_no_run_at_all(work: Path, command: Any, name: str) -> None:
    error = command(*name.split()).error
    assert error.startswith("runs/ holds no transformer run")
    assert not list(work.iterdir())


@pytest.mark.parametrize("name", USES)
def test_a_run_of_another_kind(trained: Path, command: Any, name: str) -> None:
    edit(trained / "config.json", '"kind": "transformer"', '"kind": "gpt"')
    error = command(*name.split()).error
    assert error.startswith("runs/transformer-1: a run of kind 'gpt'")


def test_a_run_without_a_checkpoint_has_nothing_to_say(
    trained: Path, command: Any
) -> None:
    for path in trained.glob("step-*"):
        shutil.rmtree(path)
    (trained / "latest").unlink()
    run = ["translate", "abc", "--run", trained]
    assert "no checkpoint was saved: train it" in command(*run).error
    shutil.rmtree(trained / "best")
    assert "--keep-best" in command(*run, "--best").error


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--d-model=16", "d_model 8, and this run has 16"),
        ("--tokenizer=byte", "tokenizer 'char', and this run has 'byte'"),
        ("--preset=big", "preset 'tiny', and this run has 'big'"),
        ("--share=0.5", "share 0.2, and this run has 0.5"),
        ("--label-smoothing=0", "label_smoothing 0.1, and this run has 0.0"),
        ("--seed=1", "seed 0, and this run has 1"),
        ("--no-share-embeddings", "share_embeddings True, and this run has False"),
        ("--drop-longer", "drop_longer False, and this run has True"),
        ("--held-out=x.tsv", "held_out None, and this run has '.*x.tsv'"),
        ("--data=x.tsv", "data '.*pairs.tsv', and this run has '.*x.tsv'"),
    ],
)
def test_options_that_contradict_the_run_to_continue(
    trained: Path, command: Any, tree: Tree, options: str, says: str
) -> None:
    before = tree(trained)
    error = command("train", "--resume", *options.split()).error
    assert re.search(f"^runs/transformer-1 was trained with {says}", error), error
    assert tree(trained) == before


def test_other_pairs_for_the_run_to_continue(
    trained: Path, command: Any, pairs: Path, tree: Tree
) -> None:
    before = tree(trained)
    pairs.write_text(pairs.read_text() + "abcabc\tCBACBA\n")
    error = command(*TRAIN.split()).error
    assert re.search(r"pairs.tsv and .*tsv no longer hold the same pairs", error)
    pairs.write_text("no tab")
    assert "pairs.tsv: line 1 has no tab" in command(*TRAIN.split()).error
    assert tree(trained) == before


# --- what a run is made of


def damage(run: Path, how: str) -> Path:
    step = run / "step-20"
    model = step / "model.safetensors"
    match how:
        case "truncated":
            os.truncate(model, model.stat().st_size // 2)
        case "one bit":
            data = bytearray(model.read_bytes())
            data[-5] ^= 1
            model.write_bytes(data)
        case "missing":
            model.unlink()
        case "state":
            edit(step / "state.json", '"step": 20', '"step": 21')
            return step / "state.json"
    return model


@pytest.mark.parametrize("how", ["truncated", "one bit", "missing", "state"])
@pytest.mark.parametrize("name", USES)
def test_a_damaged_checkpoint(
    trained: Path, command: Any, tree: Tree, how: str, name: str
) -> None:
    path = damage(trained, how)
    before = tree(trained)
    error = command(*name.split()).error
    assert error.startswith(str(path))
    assert "Good steps there: 10, 15" in error
    assert tree(trained) == before


def test_a_damaged_checkpoint_among_those_of_a_mean(
    trained: Path, command: Any
) -> None:
    (trained / "step-15" / "model.safetensors").write_bytes(b"")
    assert command("translate", "abc").status == 0
    assert command("translate", "abc", "--average=2").error.startswith(
        f"{trained}/step-15/model.safetensors"
    )


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"d_model": 8', '"d_model": 16'),
        ('"n_decoder": 1', '"n_decoder": 2'),
        ('"activation": "relu"', '"activation": "gelu"'),
        ('"final_norm": null', '"final_norm": true'),
    ],
)
def test_a_checkpoint_of_another_config(
    trained: Path, command: Any, tree: Tree, name: str, old: str, new: str
) -> None:
    edit(trained / "config.json", old, new)
    before = tree(trained)
    error = command(*name.split()).error
    key = old.split('"')[1]
    assert re.search(rf"step-20 was saved with {key} .*, and this run has", error)
    assert tree(trained) == before


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": {"d_model": -1}}'])
@pytest.mark.parametrize("name", USES)
def test_a_damaged_config(trained: Path, command: Any, content: str, name: str) -> None:
    (trained / "config.json").write_text(content)
    assert "config.json" in command(*name.split()).error


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"preset": "tiny"', '"preset": "huge"', "preset is 'huge'"),
        ('"tokenizer": "char"', '"tokenizer": ["char"]', "tokenizer is"),
        ('"share": 0.2', '"share": 7', "share must be above 0"),
        ('"label_smoothing"', '"smoothing"', "it has no 'label_smoothing'"),
        ('"held_out": null', '"held_out": 5', "held_out is 5"),
        ('"model": {', '"model": [], "was": {', r"\[\] is no Sizes"),
        ('"norm_eps": 1e-05', '"norm_eps": "small"', "norm_eps is 'small'"),
    ],
)
def test_a_config_with_a_value_that_cannot_be(
    trained: Path, command: Any, old: str, new: str, says: str
) -> None:
    edit(trained / "config.json", old, new)
    error = command(*TRAIN.split()).error
    assert re.search(f"config.json: edited, or from another version: {says}", error)


def test_a_context_that_is_too_short_for_the_pairs(trained: Path, command: Any) -> None:
    edit(trained / "config.json", '"max_length": 12', '"max_length": 4')
    error = command(*TRAIN.split()).error
    assert re.search(r"^runs/transformer-1/train.tsv: line \d+: .* max_length=4", error)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("file", ["source.json", "target.json"])
def test_a_vocabulary_that_is_not_the_run_s(
    trained: Path, command: Any, tree: Tree, name: str, file: str
) -> None:
    content = json.loads((trained / file).read_text())
    letters = content["tokenizer"]["vocabulary"]
    for vocabulary, says in (
        (letters[::-1], f"step-20 was saved with {file[:6]} vocabulary '.*', and this"),
        (letters + "z", "tokens, and the model 1[45]: they are not of one run"),
        (letters[:-1], "tokens, and the model 1[34]: they are not of one run"),
        (letters + "a", f"{file}: .*different whole characters"),
        (None, f"{file}: not a saved vocabulary|{file}: .*one string"),
    ):
        content["tokenizer"]["vocabulary"] = vocabulary
        (trained / file).write_text(json.dumps(content))
        before = tree(trained)
        error = command(*name.split()).error
        assert re.search(says, error), error
        assert tree(trained) == before


@pytest.mark.parametrize("file", ["source.json", "target.json"])
def test_a_vocabulary_that_is_cut_or_gone(
    trained: Path, command: Any, file: str
) -> None:
    os.truncate(trained / file, 20)
    for name in USES:
        assert f"{trained / file}: not a saved" in command(*name.split()).error
    (trained / file).unlink()
    for name in USES:
        assert f"{trained / file}: cannot be read" in command(*name.split()).error


@pytest.mark.parametrize("file", ["train.tsv", "held_out.tsv"])
def test_pairs_of_a_run_that_were_edited(
    trained: Path, command: Any, pairs: Path, tree: Tree, file: str
) -> None:
    path = trained / file
    before = path.read_text()
    pairs.unlink()  # or else it is compared with that
    for content, says in (
        (before + "abcabc\tA\n", f"step-20 was saved with {file} '.*', and this run"),
        (before + "abc", f"^{path}: line \\d+ has no tab"),
        ("", f"^{path}: the file is empty"),
        (None, f"^{path}: cannot be read"),
    ):
        path.write_text(content) if content is not None else path.unlink()
        whole = tree(trained)
        error = command(*TRAIN.split()).error
        assert re.search(says, error), error
        assert tree(trained) == whole


# --- the disk


def fail_at(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Path], bool]) -> None:
    """From now on the disk is full for some of the files that are synced to it."""
    sync = checkpoints.sync

    def full(path: StrPath) -> None:
        if fails(Path(path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        sync(path)

    monkeypatch.setattr("nn.checkpoints.sync", full)
    monkeypatch.setattr("nn.text.sync", full)


def test_a_disk_that_fills_up_keeps_the_last_good_checkpoint(
    work: Path, command: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, lambda path: ".step-20" in str(path))
        error = command(*tiny).error
    assert "disk full" in error
    assert "last good checkpoint is step 10" in error
    assert "from step 10" in command("train", "--resume").out
    assert len(facts("runs/transformer-1")) == 20


def test_a_disk_that_is_full_from_the_start(
    work: Path, command: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, lambda path: True)
    assert "disk full" in command(*tiny).error
    assert not list(work.iterdir())


def test_a_folder_that_cannot_be_written(
    work: Path, command: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *args: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    error = command(*tiny, "--out=run").error
    assert re.search("run: Permission denied.*--out", error), error
    assert not list(work.iterdir())


def test_a_training_that_explodes(work: Path, command: Any, tiny: Any) -> None:
    hot = ["--learning-rate=1e30", "--warmup-steps=0", "--checkpoint-interval=1"]
    hot += ["--schedule=constant", "--clip=0", "--norm-first", "--final-norm=False"]
    error = command(*tiny, *hot).error
    assert re.search(r"^step \d+: the (loss|gradient|validation loss) is ", error)
    assert "learning_rate" in error
    checkpoints.load("runs/transformer-1")  # whole

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
from tests.commands import edit

Tree = Callable[[Path], dict[str, bytes]]
pytestmark = pytest.mark.usefixtures("undrawn")


# --- the text


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


LONG = b"all work and no play " * 200_000  # more than is read at a time


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary.*byte 8"),
        ("text".encode("utf-16"), "UTF-16.*iconv -f UTF-16"),
        ("text".encode("utf-16-le"), "binary file or UTF-16.*byte 1"),
        (b"caf\xe9 au lait", "not UTF-8 at byte 3"),
        (LONG + b"\xff" + LONG, f"not UTF-8 at byte {len(LONG)}"),
        (LONG + "\u00e9".encode()[:1], f"not UTF-8 at byte {len(LONG)}"),
        (b"short", "5 characters are too few.*block of 16.*--block-size"),
        (b"x" * 18, "18 characters are too few"),
    ],
)
@pytest.mark.parametrize("out", [None, "run"])
def test_a_text_that_cannot_be_trained_on(
    work: Path, gpt: Any, tiny: Any, content: bytes | None, says: str, out: str | None
) -> None:
    path = work.parent / "text"
    if content is not None:
        write(path, content)
    error = gpt(*tiny, "--data", path, *(["--out", out] if out else [])).error
    assert str(path) in error
    assert re.search(says, error), error
    assert not list(work.iterdir())


def test_a_text_of_the_least_length_is_trained_on(
    work: Path, gpt: Any, tiny: Any
) -> None:
    path = write(work / "text", b"abcdefghijklmnopqrs")  # 17 of the 19 are trained on
    assert gpt(*tiny, "--data", path, "--max-steps", 1).status == 0


def test_a_folder_as_text(work: Path, gpt: Any, tiny: Any) -> None:
    assert "a folder, not a file" in gpt(*tiny, "--data", work).error


def test_texts_to_evaluate_are_checked_alike(
    trained: Path, gpt: Any, tmp_path: Path
) -> None:
    for content, says in (
        (b"", "empty"),
        (b"caf\xe9", "not UTF-8 at byte 3"),
        (b"9", "too short"),
        ("9 bottles of \u03b2eer".encode(), "lacks '\u03b2'"),
    ):
        error = gpt("eval", "--data", write(tmp_path / "text", content)).error
        assert says in error
        assert str(tmp_path / "text") in error
    assert "cannot be read" in gpt("eval", "--data", tmp_path / "gone").error


# --- options


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            "--n-embd 100 --n-head 3",
            r"n_embd \(100\) must be a multiple of n_head \(3\)",
        ),
        (
            "--learning-rate -0.001",
            "learning_rate must be a number, 0 or more; got -0.001",
        ),
        ("--learning-rate nan", "learning_rate"),
        ("--min-lr 1", "min_lr must be at most learning_rate"),
        ("--weight-decay -1", "weight_decay"),
        ("--dropout 1", r"dropout must be in \[0, 1\)"),
        ("--n-layer 0", "n_layer must be a whole number >= 1"),
        ("--block-size -5", "block_size"),
        ("--max-steps 0", "max_steps"),
        ("--n-layers 3", "--n-layers.*perhaps you meant --n-layer"),
        ("--n-layer three", "--n-layer.*'three'"),
        ("--preset gpt3", "gpt3"),
        ("--tokenizer word", "word"),
        ("--vocab-size 9", "--vocab-size"),
        ("data.txt", "data.txt"),
    ],
)
def test_an_option_that_makes_no_sense(
    work: Path, gpt: Any, options: str, says: str
) -> None:
    error = gpt("train", *options.split()).error
    assert re.search(says, error), error
    assert not list(work.iterdir())


def test_a_command_that_does_not_exist(gpt: Any) -> None:
    assert "did you mean train?" in gpt("trian").error


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--prompt", "9 \u00fcber \u03b2eers"],
            "lacks '\u00fc', '\u03b2'.*--tokenizer byte",
        ),
        (["--temperature", "-1"], "temperature"),
        (["--top-k", "-1"], "top_k"),
        (["--top-p", "0"], "top_p"),
        (["--top-p", "1.5"], "top_p"),
        (["--prompt", "9" * 17], "prompt has 17 tokens.* context is 16: shorten"),
        (["--prompt", "9", "--suppress", "3", "99"], "suppress: token 99 is none"),
        (["--prompt", "9", "--final-token", "99"], "final_token: token 99 is none"),
        (["--rows", "0"], "rows must be 1 or more"),
        (["--interactive", "--prompt", "9"], "interactive asks for each prompt"),
        (["--run", "a", "--model", "b"], "run a and model b both say where"),
        (["--model", "gone"], "gone: no such folder"),
        (["--model", "."], "no tokenizer there"),
        (["--repetition-penalty", "0"], "repetition_penalty"),
        (["--stop", ""], "stop"),
        (["--max-new-tokens", "0"], "max_new_tokens"),
        (["--num-samples", "0"], "num_samples"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_a_sample_that_cannot_be_drawn(
    trained: Path, gpt: Any, options: list[str], says: str
) -> None:
    done = gpt("sample", *options)
    assert done.out == ""
    assert re.search(says, done.error), done.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--stride", "0"], "stride must be 1 or more; got 0"),
        (["--stride", "17"], "stride must be at most the context of 16.*got 17"),
        (["--batch-size", "0"], "batch_size must be 1 or more"),
        (["--run", "a", "--model", "b"], "run a and model b both say where"),
        (["--model", "gone"], "gone: no such folder"),
    ],
)
def test_a_text_that_cannot_be_measured(
    trained: Path, gpt: Any, options: list[str], says: str
) -> None:
    done = gpt("eval", *options)
    assert done.out == ""
    assert re.search(says, done.error), done.err


# --- run folders


def test_a_folder_that_holds_another_run(
    trained: Path, gpt: Any, tiny: Any, tree: Tree
) -> None:
    before = tree(trained)
    error = gpt(*tiny, "--out", trained).error
    assert error.startswith("runs/gpt-1: holds another run")
    assert "--resume" in error
    assert tree(trained) == before


def test_a_folder_that_holds_something_else(
    work: Path, gpt: Any, tiny: Any, tree: Tree
) -> None:
    thesis = work / "thesis"
    thesis.mkdir()
    write(thesis / "chapter", b"one")
    assert "holds files that are no run" in gpt(*tiny, "--out", thesis).error
    assert "a file" in gpt(*tiny, "--out", thesis / "chapter").error
    assert tree(work) == {"thesis/chapter": b"one"}


@pytest.mark.parametrize(
    "command", ["train --resume --out", "sample --run", "eval --run"]
)
def test_a_folder_that_holds_no_run(work: Path, gpt: Any, command: str) -> None:
    (work / "empty").mkdir()
    for folder in ("empty", "gone"):
        error = gpt(*command.split(), folder).error
        assert error.startswith(f"{folder}: not a run")
    assert not list((work / "empty").iterdir())


@pytest.mark.parametrize("command", ["train --resume", "sample", "eval"])
def test_no_run_at_all(work: Path, gpt: Any, command: str) -> None:
    assert "python -m gpt train" in gpt(*command.split()).error
    assert not list(work.iterdir())


def test_a_run_without_a_checkpoint_has_nothing_to_say(trained: Path, gpt: Any) -> None:
    for path in trained.glob("step-*"):
        shutil.rmtree(path)
    (trained / "latest").unlink()
    assert "no checkpoint" in gpt("sample", "--run", trained).error
    shutil.rmtree(trained / "best")
    assert "--keep-best" in gpt("sample", "--run", trained, "--best").error


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("--n-layer 6", ("n_layer 1", "6")),
        ("--n-embd 32", ("n_embd 16", "32")),
        ("--bias", ("bias False", "True")),
        ("--tokenizer byte", ("tokenizer 'char'", "'byte'")),
        ("--preset gpt2", ("preset 'nano'", "'gpt2'")),
        ("--seed 1", ("seed 0", "1")),
    ],
)
def test_options_that_contradict_the_run_to_continue(
    trained: Path, gpt: Any, tree: Tree, options: str, values: tuple[str, str]
) -> None:
    before = tree(trained)
    error = gpt("train", "--resume", "--max-steps", 30, *options.split()).error
    assert error.startswith("runs/gpt-1 was trained with")
    assert values[0] in error
    assert f"this run has {values[1]}" in error
    assert tree(trained) == before


def test_another_text_for_the_run_to_continue(
    trained: Path, gpt: Any, text: Path, tree: Tree
) -> None:
    before = tree(trained)
    saved = json.loads((trained / "tokens.json").read_text())["survey"]["hash"]
    text.write_text(text.read_text() + "One more.")
    error = gpt("train", "--resume", "--max-steps", 30).error
    assert "beer.txt: changed since runs/gpt-1 was trained" in error
    assert saved in error
    other = write(text.parent / "other.txt", b"another text " * 100)
    error = gpt("train", "--resume", "--data", other).error
    assert "beer.txt" in error
    assert "other.txt" in error
    assert tree(trained) == before


# --- checkpoints


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
            path = step / "state.json"
            path.write_text(path.read_text().replace('"step": 20', '"step": 21'))
            return path
    return model


@pytest.mark.parametrize("how", ["truncated", "one bit", "missing", "state"])
@pytest.mark.parametrize("command", ["train --resume --max-steps=30", "sample", "eval"])
def test_a_damaged_checkpoint(
    trained: Path, gpt: Any, tree: Tree, how: str, command: str
) -> None:
    path = damage(trained, how)
    before = tree(trained)
    done = gpt(*command.split())
    assert done.error.startswith(str(path))
    assert "Good steps there: 10" in done.error
    assert tree(trained) == before


@pytest.mark.parametrize("command", ["train --resume --max-steps=30", "sample", "eval"])
@pytest.mark.parametrize("changes", [{"n_embd": 32}, {"n_layer": 2}, {"n_head": 4}])
def test_a_checkpoint_of_another_config(
    trained: Path, gpt: Any, tree: Tree, command: str, changes: dict[str, int]
) -> None:
    config = json.loads((trained / "config.json").read_text())
    config["model"] |= changes
    (trained / "config.json").write_text(json.dumps(config))
    before = tree(trained)
    [(name, value)] = changes.items()
    error = gpt(*command.split()).error
    assert re.search(
        rf"step-20 was saved with {name} \d+, and this run has {value}", error
    ), error
    assert tree(trained) == before


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": {"n_embd": -1}}'])
def test_a_damaged_config(trained: Path, gpt: Any, content: str) -> None:
    (trained / "config.json").write_text(content)
    for command in ("train --resume", "sample", "eval"):
        assert "config.json" in gpt(*command.split()).error


@pytest.mark.parametrize("name", ["tokens.npy", "tokens.json", "tokenizer.json"])
def test_damaged_files_of_a_run(trained: Path, gpt: Any, name: str) -> None:
    path = trained / name
    os.truncate(path, path.stat().st_size // 2)
    error = gpt("train", "--resume", "--max-steps", 30).error
    assert "tokenizer.json" in error if "tokenizer" in name else "tokens.npy" in error


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seed": 0', '"seed": 1.5'),
        ('"seed": 0', '"seed": null'),
        ('"max_steps": 20', '"max_steps": 20.5'),
        ('"data": "', '"data": 5, "was": "'),
    ],
)
def test_a_config_of_another_type(trained: Path, gpt: Any, old: str, new: str) -> None:
    edit(trained / "config.json", old, new)
    error = gpt("train", "--resume", "--max-steps", 30).error
    assert "config.json: edited" in error
    assert old.split('"')[1] in error


@pytest.mark.parametrize("command", ["train --resume --max-steps=30", "eval"])
def test_tokens_that_were_edited(trained: Path, gpt: Any, command: str) -> None:
    path = trained / "tokens.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert "tokens.npy: edited" in gpt(*command.split()).error


@pytest.mark.parametrize("command", ["train --resume --max-steps=30", "sample", "eval"])
def test_a_tokenizer_of_another_text(
    trained: Path, gpt: Any, tree: Tree, command: str
) -> None:
    path = trained / "tokenizer.json"
    content = json.loads(path.read_text())
    content["vocabulary"] = content["vocabulary"][::-1]
    path.write_text(json.dumps(content))
    before = tree(trained)
    assert "step-20 was saved with tokenizer" in gpt(*command.split()).error
    assert tree(trained) == before


def test_what_next_suggests_only_what_the_vocabulary_has(
    work: Path, gpt: Any, tiny: Any
) -> None:
    assert '--prompt "' in gpt(*tiny, "--tokenizer", "byte").out
    text = write(work / "text", "\u4e2d\u6587".encode() * 200)
    assert "--prompt" not in gpt(*tiny, "--data", text).out


# --- a full disk


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
    work: Path, gpt: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, lambda path: ".step-20" in str(path))
        done = gpt(*tiny)
    assert "disk full" in done.error
    assert "last good checkpoint is step 10" in done.error
    run = Path("runs/gpt-1")
    assert [path.name for path in run.glob("*step-*")] == ["step-10"]
    assert "from step 10" in gpt("train", "--resume", "--out", run).out


def test_a_disk_that_is_full_from_the_start(
    work: Path, gpt: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, lambda path: True)
    assert "disk full" in gpt(*tiny).error
    assert not list(work.iterdir())


def test_a_disk_that_is_full_at_the_end(
    work: Path, gpt: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: StrPath, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("gpt.train.write_text", full)
    error = gpt(*tiny).error
    assert "disk full while writing runs/gpt-1/sample.txt" in error
    assert "training itself is saved, at step 20" in error


# --- a loss that is not a number


def test_a_training_that_explodes(work: Path, gpt: Any, tiny: Any, tree: Tree) -> None:
    hot = ["--learning-rate=1e30", "--warmup-steps=0", "--checkpoint-interval=1"]
    done = gpt(*tiny, *hot, "--clip=0")
    assert re.search(r"^step \d+: the (loss|gradient) is (nan|inf): ", done.error)
    # the op and the line, or the first of the weights that are not finite
    assert re.search(r"(gave (nan|-?inf).* at .*\.py:\d+: )|is not finite", done.error)
    assert "learning_rate" in done.error
    step = checkpoints.latest_step("runs/gpt-1")
    assert f"step {step}" in done.error
    checkpoints.load("runs/gpt-1")  # whole


@pytest.mark.parametrize(
    ("options", "smaller"),
    [
        (("--n-embd", "4000000"), "--n-embd or --n-layer"),
        (("--batch-size", "1000000000"), "--batch-size or --block-size"),
    ],
)
def test_what_cannot_fit_the_machine(
    work: Path, gpt: Any, tiny: Any, options: tuple[str, str], smaller: str
) -> None:
    error = gpt(*tiny, *options).error
    assert re.search(rf"at least [\d,]+ GiB .*{smaller}", error), error
    assert not list(work.iterdir())

"""`python -m gpt tokenize`, and training on the tokens that it makes."""

import errno
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt.tokenize import TokenizeOptions, example
from nn.subwords import SubwordTokenizer
from nn.token_file import TokenFile
from nn.tokenizers import ByteTokenizer, find_tokenizer, load_tokenizer
from tests.gpt.conftest import TEXT
from tests.nn.published.files import make

pytest.importorskip("tokenizers")
FILES = ["subwords.json", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture
def made(gpt: Any, text: Path, work: Path) -> Path:
    """A tokenizer of the small text, in runs/tokenizer-1."""
    assert gpt("tokenize", "--data", text, "--vocab-size", 300).status == 0
    return Path("runs/tokenizer-1")


def test_a_tokenizer_is_made_and_described(work: Path, gpt: Any, text: Path) -> None:
    done = gpt("tokenize", "--data", text, "--vocab-size", 300)
    assert (done.status, done.err) == (0, "")
    folder = Path("runs/tokenizer-1")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    tokenizer = find_tokenizer(folder)
    assert tokenizer.to_json() == SubwordTokenizer.train(TEXT, 300).to_json()
    tokens = tokenizer.encode(TEXT)
    for part in (
        f"{text}: {len(TEXT):,} characters of {len(set(TEXT))} kinds, hash ",
        "300 tokens, 44 of them new, learnt in ",
        f"bytes per token       1.00 before, {len(TEXT) / len(tokens):.2f} now",
        f"tokens of the text    {len(TEXT):,} before, {len(tokens):,} now",
        "longest new words     ' bottles' ",
        "most frequent         ",
        "|",
        "runs/tokenizer-1 holds subwords.json",
        f"python -m gpt train --tokenizer runs/tokenizer-1 --data {text}",
    ):
        assert part in done.out
    assert gpt("tokenize", "--data", text, "--vocab-size=256").status == 0
    assert Path("runs/tokenizer-2").is_dir()


def test_transformers_reads_it(made: Path) -> None:
    transformers = pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = transformers.AutoTokenizer.from_pretrained(made)
    assert theirs.encode(TEXT) == find_tokenizer(made).encode(TEXT).tolist()


def test_fewer_tokens_than_asked_for(work: Path, gpt: Any) -> None:
    path = work / "text"
    path.write_text("猫猫")
    done = gpt("tokenize", "--data", path, "--out", "deep/here")
    assert "258 tokens, 2 of them new" in done.out
    assert "a longer text would make more" in done.out
    assert "bytes per token       1.00 before, 3.00 now" in done.out
    assert "characters per token  0.33 before, 1.00 now" in done.out
    assert "for example           猫|猫" in done.out
    assert sorted(path.name for path in Path("deep/here").iterdir()) == FILES


def test_a_character_cut_in_two_is_shown_as_its_bytes(work: Path, gpt: Any) -> None:
    path = work / "text"
    path.write_text("é")
    assert r"\xc3|\xa9" in gpt("tokenize", "--data", path).out
    path.write_text(
        "\u20ac" * 9 + " \u20aa" * 9
    )  # two signs that share their beginning
    assert r" b'\xe2\x82' 18" in gpt("tokenize", "--data", path, "--vocab-size=257").out


def test_the_example_is_a_line_with_something_on_it() -> None:
    assert example(["", "\n", "late"]) == ""
    assert example(["short\n" + "long " * 30]) == ("long " * 12)[:60]
    assert example(["short\nline"]) == "short"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--vocab-size 255", "vocab_size=255: 256 bytes are tokens already"),
        ("--vocab-size 99999999999", "vocab_size=99999999999: 1,048,576 tokens"),
        ("--vocab-size some", "--vocab-size"),
        ("--data absent", "absent: cannot be read: No such file"),
        ("--data .", "a folder, not a file"),
        ("--data empty", "empty: the file is empty"),
        ("--data latin", "latin: not UTF-8 at byte 3"),
        ("--out full", "full: holds files that are no run"),
        ("--out empty", "empty: a file"),
        ("--vocabsize 300", "--vocab-size"),
    ],
)
def test_what_cannot_be_used_writes_nothing(
    work: Path, gpt: Any, tree: Any, options: str, says: str
) -> None:
    (work / "empty").write_text("")
    (work / "latin").write_bytes(b"caf\xe9")
    (work / "full").mkdir()
    (work / "full" / "file").write_text("")
    before = tree(work)
    assert says in gpt("tokenize", *options.split()).error
    assert tree(work) == before


def test_without_the_package_the_extra_is_named(
    work: Path, gpt: Any, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    assert "extra `text`" in gpt("tokenize", "--data", text).error
    assert not list(work.iterdir())


@pytest.mark.parametrize("during", ["train", "encode", "save_pretrained"])
def test_an_abort_leaves_nothing(
    work: Path, gpt: Any, text: Path, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    def abort(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SubwordTokenizer, during, abort)
    done = gpt("tokenize", "--data", text, "--vocab-size", 300)
    assert (done.status, done.err) == (130, "\naborted\n")
    assert not list(work.iterdir())


def test_a_full_disk_leaves_nothing(
    work: Path, gpt: Any, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("nn.text.sync", full)
    assert "disk full" in gpt("tokenize", "--data", text).error
    assert not list(work.iterdir())


def test_help_explains_every_option(gpt: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        gpt("tokenize", "--help")
    shown = capsys.readouterr().out
    for option in ("data", "vocab-size", "out", "plain"):
        assert f"--{option}" in shown
    assert TokenizeOptions().vocab_size == 4096


# --- training on such tokens


@pytest.mark.usefixtures("undrawn")
def test_a_tokenizer_that_was_made_is_trained_with(
    made: Path, gpt: Any, tiny: Any
) -> None:
    done = gpt(*tiny, "--tokenizer", made)
    assert (done.status, done.err) == (0, "")
    run = Path("runs/gpt-1")
    tokenizer, tokens = find_tokenizer(made), TokenFile(run / "tokens.npy")
    assert load_tokenizer(run / "tokenizer.json").to_json() == tokenizer.to_json()
    cut = int(0.9 * len(TEXT))
    assert np.array_equal(tokens.train, tokenizer.encode(TEXT[:cut]))
    config = json.loads((run / "config.json").read_text())
    assert config["tokenizer"] == str(made.resolve())
    assert config["model"]["vocab_size"] == 300
    for command in ("sample --prompt Take", "eval", "train --resume --max-steps 30"):
        assert gpt(*command.split()).status == 0
    # the tokenizer of a run, and one that is gone, which the run has kept
    assert gpt(*tiny, "--tokenizer", run).status == 0
    for path in made.iterdir():
        path.unlink()
    done = gpt("train", "--resume", "--out", run, "--max-steps", 40)
    assert done.status == 0
    other = gpt("train", "--resume", "--out", run, "--tokenizer", "byte")
    assert "this run has 'byte'" in other.error


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", ["gpt1", "marian"])
def test_a_published_tokenizer_is_trained_with(
    work: Path, gpt: Any, tiny: Any, kind: str
) -> None:
    pytest.importorskip("sentencepiece")
    folder = make(kind, work.parent / "published")
    done = gpt(*tiny, "--tokenizer", folder)
    assert (done.status, done.err) == (0, "")
    for command in ("sample", "eval"):
        assert gpt(command).status == 0
    again = load_tokenizer("runs/gpt-1/tokenizer.json")
    assert again.to_json() == find_tokenizer(folder).to_json()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("word", "tokenizer='word': choose char or byte, or the folder"),
        ("empty", "empty: no tokenizer there"),
        ("notes.txt", "notes.txt: no tokenizer file"),
        ("broken.json", "broken.json: truncated or edited"),
        ("other.json", "other.json: no tokenizer of the package"),
    ],
)
def test_what_is_no_tokenizer(
    work: Path, gpt: Any, tiny: Any, tree: Any, path: str, says: str
) -> None:
    (work / "empty").mkdir()
    (work / "notes.txt").write_text("notes")
    (work / "broken.json").write_text("{")
    (work / "other.json").write_text("{}")
    before = tree(work)
    assert says in gpt(*tiny, "--tokenizer", path).error
    assert tree(work) == before


def test_a_text_of_too_few_tokens(made: Path, gpt: Any, tiny: Any, text: Path) -> None:
    text.write_text(TEXT[:30])  # enough characters, had each been a token
    error = gpt(*tiny, "--tokenizer", made).error
    assert "30 characters are too few" in error
    parts = map(find_tokenizer(made).encode, (TEXT[:27], TEXT[27:30]))
    assert f"{sum(map(len, parts))} tokens" in error
    assert not Path("runs/gpt-1").exists()
    assert ByteTokenizer().settled("ab") == 2

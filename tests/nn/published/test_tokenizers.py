"""The files of published tokenizers: read as what they are, or refused in one line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.published.tokenizers import load_published_tokenizer
from tensorgrad.errors import DataError
from tests.nn.published.files import (
    KINDS,
    files_of,
    json_of,
    made,
    make,
    ours,
    refuses,
    write,
)

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_stands_for_its_folder(kind: str) -> None:
    for path in made(kind).iterdir():
        side = kind == "marian" and path.name != "source.spm"
        if "config" not in path.name and not side:
            assert load_published_tokenizer(path).to_json() == json_of(kind)


def test_gpt_1_is_told_from_gpt_2(tmp_path: Path) -> None:
    for kind, model in (("gpt1", "openai-gpt"), ("gpt2", "gpt2")):
        folder = make(kind, tmp_path / kind)
        (folder / "config.json").unlink()
        assert load_published_tokenizer(folder).encode("The End").tolist() == (
            ours(kind).encode("The End").tolist()
        )
        for beside in ({"config__json": {"model_type": model}},):
            assert load_published_tokenizer(write(folder, **beside)).specials == (
                ours(kind).specials
            )
    named = {"tokenizer_config__json": {"tokenizer_class": "OpenAIGPTTokenizer"}}
    folder = write(tmp_path / "gpt1", **named, config__json={})
    assert load_published_tokenizer(folder).decode([3, 4]) == ours("gpt1").decode(
        [3, 4]
    )


def test_tokens_that_were_added_later(tmp_path: Path) -> None:
    folder = make("gpt2", tmp_path)
    first = ours("gpt2").vocab_size
    about = {"content": "<pad>", "special": True}
    write(
        folder,
        added_tokens__json={"<sep>": first + 1},
        tokenizer_config__json={
            "added_tokens_decoder": {str(first): about},
            "pad_token": about,
        },
        special_tokens_map__json={"sep_token": "<sep>", "mask_token": "<none>"},
    )
    tokenizer = load_published_tokenizer(folder)
    assert (tokenizer.pad, tokenizer.sep, tokenizer.mask) == (first, first + 1, None)
    assert tokenizer.vocab_size == first + 2
    assert tokenizer.encode("<pad>", recognise=True).tolist() == [first]
    assert tokenizer.decode([first, first + 1]) == ""


def test_special_tokens_of_a_lone_tokenizer_json(tmp_path: Path) -> None:
    for kind in ("gpt2", "bert"):
        ours(kind).save_pretrained(tmp_path / kind)
        (tmp_path / kind / "tokenizer_config.json").unlink()
        lone = load_published_tokenizer(tmp_path / kind / "tokenizer.json")
        assert lone.specials == ours(kind).specials


def test_numbers_of_special_tokens_in_the_models_config(tmp_path: Path) -> None:
    ours("gpt2").save_pretrained(tmp_path)
    write(tmp_path, config__json={"pad_token_id": 5, "sep_token_id": 10_000})
    tokenizer = load_published_tokenizer(tmp_path)
    assert (tokenizer.pad, tokenizer.sep) == (5, None)


@pytest.mark.parametrize(
    ("kind", "files", "says"),
    [
        ("gpt2", {"merges__txt": None}, "merges.txt: cannot be read"),
        ("gpt2", {"merges__txt": "#version: 0.2\nzz yy\n"}, "out of vocabulary"),
        ("gpt2", {"merges__txt": "#version: 0.2\nt h e\n"}, "line 2, 't h e'"),
        ("gpt2", {"vocab__json": ["a", "b"]}, "vocab.json: holds a list"),
        ("gpt2", {"vocab__json": {"a": 0, "b": 0}}, "two tokens have one number"),
        ("gpt2", {"vocab__json": {"a": 0, "b": 2}}, "no token has the number 1"),
        ("gpt2", {"vocab__json": {"a": 0, "b": 10**15}}, "no token has the number 1"),
        ("gpt2", {"vocab__json": {"a": "0"}}, "maps to '0'"),
        ("gpt2", {"vocab__json": {}}, "maps tokens to numbers"),
        ("gpt2", {"vocab__json": "{"}, "vocab.json: truncated or edited"),
        ("gpt2", {"vocab__json": b"\x80"}, "vocab.json: not UTF-8"),
        ("gpt2", {"vocab__json": "[" * 99_999}, "vocab.json: truncated or edited"),
        ("gpt2", {"merges__txt": ""}, "is empty: fetch it again, or give another$"),
        ("gpt2", {"config__json": "no"}, "config.json: truncated or edited"),
        ("gpt2", {"added_tokens__json": {"xx": 9999}}, "no token has the number"),
        ("gpt2", {"special_tokens_map__json": {"eos_token": 3}}, "no special token"),
        (
            "gpt2",
            {"tokenizer_config__json": {"added_tokens_decoder": {"x": {}}}},
            "added_tokens_decoder is edited",
        ),
        # a terminal might obey it
        ("gpt2", {"merges__txt": "\x1b[2J a\n"}, r"\\x1b\[2J"),
        ("bert", {"vocab__txt": "[UNK]\n[CLS]\n[SEP]\na\na\n"}, "'a' is there twice"),
        ("bert", {"vocab__txt": "[UNK]\n[CLS]\n"}, r"lacks \[SEP\]"),
        (
            "bert",
            {"tokenizer_config__json": {"do_lower_case": 3}},
            "do_lower_case is 3",
        ),
        ("marian", {"target__spm": None}, "target.spm: cannot be read"),
        ("marian", {"target__spm": b""}, "target.spm is empty"),
        ("marian", {"source__spm": b"\x0a\xff\xff"}, "source.spm is not a model"),
        ("marian", {"vocab__json": {"a": 0}}, "lacks <unk> or </s>"),
        ("marian", {"tokenizer_config__json": {"separate_vocabs": True}}, "separate"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, kind: str, files: dict[str, Any], says: str
) -> None:
    folder = make(kind, tmp_path)
    for name, content in files.items():
        if content is None:
            (folder / name.replace("__", ".")).unlink()
        else:
            write(folder, **{name: content})
    refuses(folder, says)


def test_a_path_without_a_tokenizer(tmp_path: Path) -> None:
    refuses(tmp_path, "no tokenizer there. Give a folder with one of source.spm")
    (tmp_path / "notes.md").write_text("")
    refuses(tmp_path / "notes.md", "no tokenizer file")
    refuses(tmp_path / "absent", "no tokenizer there")


# every file of every kind, and what is written for transformers
FILES = [(k, n) for k in KINDS for n in sorted(files_of(k))] + [
    ("bert", "tokenizer__json"),
    ("gpt1", "tokenizer__json"),
]


changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "insert", "delete", "truncate", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, edits: list[tuple[str, float, int]]) -> bytes:
    for how, where, byte in edits:
        at = int(where * len(data))
        before, after = data[:at], data[at:]
        match how:
            case "flip":
                data = before + bytes([byte]) + after[1:]
            case "insert":
                data = before + bytes([byte]) + after
            case "delete":
                data = before + after[1 + byte % 4 :]
            case "truncate":
                data = before
            case "repeat":
                data = before + data[at : at + byte] + after
    return data


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, kind: str, name: str
) -> None:
    folder = make(kind, tmp_path)
    if name == "tokenizer__json":
        ours(kind).save_pretrained(folder)
    path = folder / name.replace("__", ".")
    whole = path.read_bytes()

    @settings(max_examples=15)
    @given(changes, st.booleans())
    def survives(edits: list[tuple[str, float, int]], early: bool) -> None:
        # most of a file is vocabulary; what it means stands at its ends
        near = [(how, at**8 if early else at, byte) for how, at, byte in edits]
        path.write_bytes(damaged(whole, near))
        try:
            tokenizer = load_published_tokenizer(path)
            tokens = tokenizer.encode("The étude [SEP] 你好")
            tokenizer.decode(tokens)
        except DataError as error:
            assert str(folder) in str(error)  # noqa: PT017 - the rest may pass
            assert "\n" not in str(error)  # noqa: PT017

    survives()


@pytest.mark.parametrize("kind", KINDS)
def test_labels_join_to_the_text_with_special_tokens_in_it(kind: str) -> None:
    tokenizer = ours(kind)
    tokens = tokenizer.encode("the statement")
    joined = "".join(tokenizer.labels(tokens)).strip()
    assert joined == "the statement"
    for name, token in tokenizer.specials.items():
        label = tokenizer.labels([token])[0].strip()
        assert label == tokenizer.tokens[token], name

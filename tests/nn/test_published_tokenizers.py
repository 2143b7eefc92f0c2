"""Published tokenizers: as transformers reads them, whole, or refused in one line."""

import json
import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.published_tokenizer import PublishedTokenizer
from nn.published_tokenizers import load_published
from nn.tokenizers import TRAINED, make_tokenizer, tokenizer_from_json
from tensorgrad.errors import ConfigError, DataError
from tests.commands import edit
from tests.nn.published import (
    KINDS,
    TEXT,
    files_of,
    ids,
    make,
    plain,
    reference,
    texts,
    whole,
    write,
)

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")


@cache
def made(kind: str) -> Path:
    return make(kind, Path(mkdtemp()))


@cache
def ours(kind: str) -> PublishedTokenizer:
    return load_published(made(kind))


@cache
def theirs(kind: str) -> Any:
    return quietly(reference, made(kind))


def quietly(call: Any, *args: Any) -> Any:
    """Without what transformers warns of while it is imported."""
    pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args)


kinds = st.sampled_from(KINDS)

# --- as transformers reads them


@given(kinds, texts)
def test_encode_is_that_of_transformers(kind: str, text: str) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    assert tokenizer.vocab_size == len(other)
    assert tokenizer.encode(text, recognise=True).tolist() == ids(other, text)
    as_text = ids(other, text, split_special_tokens=True)
    assert tokenizer.encode(text).tolist() == as_text
    inputs = tokenizer.inputs(text, recognise=True)
    assert inputs.tokens.tolist() == other.encode(text)


@given(st.sampled_from(["bert", "cased"]), plain, plain.filter(bool))
def test_two_texts_are_put_together_as_in_transformers(
    kind: str, first: str, second: str
) -> None:
    inputs, expected = ours(kind).inputs(first, second), theirs(kind)(first, second)
    assert inputs.tokens.tolist() == expected["input_ids"]
    assert inputs.segments.tolist() == expected["token_type_ids"]


@given(kinds, st.data())
def test_decode_is_that_of_transformers(kind: str, data: st.DataObject) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    token = st.integers(0, tokenizer.vocab_size - 1)
    tokens = data.draw(st.lists(token) | plain.map(lambda t: list(tokenizer.encode(t))))
    assert tokenizer.decode(tokens) == other.decode(tokens, skip_special_tokens=True)


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_are_those_of_transformers(kind: str) -> None:
    tokenizer, other = ours(kind), theirs(kind)
    for name in ("bos", "eos", "pad", "unk", "cls", "sep", "mask"):
        assert getattr(tokenizer, name) == getattr(other, f"{name}_token_id"), name


@given(plain)
def test_a_translation_is_cut_by_the_pieces_of_its_own_language(text: str) -> None:
    expected = theirs("marian")(text_target=text)["input_ids"]
    assert ours("marian").target.inputs(text).tokens.tolist() == expected


# --- laws


@given(plain)
def test_bytes_come_back_whole(text: str) -> None:
    assert ours("gpt2").decode(ours("gpt2").encode(text)) == text


@given(kinds, st.data())
def test_a_stream_gives_what_decode_gives(kind: str, data: st.DataObject) -> None:
    tokenizer = ours(kind)
    token = st.integers(0, tokenizer.vocab_size - 1)
    tokens = data.draw(st.lists(token) | texts.map(lambda t: list(tokenizer.encode(t))))
    text, stream, printed = tokenizer.decode(tokens), tokenizer.stream(), ""
    for token in tokens:
        printed += stream.feed(token)
        assert text.startswith(printed)  # no halves, nothing taken back
    assert printed + stream.finish() == text
    assert tokenizer.to_bytes(tokens).decode("utf-8", "replace") == text


@given(kinds, texts, texts)
def test_what_is_settled_stays_whatever_follows(
    kind: str, text: str, more: str
) -> None:
    tokenizer = ours(kind)
    n = tokenizer.settled(text)
    parts = [tokenizer.encode(part) for part in (text[:n], text[n:] + more)]
    assert np.array_equal(np.concatenate(parts), tokenizer.encode(text + more))


@given(kinds, texts)
def test_json_keeps_all_of_it(kind: str, text: str) -> None:
    again = tokenizer_from_json(json_of(kind))
    assert isinstance(again, PublishedTokenizer)
    assert again.to_json() == json_of(kind)
    assert again.specials == ours(kind).specials
    assert np.array_equal(again.encode(text), ours(kind).encode(text))


@cache
def json_of(kind: str) -> str:
    return ours(kind).to_json()


# --- the way out


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_reads_what_is_written(tmp_path: Path, kind: str) -> None:
    ours(kind).save_pretrained(tmp_path / "deep" / "folder")
    written = quietly(reference, tmp_path / "deep" / "folder")
    again = load_published(tmp_path / "deep" / "folder")
    assert again.specials == ours(kind).specials
    for name, number in ours(kind).specials.items():
        assert getattr(written, f"{name}_token_id") == number

    @given(texts)
    def same(text: str) -> None:
        tokens = ours(kind).inputs(text, recognise=True).tokens
        assert written.encode(text) == tokens.tolist()
        assert again.inputs(text, recognise=True).tokens.tolist() == tokens.tolist()
        decoded = written.decode(tokens, skip_special_tokens=True)
        assert decoded == ours(kind).decode(tokens) == again.decode(tokens)

    same()


@pytest.mark.parametrize("kind", TRAINED)
def test_transformers_reads_what_was_made_here(tmp_path: Path, kind: str) -> None:
    tokenizer = make_tokenizer(kind, TEXT, vocab_size=600)
    tokenizer.save_pretrained(tmp_path)
    written, again = quietly(reference, tmp_path), load_published(tmp_path)
    assert again.vocab_size == len(written) == tokenizer.vocab_size
    alphabet = st.sampled_from(sorted(set(TEXT))) if kind == "char" else whole

    @given(st.text(alphabet))
    def same(text: str) -> None:
        tokens = tokenizer.encode(text).tolist()
        assert written.encode(text) == tokens == again.encode(text).tolist()
        assert written.decode(tokens) == text == again.decode(tokens)

    same()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: cannot be written"):
        ours("gpt2").save_pretrained(tmp_path / "file")


# --- which file is what


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_stands_for_its_folder(kind: str) -> None:
    for path in made(kind).iterdir():
        side = kind == "marian" and path.name != "source.spm"
        if "config" not in path.name and not side:
            assert load_published(path).to_json() == json_of(kind)


def test_gpt_1_is_told_from_gpt_2(tmp_path: Path) -> None:
    for kind, model in (("gpt1", "openai-gpt"), ("gpt2", "gpt2")):
        folder = make(kind, tmp_path / kind)
        (folder / "config.json").unlink()
        assert load_published(folder).encode("The End").tolist() == (
            ours(kind).encode("The End").tolist()
        )
        for beside in ({"config__json": {"model_type": model}},):
            assert load_published(write(folder, **beside)).specials == (
                ours(kind).specials
            )
    named = {"tokenizer_config__json": {"tokenizer_class": "OpenAIGPTTokenizer"}}
    folder = write(tmp_path / "gpt1", **named, config__json={})
    assert load_published(folder).decode([3, 4]) == ours("gpt1").decode([3, 4])


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
    tokenizer = load_published(folder)
    assert (tokenizer.pad, tokenizer.sep, tokenizer.mask) == (first, first + 1, None)
    assert tokenizer.vocab_size == first + 2
    assert tokenizer.encode("<pad>", recognise=True).tolist() == [first]
    assert tokenizer.decode([first, first + 1]) == ""


def test_special_tokens_of_a_lone_tokenizer_json(tmp_path: Path) -> None:
    for kind in ("gpt2", "bert"):
        ours(kind).save_pretrained(tmp_path / kind)
        (tmp_path / kind / "tokenizer_config.json").unlink()
        lone = load_published(tmp_path / kind / "tokenizer.json")
        assert lone.specials == ours(kind).specials


@pytest.mark.parametrize(
    ("kind", "part", "changes"),
    [
        ("gpt2", "pre_tokenizer", {"add_prefix_space": True}),
        ("gpt2", "pre_tokenizer", {"use_regex": False}),
        ("bert", "pre_tokenizer", {"type": "Whitespace"}),
        ("bert", "normalizer", {"type": "NFC"}),
    ],
)
def test_where_a_word_ends_is_not_sure_of_other_pipelines(
    kind: str, part: str, changes: dict[str, Any]
) -> None:
    saved = json.loads(json_of(kind))
    saved["pipeline"][part] |= changes
    assert tokenizer_from_json(json.dumps(saved)).settled("to be or") == 0
    assert ours(kind).settled("to be or") == len("to be")


def test_numbers_of_special_tokens_in_the_models_config(tmp_path: Path) -> None:
    ours("gpt2").save_pretrained(tmp_path)
    write(tmp_path, config__json={"pad_token_id": 5, "sep_token_id": 10_000})
    tokenizer = load_published(tmp_path)
    assert (tokenizer.pad, tokenizer.sep) == (5, None)


def test_what_pads_or_cuts_texts_in_training_is_left_out(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {
        **{"direction": "Right", "max_length": 3},
        **{"strategy": "LongestFirst", "stride": 0},
    }
    path.write_text(json.dumps(content))
    assert (
        load_published(path).encode(TEXT).tolist() == ours("bert").encode(TEXT).tolist()
    )


# --- refusals


def refuses(path: Path, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        load_published(path)
    assert str(path if path.is_dir() else path.parent) in str(caught.value)
    assert "\n" not in str(caught.value)


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
        ("gpt2", {"config__json": "no"}, "config.json: truncated or edited"),
        ("gpt2", {"added_tokens__json": {"xx": 9999}}, "no token has the number"),
        ("gpt2", {"special_tokens_map__json": {"eos_token": 3}}, "no special token"),
        (
            "gpt2",
            {"tokenizer_config__json": {"added_tokens_decoder": {"x": {}}}},
            "added_tokens_decoder is edited",
        ),
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


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": None}, "it has no model"),
        ({"model": {"type": "Unigram", "vocab": {"a": 0}}}, "model 'Unigram' is none"),
        ({"model": {"type": "BPE", "vocab": {"a": 9}}, "added_tokens": []}, "number 0"),
        ({"normalizer": {"type": "Replace"}}, "normalizer 'Replace' is none"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 3}}, "list of steps"),
        ({"pre_tokenizer": {"type": "Sequence"}}, "list of steps"),
        ({"pre_tokenizer": "ByteLevel"}, "pre_tokenizer 'ByteLevel' is none"),
        ({"decoder": {"type": "Metaspace"}}, "decoder 'Metaspace' is none"),
        ({"decoder": {"type": "WordPiece", "prefix": 3}}, "not a tokenizer that"),
        ({"added_tokens": {"a": 1}}, "a vocabulary maps tokens to numbers"),
        ({"added_tokens": [3]}, "is no added token"),
        ({"added_tokens": [{"id": 7, "content": "the"}]}, "token 7 and another"),
        ({"version": "9.0"}, "not a tokenizer that"),
        # it would end the process in the package, when the merges are read
        (
            {
                "model": {
                    **{"type": "BPE", "continuing_subword_prefix": "aaaaaa"},
                    **{"vocab": {"é": 0, "\xa0": 1}, "merges": [["é", "\xa0"]]},
                },
                "added_tokens": [],
            },
            "with a prefix",
        ),
    ],
)
def test_a_tokenizer_json_of_another_shape(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    refuses(path, says)


def test_words_without_end_are_not_for_word_pieces(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    edit(tmp_path / "tokenizer.json", '_word": 100', '_word": 1000000')
    refuses(tmp_path, "words of 1000000 characters")


def test_a_path_without_a_tokenizer(tmp_path: Path) -> None:
    refuses(tmp_path, "no tokenizer there. Give a folder with one of source.spm")
    (tmp_path / "notes.md").write_text("")
    refuses(tmp_path / "notes.md", "no tokenizer file")
    refuses(tmp_path / "absent", "no tokenizer there")


def test_one_source_text_alone() -> None:
    with pytest.raises(ConfigError, match="one source text"):
        ours("marian").inputs("a", "b")


@given(kinds)
def test_half_a_pair_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match="character 1 "):
        ours(kind).encode("a\udcff")


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
            tokenizer = load_published(path)
            tokens = tokenizer.encode("The étude [SEP] 你好")
            tokenizer.decode(tokens)
        except DataError as error:
            assert str(folder) in str(error)  # noqa: PT017 - the rest may pass
            assert "\n" not in str(error)  # noqa: PT017

    survives()


parts = st.sampled_from(["added_tokens", "normalizer", "decoder", "model", "version"])
steps = st.sampled_from(
    [{"type": kind} for kind in ("NFKC", "ByteLevel", "Fuse", "Whitespace", "Sequence")]
    + [{"type": "BPEDecoder", "suffix": "a"}, {"type": "Strip", "strip_left": True}]
)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | steps
inner = st.dictionaries(
    st.sampled_from(["type", "prefix", "suffix", "unk_token", "lowercase", "cleanup"]),
    values | st.lists(values, max_size=2),
)


@settings(max_examples=60)
@given(st.sampled_from(["gpt2", "gpt1", "bert"]), parts, values | inner)
def test_another_part_is_read_or_refused(kind: str, part: str, value: Any) -> None:
    saved = json.loads(json_of(kind))
    pipeline = saved["pipeline"]
    edited = isinstance(value, dict) and isinstance(pipeline[part], dict)
    pipeline[part] = {**pipeline[part], **value} if edited else value
    try:
        tokenizer = tokenizer_from_json(json.dumps(saved))
        tokens, stream = tokenizer.encode("The étude [SEP] 你好"), tokenizer.stream()
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the rest may pass
    else:
        assert stream.feed(tokens) + stream.finish() == tokenizer.decode(tokens)

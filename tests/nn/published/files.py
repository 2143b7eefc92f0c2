"""Small tokenizer files as published, made here, and transformers' reading of them."""

import io
import json
import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import strategies as st

from nn.published.tokenizer import PublishedTokenizer
from nn.published.tokenizers import load_published_tokenizer
from nn.text import default_corpus
from tensorgrad.errors import DataError

SCRIPTS = "Ein Übermaß an Größe. Привет, мир! 你好，世界。 🎉"
TEXT = default_corpus()[:60_000] + SCRIPTS * 5
SPECIAL = [
    "<|endoftext|>",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[PAD]",
    "</s>",
    "<pad>",
    "<unk>",
]
whole = st.characters(exclude_categories=["Cs"])
words = [
    "the ",
    "statement",
    " Größe",
    "你好",
    "🎉",
    "\n",
    "\0",
    "  ",
    "don't",
    " .",
    "É",
]
plain = st.text(whole) | st.lists(
    st.sampled_from(words) | st.text(whole, max_size=2)
).map("".join)
texts = plain | st.lists(
    st.sampled_from([*words, *SPECIAL, ">>fra<<"]) | st.text(whole, max_size=2)
).map("".join)
KINDS = ("gpt2", "gpt1", "bert", "cased", "marian")


def write(folder: Path, **files: Any) -> Path:
    """Files by name, with "__" for "." in it; bytes, text, or what is JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            is_text = isinstance(content, str)
            path.write_text(content if is_text else json.dumps(content), "utf-8")
    return folder


def make(kind: str, folder: Path) -> Path:
    """The folder, with the files of a kind."""
    return write(folder, **files_of(kind))


@cache
def files_of(kind: str) -> dict[str, Any]:
    return {
        "gpt2": _gpt2,
        "gpt1": _gpt1,
        "bert": lambda: _bert(lower=True),
        "cased": lambda: _bert(lower=False),
        "marian": _marian,
    }[kind]()


def _gpt2() -> dict[str, Any]:
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        [TEXT], 600, special_tokens=["<|endoftext|>"], show_progress=False
    )
    return _bpe_files(trained, {"model_type": "gpt2", "eos_token_id": 0})


def _gpt1() -> dict[str, Any]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    trained.normalizer = normalizers.BertNormalizer(lowercase=True)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        end_of_word_suffix="</w>",
        special_tokens=["<unk>"],
        show_progress=False,
    )
    trained.train_from_iterator([TEXT], trainer)
    return _bpe_files(trained, {"model_type": "openai-gpt"})


def _bpe_files(trained: Any, config: dict[str, Any]) -> dict[str, Any]:
    model = json.loads(trained.to_str())["model"]
    lines = ["#version: 0.2", *(" ".join(merge) for merge in model["merges"])]
    merges = "\n".join(lines) + "\n"
    return {
        "vocab__json": model["vocab"],
        "merges__txt": merges,
        "config__json": config,
    }


def _bert(lower: bool) -> dict[str, Any]:
    from tokenizers import BertWordPieceTokenizer

    trained = BertWordPieceTokenizer(lowercase=lower)
    trained.train_from_iterator([TEXT], vocab_size=500, show_progress=False)
    vocabulary = trained.get_vocab()
    lines = sorted(vocabulary, key=vocabulary.__getitem__)
    return {
        "vocab__txt": "\n".join(lines) + "\n",
        "tokenizer_config__json": {"do_lower_case": lower},
        "config__json": {"model_type": "bert", "pad_token_id": vocabulary["[PAD]"]},
    }


def _marian() -> dict[str, Any]:
    source, target = _pieces(TEXT, 300), _pieces(TEXT[20_000:], 250)
    import sentencepiece

    pieces = ["</s>", "<unk>", ">>fra<<"]
    for model in (source, target):
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        found = map(processor.id_to_piece, range(processor.vocab_size()))
        pieces += [piece for piece in found if piece != "<s>"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    vocabulary["<pad>"] = len(vocabulary)
    return {
        "source__spm": source,
        "target__spm": target,
        "vocab__json": vocabulary,
        "tokenizer_config__json": {"source_lang": "en", "target_lang": "fr"},
        "config__json": {"model_type": "marian", "eos_token_id": 0},
    }


def _pieces(text: str, size: int) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()),
        model_writer=model,
        vocab_size=size,
        character_coverage=0.999,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def reference(folder: Path) -> Any:
    """transformers' tokenizer of a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def ids(tokenizer: Any, text: str, **options: Any) -> list[int]:
    """The tokens of transformers' tokenizer, without special ones of its own."""
    found: list[int] = tokenizer.encode(text, add_special_tokens=False, **options)
    return found


@cache
def made(kind: str) -> Path:
    return make(kind, Path(mkdtemp()))


@cache
def ours(kind: str) -> PublishedTokenizer:
    return load_published_tokenizer(made(kind))


@cache
def theirs(kind: str) -> Any:
    return quietly(reference, made(kind))


def quietly(call: Any, *args: Any) -> Any:
    """Without what transformers warns of while it is imported."""
    pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args)


@cache
def json_of(kind: str) -> str:
    return ours(kind).to_json()


kinds = st.sampled_from(KINDS)


def refuses(path: Path, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        load_published_tokenizer(path)
    assert str(path if path.is_dir() else path.parent) in str(caught.value)
    assert str(caught.value).isprintable()

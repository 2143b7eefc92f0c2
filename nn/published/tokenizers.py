"""The tokenizer of a published model, from the files that came with it.

source.spm + target.spm + vocab.json   Marian: SentencePiece
tokenizer.json                         the package `tokenizers`: any of the three below
vocab.txt                              BERT: WordPiece
vocab.json + merges.txt                GPT-2: bytes; GPT-1, where words end in </w>
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorgrad.errors import DataError

from ..text import StrPath, naming, read_file, read_text
from .pipeline_tokenizer import PipelineTokenizer
from .pipelines import (
    Merges,
    Pipeline,
    byte_level,
    check_pipeline,
    with_specials,
    word_ends,
    word_pieces,
)
from .sentencepieces import SentencePieceTokenizer
from .special_tokens import (
    BERT,
    GPT1,
    GPT2,
    MARIAN,
    check_vocabulary,
    find_specials,
    read_beside,
    read_mapping,
)
from .tokenizer import PublishedTokenizer

CONFIG = "tokenizer_config.json"


def load_published_tokenizer(path: StrPath) -> PublishedTokenizer:
    """The tokenizer of a folder as published, or of one of its files.

    DataError, naming the file, for what is missing, damaged, or of a kind that the
    models here don't use. Needs the extra `text`.
    """
    path = Path(path)
    if path.is_file():
        return _of_file(path)
    for name, load in READERS.items():
        if (path / name).exists():
            return load(path)
    raise DataError(
        f"{path}: no tokenizer there. Give a folder with one of {', '.join(READERS)}"
    )


def _of_file(path: Path) -> PublishedTokenizer:
    name = "vocab.json" if path.name == "merges.txt" else path.name
    if name in READERS:
        return READERS[name](path.parent)
    if path.suffix == ".json":
        return load_pipeline(path.parent, path)
    raise DataError(
        f"{path}: no tokenizer file. Give one of {', '.join(READERS)}, or its folder"
    )


# --- the package `tokenizers`


def load_pipeline(folder: Path, path: Path | None = None) -> PublishedTokenizer:
    """tokenizer.json, and what the files beside it say of its special tokens."""
    path = path or folder / "tokenizer.json"
    found = read_mapping(path)
    with naming(path):
        _, vocabulary = check_pipeline(found)
    specials = find_specials(folder, vocabulary, None)
    with naming(path):
        return PipelineTokenizer(found, specials)


def load_gpt(folder: Path) -> PublishedTokenizer:
    """vocab.json and merges.txt: GPT-2's, or GPT-1's, where words end in </w>."""
    path = folder / "vocab.json"
    vocabulary = read_vocabulary(path)
    merges = read_merges(folder / "merges.txt")
    if _is_gpt1(folder, vocabulary):
        return _assemble(folder, path, word_ends(vocabulary, merges), vocabulary, GPT1)
    return _assemble(folder, path, byte_level(vocabulary, merges), vocabulary, GPT2)


def _is_gpt1(folder: Path, vocabulary: dict[str, int]) -> bool:
    model = read_beside(folder, "config.json").get("model_type")
    tokenizer = read_beside(folder, CONFIG).get("tokenizer_class")
    if model in ("gpt2", "openai-gpt") or isinstance(tokenizer, str):
        return model == "openai-gpt" or str(tokenizer).startswith("OpenAIGPT")
    return any(token.endswith("</w>") for token in vocabulary)


def load_bert(folder: Path) -> PublishedTokenizer:
    """vocab.txt, one token a line, and how to lower-case from tokenizer_config.json."""
    path = folder / "vocab.txt"
    lines = read_text(path).removesuffix("\n").split("\n")
    vocabulary = {token: number for number, token in enumerate(lines)}
    if len(vocabulary) < len(lines):
        twice = next(t for i, t in enumerate(lines) if vocabulary[t] != i)
        raise DataError(f"{path}: the token {twice!r:.40} is there twice: edited")
    specials = find_specials(folder, vocabulary, BERT)
    if missing := {"unk", "cls", "sep"} - set(specials):
        spelt = ", ".join(sorted(BERT[name] for name in missing))
        raise DataError(f"{path}: lacks {spelt}: not a vocabulary of BERT, or edited")
    config = read_beside(folder, CONFIG)
    settings = {
        "lower": _flag(folder, config, "do_lower_case", True),
        "chinese": _flag(folder, config, "tokenize_chinese_chars", True),
        "accents": _flag(folder, config, "strip_accents", None),
    }
    pipeline = word_pieces(vocabulary, specials, **settings)
    return _assemble(folder, path, pipeline, vocabulary, BERT)


def _assemble(
    folder: Path,
    path: Path,
    pipeline: Pipeline,
    vocabulary: dict[str, int],
    usual: dict[str, str],
) -> PublishedTokenizer:
    added = read_added(folder, vocabulary)
    plain = {t: n for t, n in added.items() if t not in vocabulary}
    whole = {**vocabulary, **added}
    with naming(path):
        check_vocabulary(whole)
        specials = find_specials(folder, whole, usual)
        return PipelineTokenizer(with_specials(pipeline, plain), specials)


def read_added(folder: Path, vocabulary: dict[str, int]) -> dict[str, int]:
    """The tokens that were added to a vocabulary after it was made, with numbers."""
    added = read_beside(folder, "added_tokens.json")
    decoder = read_beside(folder, CONFIG).get("added_tokens_decoder") or {}
    try:
        return added | {about["content"]: int(i) for i, about in decoder.items()}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / CONFIG}: added_tokens_decoder is edited: {error}"
        ) from None


def read_vocabulary(path: Path) -> dict[str, int]:
    found = read_mapping(path)
    with naming(path):
        return check_vocabulary(found)


def read_merges(path: Path) -> Merges:
    """Two tokens a line, the most frequent pair first, after a line with a version."""
    merges = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, *rest = line.split(" ")
        if len(rest) != 1 or not left or not rest[0]:
            raise DataError(
                f"{path}: line {number}, {line!r:.40}, is no pair of tokens"
            )
        merges.append((left, rest[0]))
    return merges


def _flag(folder: Path, config: dict[str, Any], name: str, usual: bool | None) -> Any:
    value = config.get(name, usual)
    if value is not usual and not isinstance(value, bool):
        raise DataError(f"{folder / CONFIG}: {name} is {value!r:.40}: true or false")
    return value


# --- SentencePiece


def load_marian(folder: Path) -> PublishedTokenizer:
    """source.spm cuts texts to translate, target.spm translations."""
    path = folder / "vocab.json"
    config = read_beside(folder, CONFIG)
    if config.get("separate_vocabs"):
        raise DataError(
            f"{folder / CONFIG}: separate_vocabs: a vocabulary for each language is "
            "none that the encoder-decoder here can share"
        )
    vocabulary = read_vocabulary(path)
    specials = find_specials(folder, vocabulary, MARIAN)
    source, target = (read_file(folder / f"{s}.spm") for s in ("source", "target"))
    with naming(folder):
        return SentencePieceTokenizer(vocabulary, specials, source, target)


READERS: dict[str, Callable[[Path], PublishedTokenizer]] = {
    "source.spm": load_marian,
    "tokenizer.json": load_pipeline,
    "vocab.txt": load_bert,
    "vocab.json": load_gpt,
}

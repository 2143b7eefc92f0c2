"""Which tokens of a published tokenizer are special, from the files beside it.

tokenizer_config.json        "bos_token": a text, or {"content": a text}
special_tokens_map.json      the same, in older folders
config.json                  "bos_token_id": a number
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorgrad.errors import DataError

from ..text import json_object, read_as

NAMES = ("bos", "eos", "pad", "unk", "cls", "sep", "mask")
GPT2 = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
GPT1 = {"unk": "<unk>"}
BERT = {name: f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
MARIAN = {"eos": "</s>", "pad": "<pad>", "unk": "<unk>"}
USUAL = (  # where no file says: the first of these that is there
    BERT,
    GPT2,
    {"bos": "<s>", "mask": "<mask>", **MARIAN},
    {"bos": "[BOS]", "eos": "[EOS]"},
)


def read_mapping(path: Path) -> dict[str, Any]:
    """The JSON object of a file; DataError names the file."""
    return read_as(path, json_object)


def read_beside(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object of a file that a folder may have; else an empty one."""
    path = folder / name
    return read_mapping(path) if path.exists() else {}


def find_specials(
    folder: Path, vocabulary: Mapping[str, int], usual: Mapping[str, str] | None
) -> dict[str, int]:
    """Special tokens by name, among `NAMES`; what the vocabulary lacks is left out.

    `usual` are those of the kind of tokenizer, for what no file names.
    """
    spelt = usual_in(vocabulary) if usual is None else dict(usual)
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        about = read_beside(folder, file)
        for name in NAMES:
            content = _content(about.get(f"{name}_token"), folder / file)
            if content is not None:
                spelt[name] = content
    found = {n: vocabulary[text] for n, text in spelt.items() if text in vocabulary}
    model = read_beside(folder, "config.json")
    for name in NAMES:
        number = model.get(f"{name}_token_id")
        # a model may have more rows than its tokenizer has tokens
        if type(number) is int and 0 <= number < len(vocabulary):
            found.setdefault(name, number)
    return found


def usual_in(vocabulary: Mapping[str, int]) -> dict[str, str]:
    """The usual spellings that a vocabulary has, where nothing names them."""
    found: dict[str, str] = {}
    for spellings in USUAL:
        for name, text in spellings.items():
            if text in vocabulary:
                found.setdefault(name, text)
    return found


def _content(value: Any, path: Path) -> str | None:
    """The text of a special token, as these files spell it."""
    if isinstance(value, dict):
        value = value.get("content")
    if value is not None and not isinstance(value, str):
        raise DataError(f"{path}: {value!r:.40} is no special token: edited")
    return value or None


def check_vocabulary(vocabulary: Any) -> dict[str, int]:
    """DataError unless different texts map to 0, 1, 2, ..., each once."""
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise DataError("a vocabulary maps tokens to numbers: edited")
    for token, number in vocabulary.items():
        if type(token) is not str or type(number) is not int:
            raise DataError(f"{token!r:.40} maps to {number!r:.40}, not to a number")
    numbers = set(vocabulary.values())
    if len(numbers) < len(vocabulary):
        raise DataError("two tokens have one number: edited")
    if numbers != set(range(len(numbers))):
        missing = min(set(range(len(numbers))) - numbers)
        raise DataError(
            f"no token has the number {missing}, yet one has {max(numbers)}: edited, "
            "or a line was lost"
        )
    return vocabulary


def check_specials(specials: Any, vocab_size: int) -> dict[str, int]:
    """DataError unless names among `NAMES` map to tokens."""
    if not isinstance(specials, dict) or not set(specials) <= set(NAMES):
        raise DataError(f"special tokens have names among {', '.join(NAMES)}")
    for name, number in specials.items():
        if type(number) is not int or not 0 <= number < vocab_size:
            raise DataError(f"special token {name} is {number!r:.40}, no token")
    return specials


def config_fields(specials: Mapping[str, int], tokens: Sequence[str]) -> dict[str, str]:
    """What tokenizer_config.json says of special tokens: "bos_token" and so on."""
    found = [name for name in NAMES if name in specials]
    return {f"{name}_token": tokens[specials[name]] for name in found}

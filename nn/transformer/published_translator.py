"""A published Marian as a translator: its weights, its tokenizer, and how it decodes.

generation_config.json, or else config.json, says how many beams there are, what is
never written, what comes last and how long a translation gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import CheckpointError, ConfigError

from ..decoding import Beams
from ..published.layouts import ConfigFile
from ..published.pretrained import CONFIG
from ..published.sentencepieces import SentencePieceTokenizer
from ..published.tokenizer import PublishedTokenizer
from ..published.tokenizers import load_published_tokenizer
from ..published.weight_files import read_object
from ..text import StrPath
from .encoder_decoder import Transformer
from .published_marian import FIELDS
from .translation import Translator

GENERATION = "generation_config.json"
# what would write other texts at any other value
ONLY: dict[str, Any] = {
    "do_sample": False,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "min_length": 0,
    "min_new_tokens": 0,
    "forced_bos_token_id": None,
    "begin_suppress_tokens": None,
    "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1.0,
    "exponential_decay_length_penalty": None,
    "sequence_bias": None,
    "force_words_ids": None,
    "constraints": None,
    "guidance_scale": 1.0,
    "penalty_alpha": None,
    "dola_layers": None,
    "stop_strings": None,
    "watermarking_config": None,
    "token_healing": False,
}


@dataclass(frozen=True)
class PublishedSide:
    """What one side of a published translator reads or writes: see `Side`."""

    tokenizer: PublishedTokenizer
    pad: int
    bos: int
    eos: int

    def encode(self, text: str) -> NDArray[np.int64]:
        """Text to tokens (T,); a code such as >>fra<< in front of it is one."""
        return self.tokenizer.encode(text)

    def decode(self, tokens: ArrayLike) -> str:
        return self.tokenizer.decode(tokens)

    def labels(self, tokens: ArrayLike) -> list[str]:
        """How each token (T,) is shown by itself."""
        return self.tokenizer.labels(tokens)


def load_translator(folder: StrPath) -> Translator:
    """The translator that a folder holds, as Marian's are published.

    InputError for what is missing, damaged, or of two models.
    """
    model, tokenizer = (
        Transformer.from_pretrained(folder),
        load_published_tokenizer(folder),
    )
    if not isinstance(tokenizer, SentencePieceTokenizer):
        raise CheckpointError(f"{folder}: its tokenizer is not one of Marian's")
    config = model.config
    for size in (config.vocab_size, config.target_size):
        if tokenizer.vocab_size != size:
            raise CheckpointError(
                f"{folder}: vocab.json has {tokenizer.vocab_size} tokens, and the "
                f"model {size}: they do not belong together"
            )
    source, target = (
        PublishedSide(side, config.pad, config.bos, config.eos)
        for side in (tokenizer, tokenizer.target)
    )
    return Translator(model, source, target)


@dataclass(frozen=True)
class Decoding:
    """How a published model decodes, unless told otherwise."""

    beams: Beams
    max_new_tokens: int | None


def load_decoding(folder: StrPath) -> Decoding:
    """What the files of a published model say.

    Beams and greedy decoding are read with all their penalties. CheckpointError names
    what would write other texts: sampling, groups of beams, words of several tokens
    that are banned, and the like.
    """
    config = Path(folder) / CONFIG
    path = Path(folder) / GENERATION
    usual: dict[str, Any] = {}
    if not path.exists():
        path, usual = config, {"forced_eos_token_id": 0}  # as Marian's has it
    content = ConfigFile(usual | read_object(path))
    try:
        model = ConfigFile(read_object(config))
        ends = {FIELDS[name][0]: model.get(*FIELDS[name]) for name in ("bos", "eos")}
        content.refuse(**ends)  # others than those that the model was made for
        return decoding(content, ends["eos_token_id"])
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


def decoding(content: ConfigFile, eos: int) -> Decoding:
    """The fields of generation_config.json; ConfigError for another way of decoding."""
    content.refuse(**ONLY)
    size = content.get("num_beams", 1)
    forced = content.fields.get("forced_eos_token_id")
    beams = Beams(
        beam_size=size,
        n_best=content.get("num_return_sequences", 1),
        alpha=content.get("length_penalty", 1.0),
        # with one beam, it is the likeliest token at each step
        early_stopping=size == 1 or content.fields.get("early_stopping") or False,
        repetition_penalty=content.get("repetition_penalty", 1.0),
        no_repeat_ngram=content.get("no_repeat_ngram_size", 0),
        suppress=suppressed(content, eos),
        final_token=None if forced is None else content.get("forced_eos_token_id", 0),
        renormalize=content.get("renormalize_logits", False),
    )
    # max_length counts the token that it starts from
    longest = content.get("max_new_tokens", 0) or content.get("max_length", 0) - 1
    return Decoding(beams, None if longest == -1 else longest)


def suppressed(content: ConfigFile, eos: int) -> tuple[int, ...]:
    """The tokens that are never written; a bad word is one of them, or refused."""
    words: list[Any] = content.get("bad_words_ids", [])
    never = content.get("suppress_tokens", [])
    for word in words:
        if not isinstance(word, list) or len(word) != 1:
            raise ConfigError(f"bad_words_ids: {word!r:.40} is not a single token")
    # a bad word that ends the text is none
    return tuple(never + [word for [word] in words if word != eos])

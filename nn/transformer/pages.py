"""`python -m nn.transformer attention` and `next-token`: what goes on in a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, arg

from tensorgrad import viz
from tensorgrad.errors import ConfigError

from .. import checkpoints, cli
from ..page_file import PageFile
from ..published.pretrained import CONFIG
from ..published.weight_files import read_object
from ..tokenizers import find_tokenizer
from .bert import Bert
from .saved import load
from .translate import Published, Weights
from .translation import Translator

Layers = Annotated[tuple[int, ...], arg(metavar="N")]


@dataclass(frozen=True)
class Texts:
    """What is read, and by which weights."""

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    published: OmitArgPrefixes[Published] = field(default_factory=Published)
    text: Annotated[str, arg(metavar="TEXT")] = ""
    """What the model reads."""
    target: Annotated[str | None, arg(metavar="TEXT")] = None
    """What it writes; None: what it would."""

    def check(self) -> None:
        """ConfigError where nothing is read, or by two models."""
        if not self.text.strip():
            raise ConfigError("name what the model is to read with --text")
        if self.published.model is not None and self.weights != Weights():
            raise ConfigError(
                "run, best and average choose weights of a run, and model is none: "
                "leave one out"
            )


@dataclass(frozen=True)
class AttentionOptions:
    """Write a page of where each head of a model looks as it reads and writes.

    In a browser it shows all heads of the encoder, the decoder and the cross-attention,
    and any of them large, with the words that each token looks at. --model may be a
    published BERT, too. The page is one HTML file, which fetches nothing.
    """

    texts: OmitArgPrefixes[Texts] = field(default_factory=Texts)
    layers: Layers = ()
    """Show these layers alone, the first is 0: a page holds 2,097,152 weights; none
    named: all."""
    page: OmitArgPrefixes[PageFile] = field(default_factory=PageFile)

    def __post_init__(self) -> None:
        self.texts.check()


def attention(argv: Sequence[str]) -> None:
    options = cli.parse(AttentionOptions, argv, "python -m nn.transformer attention")
    path = options.page.path("attention.html")
    layers, texts = options.layers or None, options.texts
    model = texts.published.model
    if model is not None and is_bert(model):
        page = of_bert(model, texts, layers)
    else:
        used = used_by(texts)
        page = viz.attention(
            used.translator.model,
            texts.text,
            used.target,
            tokenizer=used.translator.source,
            target_tokenizer=used.translator.target,
            layers=layers,
            title=f"Attention of {used.name}",
        )
    options.page.write(page, path)


def is_bert(folder: str) -> bool:
    return read_object(Path(folder) / CONFIG).get("model_type") == "bert"


def of_bert(folder: str, texts: Texts, layers: Sequence[int] | None) -> viz.Page:
    """The page of a published BERT; a [MASK] in the text is one."""
    if texts.target is not None:
        raise ConfigError(f"target: {folder} is a BERT, which writes nothing")
    tokenizer: Any = find_tokenizer(folder)
    tokens = tokenizer.inputs(texts.text, recognise=True).tokens
    model, title = Bert.from_pretrained(folder), f"Attention of {folder}"
    return viz.attention(model, tokens, tokenizer=tokenizer, layers=layers, title=title)


@dataclass(frozen=True)
class NextTokenOptions:
    """Write a page of what a model holds for likely at each token of a target.

    In a browser it shows the candidates, what temperature, top-k and top-p make of
    them, what each layer of the decoder alone would say, and all this at each
    checkpoint of a run: train with --checkpoint-interval and --keep to have several.
    It is one HTML file, which fetches nothing.
    """

    texts: OmitArgPrefixes[Texts] = field(default_factory=Texts)
    checkpoints: int = 20
    """Show at most so many of the checkpoints that a run has kept, evenly spread; 1:
    the weights used alone."""
    candidates: int = 200
    """How many of the likeliest tokens the page holds."""
    page: OmitArgPrefixes[PageFile] = field(default_factory=PageFile)

    def __post_init__(self) -> None:
        cli.require_positive(self, "checkpoints", "candidates")
        self.texts.check()


def next_token(argv: Sequence[str]) -> None:
    options = cli.parse(NextTokenOptions, argv, "python -m nn.transformer next-token")
    path = options.page.path("next_token.html")
    used = used_by(options.texts)
    model = used.translator.model
    several = options.checkpoints > 1 and len(checkpoints.steps(used.run or "")) > 1
    page = viz.next_token(
        model,
        used.target,
        source=options.texts.text,
        tokenizer=used.translator.target,
        source_tokenizer=used.translator.source,
        checkpoints=(
            model.at_checkpoints(used.run, options.checkpoints)
            if several and used.run
            else None
        ),
        candidates=options.candidates,
        suppress=used.suppress,
        title=f"Next token of {used.name}",
    )
    options.page.write(page, path)


@dataclass(frozen=True)
class Used:
    """A translator, and what is asked of it."""

    translator: Translator
    name: str
    target: Any
    """A text, its tokens, or None: what the model would write."""
    run: Path | None = None
    """Where its checkpoints are, if they are of these weights."""
    suppress: tuple[int, ...] = ()


def used_by(texts: Texts) -> Used:
    """The trained model of a run, or a published one, which writes as its files say."""
    weights, folder = texts.weights, texts.published.model
    if folder is None:
        saved = load(weights.run, weights.best, weights.average)
        plain = not weights.best and weights.average == 1
        name = f"{saved.folder} at step {saved.step:,}"
        run = saved.folder if plain else None
        return Used(saved.translator, name, texts.target, run)
    from .published_translator import load_decoding, load_translator

    translator, decoding = load_translator(folder), load_decoding(folder)
    target: Any = texts.target
    if target is None:
        longest = decoding.max_new_tokens
        [[best, *_]] = translator.translate(
            [texts.text], decoding.beams, max_new_tokens=longest
        )
        # what is written last is read by nobody
        target = [translator.target.bos, *best.tokens[:-1]]
    return Used(translator, folder, target, suppress=decoding.beams.suppress)

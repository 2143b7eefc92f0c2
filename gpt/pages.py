"""`python -m gpt attention` and `next-token`: pages of what goes on in a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, arg

from nn import checkpoints, cli
from nn.decoding import Sampling
from nn.page_file import PageFile
from tensorgrad import viz
from tensorgrad.errors import ConfigError

from .options import Weights
from .sample import check_length, settings, start
from .saved import Saved, load

Layers = Annotated[tuple[int, ...], arg(metavar="N")]


@dataclass(frozen=True)
class AttentionOptions:
    """Write a page of where each head of a GPT looks as it reads a text.

    In a browser it shows all heads, and any of them large, with the words that each
    token looks at. It is one HTML file, which fetches nothing.
    """

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    text: Annotated[str, arg(metavar="TEXT")] = ""
    """What the model reads."""
    layers: Layers = ()
    """Show these layers alone, the first is 0: a page holds 2,097,152 weights; none
    named: all."""
    page: OmitArgPrefixes[PageFile] = field(default_factory=PageFile)

    def __post_init__(self) -> None:
        if not self.text:
            raise ConfigError("name what the model is to read with --text")


def attention(argv: Sequence[str]) -> None:
    options = cli.parse(AttentionOptions, argv, "python -m gpt attention")
    path = options.page.path("attention.html")
    saved = load(options.weights)
    tokens = start(saved.tokenizer, options.text)
    check_length(tokens, saved.model)
    page = viz.attention(
        saved.model,
        tokens,
        tokenizer=saved.tokenizer,
        layers=options.layers or None,
        title=f"Attention of {saved.name}",
    )
    options.page.write(page, path)


@dataclass(frozen=True)
class NextTokenOptions:
    """Write a page of what a GPT holds for likely after each token of a prompt.

    In a browser it shows the candidates, what temperature, top-k and top-p make of
    them, what each layer alone would say, and all this at each checkpoint of a run:
    train with --checkpoint-interval and --keep to have several. It is one HTML file,
    which fetches nothing.
    """

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    prompt: Annotated[str, arg(metavar="TEXT")] = ""
    """What the text starts with; empty: the model begins by itself."""
    checkpoints: int = 20
    """Show at most so many of the checkpoints that a run has kept, evenly spread; 1:
    the weights used alone."""
    candidates: int = 200
    """How many of the likeliest tokens the page holds."""
    temperature: float = 1.0
    """Where the slider starts: below 1 the likely becomes likelier; 0: the likeliest
    alone."""
    top_k: int = 0
    """Where the slider starts: the k likeliest tokens only; 0: all."""
    top_p: float = 1.0
    """Where the slider starts: the fewest likeliest tokens with this much probability;
    1: all."""
    page: OmitArgPrefixes[PageFile] = field(default_factory=PageFile)

    def __post_init__(self) -> None:
        cli.require_positive(self, "checkpoints", "candidates")


def next_token(argv: Sequence[str]) -> None:
    options = cli.parse(NextTokenOptions, argv, "python -m gpt next-token")
    path = options.page.path("next_token.html")
    saved = load(options.weights)
    tokens = start(saved.tokenizer, options.prompt)
    check_length(tokens, saved.model)
    page = viz.next_token(
        saved.model,
        tokens,
        tokenizer=saved.tokenizer,
        checkpoints=earlier(saved, options),
        candidates=options.candidates,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        suppress=settings(saved.model, saved.tokenizer, Sampling()).suppress,
        title=f"Next token of {saved.name}",
    )
    options.page.write(page, path)


def earlier(saved: Saved, options: NextTokenOptions) -> Any:
    """The model at the checkpoints that the run has kept; None: there is one."""
    run = saved.step is not None and not options.weights.best
    if not run or options.checkpoints == 1 or len(checkpoints.steps(saved.folder)) < 2:
        return None
    return saved.model.at_checkpoints(saved.folder, options.checkpoints)

"""A translator trained on your own pairs: lines of a source, a tab and its target.

    python docs/examples/translate.py --data pairs.tsv

The pairs may be sentences in two languages, questions and answers, names and their
transcriptions: whatever is short enough to fit the context. Subwords are learnt from
both sides; a share of the sources is held out; an encoder-decoder learns the rest.

Then the held-out sources are translated, greedily and with beams, and scored with
sacreBLEU: BLEU counts the sequences of one to four words that a translation shares
with its target, chrF those of one to six characters, which says more where there is
little to count. Some translations are printed beside what they should have been, and a
picture shows where the decoder looked as it wrote.

Without a file of your own, it learns from the names of languages, territories,
currencies and time zones that Babel has, English and another language: two thousand
pairs. That is little, and names that share no words with others it can't know.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from common import Options, main
from looking import draw_attention
from nn import cli
from nn.decoding import GREEDY, Beams
from nn.pairs import TextPair, read_pairs
from nn.progress import counting
from nn.recipe import TrainerConfig
from nn.report import new_figure
from nn.transformer.evaluate import corpus_scores
from nn.transformer.options import TrainOptions, sizes
from nn.transformer.saved import HELD_OUT, load
from nn.transformer.train import run
from nn.transformer.translation import Translator
from tensorgrad.errors import ConfigError, MissingExtra

BEAMS = Beams(beam_size=4, length_penalty="google", alpha=0.6)


@dataclass(frozen=True)
class TranslateOptions(Options):
    """Train a translator on a file of pairs, and score what it makes of others."""

    data: cli.File = None
    """Lines of a source, a tab and a target; None: names from CLDR."""
    held_out: cli.File = None
    """Pairs to test on; None: a twentieth of the data, by its sources."""
    language: str = "de"
    """What the English names from CLDR are translated to, without --data."""
    subwords: int = 4000
    """How many subwords to learn, at most."""
    max_steps: int = 3000
    """Steps of training."""
    batch_size: int = 64
    """Pairs in a step."""
    drop_longer: bool = False
    """Leave out pairs of more than 256 tokens on a side; otherwise they're an error."""
    samples: int = 10
    """How many translations to print."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (
            ("max_steps", 1),
            ("batch_size", 1),
            ("subwords", 256),
            ("samples", 0),
        ):
            self.require(name, getattr(self, name) >= least, f"{least} or more")


def translate(options: TranslateOptions) -> None:
    new_figure(1, 1)  # MissingExtra comes before the training
    corpus_scores(["a"], ["a"])
    if options.quick:
        options = replace(options, max_steps=min(options.max_steps, 20))
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            names = Path(folder) / "names.tsv"
            write_names(names, options.language)
            options = replace(options, data=str(names))
        run_folder = train(options)
    translator = load(str(run_folder), best=True).translator
    pairs = read_pairs(run_folder / HELD_OUT)
    if options.quick:
        pairs = pairs[:20]
    compare(translator, pairs, options)
    longest = sorted(pairs, key=lambda pair: len(pair.source))
    shown = [pair.source for pair in longest[len(longest) // 2 :][:4]]
    draw_attention(run_folder / "translate.png", translator, shown)


def train(options: TranslateOptions) -> Path:
    """The run folder, once the training is over."""
    folder, _ = run(
        TrainOptions(
            data=options.data,
            held_out=options.held_out,
            out=options.out,
            plain=options.plain,
            tokenizer="subword",
            subwords=options.subwords,
            drop_longer=options.drop_longer,
            model=replace(sizes("tiny"), d_model=256, d_ff=1024, max_length=256),
            training=TrainerConfig(
                max_steps=options.max_steps,
                batch_size=options.batch_size,
                learning_rate=1e-3,
                warmup_steps=min(400, options.max_steps),
                beta2=0.98,
                weight_decay=0.01,
                eval_interval=min(250, options.max_steps),
                keep_best=True,
                seed=options.seed,
            ),
        ),
        name="translate",
    )
    return folder


def compare(
    translator: Translator, pairs: list[TextPair], options: TranslateOptions
) -> None:
    """Print the scores, greedy and with beams, and some translations side by side."""
    sources = [pair.source for pair in pairs]
    targets = [pair.target for pair in pairs]
    texts = {}
    print(f"\n{len(pairs):,} held-out pairs{'exact':>16}{'BLEU':>8}{'chrF2':>8}")
    for name, how in (("greedy", GREEDY), ("4 beams", BEAMS)):
        with counting(f"translating, {name}", options.plain) as told:
            found = translator.translate(sources, how, told=told)
        texts[name] = [best[0].text for best in found]
        right = sum(map(str.__eq__, texts[name], targets)) / len(pairs)
        bleu, chrf = (score.score for score in corpus_scores(texts[name], targets))
        print(f"  {name:<22}{right:>13.1%}{bleu:>8.1f}{chrf:>8.1f}")
    for pair, alone, best in list(zip(pairs, *texts.values(), strict=True))[
        : options.samples
    ]:
        print(f"\n  source   {pair.source}\n  target   {pair.target}")
        print(f"  greedy   {alone}\n  4 beams  {best}")


# --- pairs for those who have none


def write_names(path: Path, language: str) -> None:
    """English names, a tab, and the same in another language."""
    pairs = sorted(set(names(language)))
    path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")


def names(language: str) -> Iterator[tuple[str, str]]:
    try:
        from babel.core import Locale, UnknownLocaleError
    except ImportError:
        raise MissingExtra(
            "names come from Babel, which comes with the extra `examples`: "
            "pip install '.[examples]' in the checkout; or give --data FILE"
        ) from None
    try:
        theirs = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        raise ConfigError(
            f"language={language!r}: Babel knows none that is called so; try de, fr, el"
        ) from None
    english = Locale.parse("en")
    for kind in ("languages", "territories", "scripts", "currencies", "variants"):
        ours, others = getattr(english, kind), getattr(theirs, kind)
        yield from ((ours[code], others[code]) for code in ours if code in others)


if __name__ == "__main__":
    sys.exit(main("translate", TranslateOptions, translate))

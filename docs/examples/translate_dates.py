"""Dates as some 160 languages write them, translated to ISO 8601.

"Donnerstag, 4. März 2021" and "2021年3月4日" are both 2021-03-04. An encoder reads the
characters, a decoder writes ten of its own, and nobody tells them what a month is.
Babel's CLDR data gives as many pairs as wanted, in three formats.

Two questions are asked afterwards. Does it read dates that it was never shown, in
languages that it was? And languages that it was never shown, where it can only go by
what they have in common with others? These are whole languages: where two name all
months alike, as Spanish and Galician do, both are held out or none.

Not every string need have an answer: 03/04/2021 has two, which is why the format that
CLDR calls short is left out. How many of the others are so is counted, over all these
languages, as no model can be sure there.

The pictures show where the decoder looks (its cross-attention) as it writes, and how
well each of the languages that it never saw is read. What is trained is a run like
any other: `python -m nn.transformer translate` goes on with it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common import Options, main, save_picture
from looking import draw_attention
from nn.decoding import GREEDY, Beams
from nn.progress import counting
from nn.recipe import TrainerConfig
from nn.report import new_figure
from nn.transformer.options import TrainOptions, sizes
from nn.transformer.saved import load
from nn.transformer.train import run
from nn.transformer.translation import Translator
from tensorgrad.errors import MissingExtra

FIRST, DAYS = date(1950, 1, 1), 36525  # a century
LONGEST = 16  # tokens of a translation, of which a date and its end need 11
BEAMS = Beams(beam_size=4, n_best=4, length_penalty="google", alpha=0.6)
# what the pictures and the side by side show: left to right, in letters that
# matplotlib's own font has
SHOWN = [("de", "full"), ("ru", "long"), ("el", "full"), ("hu", "full")]


@dataclass(frozen=True)
class DateOptions(Options):
    """Train an encoder-decoder to read dates in some 160 languages."""

    pairs: int = 300_000
    """How many pairs to train on."""
    tested: int = 2000
    """How many strings to test on, of dates and of languages not trained on each."""
    max_steps: int = 3500
    """Steps of training, 64 pairs each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pairs", "tested", "max_steps"):
            self.require(name, getattr(self, name) >= 1, "1 or more")


class Written(NamedTuple):
    """A date in some language and format."""

    text: str
    day: date
    style: tuple[str, str]


class Split:
    """Languages and days, each parted in two: for training, and never shown."""

    def __init__(self, dates: Any, seed: int) -> None:
        codes = dates.languages()
        families = dates.families(codes)
        self.writer = writer = dates.DateWriter(codes)
        self.english_name = dates.english_name
        self.rng = random.Random(seed)
        shown = {code for code, _ in SHOWN}
        free = [family for family in families if not shown & set(family)]
        drawn = self.rng.sample(free, len(families) // 10)
        held_out = {code for family in drawn for code in family}
        self.seen = [style for style in writer.styles if style[0] not in held_out]
        self.unseen = [style for style in writer.styles if style[0] in held_out]
        days = [FIRST + timedelta(days) for days in range(DAYS)]
        self.rng.shuffle(days)
        self.test_days, self.days = days[: DAYS // 10], days[DAYS // 10 :]

    def draw(
        self, count: int, days: Sequence[date], styles: Sequence[tuple[str, str]]
    ) -> list[Written]:
        """Strings drawn at random, language by language."""
        drawn = []
        for _ in range(count):
            day, style = self.rng.choice(days), self.rng.choice(styles)
            drawn.append(Written(self.writer.write(day, style), day, style))
        return drawn


def translate_dates(options: DateOptions) -> None:
    new_figure(1, 1)  # MissingExtra comes before the training
    split = Split(written_dates(), options.seed)
    if options.quick:
        options = replace(options, pairs=1000, tested=100, max_steps=25)
    learnt = split.draw(options.pairs, split.days, split.seen)
    new_days = split.draw(options.tested, split.test_days, split.seen)
    new_languages = split.draw(options.tested, split.test_days, split.unseen)

    folder = train(options, learnt, new_days)
    translator = load(str(folder)).translator
    for title, tested in (
        (f"dates never seen, in {languages_of(split.seen)} languages", new_days),
        (f"{languages_of(split.unseen)} languages never seen", new_languages),
    ):
        report(title, translator, tested, split.writer, options)

    show_beams(translator, split)
    shown = [split.draw(1, split.test_days, [style])[0].text for style in SHOWN]
    draw_attention(folder / "translate_dates.png", translator, shown)
    draw_languages(
        folder / "languages.png", translator, new_languages, split.english_name
    )


def written_dates() -> Any:
    """The module beside this one; MissingExtra without Babel."""
    try:
        import written_dates
    except ImportError:
        raise MissingExtra(
            "dates in all languages come from Babel, which comes with the extra "
            "`examples`: pip install '.[examples]' in the checkout"
        ) from None
    return written_dates


def languages_of(styles: Iterable[tuple[str, str]]) -> int:
    return len({code for code, _ in styles})


def train(
    options: DateOptions, learnt: Sequence[Written], held_out: Sequence[Written]
) -> Path:
    """The run folder, once the training is over."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("dates.tsv", "held_out.tsv")]
        for file, pairs in zip(files, (learnt, held_out[:500]), strict=True):
            lines = "".join(f"{text}\t{day.isoformat()}\n" for text, day, _ in pairs)
            file.write_text(lines, encoding="utf-8")
        done, _ = run(
            TrainOptions(
                data=str(files[0]),
                held_out=str(files[1]),
                out=options.out,
                plain=options.plain,
                tokenizer="char",
                model=replace(
                    sizes("tiny"),
                    max_length=80,
                    share_embeddings=False,
                    n_head=4,
                    activation="gelu_tanh",
                    norm_first=True,
                    dropout=0.0,  # there is no end of pairs to learn from
                ),
                label_smoothing=0.0,
                training=TrainerConfig(
                    max_steps=options.max_steps,
                    batch_size=64,
                    learning_rate=3e-3,
                    warmup_steps=min(200, options.max_steps),
                    beta2=0.98,
                    weight_decay=0.0,
                    eval_interval=min(1500, options.max_steps),
                    seed=options.seed,
                ),
            ),
            name="translate_dates",
        )
    return done


# --- what is measured


def report(
    title: str,
    translator: Translator,
    tested: Sequence[Written],
    writer: Any,
    options: DateOptions,
) -> None:
    """Print how many are right, greedy and with beams, and how many can be sure."""
    texts = [written.text for written in tested]
    right = {}
    for name, how in (("greedy", GREEDY), ("4 beams", BEAMS)):
        with counting(f"reading, {name}", options.plain) as told:
            found = translator.translate(texts, how, max_new_tokens=LONGEST, told=told)
        right[name] = [
            best[0].text == written.day.isoformat()
            for best, written in zip(found, tested, strict=True)
        ]
    ambiguous = np.array([len(writer.meanings(text)) > 1 for text in texts])
    greedy = np.array(right["greedy"])
    print(
        f"\n{title}: {len(tested):,} strings, exactly right\n"
        f"  greedy   {greedy.mean():.2%}\n"
        f"  4 beams  {np.mean(right['4 beams']):.2%}\n"
        f"  ambiguous by nature, so that no reader could be sure: "
        f"{ambiguous.mean():.2%}\n"
        f"  of the others, greedy  {greedy[~ambiguous].mean():.2%}"
    )


def show_beams(translator: Translator, split: Split) -> None:
    """Greedy and beams side by side, where the two differ or the string is hard."""
    samples = [split.draw(1, split.test_days, [style])[0] for style in SHOWN]
    samples += split.draw(4, split.test_days, split.unseen)
    texts = [written.text for written in samples]
    greedy, beams = (
        translator.translate(texts, how, max_new_tokens=LONGEST)
        for how in (GREEDY, BEAMS)
    )
    print("\nGreedy, and the beams' four with log p (the first has the best score):")
    for written, [alone], best in zip(samples, greedy, beams, strict=True):
        new = ", never seen" * (written.style in split.unseen)
        name = split.english_name(written.style[0])
        print(f"  {written.text}   ({name}{new}; {written.day})")
        others = "  ".join(f"{one.text} {one.log_prob:.2f}" for one in best)
        print(f"    {alone.text}  |  {others}")


def draw_languages(
    path: Path,
    translator: Translator,
    tested: Sequence[Written],
    name_of: Callable[[str], str],
) -> None:
    """How many strings of each language are read right, format by format."""
    texts = [written.text for written in tested]
    found = translator.translate(texts, max_new_tokens=LONGEST)
    right: dict[tuple[str, str], list[bool]] = {}
    for written, [best] in zip(tested, found, strict=True):
        right.setdefault(written.style, []).append(best.text == str(written.day))
    shares = {style: float(np.mean(hits)) for style, hits in right.items()}
    codes = {code for code, _ in shares}
    order = sorted(codes, key=lambda code: -mean_of(shares, code))
    figure = new_figure(max(8, 0.33 * len(order)), 4)
    axes = figure.subplots()
    for i, name in enumerate(("medium", "long", "full")):
        heights = [shares.get((code, name), 0.0) for code in order]
        axes.bar(np.arange(len(order)) + 0.27 * (i - 1), heights, 0.25, label=name)
    names = [name_of(code) for code in order]
    axes.set_xticks(range(len(order)), names, rotation=60, ha="right")
    axes.set(ylim=(0, 1.02), ylabel="share read exactly right")
    axes.set(title="languages that were never seen, by format")
    axes.legend()
    axes.grid(axis="y", alpha=0.3)
    save_picture(figure, path, "how well each language never seen is read")


def mean_of(shares: dict[tuple[str, str], float], code: str) -> float:
    return float(np.mean([share for (c, _), share in shares.items() if c == code]))


if __name__ == "__main__":
    sys.exit(main("translate_dates", DateOptions, translate_dates))

"""Which language is a name in? The second half of masked_words.py.

The names are those of countries and languages, in Unicode's CLDR, as Babel has them:
some 900 in each language, so that none is worth guessing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tensorgrad as tg
from common import Accuracies, Options
from nn.data import DataLoader, pad_batch
from nn.evaluation import evaluating
from nn.losses import cross_entropy
from nn.progress import progress
from nn.recipe import TrainerConfig
from nn.report import Record
from nn.trainer import Trainer
from nn.transformer import Bert, BertForSequenceClassification
from nn.transformer.masking import Tokens, framed
from nn.vocabulary import Vocabulary
from tensorgrad.errors import MissingExtra

Labels = NDArray[np.int64]  # places in LANGUAGES
Batch = tuple[Tokens, Labels]  # (B, T), padded, and (B,)
LANGUAGES = {
    "da": "Danish",
    "sv": "Swedish",
    "de": "German",
    "nl": "Dutch",
    "en": "English",
    "fr": "French",
    "it": "Italian",
    "es": "Spanish",
    "pt": "Portuguese",
    "pl": "Polish",
    "fi": "Finnish",
    "tr": "Turkish",
    "ru": "Russian",
    "uk": "Ukrainian",
    "bg": "Bulgarian",
    "el": "Greek",
}  # those that look alike stand together


@dataclass(frozen=True)
class Names:
    """Name i is a name in language i; one shared by 3 languages is there 3 times."""

    texts: list[str]
    languages: Labels

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, chosen: NDArray[np.bool_]) -> Names:
        """Those that are True in (n,)."""
        where = np.flatnonzero(chosen)
        return Names([self.texts[i] for i in where], self.languages[where])

    def shared(self) -> NDArray[np.bool_]:
        """Which are names in another language, too: (n,)."""
        often = Counter(self.texts)
        return np.array([often[text] > 1 for text in self.texts])

    def best_possible(self) -> float:
        """The accuracy of who knows, of each name, in which language it is most often.

        Nobody who sees only the name can do better.
        """
        uses = zip(self.texts, self.languages.tolist(), strict=True)
        most = dict[str, int]()
        for (text, _), n in Counter(uses).items():
            most[text] = max(n, most.get(text, 0))
        return sum(most.values()) / len(self)


def load_names() -> Names:
    try:
        from babel import Locale
    except ImportError:
        raise MissingExtra(
            "the names come with Babel, in the extra `examples`: "
            "pip install '.[examples,text,viz]' in the checkout"
        ) from None
    texts, languages = list[str](), list[int]()
    for number, code in enumerate(LANGUAGES):
        locale = Locale(code)
        # Togo is a country, Tonga a country and a language: a name once
        names = sorted({*locale.territories.values(), *locale.languages.values()})
        texts += names
        languages += [number] * len(names)
    return Names(texts, np.array(languages))


def split(names: Names, rng: np.random.Generator) -> tuple[Names, Names]:
    """Four fifths to train on and a fifth to hold out: of names, not of their uses.

    A name is on one side in all languages, else a shared one would be no test.
    """
    different = sorted(set(names.texts))
    chosen = rng.choice(len(different), len(different) // 5, replace=False)
    held_out = {different[i] for i in chosen}
    out = np.array([text in held_out for text in names.texts])
    return names.at(~out), names.at(out)


class Data(NamedTuple):
    train: Names
    held_out: Names
    batches: DataLoader  # to train on
    held_out_batches: list[Batch]  # in the order of the names

    def most_frequent(self) -> NDArray[np.bool_]:
        """Where the language of the most names is right, on what is held out."""
        most = np.bincount(self.train.languages).argmax()
        right: NDArray[np.bool_] = self.held_out.languages == most
        return right


def load_data(names: Names, vocabulary: Vocabulary, length: int, seed: int) -> Data:
    """Names as tokens between [CLS] and [SEP]; what is beyond `length` is cut off."""

    def examples(names: Names) -> list[tuple[Tokens, int]]:
        rows = [vocabulary.encode(text)[: length - 2] for text in names.texts]
        rows = [framed([row], vocabulary)[0] for row in rows]
        return list(zip(rows, names.languages.tolist(), strict=True))

    def padded(examples: list[tuple[Tokens, int]]) -> Batch:
        rows, languages = zip(*examples, strict=True)
        return pad_batch(rows, vocabulary.pad)[0], np.array(languages)

    train, held_out = split(names, np.random.default_rng(seed))
    return Data(
        train,
        held_out,
        DataLoader(examples(train), 64, shuffle=True, rng=seed, collate=padded),
        list(DataLoader(examples(held_out), 256, collate=padded)),
    )


class Learned(NamedTuple):
    said: Labels  # of what is held out
    records: list[Record]


def learn(bert: Bert, data: Data, options: Options) -> Learned:
    """Put a classifier on an encoder, and train both."""
    model = BertForSequenceClassification(bert, len(LANGUAGES), options.seed)

    def objective(batch: Batch) -> tuple[Any, int]:
        tokens, languages = batch
        losses = cross_entropy(model(tokens), languages, reduction="sum")
        return losses, len(languages)

    def said() -> Labels:
        with evaluating(model), tg.no_grad():
            scores = [model(tokens).numpy() for tokens, _ in data.held_out_batches]
        labels: Labels = np.concatenate(scores).argmax(axis=1)
        return labels

    truth = data.held_out.languages
    watch = Accuracies(lambda: float(np.mean(said() == truth)))
    steps = 40 if options.quick else 1000
    trainer = Trainer(
        model,
        objective,
        data.batches,
        TrainerConfig(
            max_steps=steps,
            learning_rate=1e-3,
            warmup_steps=steps // 20,
            eval_interval=steps // (2 if options.quick else 10),
        ),
        held_out=data.held_out_batches,
        callbacks=[watch, progress(options.plain, "names")],
    )
    trainer.run()
    return Learned(said(), watch.records)

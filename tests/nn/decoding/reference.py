"""Decoding by its definitions, one sequence and one token at a time."""

import itertools
import math
from collections.abc import Iterator, Sequence

from nn.decoding import Beams, Sampling
from tests.nn.decoding.models import Tree

Probabilities = dict[int, float]


def penalised(
    scores: Sequence[float],
    sequence: Sequence[int],
    settings: Sampling | Beams,
    last: bool,
) -> list[float]:
    if last and settings.final_token is not None:
        final = settings.final_token
        return [0.0 if i == final else -math.inf for i in range(len(scores))]
    found = list(scores)
    for token in settings.suppress:
        found[token] = -math.inf
    for token in set(sequence):
        factor = settings.repetition_penalty
        found[token] *= factor if found[token] < 0 else 1 / factor
    n = settings.no_repeat_ngram
    if n:
        seen = {tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)}
        last = tuple(sequence[len(sequence) - n + 1 :])
        banned = [t for t in range(len(found)) if (*last, t) in seen]
        if any(found[t] > -math.inf for t in range(len(found)) if t not in banned):
            for token in banned:
                found[token] = -math.inf
    return found


def softmax(scores: dict[int, float]) -> Probabilities:
    weights = {token: math.exp(score) for token, score in scores.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def probabilities(
    scores: Sequence[float],
    sequence: Sequence[int],
    settings: Sampling,
    last: bool = False,
) -> Probabilities:
    """Of the tokens that are left after all filters."""
    left = dict(enumerate(penalised(scores, sequence, settings, last)))
    ranked = sorted(left, key=lambda token: -left[token])
    if settings.temperature == 0:
        return {ranked[0]: 1.0}
    left = {token: left[token] / settings.temperature for token in ranked}
    if settings.top_k:
        left = {token: left[token] for token in ranked[: settings.top_k]}
    before, kept = 0.0, {}
    for token, p in softmax(left).items():
        if before < settings.top_p:
            kept[token] = left[token]
        before += p
    return softmax(kept)


def sequences(V: int, length: int, stops: set[int]) -> Iterator[tuple[int, ...]]:
    """All that end: in a stop token, or at this length."""
    for T in range(1, length + 1):
        for tokens in itertools.product(range(V), repeat=T):
            if stops.isdisjoint(tokens[:-1]) and (tokens[-1] in stops or length == T):
                yield tokens


def best(
    tree: Tree, prompt: Sequence[int], length: int, stops: set[int], settings: Beams
) -> list[tuple[float, tuple[int, ...]]]:
    """All sequences by score, best first, each looked at."""
    found = []
    for tokens in sequences(tree.V, length, stops):
        total, sequence = 0.0, list(prompt)
        for token in tokens:
            log_probs = tree.log_probs(sequence).tolist()
            last = len(sequence) - len(prompt) == length - 1
            total += penalised(log_probs, sequence, settings, last)[token]
            sequence.append(token)
        L = len(tokens)
        google = settings.length_penalty == "google"
        unit = (5 + L) / 6 if google else L
        found.append((total / unit**settings.alpha, tokens))
    return sorted(found, reverse=True)

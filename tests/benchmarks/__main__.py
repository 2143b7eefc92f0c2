"""Time and memory against PyTorch's eager mode and Hugging Face's generate; hvp against
grad; a token against the memory's speed: tables out."""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import platform
from collections.abc import Iterable

from . import generation, hvp, pairs

PACKAGES = {"torch": "torch==2.13.0", "transformers": "'transformers>=5,<6'"}


def main() -> None:
    titles = pairs.TITLES | generation.TITLES | generation.READING | hvp.TITLES
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(titles)}; default all")
    parser.add_argument("--rounds", type=int, default=9, help="bursts of each side")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a burst")
    options = parser.parse_args()
    if unknown := set(options.names) - set(titles):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    print(f"{platform.machine()}, {multiprocessing.cpu_count()} cores, medians")
    names = options.names or list(titles)
    for peer, known in ("torch", pairs.TITLES), ("transformers", generation.TITLES):
        if steps := [name for name in names if name in known]:
            against(peer, {n: known[n] for n in steps}, options.rounds, options.seconds)
    if reading := [name for name in names if name in generation.READING]:
        head("a token", "reading the weights", "reading / token")
        for name in reading:
            row(generation.READING[name], generation.compare_reading(options.rounds))
    if products := [name for name in names if name in hvp.TITLES]:
        head("gradient", "Hessian-vector product", "product / gradient")
        for name in products:
            row(titles[name], hvp.compare(name, options.rounds, options.seconds))


def against(peer: str, titles: dict[str, str], rounds: int, seconds: float) -> None:
    sides = ["tensorgrad"]
    if importlib.util.find_spec(peer):
        sides.append("torch")
    else:
        print(f"{peer} is not installed: no ratios. pip install {PACKAGES[peer]}")
    ratio = [f"{peer} / tensorgrad"] if len(sides) == 2 else []
    columns = ["tensorgrad", *[peer] * len(ratio)]
    head(*columns, *ratio, *(f"peak, {column}" for column in columns))
    for name, title in titles.items():
        row(title, pairs.compare(name, sides, rounds, seconds))


def head(*columns: str) -> None:
    print("\n| " + " | ".join(["", *columns]) + " |\n|" + "---|" * (len(columns) + 1))


def row(title: str, cells: Iterable[str]) -> None:
    print("| " + " | ".join([title, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Time and memory against PyTorch's eager mode, and hvp against grad: tables out."""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import platform
from collections.abc import Iterable

from . import hvp, pairs


def main() -> None:
    titles = pairs.TITLES | hvp.TITLES
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
    if steps := [name for name in names if name in pairs.TITLES]:
        against_torch(steps, options.rounds, options.seconds)
    if products := [name for name in names if name in hvp.TITLES]:
        head("gradient", "Hessian-vector product", "product / gradient")
        for name in products:
            row(titles[name], hvp.compare(name, options.rounds, options.seconds))


def against_torch(names: list[str], rounds: int, seconds: float) -> None:
    sides = ["tensorgrad"]
    if importlib.util.find_spec("torch"):
        sides.append("torch")
    else:
        print("PyTorch is not installed: no ratios. pip install torch==2.13.0")
    ratio = ["torch / tensorgrad"] if len(sides) == 2 else []
    head(*sides, *ratio, *(f"peak, {side}" for side in sides))
    for name in names:
        row(pairs.TITLES[name], pairs.compare(name, sides, rounds, seconds))


def head(*columns: str) -> None:
    print("\n| " + " | ".join(["", *columns]) + " |\n|" + "---|" * (len(columns) + 1))


def row(title: str, cells: Iterable[str]) -> None:
    print("| " + " | ".join([title, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()

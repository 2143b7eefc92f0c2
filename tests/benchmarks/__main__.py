"""Time and memory against PyTorch's eager mode: a table out."""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import platform

from .pairs import TITLES, compare


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TITLES)}; default all")
    parser.add_argument("--rounds", type=int, default=9, help="bursts of each side")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a burst")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TITLES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    sides = ["tensorgrad"]
    if importlib.util.find_spec("torch"):
        sides.append("torch")
    else:
        print("PyTorch is not installed: no ratios. pip install torch==2.13.0")
    print(f"{platform.machine()}, {multiprocessing.cpu_count()} cores, medians\n")
    ratio = ["torch / tensorgrad"] if len(sides) == 2 else []
    head = ["", *sides, *ratio, *(f"peak, {side}" for side in sides)]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name in options.names or TITLES:
        cells = compare(name, sides, options.rounds, options.seconds)
        print("| " + " | ".join([TITLES[name], *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Time and memory beside PyTorch's eager mode and Hugging Face's generate.

Also hvp beside grad, a token beside the memory's speed, how a step grows, and whole
training runs. Each name is a table, or a row of one; the default is all of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import (
    generation,
    growth,
    hvp,
    libraries,
    operations,
    process,
    programs,
    quick,
    training,
)
from .pairs import apart
from .tables import Options, head, row


class Table(NamedTuple):
    """Rows by name, and what prints some of them."""

    about: str
    titles: dict[str, str]
    show: Callable[[dict[str, str], Options], None]


def steps(titles: dict[str, str], options: Options) -> None:
    training.show(titles, options)


def steps_in_numpy(titles: dict[str, str], options: Options) -> None:
    training.show(titles, options, ours="numpy")


def writing(titles: dict[str, str], options: Options) -> None:
    training.show(titles, options, peer="transformers", of_rate=False)


def reading(titles: dict[str, str], options: Options) -> None:
    head("", "a token", "reading the weights", "reading / token")
    for title in titles.values():
        row([title, *apart(generation.compare_reading, options.rounds)])


def products(titles: dict[str, str], options: Options) -> None:
    head("", "gradient", "Hessian-vector product", "product / gradient")
    for name, title in titles.items():
        row([title, *apart(hvp.compare, name, options.rounds, options.burst)])


def growths(titles: dict[str, str], options: Options) -> None:
    for name in titles:
        growth.show(name, options)


def processes(titles: dict[str, str], options: Options) -> None:
    process.show(options)


def titles_of(rows: dict[str, programs.Program]) -> dict[str, str]:
    return {name: program.title for name, program in rows.items()}


TABLES = {
    "training": Table("steps", titles_of(programs.TRAINING), steps),
    "others": Table(
        "steps of other sizes and kinds", titles_of(programs.OTHERS), steps
    ),
    "toys": Table("steps of small models", titles_of(programs.SMALL_MODELS), steps),
    "operations": Table("single ops", operations.TITLES, operations.show),
    "libraries": Table(
        "small steps in other libraries", libraries.TITLES, libraries.show
    ),
    "numpy": Table(
        "steps in NumPy alone, without kernels",
        titles_of(programs.NUMPY),
        steps_in_numpy,
    ),
    "writing": Table("a written token", generation.TITLES, writing),
    "reading": Table("a token and the memory's speed", generation.READING, reading),
    "hvp": Table("Hessian-vector products", hvp.TITLES, products),
    "growth": Table("how time and memory grow", growth.TITLES, growths),
    "process": Table("whole runs, from outside", process.TITLES, processes),
}


def chosen(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """{table: {row: title}} for names of tables and rows; all where none is named.

    KeyError for a name that is neither.
    """
    known = {row for table in TABLES.values() for row in table.titles}
    for name in names:
        if name not in TABLES and name not in known:
            raise KeyError(name)
    found = {}
    for key, table in TABLES.items():
        whole = not names or key in names
        rows = {n: title for n, title in table.titles.items() if whole or n in names}
        if rows:
            found[key] = rows
    return found


def parse(argv: Sequence[str]) -> argparse.Namespace:
    lines = [
        f"  {key:9} {table.about}:\n            {', '.join(table.titles)}"
        for key, table in TABLES.items()
    ]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        epilog="tables and their rows:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number = dict(type=positive(int), metavar="N")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a table or a row")
    parser.add_argument("--rounds", default=9, help="bursts of each side (9)", **number)
    parser.add_argument(
        "--seconds",
        type=positive(float),
        metavar="S",
        help="length of a burst (1); of train-small, how long each side trains, in "
        "the place of --steps",
    )
    parser.add_argument("--steps", default=2000, help="of train-small (2000)", **number)
    parser.add_argument(
        "--seeds", default=1, help="runs of train-small, on each side (1)", **number
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a few rows in under a minute; status 1 where one is twice as slow as it "
        "should be",
    )
    options = parser.parse_args(argv)
    if options.quick and options.names:
        parser.error("--quick has rows of its own: leave the names out")
    try:
        options.tables = chosen(options.names)
    except KeyError as error:
        parser.error(f"no table or row is called {error.args[0]}: see --help")
    return options


def positive(kind: type) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} should be a number above 0")
        return value

    return read


def main() -> None:
    given = parse(sys.argv[1:])
    print(f"{platform.machine()}, {multiprocessing.cpu_count()} cores, medians")
    if given.quick:
        sys.exit(quick.check())
    options = Options(given.rounds, given.seconds, given.steps, given.seeds)
    for key, titles in given.tables.items():
        print(f"\n{key}: {TABLES[key].about}")
        TABLES[key].show(titles, options)


if __name__ == "__main__":
    main()

"""A profile as a table."""

from __future__ import annotations

from .limits import Limits, limits
from .profile import Profile, Row

HEADINGS = (
    "op",
    "calls",
    "ms",
    "share",
    "GFLOP/s",
    "GB/s",
    "least ms",
    "made MB",
    "kept MB",
)


def table(profile: Profile) -> str:
    """What was measured, what the machine can do, and a line for each row."""
    most, rows = limits(), profile.rows
    groups = [*folded(rows[:-2], profile.shown), *named(rows[-2:]), ("total", rows)]
    total = profile.total or 1.0
    lines = [HEADINGS, *[cells(name, some, total, most) for name, some in groups]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    ]
    return "\n".join([*head(profile, most), "", *map(str.rstrip, aligned)])


def head(profile: Profile, most: Limits) -> list[str]:
    """The lines above: totals, limits, and what the columns don't say themselves."""
    found = [
        f"{1e3 * profile.wall:.2f} ms; nodes kept up to {profile.peak / 1e6:.2f} MB "
        "for the backward pass",
        f"limits here: {most.gflops:.0f} GFLOP/s (product of float32), "
        f"{most.gbs:.1f} GB/s (copy); least ms: at those limits",
    ]
    if profile.threads > 1:
        found.append(
            f"times are summed over {profile.threads} threads; outside ops: of the "
            "first alone, its waiting included"
        )
    return found


Group = tuple[str, list[Row]]  # a line of the table, and what it sums up


def named(rows: list[Row]) -> list[Group]:
    return [(row.name, [row]) for row in rows]


def folded(rows: list[Row], shown: int | None) -> list[Group]:
    """The first rows, a line each, and one line for all others."""
    if shown is None or len(rows) <= shown:
        return named(rows)
    return [*named(rows[:shown]), (f"{len(rows) - shown} more", rows[shown:])]


def cells(name: str, rows: list[Row], total: float, most: Limits) -> tuple[str, ...]:
    """The line of some rows, summed."""
    seconds = sum([row.seconds for row in rows])
    return (
        name,
        str(sum([row.calls for row in rows]) or ""),
        f"{1e3 * seconds:.2f}",
        f"{100 * seconds / total:.1f}%",
        rate(sum([row.flops for row in rows]), seconds),
        rate(sum([row.touched for row in rows]), seconds),
        positive(1e3 * sum([least(row, most) for row in rows])),
        positive(sum([row.made for row in rows]) / 1e6),
        positive(sum([row.kept for row in rows]) / 1e6),
    )


def rate(count: int, seconds: float) -> str:
    """Billions a second."""
    return f"{count / seconds / 1e9:.1f}" if count and seconds else ""


def least(row: Row, most: Limits) -> float:
    """The seconds that its flops, or its bytes, take at the limits of the machine."""
    return max(row.flops / most.gflops, row.touched / most.gbs) / 1e9


def positive(number: float) -> str:
    return f"{number:.2f}" if number else ""

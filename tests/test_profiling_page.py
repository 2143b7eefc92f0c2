"""What docs/profiling.md shows runs, and its table is of the code's form."""

import pytest

from tensorgrad.profiling.table import HEADINGS
from tests.pages import Page

PAGE = Page("profiling.md")


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    found = PAGE.run()["found"]
    [shown] = PAGE.blocks("text")
    printed = capsys.readouterr().out
    for table in (shown, printed):
        assert " ".join(HEADINGS) in " ".join(table.split())
    # which of them are among the longest is a matter of time
    known = {row.name for row in found.rows} | {"outside ops", "profiling", "total"}
    assert names(shown) <= known
    assert names(printed) <= known


def names(table: str) -> set[str]:
    """The first words of its lines, but for what depends on the order of the times."""
    lines = table.split("\n\n")[1].splitlines()[1:]
    found = {line.split("  ")[0] for line in lines}
    return {name for name in found if name[0].isalpha()}

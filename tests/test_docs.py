"""The pages that are made from the code are up to date."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_ops_is_what_the_registry_says() -> None:
    made = runpy.run_path(str(DOCS / "op_table.py"))["main"]()
    written = (DOCS / "ops.md").read_text(encoding="utf-8")
    assert written == made, "python docs/op_table.py writes it anew"

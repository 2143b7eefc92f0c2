"""The questions in docs/questions.md are all in the list on top."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "docs" / "questions.md").read_text(encoding="utf-8")


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_list_has_every_question_in_order() -> None:
    headings = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    listed = re.findall(r"\]\(#(.+?)\)", TEXT)
    assert listed == [slug(heading) for heading in headings]
    assert all(heading.endswith("?") for heading in headings)

"""docs/docstrings.py: what stands in a docstring is what the site shows."""

import runpy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import ROOT

MODULE = runpy.run_path(str(ROOT / "docs" / "docstrings.py"))
converted, readable = MODULE["converted"], MODULE["readable"]


def shown(text: str) -> str:
    return "\n".join(converted(text.split("\n"))).strip()


def test_characters_mean_themselves_outside_of_code() -> None:
    assert shown("x * y_ and |x|") == r"x \* y\_ and \|x\|"


def test_code_is_a_literal_and_a_name_may_be_a_link() -> None:
    assert shown("the `x * y` of `Module`s") == (
        r"the \ ``x * y``\  of \ :py:obj:`Module`\ s"
    )
    assert shown("code of `two\nlines`.") == r"code of \ ``two lines``\ ."


def test_an_example_ends_at_an_empty_line_and_is_left_alone() -> None:
    text = ">>> x * y\n`a` *\n\nAfter it."
    assert shown(text) == text


def test_what_is_further_in_is_shown_as_it_stands() -> None:
    text = "Such as\n\n    a * b\n\n    c\n\nand so on."
    assert shown(text) == ("Such as\n\n::\n\n       a * b\n   \n       c\n\nand so on.")


def test_a_list_stays_a_list() -> None:
    text = "- one `a` of\n  two lines\n- another"
    assert shown(text) == "- one \\ :py:obj:`a`\\  of\n  two lines\n- another"


def test_nothing_stays_nothing() -> None:
    assert converted([]) == []


def test_defaults_without_a_name_are_dots() -> None:
    assert readable("(f=<function A.<lambda>>, d=<factory>)") == "(f=..., d=...)"
    assert readable("(dtype=<class 'numpy.float64'>)") == "(dtype=numpy.float64)"


@given(st.text(alphabet="ab*_|`\\ >-\n", max_size=60))
def test_no_letter_is_lost_or_added(text: str) -> None:
    def letters(text: str) -> str:
        return "".join(c for c in text.replace(":py:obj:", "") if c in "ab")

    assert letters(shown(text)) == letters(text)


docutils = pytest.importorskip("docutils.core")


@given(st.text(alphabet="ab*_|\\ >", max_size=30).map(str.strip).filter(bool))
def test_a_paragraph_reads_as_it_was_written(text: str) -> None:
    written = " ".join(f"x {text} x".split())
    document = docutils.publish_doctree(
        shown(written), settings_overrides={"report_level": 5}
    )
    assert document.astext() == written

"""Where a page is written: checked before the work, said after it."""

from pathlib import Path

import pytest

from nn.page_file import PageFile
from tensorgrad.errors import ConfigError
from tensorgrad.viz import Page

PAGE = Page("attention", {}, "title")


def test_a_page_is_written_over_what_is_there(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = PageFile()
    path = file.path("attention.html")
    path.write_text("old")
    file.write(PAGE, path)
    assert path.read_text("utf-8") == PAGE.html
    assert capsys.readouterr().out.startswith("attention.html (")


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (".", r"out: \. is a folder: name a file, attention.html"),
        ("none/page.html", "out: there is no folder none for page.html"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    work: Path, out: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        PageFile(out).path("attention.html")


def test_what_fails_in_writing_is_one_line(work: Path) -> None:
    file = PageFile("page.html")
    path = file.path("attention.html")
    path.mkdir()  # since it was looked at
    with pytest.raises(ConfigError, match=r"out: page.html: Is a directory"):
        file.write(PAGE, path)


def test_it_opens_where_it_is_asked_to(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    PageFile().write(PAGE, Path("a.html"))
    assert asked == []
    PageFile(open=True).write(PAGE, Path("b.html"))
    assert asked == [(work / "b.html").as_uri()]

"""One file that shows the data, and in which no data can become markup."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad.viz.page import Page
from tensorgrad.viz.page.page import Kind, embedded

FOLDER = Path(__file__).parents[4] / "tensorgrad/viz/page"
BUILT = sorted(path.stem for path in (FOLDER / "bundle").glob("*.js"))
NASTY = "</script><!-- <script> ]]> & \u2028\u2029 \ud83d \x00 \" ' {0} {data}"

every_kind = pytest.mark.parametrize("kind", BUILT)


class Parts(HTMLParser):
    """The scripts of a page, the titles, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.tags[-1] if self.tags else "", []).append(data)


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from([NASTY]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(anything)
def test_what_is_embedded_is_the_data_and_holds_no_markup(data: object) -> None:
    text = embedded(data)
    assert json.loads(text) == data
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_nan_is_no_json() -> None:
    with pytest.raises(ValueError):
        embedded({"value": float("nan")})


@every_kind
def test_data_and_title_end_up_as_text(kind: Kind) -> None:
    plain = Parts(Page(kind, {"a": ""}, "").html)
    nasty = Parts(Page(kind, {"a": NASTY}, NASTY).html)
    assert nasty.tags == plain.tags
    assert json.loads("".join(nasty.texts["script"][:1])) == {"a": NASTY}


@every_kind
def test_the_bundle_ends_no_tag(kind: Kind) -> None:
    script = (FOLDER / "bundle" / f"{kind}.js").read_text()
    style = (FOLDER / "bundle/page.css").read_text()
    assert not re.search(r"</script|<script|<!--", script, re.IGNORECASE)
    assert "</style" not in style.lower()
    assert "sourceMappingURL" not in script + style


@every_kind
def test_saved_page_is_the_page(kind: Kind, tmp_path: Path) -> None:
    page = Page(kind, {}, "loss")
    assert page.save(tmp_path / "page.html").read_text("utf-8") == page.html
    Page(kind, {}, NASTY).save(tmp_path / "page.html")
    assert f'.save("{kind}.html")' in repr(page)


def test_a_notebook_gets_the_page_in_a_frame_that_may_only_run_scripts() -> None:
    page = Page("explore", {"a": NASTY}, NASTY)
    parts = Parts(page._repr_html_())
    assert parts.tags == ["iframe"]
    assert parts.attributes[0]["srcdoc"] == page.html
    assert parts.attributes[0]["sandbox"] == "allow-scripts"


def test_open_asks_for_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    path = Page("explore", {}, "loss").open()
    assert asked == [path.as_uri()]
    shutil.rmtree(path.parent)


@pytest.mark.skipif(shutil.which("node") is None, reason="building needs Node")
@pytest.mark.skipif(
    not (FOLDER / "node_modules").exists(), reason="run `make pages` once"
)
def test_the_bundle_is_what_its_sources_build(tmp_path: Path) -> None:
    subprocess.run(["node", FOLDER / "build.mjs", tmp_path], check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (FOLDER / "bundle").iterdir()}
    assert built == kept, "bundle/ is older than src/: make pages"

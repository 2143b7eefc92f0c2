"""A browser for the tests of the pages, and a watch over what the pages do in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorgrad.viz.page import Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Those after the first two keep the browser itself from asking the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY = "main[data-ready]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs one of {', '.join(NAMES)}")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a page, or HTML, in a window: `show(page, color_scheme="dark")`.

    At the end, nothing may have been fetched but the file itself, no error or warning
    may have been logged, and no data may have run as a script.
    """
    wrong: list[str] = []
    windows: list[Any] = []

    def show(
        page: Page | str, wait: str | None = READY, before: str = "", **settings: Any
    ) -> Any:
        settings.setdefault("viewport", {"width": 1200, "height": 800})
        window = browser.new_context(**settings).new_page()
        windows.append(window)
        window.set_default_timeout(10_000)  # milliseconds
        window.add_init_script(before)
        path = tmp_path / f"{len(windows)}.html"
        html = page if isinstance(page, str) else page.html
        path.write_bytes(html.encode("utf-8", "xmlcharrefreplace"))
        window.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
        window.on("pageerror", lambda error: wrong.append(str(error)))
        window.on("request", lambda request: fetched(request.url, path.as_uri()))
        window.goto(path.as_uri())
        if wait:
            window.wait_for_selector(wait)
        return window

    def fetched(url: str, document: str) -> None:
        if url != document and not url.startswith(("blob:", "data:", "about:srcdoc")):
            wrong.append(f"asked for {url}")

    yield show
    for window in windows:
        assert window.evaluate("window.bad") is None
        window.context.close()
    assert not wrong

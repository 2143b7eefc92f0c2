"""The explore page by keys alone: what they come to is in view."""

from collections.abc import Callable
from typing import Any

from tensorgrad.viz.page import Page
from tests.tensorgrad.viz.page.graphs import chain

Show = Callable[..., Any]


def test_the_tab_key_comes_to_the_step_and_brings_it_into_view(show: Show) -> None:
    window = show(Page("explore", chain(50, most=60).data(), "chain"))
    for key in ["ArrowRight"] * 9 + ["+"] * 9:
        window.keyboard.press(key)
    focused = "document.activeElement.getAttribute('class')"
    for _ in range(20):
        window.keyboard.press("Tab")
        if "node" in (window.evaluate(focused) or ""):
            break
    assert "is-now" in window.evaluate(focused)
    window.wait_for_timeout(500)  # milliseconds: until the view has come to rest
    node = window.locator(".node.is-now .sheet").first.bounding_box()
    stage = window.locator(".stage").bounding_box()
    middle = node["y"] + node["height"] / 2
    assert stage["y"] < middle < stage["y"] + stage["height"]


def test_page_keys_read_on_in_the_step(show: Show) -> None:
    window = show(
        Page("explore", chain(9).data(), "chain"),
        viewport={"width": 1200, "height": 400},
    )
    scrolled = "document.querySelector('.panel').scrollTop"
    window.keyboard.press("PageDown")
    window.wait_for_function(f"{scrolled} > 100")
    window.keyboard.press("PageUp")
    window.wait_for_function(f"{scrolled} === 0")
    window.focus("input[type=range]")
    window.keyboard.press("PageUp")
    assert window.evaluate(scrolled) == 0  # the slider's own key

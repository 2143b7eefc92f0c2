"""The explore page in a browser: what it shows, by keys, for anyone, of anything."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorgrad import Tensor
from tensorgrad.viz.explore import explore
from tensorgrad.viz.page import Page
from tests.tensorgrad.viz.page.graphs import HOSTILE, Json, Program, chain, group

Show = Callable[..., Any]


def paged(program: Program) -> Page:
    return Page("explore", program.data(), program.title)


def diamond() -> Program:
    """loss = a * (a + x), a = x * y: multiply is used twice, and so is x."""
    program = Program()
    x, y = program.leaf("x", 3.0), program.leaf("y", -2.0)
    a = program.op("multiply", x, y, "a = x * y")
    b = program.op("add", a, x, "b = a + x")
    program.op("multiply", a, b, "loss = a * b")
    return program


def folded() -> Program:
    """The diamond with its middle in a closed group of two copies."""
    program = diamond()
    copies = [group("h.0 Block", [2]), group("h.1 Block", [3], closed=False)]
    repeat = group("Block × 2", copies, kind="repeat", count=2)
    program.tree = group("root", [0, 1, repeat, 4], closed=False)
    return program


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def heading(window: Any) -> str:
    return str(window.inner_text(".lead h2"))


def drawn(window: Any) -> dict[str, str]:
    """Title and state of each drawn node."""
    nodes = window.query_selector_all(".node")
    found = {}
    for node in nodes:
        classes = node.get_attribute("class")
        state = re.search(r"is-(\w+)", classes)
        found[node.query_selector(".title").text_content()] = state[1] if state else ""
    return found


def test_keys_alone_lead_through_every_step(show: Show) -> None:
    data = diamond().data()
    window = show(Page("explore", data, "loss"))
    for at, step in enumerate(data["steps"]):
        assert f"Step {at + 1} of 5" in window.inner_text(".lead")
        assert f"Step {at + 1} of 5" in window.inner_text("p.unseen")
        shows_the_numbers(window, data, step)
        window.keyboard.press("ArrowRight")
    assert set(drawn(window).values()) == {"done", "now"}
    for at in reversed(range(4)):
        window.keyboard.press("ArrowLeft")
        assert f"Step {at + 1} of 5" in window.inner_text(".lead")
    for key, at in (("End", 5), ("Home", 1)):
        window.keyboard.press(key)
        assert f"Step {at} of 5" in window.inner_text(".lead")


def shows_the_numbers(window: Any, data: Json, step: Json) -> None:
    """g; for each argument the formula with the numbers in it, and the sum so far."""

    def value(index: int) -> float:
        return float(data["arrays"][index]["data"][0])

    panel = window.query_selector(".panel")
    arriving = panel.query_selector(".part td").inner_text()
    assert number(arriving) == value(step["g"])
    cards = panel.query_selector_all(".card")
    assert len(cards) == len(step["sent"])
    for card, sent in zip(cards, step["sent"], strict=True):
        shown = card.query_selector(".numbers").inner_text()
        assert number(shown.rpartition("= ")[2]) == value(sent["value"])
        cells = [
            number(cell.inner_text().strip("✓"))
            for cell in card.query_selector_all("td")
        ]
        if sent["arrival"] == 2:
            assert cells == [value(sent[name]) for name in ("before", "value", "after")]
            assert cells[0] + cells[1] == cells[2]
        assert "agree" in card.inner_text()
    if step["grad"]:
        assert number(
            panel.query_selector(".part:last-of-type td, .row td").inner_text()
        ) == value(step["g"])


def test_choosing_an_element_shows_what_it_is_made_of(show: Show) -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    bias = Tensor([0.5, 1.5], requires_grad=True)

    def loss() -> Tensor:
        y = x + bias
        return (y * y).sum()

    window = show(explore(loss, params={"bias": bias}))
    while "to bias" not in window.inner_text(".panel"):
        window.keyboard.press("ArrowRight")
    card = window.locator(".card", has_text="to bias")
    assert "sum over axis 0" in card.inner_text()
    assert formula(card) == "3 + 7 + 11 = 21  at [0]"
    card.locator("td[tabindex='0']").focus()
    window.keyboard.press("ArrowRight")
    assert formula(card) == "7 + 11 + 15 = 33  at [1]"
    marked = window.locator(".panel .marked").all_inner_texts()
    assert marked == ["7", "11", "15"]
    assert "agree" in card.inner_text()
    assert (
        window.evaluate("document.activeElement.getAttribute('aria-selected')")
        == "true"
    )


def formula(card: Any) -> str:
    return str(card.locator(".numbers").inner_text())


def test_the_line_of_the_program_and_its_callers_are_shown(show: Show) -> None:
    window = show(paged(diamond()))
    program = window.query_selector(".program")
    assert "loss = a * b" in program.inner_text()
    assert "train.py:5" in program.inner_text()
    program.query_selector("summary").click()
    assert "loss = model(x)" in program.inner_text()


def test_states_are_told_apart_by_more_than_colour(show: Show) -> None:
    window = show(paged(diamond()))
    window.keyboard.press("ArrowRight")
    marks = {mark.text_content() for mark in window.query_selector_all(".node .mark")}
    assert marks == {"✓", "▶", "●", "◐", "○"}


def test_a_node_leads_to_its_step_by_mouse_and_by_key(show: Show) -> None:
    window = show(paged(diamond()))
    window.click(".node:has-text('y') >> nth=0")
    assert heading(window).startswith("y has collected")
    window.keyboard.press("ArrowUp")
    label = window.evaluate("document.activeElement.getAttribute('aria-label')")
    window.keyboard.press("Enter")
    assert heading(window).startswith(label.partition(",")[0])


def test_groups_open_and_close(show: Show) -> None:
    window = show(paged(folded()))
    window.keyboard.press("ArrowRight")
    assert drawn(window)["Block × 2"] == "now"
    assert "copy 2 of 2" in window.inner_text(".panel")
    window.keyboard.press("o")
    window.wait_for_selector(".box")
    assert "add" not in drawn(window) or drawn(window)["add"] == "now"
    window.click("text=Close all")
    window.wait_for_selector(".box", state="detached")
    window.click("text=Open all")
    window.wait_for_selector(".box >> nth=2")
    assert drawn(window)["multiply"]
    window.click(".box >> nth=0", position={"x": 12, "y": 12})
    window.wait_for_selector(".box", state="detached")


def naive() -> Json:
    """The diamond again, where the walk takes `a` before `b` has sent to it."""
    data = diamond().data()
    one, wrong = data["steps"][0]["g"], len(data["arrays"])
    data["arrays"].append({"shape": [], "dtype": "float32", "data": [99.0]})
    right = {step["vertex"]: step["g"] for step in data["steps"]}
    steps = [
        {"vertex": 4, "complete": True, "sent": [(2, False), (3, False)]},
        {"vertex": 2, "complete": False, "sent": [(0, False), (1, False)]},
        {"vertex": 3, "complete": True, "sent": [(2, True), (0, False)]},
        {"vertex": 0, "complete": False, "sent": []},
        {"vertex": 1, "complete": False, "sent": []},
    ]
    for step in steps:
        sent = step["sent"]
        assert isinstance(sent, list)
        step["sent"] = [{"to": to, "value": one, "lost": lost} for to, lost in sent]
        step["g"] = right[step["vertex"]] if step["complete"] else wrong
    leaves = [
        {"vertex": leaf, "naive": wrong, "right": right[leaf], "agrees": False}
        for leaf in (0, 1)
    ]
    return {**data, "naive": {"right": False, "steps": steps, "leaves": leaves}}


def test_the_walk_without_the_sort_shows_what_is_lost(show: Show) -> None:
    data = naive()
    window = show(Page("explore", data, "loss"), reduced_motion="reduce")
    window.keyboard.press("ArrowRight")
    window.click("text=Why this order?")
    assert "waited for one gradient" in window.inner_text(".order")
    window.click("text=Play it without the sort")
    window.keyboard.press("End")
    window.keyboard.press("ArrowLeft")
    assert window.query_selector(".flow .lost")
    assert "lost" in window.text_content(".graph")
    window.keyboard.press("End")
    rows = window.query_selector_all(".leaves tbody > tr.wrong")
    assert [row.query_selector("th").inner_text() for row in rows] == ["x", "y"]
    numbers = [
        number(cell.inner_text()) for cell in rows[0].query_selector_all("td td")
    ]
    assert numbers == [
        99.0,
        data["arrays"][data["naive"]["leaves"][0]["right"]]["data"][0],
    ]
    window.click("text=Back to the right order")
    assert window.query_selector(".leaves") is None


def test_data_cannot_become_markup(show: Show) -> None:
    program = diamond()
    program.title = HOSTILE
    for vertex in program.vertices:
        vertex["title"] = vertex["title"] + HOSTILE
        vertex["details"] = [HOSTILE]
        vertex["lines"] = [{"file": HOSTILE, "number": 1, "code": HOSTILE}]
    program.tree = group("root", [0, 1, group(HOSTILE, [2, 3]), 4], closed=False)
    data = program.data()
    data["notes"] = [HOSTILE]
    window = show(Page("explore", data, HOSTILE))
    assert window.inner_text("h1") == window.evaluate("document.title")
    assert window.query_selector("img") is None
    for _ in data["steps"]:
        window.keyboard.press("ArrowRight")
        assert "window.bad" in heading(window)
        assert HOSTILE in window.text_content(".notes")
    window.keyboard.press("Home")
    window.keyboard.press("ArrowRight")
    window.keyboard.press("o")
    window.wait_for_selector(".box")


def test_values_that_are_missing_or_no_numbers_are_named(show: Show) -> None:
    data = diamond().data()
    step = data["steps"][0]
    data["arrays"][step["g"]]["data"] = ["nan"]
    step["known"]["x"] = None
    step["sent"][0]["value"] = None
    window = show(Page("explore", data, "loss"))
    assert "nan" in window.inner_text(".part td")
    assert "not kept" in window.inner_text(".panel")


def test_ten_thousand_nodes_open_and_never_block(show: Show) -> None:
    window = show(paged(chain(10_000)))
    assert window.workers  # which lays it out, or the page would hang meanwhile
    assert len(drawn(window)) <= 24
    window.click("text=Open all")
    assert "can be read" in window.inner_text(".status")
    window.keyboard.press("o")
    window.wait_for_selector(".box")
    window.keyboard.press("End")
    assert "Step 10000 of 10,000" in window.inner_text(".lead")


def test_the_layout_does_without_a_worker(show: Show) -> None:
    window = show(paged(diamond()), before="delete window.Worker")
    assert drawn(window).keys() == {"x", "y", "multiply", "add"}


def test_a_notebook_s_frame_shows_it(show: Show) -> None:
    frame = paged(diamond())._repr_html_()
    window = show(f"<!doctype html><meta charset=utf-8>{frame}", wait=None)
    inside = window.frame_locator("iframe")
    inside.locator("main[data-ready]").wait_for()
    assert "starts at multiply" in inside.locator(".lead h2").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_the_button(
    show: Show, scheme: str, tmp_path: Path
) -> None:
    window = show(paged(diamond()), color_scheme=scheme)
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark = window.evaluate(background) == "rgb(20, 21, 23)"
    assert dark == (scheme == "dark")
    window.screenshot(path=tmp_path / f"{scheme}.png")
    window.click("button:has-text('') >> nth=1")
    assert (window.evaluate(background) == "rgb(20, 21, 23)") != dark


def test_narrow_windows_stack_and_nothing_is_cut_off(show: Show) -> None:
    window = show(paged(diamond()), viewport={"width": 420, "height": 800})
    wide = "document.documentElement.scrollWidth"
    assert window.evaluate(wide) <= 420
    graph, panel = (
        window.query_selector(name).bounding_box() for name in (".stage", ".panel")
    )
    assert panel["y"] >= graph["y"] + graph["height"]


def test_help_lists_the_keys(show: Show) -> None:
    window = show(paged(diamond()))
    window.keyboard.press("?")
    assert "next step" in window.inner_text("dialog[open]")
    window.keyboard.press("Escape")
    assert window.query_selector("dialog[open]") is None

"""The next-token page in a browser: its numbers are those of nn.decoding."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

from nn.decoding import Sampling, explain
from tensorgrad.viz import next_token
from tests.tensorgrad.viz import models

TOKENS = [3, 1, 4, 1, 5, 2]
SETTINGS = ("temperature", "top_k", "top_p")

Show = Callable[..., Any]

SET = """([name, value]) => {
    const range = document.getElementById(name);
    range.value = JSON.parse(range.dataset.values).indexOf(value);
    range.dispatchEvent(new Event("input"));
}"""
TABLE = """rows => rows.filter(row => row.dataset.token !== undefined).map(row => [
    Number(row.dataset.token),
    ...[...row.querySelectorAll("td.share")].map(td => Number(td.title))])"""


def settle(window: Any, **settings: float) -> None:
    for name, value in settings.items():
        window.evaluate(SET, [name, value])


def table(window: Any) -> tuple[list[int], np.ndarray]:
    """The tokens in their order, and what each stage makes of them: (rows, 4)."""
    rows = window.eval_on_selector_all(".candidates tbody tr", TABLE)
    return [int(row[0]) for row in rows], np.array([row[1:] for row in rows])


def check(window: Any, logits: np.ndarray, settings: dict[str, Any]) -> None:
    """The table and the count below it against `explain`."""
    tokens, found = table(window)
    stages = explain(logits, [], Sampling(**settings))
    before = stages["model"]
    assert tokens == np.argsort(-logits, kind="stable")[: len(tokens)].tolist()
    for column, name in enumerate(("model", *SETTINGS)):
        before = stages.get(name, before)
        assert_allclose(found[:, column], before[tokens], rtol=1e-9, err_msg=name)
    left = np.count_nonzero(before)
    said = window.inner_text(".candidates > p")
    if left == 1:
        assert said.startswith("One candidate is left")
    else:
        count = (
            f"all {left:,}" if left == logits.size else f"{left:,} of {logits.size:,}"
        )
        assert said.startswith(f"Drawn from {count} candidates")


def test_settings_do_what_decoding_does(show: Show) -> None:
    rng = np.random.default_rng(0)
    logits = np.stack(
        [
            rng.normal(0, 3, 300),  # a few likely ones
            rng.normal(0, 0.1, 300),  # all alike: sets reach beyond the candidates
            rng.integers(0, 3, 300).astype(float),  # ties, at the last one listed too
        ]
    ).astype(np.float32)
    page = next_token(models.Given(logits), [0, 1, 2], candidates=30)
    window, grid = show(page), page.data["grid"]
    for t in (2, 1, 0):
        for _ in range(12):
            settings = {
                "temperature": float(rng.choice(grid["temperatures"])),
                "top_k": int(rng.choice(grid["top_ks"])),
                "top_p": float(rng.choice(grid["top_ps"])),
            }
            settle(window, **settings)
            check(window, logits[t], settings)
        window.keyboard.press("ArrowLeft")


def test_it_starts_with_the_settings_given(show: Show) -> None:
    logits = np.random.default_rng(1).normal(0, 2, (1, 50))
    settings = {"temperature": 0.73, "top_k": 9, "top_p": 0.81}
    window = show(next_token(models.Given(logits), [0], **settings))
    check(window, logits[0], settings)
    window.click("text=Settings off")
    check(window, logits[0], {})


def test_equal_logits_and_a_single_token(show: Show) -> None:
    window = show(next_token(models.Given(np.zeros((1, 8))), [0]))
    for settings in ({"top_p": 0.5}, {"top_k": 3}, {"temperature": 0.0}):
        settle(window, **{"temperature": 1.0, "top_k": 0, "top_p": 1.0, **settings})
        check(window, np.zeros(8), settings)
    window = show(next_token(models.Given(np.zeros((1, 1))), [0]))
    check(window, np.zeros(1), {})


def test_suppressed_tokens_are_no_candidates(show: Show) -> None:
    logits = np.random.default_rng(1).normal(0, 2, (1, 50))
    never = (int(logits.argmax()), 4)
    window = show(next_token(models.Given(logits), [0], suppress=never))
    tokens, found = table(window)
    stages = explain(logits[0], [], Sampling(suppress=never))
    assert not set(never) & set(tokens)
    assert_allclose(found[:, 0], stages["model"][tokens])
    assert_allclose(found[:, 3], stages["suppress"][tokens])


def test_places_are_chosen_by_keys_and_mouse(show: Show) -> None:
    model = models.gpt()
    *_, logits = model.layer_logits(TOKENS)
    window = show(next_token(model, TOKENS))
    check(window, logits[5], {})
    for _ in range(9):
        window.keyboard.press("ArrowLeft")
    check(window, logits[0], {})
    window.click(".prompt .chip:nth-child(3)")
    check(window, logits[2], {})
    window.click(".overview tbody tr:first-child td:nth-of-type(5)")
    check(window, logits[4], {})
    window.focus("#temperature")
    window.keyboard.press("ArrowRight")  # moves the slider, and not the place
    check(window, logits[4], {"temperature": 1.1})


def test_what_follows_is_marked_wherever_it_stands(show: Show) -> None:
    logits = np.tile(-np.arange(60.0), (2, 1))
    window = show(next_token(models.Given(logits), [0, 41], candidates=20))
    window.keyboard.press("ArrowLeft")
    last = window.locator(".candidates tr.chosen")
    assert last.inner_text().split()[:3] == ["42", "41◂", "follows"]


def test_layers_say_what_the_model_says_after_them(show: Show) -> None:
    model = models.gpt()
    window = show(next_token(model, TOKENS, labels=[*"abcdefg"]))
    window.keyboard.press("ArrowLeft")
    rows = window.eval_on_selector_all(
        ".layers tbody tr", "rows => rows.map(row => row.innerText.split(/\\s+/))"
    )
    every = [logits[4] for logits in model.layer_logits(TOKENS)]
    for cells, logits in zip(rows, reversed(every), strict=True):
        order = np.argsort(-logits, kind="stable")[:5]
        said = [cell for cell in cells if cell in [*"abcdefg"]]
        assert said == ["abcdefg"[i] for i in order]
    assert [cells[0] for cells in rows] == ["layer", "layer", "embeddings"]
    chances = window.eval_on_selector_all(
        ".layers td.share", "cells => cells.map(cell => Number(cell.title))"
    )
    expected = [explain(logits, [], Sampling())["model"][2] for logits in every]
    assert_allclose(chances, expected[::-1])


def test_checkpoints_are_walked_by_keys(show: Show) -> None:
    every = {step: models.gpt(step) for step in (1, 2, 3)}
    window = show(next_token(every[3], TOKENS, checkpoints=every))
    for key, step in ((None, 3), (",", 2), (",", 1), (",", 1), (".", 2)):
        if key:
            window.keyboard.press(key)
        *_, logits = every[step].layer_logits(TOKENS)
        check(window, logits[5], {})
        assert window.inner_text(".steps output") == str(step)
    assert window.locator(".chart circle").count() == 3


def test_labels_are_text_whatever_they_hold(show: Show) -> None:
    every = {"</script>": models.gpt(), "<b>": models.gpt(1)}
    page = next_token(models.gpt(), range(7), labels=models.NASTY, checkpoints=every)
    window = show(page)
    words = window.eval_on_selector_all(
        ".prompt .word", "words => words.map(word => word.textContent)"
    )
    assert words == ["<", "</script>", "·", "↵", "&amp;", r"\u202e", "é"]
    assert window.locator("main script, main b").count() == 0


def test_all_that_takes_the_focus_has_a_name(show: Show) -> None:
    every = {1: models.gpt(), 2: models.gpt()}
    window = show(next_token(models.gpt(), TOKENS, checkpoints=every))
    unnamed = window.eval_on_selector_all(
        "button, input, [tabindex]",
        """all => all.filter(node => !(node.ariaLabel || node.labels?.length
            || node.textContent.trim())).map(node => node.outerHTML)""",
    )
    assert unnamed == []

"""The attention page in a browser: it shows the model's weights, by mouse or keys."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorgrad.viz import attention
from tensorgrad.viz.texts import unpacked
from tests.tensorgrad.viz import models

TOKENS = [3, 1, 4, 1, 5, 2]
TARGET = [1, 6, 3, 5]
Show = Callable[..., Any]


def weights(page: Any, kind: int = 0) -> np.ndarray:
    """(L, H + 1, T, S), the mean of the heads after them."""
    found = unpacked(page.data["kinds"][kind]["weights"]).astype(np.float64)
    return np.concatenate([found, found.mean(1, keepdims=True)], 1)


def numbers(window: Any) -> np.ndarray:
    """The table of numbers, a row for each token and a column for each head."""
    rows = window.eval_on_selector_all(
        ".numbers tbody tr",
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(td => td.title))",
    )
    return np.array(rows, float)


def heading(window: Any) -> str:
    return str(window.inner_text("h2"))


def percents(window: Any) -> list[float]:
    """What is written below the words, nothing for next to nothing."""
    notes = window.eval_on_selector_all(
        ".words .note", "notes => notes.map(note => note.textContent)"
    )
    return [float(note or 0) for note in notes]


def test_numbers_are_the_models_by_keys_alone(show: Show) -> None:
    page = attention(models.gpt(), TOKENS)
    window, every = show(page), weights(page)
    assert heading(window) == "Layer 0, head 0"
    window.keyboard.press("n")
    np.testing.assert_allclose(numbers(window).T, every[0, :, 5], rtol=1e-7)
    for key in ("ArrowDown", "ArrowRight", ",", ","):
        window.keyboard.press(key)
    assert heading(window) == "Layer 1, head 1"
    np.testing.assert_allclose(numbers(window).T, every[1, :, 3], rtol=1e-7)
    shown = np.round(100 * np.where(every[1, 1, 3] < 0.015, 0, every[1, 1, 3]))
    assert percents(window) == shown.tolist()
    window.keyboard.press("m")
    assert heading(window) == "Layer 1, mean of the heads"
    shown = np.round(100 * np.where(every[1, 3, 3] < 0.015, 0, every[1, 3, 3]))
    assert percents(window) == shown.tolist()
    window.keyboard.press("d")  # the column, in place of the row
    np.testing.assert_allclose(numbers(window).T, every[1, :, :, 3], rtol=1e-7)


def test_keys_stop_at_the_ends(show: Show) -> None:
    window = show(attention(models.gpt(), TOKENS))
    for key in ["ArrowUp", "ArrowLeft", *["ArrowDown"] * 4, *["ArrowRight"] * 9]:
        window.keyboard.press(key)
    assert heading(window) == "Layer 1, mean of the heads"


def test_a_map_and_a_word_are_chosen_by_the_mouse(show: Show) -> None:
    page = attention(models.gpt(), TOKENS)
    window = show(page)
    window.click("[aria-label='Layer 1, head 2']")
    window.click("text=Numbers")
    window.click(".words .chip:nth-child(2)")
    np.testing.assert_allclose(numbers(window).T, weights(page)[1, :, 1], rtol=1e-7)
    window.hover(".words .chip:nth-child(4)")  # while the pointer is there
    np.testing.assert_allclose(numbers(window).T, weights(page)[1, :, 3], rtol=1e-7)
    window.hover("h1")
    np.testing.assert_allclose(numbers(window).T, weights(page)[1, :, 1], rtol=1e-7)


def test_a_row_of_words_is_walked_by_arrows(show: Show) -> None:
    window = show(attention(models.gpt(), TOKENS))
    window.focus(".words [role=option][tabindex='0']")
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowLeft"):
        window.keyboard.press(key)
    chosen = window.locator(".words [aria-selected=true]")
    assert chosen.get_attribute("aria-label").startswith("1: 1, ")
    assert heading(window) == "Layer 0, head 0"  # arrows were the row's


def test_a_cell_is_read(show: Show) -> None:
    page = attention(models.gpt(), TOKENS, labels=[*"abcdefg"])
    window = show(page)
    box = window.locator(".board canvas").bounding_box()
    cell = box["width"] / 6
    window.mouse.move(box["x"] + 1.5 * cell, box["y"] + 4.5 * cell)
    said = re.fullmatch(r"f looks at b with ([\d.e−]+)", window.inner_text(".reading"))
    assert said
    value = float(said[1].replace("−", "-"))
    np.testing.assert_allclose(value, weights(page)[0, 0, 4, 1], rtol=1e-3)


def test_the_picture_is_the_weights(show: Show) -> None:
    page = attention(models.gpt(), TOKENS)
    window = show(page)
    pixels = window.eval_on_selector_all(
        ".small canvas",
        """every => every.map(canvas => {
            const [w, h] = [canvas.width, canvas.height];
            const data = canvas.getContext("2d").getImageData(0, 0, w, h).data;
            return [...data].filter((_, i) => i % 4 < 3);
        })""",
    )
    dark = -np.array(pixels, float).reshape(2, 4, 6, 6, 3).sum(-1)
    every = weights(page)
    for picture, numbers in zip(dark.reshape(8, 36), every.reshape(8, 36), strict=True):
        order = np.argsort(numbers, kind="stable")
        assert (np.diff(picture[order]) >= 0).all()  # more weight is never lighter
    assert dark[every == 0].max() == -3 * 255  # the future is white
    assert dark.min() == -3 * 255


def test_the_encoder_decoder_has_three_kinds(show: Show) -> None:
    page = attention(models.translator(), TOKENS, TARGET)
    window = show(page)
    window.keyboard.press("n")
    np.testing.assert_allclose(numbers(window).T, weights(page, 2)[0, :, 3], rtol=1e-7)
    window.keyboard.press("k")
    np.testing.assert_allclose(numbers(window).T, weights(page, 0)[0, :, 3], rtol=1e-7)
    window.click("text=decoder: the target")
    np.testing.assert_allclose(numbers(window).T, weights(page, 1)[0, :, 3], rtol=1e-7)
    window.keyboard.press("k")
    window.click(".titled:last-of-type .chip:nth-child(5)")  # of the source
    column = weights(page, 2)[0, :, :, 4]
    np.testing.assert_allclose(numbers(window).T, column, rtol=1e-7)


def test_labels_are_text_whatever_they_hold(show: Show) -> None:
    page = attention(models.gpt(), range(7), labels=models.NASTY)
    window = show(page)
    window.keyboard.press("n")
    words = window.eval_on_selector_all(
        ".words .word", "words => words.map(word => word.textContent)"
    )
    assert words == ["<", "</script>", "·", "↵", "&amp;", r"\u202e", "é"]
    assert window.locator("main script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_their_shades(show: Show, scheme: str) -> None:
    window = show(attention(models.gpt(), TOKENS), color_scheme=scheme)
    colours = window.eval_on_selector_all(
        ".words .chip",
        """chips => chips.map(chip => {
            const style = getComputedStyle(chip);
            return [style.color, style.backgroundColor];
        })""",
    )
    for ink, ground in colours:
        assert contrast(ink, ground) >= 4.5


def contrast(one: str, other: str) -> float:
    """The ratio of luminances of WCAG 2, from 1 to 21."""
    values = [np.array(re.findall(r"\d+", c)[:3], float) / 255 for c in (one, other)]
    linear = [
        np.where(v <= 0.04, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) for v in values
    ]
    dark, light = sorted(float(v @ [0.2126, 0.7152, 0.0722]) for v in linear)
    return (light + 0.05) / (dark + 0.05)


def test_paper_is_white(show: Show) -> None:
    window = show(attention(models.gpt(), TOKENS), color_scheme="dark")
    future = """() => {
        const canvas = document.querySelector(".board canvas");
        return [...canvas.getContext("2d").getImageData(5, 0, 1, 1).data];
    }"""
    assert max(window.evaluate(future)[:3]) < 60
    window.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert window.evaluate(future) == [255, 255, 255, 255]
    window.evaluate("dispatchEvent(new Event('afterprint'))")
    assert max(window.evaluate(future)[:3]) < 60


def test_all_that_takes_the_focus_has_a_name(show: Show) -> None:
    window = show(attention(models.translator(), TOKENS, TARGET))
    unnamed = window.eval_on_selector_all(
        "button, input, [tabindex]",
        """all => all.filter(node => !(node.ariaLabel || node.labels?.length
            || node.textContent.trim())).map(node => node.outerHTML)""",
    )
    assert unnamed == []

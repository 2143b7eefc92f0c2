"""Every fused op's formula is derived, from its definition, on a page of the guide."""

import re
from pathlib import Path

import pytest

import tensorgrad as tg

PAGES = Path(__file__).parents[1] / "docs" / "derivations"
QUOTED = {
    name: page.name
    for page in sorted(PAGES.glob("*.md"))
    for name in re.findall(r":pyobject: (\w+)\n", page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    "name", sorted(name for name, op in tg.REGISTRY.items() if op.definition)
)
def test_a_page_quotes_the_definition_and_its_kernel(name: str) -> None:
    kernels = {"gelu": ("gelu_erf_backward", "gelu_tanh_backward")}
    for quoted in (name, *kernels.get(name, (f"{name}_backward",))):
        assert quoted in QUOTED, f"docs/derivations has no page on {quoted}"


def test_the_index_lists_every_page() -> None:
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    for page in PAGES.glob("*.md"):
        assert page.stem == "index" or f"]({page.name})" in index, page.name

"""What a notebook shows of a module."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from gpt import GPT, GPTConfig
from nn import Linear, Module, ModuleList, Sequential, Tanh
from nn.outline import lines_of
from tests.well_formed import Reader


def words(text: str) -> list[str]:
    """Without the brackets, of which the outline has more than what is folded away."""
    return text.replace("(", " ").replace(")", " ").split()


def parts() -> st.SearchStrategy[Module]:
    leaves = st.builds(Linear, st.integers(1, 3), st.integers(1, 3)) | st.builds(Tanh)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3).map(ModuleList)
            | st.lists(inner, min_size=1, max_size=3).map(lambda m: Sequential(*m))
        ),
        max_leaves=6,
    )


@given(parts())
def test_it_says_what_the_outline_says(module: Module) -> None:
    shown = Reader(module._repr_html_())
    outlined = words(repr(module).replace(" parameters", ""))
    assert words(shown.text.replace(" parameters", "")) == outlined
    lines = lines_of(module)
    assert shown.tags.count("details") == sum(text.strip() == ")" for text, _ in lines)


def test_inner_levels_are_folded() -> None:
    model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    shown = Reader(model._repr_html_())
    unfolded = [
        "open" in attributes
        for tag, attributes in zip(shown.tags, shown.attributes, strict=True)
        if tag == "details"
    ]
    assert unfolded[:2] == [True, True]
    assert not any(unfolded[2:])
    assert f"GPT {model.num_parameters():,} parameters" in shown.text


def test_text_is_escaped() -> None:
    class Named(Module):
        def extra_repr(self) -> str:
            return "<script>&"

        def forward(self, x: Any) -> Any:
            return x

    shown = Reader(Named()._repr_html_())
    assert shown.text == "Named(<script>&)"
    assert "script" not in shown.tags


def test_settings_may_end_in_a_bracket() -> None:
    class Named(Module):
        def __init__(self) -> None:
            self.inner = Tanh()

        def extra_repr(self) -> str:
            return "shape=(2, 3)"

    assert Reader(Named()._repr_html_()).text == "Named(shape=(2, 3)) (inner): Tanh()"

"""The tree that a page opens and closes: whole, and never many parts at once."""

from typing import Any

import pytest

import nn
import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.viz.explore.tree import MOST, START
from tests.tensorgrad.checks import leaf
from tests.tensorgrad.viz.explore.reading import Steps, groups


def chain(n: int) -> Tensor:
    x = leaf(0.5)
    for _ in range(n):
        x = tg.sin(x)
    return x


def drawn(tree: dict[str, Any]) -> int:
    """How many parts the first view has."""
    open_ = [group for group in groups(tree) if not group["closed"]]
    children = [child for group in open_ for child in group["children"]]
    return sum(isinstance(child, int) or child["closed"] for child in children)


@pytest.mark.parametrize("n", [1, 20, START - 1, START, 100, 700, 5000])
def test_every_vertex_is_somewhere_and_no_group_is_large(n: int) -> None:
    seen = Steps(chain(n))
    found = groups(seen.data["tree"])
    inside = [c for group in found for c in group["children"] if isinstance(c, int)]
    assert sorted(inside) == list(range(len(seen.vertices)))
    flat = n + 1 <= START
    assert max(len(group["children"]) for group in found) <= (START if flat else MOST)
    assert drawn(seen.data["tree"]) <= START
    assert (len(found) == 1) == flat
    assert len({group["id"] for group in found}) == len(found)
    for group in found:
        children = [1 if isinstance(c, int) else c["nodes"] for c in group["children"]]
        assert group["nodes"] == sum(children)
        assert len(children) > 1 or group["kind"] != "stretch"


def test_equal_blocks_are_folded_and_can_be_opened() -> None:
    parts = [nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh()) for _ in range(12)]
    model = nn.Sequential(*parts)
    seen = Steps(lambda: model(Tensor([1.0, 2.0])).sum(), params=model)
    [repeat] = [g for g in groups(seen.data["tree"]) if g["kind"] == "repeat"]
    assert (repeat["title"], repeat["count"]) == ("Sequential", 12)
    assert [child["label"] for child in repeat["children"]] == [
        f"{i} Sequential" for i in range(12)
    ]
    assert repeat["parameters"] == model.num_parameters()
    short = nn.Sequential(*parts[:2])
    whole = Steps(lambda: short(Tensor([1.0, 2.0])).sum(), params=short)
    assert not any(group["closed"] for group in groups(whole.data["tree"]))

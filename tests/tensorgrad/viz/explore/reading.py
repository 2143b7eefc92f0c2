"""Reading the data of an explore page."""

import sys
from typing import Any

import numpy as np

from tensorgrad.viz import Page, explore
from tensorgrad.viz.explore import variables
from tensorgrad.viz.known import named


class Steps:
    """The data of a page about `loss`, made as if where this is called."""

    def __init__(self, loss: Any, params: Any = None, **about: Any) -> None:
        names = named(params, "explore") | variables(sys._getframe(1))
        self.page: Page = explore(loss, params=names, **about)
        self.data: dict[str, Any] = self.page.data
        self.steps: list[dict[str, Any]] = self.data["steps"]
        self.vertices: list[dict[str, Any]] = self.data["vertices"]

    def array(self, place: int) -> np.ndarray:
        """The array at a place of the list of arrays."""
        item = self.data["arrays"][place]
        numbers = [float(x) for x in item["data"]]
        return np.array(numbers).reshape(item["shape"])

    def titled(self, title: str) -> dict[str, Any]:
        """The step of the vertex of this title."""
        [step] = [s for s in self.steps if self.title(s["vertex"]) == title]
        return step

    def title(self, vertex: int) -> str:
        return str(self.vertices[vertex]["title"])

    @property
    def checks(self) -> list[dict[str, Any]]:
        sent = [part for step in self.steps for part in step["sent"]]
        return [check for part in (*self.steps, *sent) for check in part["checks"]]


def groups(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """A group and all inside it."""
    found = [tree]
    for group in found:
        found += [child for child in group["children"] if isinstance(child, dict)]
    return found

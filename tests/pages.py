"""Pages of the documentation whose code the tests run."""

import re
from dataclasses import dataclass
from typing import Any

from tests.commands import ROOT


@dataclass(frozen=True)
class Page:
    """A page by its name below docs/."""

    name: str

    def blocks(self, language: str) -> list[str]:
        text = (ROOT / "docs" / self.name).read_text(encoding="utf-8")
        return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)

    def run(self) -> dict[str, Any]:
        """Run its Python, block after block; the names that it leaves."""
        names: dict[str, Any] = {}
        for block in self.blocks("python"):
            exec(compile(block, f"docs/{self.name}", "exec"), names)
        return names

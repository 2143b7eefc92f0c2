"""Where the commands that make a page of tensorgrad.viz write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tensorgrad.errors import ConfigError

from . import cli
from .text import reason

if TYPE_CHECKING:
    from tensorgrad.viz import Page


@dataclass(frozen=True)
class PageFile:
    """Where the page goes."""

    out: cli.File = None
    """The HTML file to write, over what is there; None: named after the command."""
    open: bool = False
    """Show the page in a browser, too."""

    def path(self, name: str) -> Path:
        """The file, or that name in the folder one is in.

        ConfigError where it can't be written, before anything is computed.
        """
        path = Path(self.out or name)
        if path.is_dir():
            raise ConfigError(f"out: {path} is a folder: name a file, {path / name}")
        if not path.parent.is_dir():
            raise ConfigError(f"out: there is no folder {path.parent} for {path.name}")
        return path

    def write(self, page: Page, path: Path) -> None:
        """Save the page there, and say so."""
        try:
            page.save(path)
        except OSError as error:
            raise ConfigError(f"out: {path}: {reason(error)}") from None
        size = path.stat().st_size / 1000
        print(f"{path} ({size:,.0f} kB): open it in a browser; it needs no network")
        if self.open:
            import webbrowser

            webbrowser.open(path.resolve().as_uri())

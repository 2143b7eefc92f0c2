"""A page that shows its data in a browser: one HTML file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import tempfile
import webbrowser
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

Kind = Literal["explore", "attention", "next_token"]

HEIGHT = 780  # pixels of a page inside a notebook

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This page draws itself with JavaScript, which is switched off here.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""
# The one script that may run is named by its hash; `blob:` is the script once more, as
# the worker that lays out graphs. Images are those that the script itself paints.
POLICY = (
    "default-src 'none'; script-src '{hash}'; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)


class Page:
    """An interactive page: a notebook shows it, `save` keeps it, `open` opens it.

    All is inside the one file: it works without a network, and asks for none.
    """

    def __init__(self, kind: Kind, data: dict[str, Any], title: str) -> None:
        self.kind = kind
        self.data = data
        self.title = title

    @property
    def html(self) -> str:
        """The whole file."""
        script = _bundled(f"{self.kind}.js")
        return PAGE.format(
            policy=POLICY.format(hash=_hash(script)),
            title=html.escape(self.title),
            style=_bundled("page.css"),
            data=embedded(self.data),
            script=script,
        )

    def __str__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        name = self.kind.replace("_", " ")
        return (
            f"Page({name}: {self.title!r}: a notebook shows it, "
            f'.save("{self.kind}.html") keeps it, .open() opens a browser)'
        )

    def save(self, path: str | Path) -> Path:
        """Write the file, and say where."""
        path = Path(path)
        # Half of a surrogate pair, which a title may hold, has no UTF-8.
        path.write_bytes(self.html.encode("utf-8", "xmlcharrefreplace"))
        return path

    def open(self) -> Path:
        """Show the page in the browser; the file stays, in a temporary folder."""
        folder = tempfile.mkdtemp(prefix="tensorgrad-")
        path = self.save(Path(folder, f"{self.kind}.html"))
        webbrowser.open(path.as_uri())
        return path

    def _repr_html_(self) -> str:
        """A frame that holds the page, and lets it run scripts but nothing else."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" '
            f'title="{html.escape(self.title)}" width="100%" height="{HEIGHT}" '
            'style="border: 0"></iframe>'
        )


def embedded(data: Any) -> str:
    """`data` as JSON that no HTML parser takes for markup.

    >>> embedded({"name": "</script>"})
    '{"name":"\\\\u003c/script\\\\u003e"}'

    ValueError for a NaN, which JSON does not have: give "nan".
    """
    # Pure ASCII: the line separators U+2028 and U+2029 are escaped with the rest.
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


@cache
def _bundled(name: str) -> str:
    return files(__package__).joinpath("bundle", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

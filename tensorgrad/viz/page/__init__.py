"""Interactive pages in one HTML file each; src/ is their JavaScript, bundle/ the built.

`make pages` builds bundle/ from src/ with Node; using the pages needs neither.
"""

from .page import Page

__all__ = ["Page"]

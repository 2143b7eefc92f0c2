"""How Sphinx builds the site: `make docs`, into docs/_build/html."""

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy.typing
from docutils import nodes
from jupyter_cache import get_cache

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tensorgrad", "nn", "gpt")

sys.path[:0] = [str(ROOT), str(ROOT / "docs")]  # the reference is of this checkout
os.environ["PYTHONPATH"] = str(ROOT)  # and so is what the pages' kernels import

# Pages run side by side, each on one core: products in several threads would wait.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# How the kernels show things. An error that a page provokes is one line, without this
# machine's paths; pictures are sharp at any size.
IPYTHON = ROOT / "docs" / "_build" / "ipython"
os.environ["IPYTHONDIR"] = str(IPYTHON)
(IPYTHON / "profile_default").mkdir(parents=True, exist_ok=True)
(IPYTHON / "profile_default" / "ipython_kernel_config.py").write_text(
    "c.InteractiveShell.xmode = 'Minimal'\n"
    "c.InlineBackend.figure_formats = ['svg']\n"
    "c.IPKernelApp.log_level = 'ERROR'\n"  # not that it talks over TCP, on this machine
)


def sources() -> str:
    """A digest of all code that a page may run."""
    digest = hashlib.sha256()
    for folder in (*PACKAGES, "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "_build" not in path.parts:
                digest.update(path.read_bytes())
    for path in sorted((ROOT / "tensorgrad/viz/page/bundle").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class ArrayLike:
    """NumPy's name, which autodoc would replace by the long type that it stands for."""


class NDArray(Generic[TypeVar("Dtype")]):
    """As ArrayLike."""


# Before autodoc imports what is annotated with them.
numpy.typing.ArrayLike = ArrayLike
numpy.typing.NDArray = NDArray

project = "tensorgrad"
author = "the tensorgrad authors"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "myst_nb"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3  # `page.md#a-heading` works here as it does on GitHub

# Every `{code-cell}` runs, and one that fails fails the build. What ran is kept for the
# next build, under the code's digest: after a change of the code all pages run again.
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "docs" / "_build" / "ran" / sources())
_ = get_cache(nb_execution_cache_path).db  # else two pages at once would each make it
nb_execution_timeout = 600  # seconds a cell; the slowest takes twenty on two idle cores
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True  # prints that alternate with warnings stay one block

# A parameter a line where they don't fit in one, defaults as the code has them, and no
# module's name before a type's.
maximum_signature_line_length = 88
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_inherit_docstrings = False  # what a class overrides is described where it began
autodoc_member_order = "bysource"
smartquotes = False  # they would make dashes of an option's hyphens
toc_object_entries = False  # the headings of a page are enough beside it

html_static_path = ["_static"]

# MathJax from a package's folder, in one file; where the package is absent, pages with
# TeX fetch it. (Its own extension would copy 24 MB.)
if found := importlib.util.find_spec("sphinx-mathjax-offline"):
    mathjax_path = "tex-svg-full.js"
    html_static_path.append(
        str(Path(found.origin or "").parent / "static" / "mathjax" / mathjax_path)
    )

# furo brings its own fonts and scripts: a built page needs no network to be read.
html_theme = "furo"
html_title = "tensorgrad"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False  # MIT: the licence file says it


# Of files that outputs name: a cell's, and folders that mean nothing to a reader.
CELL = re.compile(r"[^\s\"&;(]*/ipykernel_\d+/\d+\.py")
FOLDER = re.compile(
    rf"{re.escape(str(ROOT))}/|{re.escape(tempfile.gettempdir())}/tmp\w+/"
)


def shorten(app: Any, doctree: nodes.document) -> None:
    """Sphinx's doctree-read: outputs name no folder of the machine that ran them."""
    for kind in (nodes.literal_block, nodes.raw):
        for block in doctree.findall(kind):
            text = block.astext()
            if (shown := FOLDER.sub("", CELL.sub("cell", text))) != text:
                block.rawsource = shown
                block.children = []
                block += nodes.Text(shown)


def setup(app: Any) -> None:
    """What Sphinx calls: docstrings are plain text, and are marked up on the way."""
    import docstrings

    app.connect("doctree-read", shorten)
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-process-signature", docstrings.process_signature)
    app.connect("autodoc-skip-member", docstrings.skip)

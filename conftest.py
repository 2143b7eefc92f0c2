"""Settings for every test and doctest; at the root, since doctests sit beside code."""

import os
from typing import Any

# Each worker of `pytest -n` is a process; one thread apiece, NumPy's and PyTorch's,
# keeps them from fighting over the cores. It has to be said before either is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
from hypothesis import settings

pytest_plugins = ["tensorgrad.testing.plugin"]
# Tables of other packages' functions: the tests that use them import them, or skip.
collect_ignore_glob = ["tests/tensorgrad/in_*/*"]


def pytest_configure(config: pytest.Config) -> None:
    """The quick profile of the plugin; HYPOTHESIS_PROFILE=thorough for the other.

    `brief` has the first few of the quick one's examples: enough to reach every branch.
    """
    quick = settings.get_profile("quick")
    settings.register_profile("brief", quick, max_examples=10)
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True, scope="session")
def names_for_doctests(doctest_namespace: dict[str, Any]) -> None:
    """What every docstring may use without importing it."""
    from tensorgrad import Tensor  # here, so that coverage sees the import

    doctest_namespace.update(np=np, Tensor=Tensor)

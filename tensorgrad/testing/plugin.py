"""For pytest: put `pytest_plugins = ["tensorgrad.testing.plugin"]` into conftest.py.

- Hypothesis profiles: `quick` repeats the same few examples on every run, `thorough`
  goes looking for new ones. Choose with pytest's own --hypothesis-profile.
- The fixture `rng`, a numpy.random.Generator whose seed differs from test to test,
  stays from run to run, and is in the report of a test that fails. Another for all:
  --tensorgrad-seed N.
- The fixture `graph_freed`: the test fails if its graph outlives it.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator

import numpy as np
import pytest

from .extra import hypothesis
from .leaks import assert_graph_freed

_quick = hypothesis.settings(
    max_examples=25,
    derandomize=True,  # so that a red run is a real one
    deadline=None,  # the first example may compile a kernel
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("quick", _quick)
hypothesis.settings.register_profile(
    "thorough", _quick, max_examples=1000, derandomize=False
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tensorgrad").addoption(
        "--tensorgrad-seed",
        type=int,
        default=0,
        metavar="N",
        help="what the seeds of the rng fixture are made from (default: 0)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"tensorgrad: --tensorgrad-seed={config.getoption('--tensorgrad-seed')}"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers of this test's own, the same on every run."""
    run = request.config.getoption("--tensorgrad-seed")
    seed = [run, zlib.crc32(request.node.nodeid.encode())]
    request.node.user_properties.append(("tensorgrad seed", run))
    request.node.add_report_section(
        "setup", "tensorgrad", f"rng = np.random.default_rng({seed})"
    )
    return np.random.default_rng(seed)


@pytest.fixture
def graph_freed() -> Generator[None, None, None]:
    """Fail if a node that the test recorded is alive when it ends."""
    with assert_graph_freed():
        yield

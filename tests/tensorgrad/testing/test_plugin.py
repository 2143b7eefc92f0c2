"""The pytest plugin, in a run of pytest of its own."""

from typing import Any

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["tensorgrad.testing.plugin"]\n'


@pytest.fixture
def run(pytester: Any) -> Any:
    """Run pytest on a test file with the plugin, and give what it printed."""
    pytester.makeconftest(CONFTEST)

    def run_(source: str, *options: str) -> Any:
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run_


def test_a_leak_fails_the_test_and_names_the_op(run: Any) -> None:
    result = run(
        """
        from tensorgrad import Tensor
        kept = []

        def test_leaks(graph_freed):
            x = Tensor([1.0], requires_grad=True)
            kept.append((x * x).sum())

        def test_does_not(graph_freed):
            x = Tensor([1.0], requires_grad=True)
            (x * x).sum().backward()
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*2 nodes of a graph are still alive*multiply*"])


def test_a_failure_shows_the_seed_of_rng(run: Any) -> None:
    source = """
        def test_fails(rng):
            assert False
        """
    result = run(source, "--tensorgrad-seed=7")
    result.stdout.fnmatch_lines(
        ["*--tensorgrad-seed=7*", "*np.random.default_rng([[]7*"]
    )


def test_rng_repeats_and_differs_from_test_to_test(run: Any) -> None:
    source = """
        import numpy as np
        drawn = {}

        def test_one(rng):
            drawn["one"] = rng.random()

        def test_two(rng):
            assert rng.random() != drawn["one"]
        """
    run(source).assert_outcomes(passed=2)


def test_the_profiles_are_registered(pytester: Any) -> None:
    source = """
        from hypothesis import settings

        def test_profile():
            assert settings().max_examples == 1000
            assert not settings().derandomize
        """
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(source)
    # in a process of its own, since the profile is the process's
    result = pytester.runpytest_subprocess("--hypothesis-profile=thorough")
    result.assert_outcomes(passed=1)

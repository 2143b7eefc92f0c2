"""What docs/performance.md shows runs, and does what it says."""

import numpy as np

from tests.pages import Page


def test_the_page_runs() -> None:
    names = Page("performance.md").run()
    model = names["model"]
    found = model.weight.grad.data
    model.zero_grad()
    names["loss"](names["x"]).backward()
    np.testing.assert_allclose(found, model.weight.grad.data, rtol=1e-6)
    assert len(names["losses"]) == 2

"""What gradcheck refuses to check, and how."""

import sys
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, DtypeError, GraphError
from tensorgrad.testing import GradientError, assert_gradients, gradcheck

VECTOR = np.random.default_rng(0).normal(size=4)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: gradcheck(tg.exp, VECTOR.astype("f4")), DtypeError, "float64"),
        (lambda: gradcheck(tg.exp, VECTOR * 1j), DtypeError, "complex"),
        (lambda: gradcheck(tg.exp, np.array([1, 2])), ConfigError, "nothing"),
        (lambda: gradcheck(tg.exp, np.array([np.nan])), ConfigError, "NaN"),
        (lambda: gradcheck(tg.exp, VECTOR, order=4), ConfigError, "order"),
        (lambda: gradcheck(tg.exp, VECTOR, method="magic"), ConfigError, "method"),
        (lambda: gradcheck(lambda x: None, VECTOR), GradientError, "NoneType"),
        (lambda: gradcheck(lambda x: x > 0, VECTOR), DtypeError, "floats"),
        (lambda: gradcheck(lambda x: x / 0.0, VECTOR), GradientError, "no derivative"),
        (
            lambda: gradcheck(tg.exp, Tensor(VECTOR, requires_grad=True) * 2),
            GraphError,
            "leaves",
        ),
    ],
)
def test_refusals(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_float32_with_a_tolerance() -> None:
    assert_gradients(tg.tanh, VECTOR.astype("f4"), tolerance=2e-2)


def test_it_needs_no_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    source = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import numpy as np, tensorgrad as tg\n"
        "from tensorgrad.testing import gradcheck, assert_graph_freed, laws\n"
        "assert gradcheck(tg.exp, np.ones(2))\n"
        "from tensorgrad.errors import MissingExtra\n"
        "import tensorgrad.testing as t\n"
        "for name in ('strategies', 'domains'):\n"
        "    try:\n"
        "        getattr(t, name)\n"
        "    except MissingExtra as error:\n"
        "        assert 'tensorgrad[testing]' in str(error)\n"
        "    else:\n"
        "        raise SystemExit(name)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)

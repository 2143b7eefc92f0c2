"""Writing to what retains its gradient, and the in-place operators."""

import numpy as np
import pytest

from tensorgrad import no_grad
from tensorgrad.errors import MutationError
from tests.tensorgrad.checks import vector


def test_a_retained_gradient_is_that_of_the_tensor_as_it_is_now() -> None:
    x = vector(1.0, 2.0)
    y = x * 2.0
    y.retain_grad()
    y *= 10.0
    (y * y).sum().backward()
    assert y.grad.tolist() == [40, 80]
    y = x * 2.0
    y.retain_grad()
    y[0] = 5.0
    (y * y).sum().backward()
    assert y.grad.tolist() == [10, 8]


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__iadd__(1.0),
        lambda x: x.__isub__(1.0),
        lambda x: x.__imul__(2.0),
        lambda x: x.__itruediv__(2.0),
        lambda x: x.__ipow__(2.0),
        lambda x: x.__imatmul__(np.eye(2)),
        lambda x: x.__setitem__(0, 1.0),
    ],
)
def test_a_leaf_is_written_to_under_no_grad_alone(write: object) -> None:
    x = vector(1.0, 2.0)
    with pytest.raises(MutationError, match="no_grad"):
        write(x)  # type: ignore[operator]
    with no_grad():
        write(x)  # type: ignore[operator]
    assert x.requires_grad
    assert x.is_leaf


def test_plus_x_is_another_tensor() -> None:
    x = vector(1.0)
    y = +x
    y[0] = 9.0
    assert x.tolist() == [1]

"""The lines of docs/conventions.md, each as an example beside PyTorch's."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tests.tensorgrad.checks import leaf

torch: Any = pytest.importorskip("torch")
F = torch.nn.functional
PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"


def gradients(ours: Callable[..., Any], other: Callable[..., Any], x: Any) -> Any:
    """d sum f / dx in tensorgrad, and in PyTorch."""
    mine = Tensor(np.array(x, float), requires_grad=True)
    ours(mine).sum().backward()
    assert mine.grad is not None
    theirs = torch.tensor(np.array(x, float), requires_grad=True)
    other(theirs).sum().backward()
    return mine.grad.tolist(), theirs.grad.tolist()


def spread() -> None:
    x = [1.0, 3.0]
    assert tg.var(leaf(*x)).item() == 1
    assert torch.tensor(x).var().item() == 2
    assert tg.std(leaf(*x), ddof=1).item() == pytest.approx(torch.tensor(x).std())


def middle() -> None:
    found = gradients(tg.median, torch.median, [1.0, 4.0, 2.0, 9.0])
    assert found == ([0, 0.5, 0.5, 0], [0, 0, 1, 0])


def ties() -> None:
    found = gradients(
        lambda x: tg.max(x, axis=0), lambda x: x.max(0).values, [5.0, 1.0, 5.0]
    )
    assert found[0] == [0.5, 0, 0.5]
    assert sorted(found[1]) == [0, 0, 1]
    assert gradients(tg.max, torch.amax, [5.0, 1.0, 5.0])[1] == [0.5, 0, 0.5]


def pooled_ties() -> None:
    found = gradients(
        lambda x: tg.max_pool2d(x, kernel_size=2),
        lambda x: F.max_pool2d(x, 2),
        np.ones((1, 1, 2, 2)),
    )
    assert found == ([[[[0.25] * 2] * 2]], [[[[1, 0], [0, 0]]]])


def no_axis() -> None:
    assert tg.sum(leaf(1.0, 2.0), axis=()).shape == (2,)
    assert torch.tensor([1.0, 2.0]).sum(()).shape == ()


def order_of_equals() -> None:
    x = np.array([1.0, 0.0] * 50)
    found = tg.argsort(Tensor(x)).numpy()
    expected = torch.sort(torch.tensor(x), stable=True).indices.numpy()
    np.testing.assert_array_equal(found, expected)


def stacks_of_vectors() -> None:
    matrices, vectors = np.stack([np.eye(2)] * 2), np.ones((2, 2))
    assert tg.solve(Tensor(matrices), Tensor(vectors[0])).shape == (2, 2)
    np.testing.assert_array_equal(
        tg.solve(Tensor(matrices), Tensor(vectors)).numpy(),
        np.linalg.solve(matrices, vectors),
    )
    found = torch.linalg.solve(torch.tensor(matrices), torch.tensor(vectors))
    assert found.shape == (2, 2)


def singular() -> None:
    x = Tensor(np.array([[1.0, 2.0], [2.0, 4.0]]), requires_grad=True)
    tg.det(x).backward()
    np.testing.assert_allclose(x.grad.data, [[4, -2], [-2, 1]], atol=1e-12)


def triangles() -> None:
    x = np.array([[2.0, 0.5], [0.5, 1.0]])
    for ours, other in (
        (tg.cholesky, torch.linalg.cholesky),
        (lambda x: tg.eigh(x)[0] ** 2, lambda x: torch.linalg.eigh(x)[0] ** 2),
    ):
        one, two = map(np.array, gradients(ours, other, x))
        np.testing.assert_allclose(one, one.T)
        np.testing.assert_allclose(one, two)
    uneven = np.array([[2.0, 9.0], [0.5, 1.0]])
    half = (uneven + uneven.T) / 2
    np.testing.assert_array_equal(tg.eigh(uneven)[0], np.linalg.eigh(half)[0])
    found = torch.linalg.eigh(torch.tensor(uneven))[0]
    np.testing.assert_allclose(found, torch.linalg.eigh(torch.tensor(x))[0])


def signs() -> None:
    x = np.array([[2.0, 0.5], [0.5, 1.0]])
    for ours, numpys in ((tg.eigh, np.linalg.eigh), (tg.qr, np.linalg.qr)):
        for one, two in zip(ours(x), numpys(x), strict=True):
            np.testing.assert_array_equal(one, two)


def far_out() -> None:
    assert tg.softplus(leaf(21.0)).item() > 21
    assert F.softplus(torch.tensor(21.0, dtype=torch.float64)).item() == 21


def near_zero() -> None:
    one, two = gradients(tg.sinc, torch.sinc, 1e-6)
    exact = -(np.pi**2) * 1e-6 / 3
    assert one == pytest.approx(exact, rel=1e-10)
    assert two != pytest.approx(exact, rel=1e-8)


def unequal_lengths() -> None:
    q, k = np.ones((1, 1)), np.zeros((2, 1))
    v = np.array([[1.0], [3.0]])
    assert tg.attention(q, k, v, causal=True).tolist() == [[2]]
    tensors = [torch.tensor(x)[None] for x in (q, k, v)]
    found = F.scaled_dot_product_attention(*tensors, is_causal=True)
    assert found.tolist() == [[[1]]]


def nothing_to_see() -> None:
    scores = np.full((1, 2), -np.inf)
    assert tg.softmax(Tensor(scores)).tolist() == [[0, 0]]
    assert torch.tensor(scores).softmax(-1).isnan().all()


def weak_numbers() -> None:
    assert Tensor(1.5).dtype == Tensor([1.5]).dtype == np.float32
    assert (Tensor([1.5]) * np.float64(2)).dtype == np.float32


def powers() -> None:
    def ours(y: float) -> Any:
        return lambda x: tg.power(x, Tensor(np.full(2, y)))

    for y in (0.0, 1.0, 2.0):
        one, two = gradients(ours(y), lambda x, y=y: torch.pow(x, y), [0.0, -2.0])
        assert one == two


EXAMPLES: dict[str, Callable[[], None]] = {
    "divisor of `var` and `std`": spread,
    "`median` of an even count": middle,
    "ties in `max` and `min` along an axis": ties,
    "ties in `max_pool2d`": pooled_ties,
    "`sum` over `axis=()`": no_axis,
    "`sort` of equal elements": order_of_equals,
    "`solve(x, y)`": stacks_of_vectors,
    "`det` of a singular matrix": singular,
    "`cholesky`, `eigh` of what is not symmetric": triangles,
    "signs of `eigh`, `svd`, `qr`": signs,
    "`softplus`": far_out,
    "`sinc` near 0": near_zero,
    "`attention`, `causal`": unequal_lengths,
    "`attention`, a row with every key masked": nothing_to_see,
    "Python floats, alone or in lists": weak_numbers,
    "`x ** y` at x <= 0": powers,
}


def test_every_line_of_the_page_has_an_example() -> None:
    lines = re.findall(r"^\| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    assert lines == ["what", *EXAMPLES]


@pytest.mark.parametrize("line", EXAMPLES)
def test_a_line_of_the_page(line: str) -> None:
    EXAMPLES[line]()

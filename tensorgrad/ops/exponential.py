"""Exponentials, logarithms, powers and roots."""

import math

import numpy as np

from ..kernels import kernel
from ..op import primitive
from .compare import logical_and, logical_not
from .elementwise import where, zeros_like

__all__ = [
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "power",
    "power_constant",
    "sqrt",
]


@primitive
def exp(x):
    """e ** x

    >>> exp(Tensor([0.0, -np.inf]))
    Tensor([1., 0.], dtype=float32)
    """
    return np.exp(x)


exp.gradient(x=lambda g, out: g * out)


@primitive
def exp2(x):
    """2 ** x

    >>> exp2(Tensor([3.0, -1.0]))
    Tensor([8. , 0.5], dtype=float32)
    """
    return np.exp2(x)


exp2.gradient(x=lambda g, out: g * (math.log(2) * out))


@primitive
def expm1(x):
    """e ** x - 1, to full precision near x = 0.

    >>> expm1(Tensor([1e-10]))
    Tensor([1.e-10], dtype=float32)
    """
    return np.expm1(x)


# not g * (out + 1), which is 0 where e ** x is small
expm1.gradient(x=lambda g, x: g * exp(x))


@primitive(smooth="x > 0", kinks="infinity at x = 0")
def log(x):
    """The natural logarithm.

    >>> log(Tensor([1.0, np.inf]))
    Tensor([ 0., inf], dtype=float32)
    """
    return np.log(x)


log.gradient(x=lambda g, x: g / x)


@primitive(smooth="x > 0", kinks="infinity at x = 0")
def log2(x):
    """The logarithm to base 2.

    >>> log2(Tensor([8.0, 0.5]))
    Tensor([ 3., -1.], dtype=float32)
    """
    return np.log2(x)


log2.gradient(x=lambda g, x: g / (math.log(2) * x))


@primitive(smooth="x > 0", kinks="infinity at x = 0")
def log10(x):
    """The logarithm to base 10.

    >>> log10(Tensor([100.0]))
    Tensor([2.00], dtype=float32)
    """
    return np.log10(x)


log10.gradient(x=lambda g, x: g / (math.log(10) * x))


@primitive(smooth="x > -1", kinks="infinity at x = -1")
def log1p(x):
    """log(1 + x), to full precision near x = 0.

    >>> log1p(Tensor([1e-10]))
    Tensor([1.e-10], dtype=float32)
    """
    return np.log1p(x)


log1p.gradient(x=lambda g, x: g / (1 + x))


@primitive(broadcasts=True, kinks="0 to both where both are -infinity")
def logaddexp(x, y):
    """log(e ** x + e ** y), without overflow.

    >>> logaddexp(Tensor([1000.0]), 1000.0) - 1000.0
    Tensor([0.693], dtype=float32)
    """
    return _log_of_sum(x, y, np.logaddexp, np.exp)


# e^x / (e^x + e^y) = 1 / (1 + e^(y - x)), as what cannot overflow
logaddexp.gradient(
    x=lambda g, x, y, out: g * exp(-logaddexp(0.0, _gap(x, y, out))),
    y=lambda g, x, y, out: g * exp(-logaddexp(0.0, _gap(y, x, out))),
)


@primitive(broadcasts=True, kinks="0 to both where both are -infinity")
def logaddexp2(x, y):
    """log2(2 ** x + 2 ** y), without overflow.

    >>> logaddexp2(Tensor([1000.0]), 1000.0)
    Tensor([1001.], dtype=float32)
    """
    return _log_of_sum(x, y, np.logaddexp2, np.exp2, 1 / math.log(2))


logaddexp2.gradient(
    x=lambda g, x, y, out: g * exp2(-logaddexp2(0.0, _gap(x, y, out))),
    y=lambda g, x, y, out: g * exp2(-logaddexp2(0.0, _gap(y, x, out))),
)


@np.errstate(invalid="ignore")
def _log_of_sum(x, y, few, power, scale=1.0):
    """high + log(1 + power(low - high)), or NumPy's function for few elements.

    NumPy's takes ten times as long an element, but is one call.
    """
    small = np.size(x) < 256 and np.size(y) < 256
    if small or np.result_type(x, y).kind != "f":
        return few(x, y)
    high, low = np.maximum(x, y), np.minimum(x, y)
    rest = np.log1p(power(low - high))
    # two equal infinities have no difference: fmax passes over the NaN
    return np.fmax(high, high + (rest if scale == 1 else scale * rest))


def _gap(x, y, out):
    """y - x; where both are -infinity, infinity, so that neither gets a gradient."""
    return where(out == -np.inf, np.inf, y) - x


@primitive(
    smooth="x > 0; everywhere for exponents 0, 1, 2, ...; x != 0 for -1, -2, ...",
    kinks="exponent * x ** (exponent - 1)",
)
def power_constant(x, *, exponent):
    """x ** exponent for a number: exact at x = 0 to every order.

    >>> power_constant(Tensor([0.0, 3.0]), exponent=2)
    Tensor([0., 9.], dtype=float32)
    """
    products = _PRODUCTS.get(exponent)
    if products and np.asarray(x).dtype.kind == "f":
        return products(x)
    return x**exponent


# pow() takes fifty times as long an element. NumPy itself knows -1, 0, 0.5, 1 and 2.
_PRODUCTS = {
    -3: lambda x: 1 / x / x / x,
    -2: lambda x: 1 / x / x,  # 1 / (x * x) would lose the smallest results
    -0.5: lambda x: 1 / np.sqrt(x + 0),  # + 0: infinity at -0, not its negative
    3: lambda x: x * x * x,
    4: lambda x: np.square(np.square(x)),
}

power_constant.gradient(
    x=lambda g, x, exponent: (
        g * (exponent * power_constant(x, exponent=exponent - 1))
        if exponent != 0
        else zeros_like(g)
    )
)


@primitive(
    broadcasts=True,
    smooth="x > 0",
    kinks="to x: y x ** (y - 1); to y: 0 at x = 0 <= y, NaN at x < 0",
)
def power(x, y):
    """x ** y

    The derivative with respect to y is 0 where x = 0 and y >= 0 (the limit from
    x > 0), and NaN where x < 0, since log x is.

    >>> power(Tensor([2.0, 3.0]), Tensor([3.0, 2.0]))
    Tensor([8., 9.], dtype=float32)
    """
    return x**y


power.gradient(
    x=lambda g, x, y: where(
        flat := _flat(x, y), 0.0, g * (y * x ** where(flat, 1.0, y - 1))
    ),
    y=lambda g, x, y, out: g * out * log(where(logical_and(x == 0, y >= 0), 1.0, x)),
)


def _flat(x, y):
    """Where y = 0 and x <= 0: y x ** (y - 1) can be 0 * infinity, and should be 0."""
    return logical_and(y == 0, logical_not(x > 0))


@primitive(smooth="x > 0", kinks="infinity at x = 0")
def sqrt(x):
    """The square root. Its derivative at 0 is infinity.

    >>> sqrt(Tensor([4.0, 9.0]))
    Tensor([2., 3.], dtype=float32)
    """
    return np.sqrt(x)


sqrt.gradient(x=lambda g, out: g * 0.5 / out)


@primitive(smooth="x != 0", kinks="infinity at x = 0")
def cbrt(x):
    """The cube root, of negative numbers too. Its derivative at 0 is infinity.

    >>> cbrt(Tensor([-27.0]))
    Tensor([-3.00], dtype=float32)
    """
    return np.cbrt(x)


cbrt.gradient(x=lambda g, out: g / (3 * out * out))


@primitive(broadcasts=True, smooth="(x, y) != (0, 0)", kinks="0 at (0, 0)")
def hypot(x, y):
    """sqrt(x^2 + y^2), without overflow. Its derivatives at (0, 0) are 0.

    >>> hypot(Tensor([3.0]), 4.0)
    Tensor([5.], dtype=float32)
    """
    array = x if isinstance(x, np.ndarray) else y
    return kernel("hypot", np.asarray(array))(x, y)


hypot.gradient(
    x=lambda g, x, out: g * (x / nonzero(out)),
    y=lambda g, y, out: g * (y / nonzero(out)),
)


def nonzero(radius):
    """The radius; at the origin infinity: x / infinity is 0 to every order."""
    return where(radius == 0, np.inf, radius)

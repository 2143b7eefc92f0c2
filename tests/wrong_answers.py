"""Wrong answers to the exercises of docs/path, and part of what each is told."""

WRONG = {
    "1.1": [
        (
            "def sin(x):\n"
            "    return Scalar(math.sin(x.value), (x,), (-math.cos(x.value),))",
            "at index (0,)",
        ),
        (
            "def sin(x):\n"
            "    return Scalar(math.sin(x.value), (x,), (-math.cos(x.value),))",
            "the sign: every element is minus what it should be",
        ),
    ],
    "1.2": [
        (
            "def divide(x, y):\n"
            "    slopes = (1 / y.value, x.value / y.value**2)\n"
            "    return Scalar(x.value / y.value, (x, y), slopes)",
            "at index (1,)",
        ),
    ],
    "1.3": [
        (
            "def neuron_slopes(w, x, b):\n"
            "    y = math.tanh(w * x + b)\n"
            "    g = 2 * (y - 1) * (1 - y * y)\n"
            "    return [g * w, g * x, g]",
            "2 of 3 elements differ. At [0]",
        ),
        (
            "def neuron_slopes(w, x, b):\n"
            "    y = math.tanh(w * x + b)\n"
            "    g = 2 * (y - 1) * (1 - y * y)\n"
            "    return [g * x, g * w]",
            "the shape is (2,), and (3,) is right",
        ),
    ],
    "2.1": [
        ("def gradient_of_x(g, out):\n    return g * out * (1 + out)", "at index (0,)"),
        ("def gradient_of_x(g, out):\n    return out * (1 - out)", "g *` missing"),
    ],
    "2.2": [
        (
            "def towards_x(g, x, y):\n    return g * 2 * (x - y)\n\n\n"
            "def towards_y(g, x, y):\n    return g * 2 * (x - y)",
            "the sign: every element",
        ),
        (
            "def towards_x(g, x, y):\n    return g * (x - y)\n\n\n"
            "def towards_y(g, x, y):\n    return g * (y - x)",
            "a factor: every element is 0.5 times what it should be",
        ),
    ],
    "2.3": [
        (
            "def towards_x(g, w):\n    return g @ w\n\n\n"
            "def towards_w(g, x):\n    return x.mT @ g",
            "the gradient for w has the shape (2, 3), and w itself (3, 2)",
        ),
        (
            "def towards_x(g, w):\n    return g @ w\n\n\n"
            "def towards_w(g, x):\n    return g.mT @ x / len(x)",
            "at index (",
        ),
    ],
    "3.1": [
        (
            "def sum_to(x, shape):\n"
            "    return x.sum(axis=tuple(range(x.ndim - len(shape))))",
            "the shape is (3, 4), and (1, 4) is right",
        ),
        (
            "def sum_to(x, shape):\n"
            "    x = x.mean(axis=tuple(range(x.ndim - len(shape))))\n"
            "    ones = tuple(i for i, length in enumerate(shape) if length == 1)\n"
            "    return x.sum(axis=ones, keepdims=True)",
            "At [0, 0] yours is 6.0, and 12.0 is right: off by -6",
        ),
    ],
    "3.2": [
        (
            "def towards_x(g, scale):\n    return g * scale\n\n\n"
            "def towards_scale(g, x):\n    return (g * x).sum(axis=1)",
            "the gradient for scale has the shape (2,), and scale itself (2, 1)",
        ),
        (
            "def towards_x(g, scale):\n    return g * scale\n\n\n"
            "def towards_scale(g, x):\n    return (g * x)[:, :1]",
            "a missing sum: only slice 0 along axis 1",
        ),
    ],
    "3.3": [
        ("def towards_x(g):\n    return g - g.mean(axis=0)", "at index ("),
        ("def towards_x(g):\n    return g", "at index ("),
    ],
}

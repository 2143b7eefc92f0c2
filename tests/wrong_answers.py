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
        (  # the slope of the function that it is not
            "def sin(x):\n"
            "    return Scalar(math.exp(x.value), (x,), (math.exp(x.value),))",
            "yours is 1.34",
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
    "4.1": [
        (
            "def walk_order(output):\n"
            "    todo, found = [output.node], []\n"
            "    for node in todo:  # level by level\n"
            "        if node.op is not None and node not in found:\n"
            "            found.append(node)\n"
            "            todo += node.parents\n"
            "    return [node.op.name for node in found]",
            "At [2] yours is 'multiply', and 'tanh' is right",
        ),
        (
            "def walk_order(output):\n    return [output.node.op.name]",
            "the shape is (1,), and (6,) is right",
        ),
    ],
    "4.2": [
        ("gradients = [4.0, 12.0, 4.0]", "At [1] yours is 12.0, and 16.0 is right"),
        ("gradients = [4.0, 16.0, 8.0]", "At [2] yours is 8.0, and 4.0 is right"),
    ],
    "4.3": [
        (
            "def deliver(arrived, name, g):\n"
            "    if name in arrived:\n"
            "        arrived[name] += g\n"
            "    else:\n"
            "        arrived[name] = g",
            "4 of 6 elements differ. At [1, 0] yours is 6.0",
        ),
        (
            "def deliver(arrived, name, g):\n    arrived[name] = g",
            "At [0, 0] yours is 5.0, and 6.0 is right: off by -1",
        ),
    ],
    "5.1": [
        (
            "def parameters(widths):\n"
            "    return sum(n * m for n, m in zip(widths, widths[1:]))",
            "yours is 48, and 65 is right: off by -17\n  for [2, 16, 1]",
        ),
    ],
    "5.2": [
        (
            "def towards_x(g, x):\n"
            "    return g[:, None] * (right_class - tg.softmax(x))",
            "the sign: every element is minus what it should be",
        ),
        (
            "def towards_x(g, x):\n    return g[:, None] * tg.softmax(x)",
            "at index (",
        ),
    ],
    "5.3": [
        (
            "def standard_deviations(n):\n    return [1 / n, 2 / n]",
            "At [1] yours is 2.0, and 1.41421",
        ),
        (
            "def standard_deviations(n):\n    return [np.sqrt(1 / n), np.sqrt(1 / n)]",
            "At [1] yours is ",
        ),
    ],
    "6.1": [
        (
            "def momentum_descent(p, gradients, lr, momentum):\n"
            "    for g in gradients:\n"
            "        p = p - lr * np.asarray(g)\n"
            "    return p",
            "2 of 2 elements differ. At [0] yours is 0.9, and 0.639 is right",
        ),
    ],
    "6.2": [
        ("def towards_w(g, w):\n    return g * 0.05 * w", "at index ("),
        (
            "def towards_w(g, w):\n    return g * 0.2 * w",
            "a factor: every element is 2",
        ),
    ],
    "6.3": [
        (
            "def best_before_giving_up(losses, patience):\n"
            "    return losses.index(min(losses))",
            "At [0] yours is 4, and 1 is right: off by 3",
        ),
    ],
    "7.1": [
        ("def towards_x(g, x):\n    return g - tg.softmax(x) * g", "at index ("),
        (
            "def towards_x(g, x):\n"
            "    return g + tg.softmax(x) * g.sum(axis=-1, keepdims=True)",
            "at index (",
        ),
        (
            "def towards_x(g, x):\n"
            "    return 0.5 * (g - tg.softmax(x) * g.sum(axis=-1, keepdims=True))",
            "a factor: every element is 0.5 times",
        ),
    ],
    "7.2": [
        (
            "def heads(x, H):\n    T, C = x.shape\n    return x.reshape(H, T, C // H)",
            "At [0, 1, 0] yours is 4.0, and 8.0 is right: off by -4",
        ),
    ],
    "7.3": [
        (
            "def weights_of(scores, real):\n"
            "    e = np.exp(scores) * np.tril(np.ones_like(scores)) * real\n"
            "    with np.errstate(invalid='ignore'):\n"
            "        return e / e.sum(axis=1, keepdims=True)",
            "At [0, 0] yours is nan, and 0.0 is right",
        ),
        (
            "def weights_of(scores, real):\n"
            "    return tg.softmax(np.where(real, scores, -np.inf))",
            "At [0, 0] yours is ",
        ),
    ],
    "8.1": [
        (
            "def positions(length, C):\n"
            "    waves = 10000 ** (np.arange(0, C, 2) / C)\n"
            "    angles = np.arange(length)[:, None] / waves\n"
            "    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)",
            "At [0, 1] yours is 0.0, and 1.0 is right: off by -1",
        ),
        (
            "def positions(length, C):\n    return np.zeros((length, C // 2))",
            "the shape is (1, 1), and (1, 2) is right",
        ),
    ],
    "8.2": [
        (
            "def layer_norm(x, weight, bias, eps):\n"
            "    mean = x.mean(axis=-1, keepdims=True)\n"
            "    variance = x.var(axis=-1, keepdims=True, ddof=1)\n"
            "    return (x - mean) / np.sqrt(variance + eps) * weight + bias",
            "At [0, 0] yours is ",
        ),
        (
            "def layer_norm(x, weight, bias, eps):\n"
            "    mean = x.mean(axis=-1, keepdims=True)\n"
            "    variance = x.var(axis=-1, keepdims=True)\n"
            "    return (x - mean) / (np.sqrt(variance) + eps) * weight + bias",
            "elements differ. At [0, 0] yours is -1.14100",
        ),
    ],
    "8.3": [
        (
            "def towards_x(g, x, out):\n"
            "    return g / (x**2).mean(axis=-1, keepdims=True) ** 0.5",
            "at index (",
        ),
        (
            "def towards_x(g, x, out):\n"
            "    r = (x**2).mean(axis=-1, keepdims=True) ** 0.5\n"
            "    return (g - out * (g * out).sum(axis=-1, keepdims=True)) / r",
            "at index (",
        ),
    ],
    "9.1": [
        (
            "def count(config):\n"
            "    C = config.n_embd\n"
            "    rest = (config.vocab_size + config.block_size) * C + 2 * C\n"
            "    return config.n_layer * 12 * C * C + rest",
            "and 124439808 is right: off by -119808",
        ),
    ],
    "9.2": [
        (
            "def probabilities(scores, temperature):\n"
            "    return tg.softmax(scores * max(temperature, 1e-9))",
            "At [0] yours is ",
        ),
        (
            "def probabilities(scores, temperature):\n"
            "    return tg.softmax(scores / max(temperature, 1e-9))",
            "At [1] yours is 0.5, and 1.0 is right: off by -0.5",
        ),
    ],
    "9.3": [
        (
            "def kept(scores, p):\n    return tg.softmax(scores) >= p",
            "At [1] yours is ",
        ),
        (
            "def kept(scores, p):\n"
            "    chances = tg.softmax(scores)\n"
            "    order = np.argsort(-chances)\n"
            "    keep = np.zeros(len(scores), bool)\n"
            "    keep[order] = np.cumsum(chances[order]) < p\n"
            "    return keep",
            "At [1] yours is False, and True is right",
        ),
    ],
}

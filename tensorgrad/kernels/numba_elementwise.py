"""Compiled kernels that treat every element alike: activations, erf, AdamW."""

import math

import numpy as np

from . import reference
from .numba_jit import compiled, erf, exp, plain

_RATE = 2 * math.sqrt(2 / math.pi)
_CUBE = 0.044715
_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _flat(x):
    return plain(x).reshape(-1)


def _map(loop, *inputs):
    """Run loop(*inputs, out) over flat arrays and return out in the first's shape."""
    first = inputs[0]
    out = np.empty(first.shape, first.dtype)
    loop(*map(_flat, inputs), out.reshape(-1))
    return out


@compiled
def _gelu_tanh(x, out):
    t = x.dtype.type
    one, rate, cube = t(1), t(-_RATE), t(-_RATE * _CUBE)
    for i in range(x.size):
        v = x[i]
        # (1 + tanh(u / 2)) / 2 = 1 / (1 + exp(-u))
        out[i] = v / (one + exp(v * (rate + cube * (v * v))))


@compiled
def _gelu_tanh_backward(g, x, out):
    t = x.dtype.type
    zero, one, rate, cube = t(0), t(1), t(-_RATE), t(-_RATE * _CUBE)
    start, slope = t(_RATE), t(3 * _RATE * _CUBE)
    for i in range(x.size):
        v = x[i]
        square = v * v
        e = exp(v * (rate + cube * square))
        gate = one / (one + e)
        rest = e * gate if v > zero else one - gate  # the exact one of the two
        # from the left: 0 * v is 0, and the cube of a large v is no number
        out[i] = g[i] * (gate + gate * rest * v * (start + slope * square))


@compiled
def _gelu_erf(x, out):
    t = x.dtype.type
    half, one, root = t(0.5), t(1), t(_ROOT_HALF)
    for i in range(x.size):
        out[i] = half * x[i] * (one + erf(x[i] * root))


@compiled
def _gelu_erf_backward(g, x, out):
    t = x.dtype.type
    half, one, root, density = t(0.5), t(1), t(_ROOT_HALF), t(_DENSITY)
    for i in range(x.size):
        v = x[i]
        tail = v * density * exp(-half * v * v)
        out[i] = g[i] * (half * (one + erf(v * root)) + tail)


@compiled
def _relu(x, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if x[i] <= zero else x[i]


@compiled
def _sigmoid(x, out):
    t = x.dtype.type
    one = t(1)
    for i in range(x.size):
        out[i] = one / (one + exp(-x[i]))


@compiled
def _erf(x, out):
    for i in range(x.size):
        out[i] = erf(x[i])


def gelu_tanh(x):
    return _map(_gelu_tanh, x)


def gelu_tanh_backward(g, x):
    return _map(_gelu_tanh_backward, g, x)


def gelu_erf(x):
    return _map(_gelu_erf, x)


def gelu_erf_backward(g, x):
    return _map(_gelu_erf_backward, g, x)


def relu(x):
    return _map(_relu, x)


def sigmoid(x):
    # at float64 NumPy's exponential is in vectors, and the compiler's is not
    single = x.dtype == np.float32
    return _map(_sigmoid, x) if single else reference.sigmoid(x)


def erf_values(x):
    return _map(_erf, x)


@compiled
def _where(condition, x, y, out):
    for i in range(out.size):
        one, other = x[i], y[i]  # both read: a read that may not happen is a branch
        out[i] = one if condition[i] else other


@compiled
def _where_else(condition, x, y, out):
    for i in range(out.size):
        out[i] = x[i] if condition[i] else y


def where(condition, x, y):
    """A select without branches: NumPy's mispredicts one at every other element."""
    arrays = [side for side in (x, y) if type(side) not in (int, float)]
    like = (condition.shape, np.result_type(x, y))
    if condition.dtype != bool or any((a.shape, a.dtype) != like for a in arrays):
        return reference.where(condition, x, y)
    out = np.empty(*like)
    flat, t = out.reshape(-1), out.dtype.type
    if len(arrays) == 2:
        _where(_flat(condition), _flat(x), _flat(y), flat)
    elif arrays[0] is x:
        _where_else(_flat(condition), _flat(x), t(y), flat)
    else:
        _where_else(~_flat(condition), _flat(y), t(x), flat)
    return out


@compiled
def _hypot(x, y, out):
    t = x.dtype.type
    zero, one, infinity = t(0), t(1), t(math.inf)
    for i in range(x.size):
        a, b = abs(x[i]), abs(y[i])
        high, low = (a, b) if a > b else (b, a)
        part = low / high  # of squares alone the larger would overflow
        size = high if low == zero else high * np.sqrt(one + part * part)
        out[i] = infinity if (a == infinity) | (b == infinity) else size


def hypot(x, y):
    if any(type(side) is not np.ndarray for side in (x, y)):
        return reference.hypot(x, y)
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        return reference.hypot(x, y)
    return _map(_hypot, x, y)


@compiled
def _adamw(param, grad, m, v, scale, keep, rest1, beta2, step_size, eps):
    t = param.dtype.type
    scale, keep, rest1, step_size = t(scale), t(keep), t(rest1), t(step_size)
    beta2, rest2, eps = t(beta2), t(1 - beta2), t(eps)
    for i in range(param.size):
        g = grad[i] * scale
        first = m[i] + rest1 * (g - m[i])
        second = beta2 * v[i] + rest2 * g * g
        m[i] = first
        v[i] = second
        change = first / (np.sqrt(second) + eps)
        param[i] = keep * param[i] - step_size * change


def adamw(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, step, grad_scale=1.0):
    arrays = param, grad, m, v
    if not all(a.flags.carray for a in arrays):
        settings = lr, beta1, beta2, eps, weight_decay, step, grad_scale
        return reference.adamw(*arrays, *settings)
    # m and v are corrected here, above and below the fraction: one division an element
    root = math.sqrt(1 - beta2**step)
    keep, step_size = 1 - lr * weight_decay, lr * root / (1 - beta1**step)
    flat = (a.reshape(-1) for a in arrays)
    _adamw(
        *flat,
        float(grad_scale),
        float(keep),
        float(1 - beta1),
        float(beta2),
        float(step_size),
        float(eps * root),
    )

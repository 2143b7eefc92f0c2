"""The compiler's settings, and the scalar functions that the kernels share.

An `@overload` is what compiled code calls in place of the Python function of that name.
The function itself runs under NUMBA_DISABLE_JIT=1, to step through a kernel.

What makes LLVM write vector instructions here, and keeps NaN and infinity right:
`error_model="numpy"` (no branch on a zero divisor), constants in the array's own
dtype (a bare 0.5 is float64 and would widen the loop), and sums in functions of
their own, the only ones whose terms may be reordered.
"""

import contextlib
import functools
import math
import zlib
from pathlib import Path

import numpy as np
from numba import config, from_dtype, njit, types
from numba.core.caching import FunctionCache
from numba.extending import overload

from .numba_instructions import WIDE

_FOLDER = Path(__file__).parent
_SOURCES = zlib.crc32(b"".join(p.read_bytes() for p in sorted(_FOLDER.glob("*.py"))))


class _Cache(FunctionCache):
    """The cache on disk, where no failure of the disk reaches the caller."""

    def _index_key(self, sig, codegen):
        # numba looks at the kernel's own file, not at the helpers inlined into it
        # and at the processor that it compiles for, not at the one that tiles fit
        return (*super()._index_key(sig, codegen), _SOURCES, WIDE)

    def load_overload(self, sig, target_context):
        try:
            found = super().load_overload(sig, target_context)
        except Exception:
            with contextlib.suppress(Exception):
                self.flush()  # a torn index would also stop every later save
            return None
        # two processes that save at once can swap each other's machine code
        return found if found is None or found.signature.args == tuple(sig) else None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:
            self.disable()


def compiled(function):
    """Compile at the first call, and keep the machine code on disk if possible."""
    dispatcher = _jit(function)
    with contextlib.suppress(Exception):  # no folder to write to: no cache
        dispatcher._cache = _Cache(function)
    return dispatcher


def helper(function, *flags, **settings):
    """A function that kernels alone call."""
    # what Python and C would call it through takes long to compile
    settings |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return _jit(function, *flags, **settings)


def reduction(function):
    """A helper that sums: its terms may be added in any order, so in vectors.

    It becomes a part of each kernel. LLVM could optimize a function of its own once
    more, or once less, when a kernel comes from the disk, to another order of terms.
    """
    return helper(function, "reassoc", "nsz", forceinline=True)


def _jit(function, *flags, **settings):
    """`contract` allows fused multiply-add only."""
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)  # compiled code never warns
    settings |= {"nogil": True, "error_model": "numpy"}
    return njit(fastmath={"contract", *flags}, **settings)(function)


class compiled_for:  # noqa: N801, a decorator
    """Compile once for each dtype of the first argument, whatever the arrays' strides.

    numba would compile anew for every layout of every argument. Here a function says
    what each of its arguments is, given the type of an element: all arrays are aligned
    and of that dtype.
    """

    def __init__(self, *kinds):
        self.kinds, self.found = kinds, {}

    def __call__(self, function):
        @functools.wraps(function)
        def run(first, *others):
            kernel = self.found.get(first.dtype) or self._compile(function, first.dtype)
            kernel(first, *others)

        return run

    def _compile(self, function, dtype):
        kernel = compiled(function)
        if not config.DISABLE_JIT:
            kernel.compile(tuple(kind(from_dtype(dtype)) for kind in self.kinds))
            kernel.disable_compile()  # other layouts are converted to the one there is
        return self.found.setdefault(dtype, kernel)


def read(ndim):
    """An array that is not written to."""
    return lambda element: types.Array(element, ndim, "A", readonly=True)


def write(ndim):
    return lambda element: types.Array(element, ndim, "A")


def kept(ndim):
    """Scratch memory: contiguous."""
    return lambda element: types.Array(element, ndim, "C")


def several(length, kind):
    """A tuple of so many of that kind."""
    return lambda element: types.UniTuple(kind(element), length)


def number(element):
    """A float of Python's."""
    return types.float64


def count(element):
    return types.intp


def flag(element):
    return types.boolean


def plain(x):
    """x itself if contiguous, aligned and writable, else a copy.

    numba compiles a kernel anew for every other kind of array.
    """
    if type(x) is np.ndarray and x.flags.carray:
        return x
    return np.array(x, order="C", subok=False)


def rows(x):
    """(..., C) -> (rows, C), contiguous."""
    shape = x.shape
    return plain(x).reshape(math.prod(shape[:-1]), shape[-1])


def _single(*values):
    return tuple(np.float32(value) for value in values)


# exp(r) = 1 + r + r^2 (C2 + C3 r + ...): minimax fit on |r| <= log(2) / 2, 3e-9
_C2, _C3, _C4, _C5, _C6 = _single(
    0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814467
)
_LOG2E, _ONE, _ZERO, _INFINITY = _single(1 / math.log(2), 1, 0, math.inf)
_LOWEST, _HIGHEST = _single(-87.3, 88)
_LN2_HIGH, _LN2_LOW = _single(0.693359375, math.log(2) - 0.693359375)
# 1.5 * 2^23: adding it rounds to an integer, which the low bits then hold
_MAGIC = np.float32(12582912)
_MAGIC_BITS = np.int32(_MAGIC.view(np.int32) - 127)


def exp(x):
    """e^x to rounding; of float32 zero below -87.3 and infinite above 88."""
    return _exp_single(x) if type(x) is np.float32 else np.exp(x)


@compiled  # and not a helper: Python calls it too
def _exp_single(x):
    shifted = x * _LOG2E + _MAGIC
    n = shifted - _MAGIC
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    s = r * r  # halves of the polynomial side by side: neither waits for the other
    p = (_C6 * s + (_C5 * r + _C4)) * s + (_C3 * r + _C2)
    bits = (np.float32(shifted).view(np.int32) - _MAGIC_BITS) << np.int32(23)
    power = np.int32(bits).view(np.float32)
    e = (p * s + r) * power + power
    e = _ZERO if x < _LOWEST else e
    return _INFINITY if x > _HIGHEST else e


@overload(exp)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp_single(x)
    return lambda x: math.exp(x)


# erf(x) = x P(x^2) / Q(x^2): minimax fit on |x| <= 4, where erf rounds to 1: 2e-8
_P0, _P1, _P2, _P3, _P4, _P5 = _single(
    1.12837898, 0.196249348, 0.0534675274, 0.00400366297, 2.88042031e-4, 1.9748293e-6
)
_Q1, _Q2, _Q3, _Q4, _Q5 = _single(
    0.507252615, 0.116476581, 0.0154444543, 0.00121636457, 3.74808881e-5
)
_FOUR = np.float32(4)


def erf(x):
    """The error function, to 1e-7 at float32 and to rounding at float64."""
    return _erf_single(x) if type(x) is np.float32 else math.erf(x)


@compiled  # and not a helper: Python calls it too
def _erf_single(x):
    x = _FOUR if x > _FOUR else (-_FOUR if x < -_FOUR else x)
    z = x * x
    p = ((((_P5 * z + _P4) * z + _P3) * z + _P2) * z + _P1) * z + _P0
    q = ((((_Q5 * z + _Q4) * z + _Q3) * z + _Q2) * z + _Q1) * z + _ONE
    y = x * p / q
    return _ONE if y > _ONE else (-_ONE if y < -_ONE else y)


@overload(erf)
def _erf(x):
    if x == types.float32:
        return lambda x: _erf_single(x)
    return lambda x: math.erf(x)


_LOW_31, _LOW_63 = np.int32(2**31 - 1), np.int64(2**63 - 1)


def order(x):
    """An integer that sorts as x does: the maximum of integers is a vector sum.

    A maximum of floats is not, as long as NaN has to be respected.
    """
    single = type(x) is np.float32
    bits = x.view(np.int32 if single else np.int64)
    return bits ^ (bits >> (31 if single else 63) & (_LOW_31 if single else _LOW_63))


@overload(order)
def _order(x):
    def single(x):
        bits = np.float32(x).view(np.int32)
        return np.int32(bits ^ (np.int32(bits >> 31) & _LOW_31))

    def double(x):
        bits = np.float64(x).view(np.int64)
        return bits ^ ((bits >> 63) & _LOW_63)

    return single if x == types.float32 else double


def unorder(key):
    """The float that `order` made this integer from."""
    single = type(key) is np.int32
    bits = key ^ (key >> (31 if single else 63) & (_LOW_31 if single else _LOW_63))
    return bits.view(np.float32 if single else np.float64)


@overload(unorder)
def _unorder(key):
    def single(key):
        return np.int32(key ^ (np.int32(key >> 31) & _LOW_31)).view(np.float32)

    def double(key):
        return np.int64(key ^ ((key >> 63) & _LOW_63)).view(np.float64)

    return single if key == types.int32 else double

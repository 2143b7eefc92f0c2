"""The compiler: the scalar functions in both of their forms, flags, and the cache."""

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import types
from numba.core import caching, config

from tensorgrad.kernels import numba_jit

only_compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled or kept"
)


# --- what compiled code calls is another function than the one of that name

TYPES = {"float32": types.float32, "float64": types.float64}


def both_forms(name, dtype):
    """The function that Python calls, and the one that it is for compiled code."""
    function, twin = getattr(numba_jit, name), getattr(numba_jit, f"_{name}")
    return function, twin(TYPES[dtype])


def numbers(dtype, *special):
    """Those, and others of all sizes and both signs."""
    many = np.random.default_rng(0).standard_normal(200) * np.logspace(-9, 2, 200)
    return [np.dtype(dtype).type(x) for x in (*special, *many)]


@pytest.mark.parametrize("dtype", TYPES)
def test_exp_and_erf_are_right_in_both_forms(dtype):
    exponents = [-abs(x) for x in numbers(dtype, 0.0, 1.0, 80.0, math.inf)]
    exponents += [-x for x in exponents if x > -88]
    arguments = numbers(dtype, 0.0, 3.9, 4.1, -4.1, math.inf, -math.inf)
    eps = np.finfo(dtype).eps
    for name, values in ("exp", exponents), ("erf", arguments):
        # relative and absolute
        tolerances = (2 * eps, np.finfo(dtype).tiny) if name == "exp" else (0, eps)
        exact = [getattr(math, name)(float(x)) for x in values]
        for form in both_forms(name, dtype):
            np.testing.assert_allclose([form(x) for x in values], exact, *tolerances)
            assert math.isnan(form(np.dtype(dtype).type("nan")))


def test_exp_gives_zero_before_it_gives_subnormal_numbers():
    for form in both_forms("exp", "float32"):
        assert form(np.float32(-87.2)) >= np.finfo(np.float32).tiny
        assert form(np.float32(-87.4)) == 0


def test_exp_gives_infinity_before_it_overflows():
    for form in both_forms("exp", "float32"):
        assert form(np.float32(87.9)) < math.inf
        assert form(np.float32(88.1)) == form(np.float32(math.inf)) == math.inf


@pytest.mark.parametrize("dtype", TYPES)
def test_integers_sort_as_their_floats_do_in_both_forms(dtype):
    values = sorted(numbers(dtype, 0.0, -0.0, math.inf, -math.inf, 5e-324, 1e-45))
    integer = np.dtype(dtype.replace("float", "int")).type
    there = both_forms("order", dtype)
    back = numba_jit.unorder, numba_jit._unorder(getattr(types, integer.__name__))
    for order, unorder in zip(there, back, strict=True):
        keys = [order(x) for x in values]
        assert all(type(key) is integer for key in keys)
        assert [unorder(key) for key in keys] == values
        distinct = [order(x) for x in dict.fromkeys(values)]
        assert sorted(distinct) == distinct
        nan = np.dtype(dtype).type("nan")
        assert order(nan) > max(keys)  # a maximum of keys finds it
        assert math.isnan(unorder(order(nan)))


@only_compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_compiled_they_give_what_they_give_in_python(dtype):
    exp, erf, order, unorder = (
        getattr(numba_jit, name) for name in ("exp", "erf", "order", "unorder")
    )

    def all_of_them(x):
        return exp(-abs(x)), erf(x), order(x), unorder(order(x))

    compiled = numba_jit.compiled(all_of_them)
    for x in numbers(dtype, 0.0, -0.0, 4.1, 1e-40):
        np.testing.assert_allclose(compiled(x), all_of_them(x), 1e-6, 1e-7)


@only_compiled
def test_a_reduction_may_add_in_any_order_and_other_helpers_may_not():
    def total(x):
        return x.sum()

    flags = numba_jit.reduction(total).targetoptions["fastmath"]
    assert flags == {"contract", "reassoc", "nsz"}
    assert numba_jit.helper(total).targetoptions["fastmath"] == {"contract"}


# --- the cache


def double(x):
    return x + x


@only_compiled
@pytest.mark.parametrize("trouble", ["no folder", "full disk", "broken files"])
def test_no_trouble_with_the_disk_stops_a_kernel(trouble, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("the disk says no")

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    if trouble == "no folder":
        monkeypatch.setattr(caching.FunctionCache, "__init__", refuse)
    if trouble == "full disk":
        monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", refuse)

    assert numba_jit.compiled(double)(1.5) == 3.0
    files = list(tmp_path.rglob("*.nb*"))
    assert bool(files) == (trouble != "no folder")
    if trouble == "broken files":
        for file in files:
            file.write_bytes(b"torn")
    assert numba_jit.compiled(double)(1.5) == 3.0
    assert all(file.read_bytes() != b"torn" for file in files)


RUN = """
import numpy as np
import tensorgrad.kernels.numba as kernels
from tensorgrad.kernels.numba_matmul import multiply
x, g = np.random.default_rng(0).standard_normal((2, 384, 128)).astype(np.float32)
out, mean, rstd = kernels.layer_norm(x, x[0], x[1], 1e-5)
grads = kernels.layer_norm_backward(g, x, x[0], mean, rstd)
weights = kernels.softmax(x)
found = [out, mean, rstd, *grads, weights, kernels.softmax_backward(g, weights)]
for left, right in (x, g.T), (x.T, g), (x[:37, :50], g[:50, :45]):
    found.append(multiply(left, right, np.empty((len(left), right.shape[1]), x.dtype)))
q, k, v = x.reshape(3, 2, 2, 64, 64)[..., :40, :33]
rest = None, None, True, 0.2
out, normaliser = kernels.attention(q, k, v, *rest)
grads = kernels.attention_backward(q, q, k, v, out, normaliser, *rest)
found += [out, normaliser, *grads]
print(*[y.tobytes().hex() for y in found])
"""


@only_compiled
def test_a_kernel_from_the_disk_gives_the_bits_that_it_gave_when_compiled(tmp_path):
    settings = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    run = functools.partial(subprocess.check_output, env=settings)
    first, second = (run([sys.executable, "-c", RUN]) for _ in range(2))
    assert first == second


@only_compiled
@pytest.mark.parametrize("edited", [False, True])
def test_machine_code_is_kept_until_a_source_changes(edited, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    first = numba_jit.compiled(double)
    assert first(1.5) == 3.0
    if edited:  # a helper, perhaps, that numba does not know to be inlined
        monkeypatch.setattr(numba_jit, "_SOURCES", numba_jit._SOURCES + 1)
    second = numba_jit.compiled(double)
    assert second(1.5) == 3.0
    assert sum(second.stats.cache_hits.values()) == (not edited)


@only_compiled
def test_machine_code_for_other_types_is_not_taken(tmp_path, monkeypatch):
    """Two processes that save at once can leave one signature's code under another."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    numba_jit.compiled(double)(1.5)
    load = caching.FunctionCache.load_overload

    def swapped(self, sig, target_context):
        return load(self, (types.float64,), target_context)

    monkeypatch.setattr(caching.FunctionCache, "load_overload", swapped)
    assert numba_jit.compiled(double)(1.5) == 3.0
    found = numba_jit.compiled(double)(3)
    assert (found, type(found)) == (6, int)

"""Memory that a kernel's caller keeps: arrays over it, of which no view is counted.

numba counts references to arrays as Python does, some 40 cycles a slice. Below each
function, which is its own definition in NumPy, is what compiled code does in its place.
"""

import itertools
import math

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import populate_array


def lent(x):
    """x, whose memory the caller keeps; to compiled code all such are of one type."""
    return x


@type_callable(lent)
def _type_of_lent(context):
    return lambda x: x.copy(readonly=False)


@lower_builtin(lent, types.Array)
def _build_lent(context, builder, signature, args):
    array = context.make_array(signature.args[0])(context, builder, args[0])
    for owner in "meminfo", "parent":
        setattr(array, owner, cgutils.get_null_value(getattr(array, owner).type))
    return array._getvalue()


def shaped(memory, shape):
    """The first elements of that memory, which the caller keeps, in that shape."""
    return memory[: math.prod(shape)].reshape(shape)


@type_callable(shaped)
def _type_of_shaped(context):
    return lambda memory, shape: types.Array(memory.dtype, len(shape), "C")


@lower_builtin(shaped, types.Array, types.BaseTuple)
def _build_shaped(context, builder, signature, args):
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    shape = cgutils.unpack_tuple(builder, args[1])
    return _array(context, builder, signature.return_type, data, shape)


def spread(x, shape):
    """x broadcast to that shape."""
    return np.broadcast_to(x, shape)


@type_callable(spread)
def _type_of_spread(context):
    return lambda x, shape: x.copy(layout="A")


@lower_builtin(spread, types.Array, types.BaseTuple)
def _build_spread(context, builder, signature, args):
    kind, zero = signature.return_type, context.get_constant(types.intp, 0)
    x = context.make_array(signature.args[0])(context, builder, args[0])
    shape, steps = cgutils.unpack_tuple(builder, args[1]), []
    lengths, strides = (cgutils.unpack_tuple(builder, y) for y in (x.shape, x.strides))
    for length, wanted, stride in zip(lengths, shape, strides, strict=True):
        same = builder.icmp_signed("==", length, wanted)
        steps.append(builder.select(same, stride, zero))
    return _array(context, builder, kind, x.data, shape, steps)


def parts(memory, sizes):
    """That memory, which the caller keeps, in parts of so many elements, one by one."""
    ends = itertools.accumulate(sizes)
    return tuple([memory[end - n : end] for n, end in zip(sizes, ends, strict=True)])


@type_callable(parts)
def _type_of_parts(context):
    return lambda memory, sizes: types.UniTuple(memory, len(sizes))


@lower_builtin(parts, types.Array, types.BaseTuple)
def _build_parts(context, builder, signature, args):
    kind, found = signature.args[0], []
    data = context.make_array(kind)(context, builder, args[0]).data
    for size in cgutils.unpack_tuple(builder, args[1]):
        found.append(_array(context, builder, kind, data, [size]))
        data = builder.gep(data, [size])
    return context.make_tuple(builder, signature.return_type, found)


def _array(context, builder, kind, data, lengths, steps=None):
    """An array of that type over memory that somebody else keeps."""
    array = context.make_array(kind)(context, builder)
    item = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
    if steps is None:  # contiguous
        steps = [item]
        for length in lengths[:0:-1]:
            steps.insert(0, builder.mul(steps[0], length))
    populate_array(array, data, lengths, steps, item, meminfo=None)
    return array._getvalue()

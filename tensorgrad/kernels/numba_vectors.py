"""What compiled code does in vectors of its own: tiles, copies, sums down columns.

A tile of a product stays in registers while its sum runs: LLVM would store it after
every term. Each function here is its own definition in NumPy; below it is what
compiled code does in its place.
"""

import math

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import populate_array

from .numba_instructions import BYTES, WIDE, instructions

# As many sums as the registers hold beside their factors, of 32 and of 16. ROWS
# divides the columns, so that what was copied as columns can be read as rows.
ROWS, _ACROSS = (8, 2) if WIDE else (4, 3)


# --- sizes


def lanes(x):
    """The elements of a vector, of this array's dtype."""
    return BYTES // x.itemsize


@overload(lanes, inline="always")
def _lanes(x):
    number = BYTES * 8 // x.dtype.bitwidth
    return lambda x: number  # a constant, so that loops of that length are unrolled


def columns(x):
    """The columns of a tile."""
    return _ACROSS * lanes(x)


@overload(columns, inline="always")
def _columns(x):
    number = _ACROSS * BYTES * 8 // x.dtype.bitwidth
    return lambda x: number


# --- tiles


def multiply_tile(strips, s, m, panels, p, out, corner, more):
    """A tile of out from that corner on: strips[s, :, m:].T @ panels[p], or += that.

    (S, K, columns), of which ROWS are taken, and (P, K, columns); the rows of out are
    contiguous too. Each element is summed in the order of k.
    """
    _multiply(strips, s, m, panels, p, out, corner, more, columns(out))


def multiply_narrow_tile(strips, s, m, panels, p, out, corner, more):
    """The same of the first vector of each row alone."""
    _multiply(strips, s, m, panels, p, out, corner, more, lanes(out))


def _multiply(strips, s, m, panels, p, out, corner, more, width):
    i, j = corner
    product = strips[s, :, m : m + ROWS].T @ panels[p, :, :width]
    tile = out[i : i + ROWS, j : j + width]
    tile[:] = tile + product if more else product


@overload(multiply_tile, inline="always")
def _multiply_tile_compiled(strips, s, m, panels, p, out, corner, more):
    return lambda strips, s, m, panels, p, out, corner, more: _multiply_tile(
        strips, s, m, panels, p, out, corner, more
    )


@intrinsic
def _multiply_tile(typingctx, strips, s, m, panels, p, out, corner, more):
    return instructions(
        _build_multiply_tile, strips, s, m, panels, p, out, corner, more
    )


def _build_multiply_tile(code, *args):
    _build_tile(code, _ACROSS, *args)


@overload(multiply_narrow_tile, inline="always")
def _multiply_narrow_tile_compiled(strips, s, m, panels, p, out, corner, more):
    return lambda strips, s, m, panels, p, out, corner, more: _multiply_narrow_tile(
        strips, s, m, panels, p, out, corner, more
    )


@intrinsic
def _multiply_narrow_tile(typingctx, strips, s, m, panels, p, out, corner, more):
    return instructions(
        _build_multiply_narrow_tile, strips, s, m, panels, p, out, corner, more
    )


def _build_multiply_narrow_tile(code, *args):
    _build_tile(code, 1, *args)


def _build_tile(code, across, strips, s, m, panels, p, out, corner, more):
    builder, (i, j) = code.builder, corner
    rows = [out.at(code.sum(i, r), j) for r in range(ROWS)]
    tile = [(row, v) for row in rows for v in range(across)]
    for place in tile:
        code.will_write(*place)
    totals = [code.variable() for _ in tile]
    with code.each(panels.shape[1]) as k:
        factors = [code.load(panels.at(p, k), v) for v in range(across)]
        for r in range(ROWS):
            one = code.spread(strips.at(s, k, m), r)
            for total, factor in zip(totals[r * across :], factors, strict=False):
                builder.store(
                    code.multiply_add(one, factor, builder.load(total)), total
                )
    with builder.if_then(more):
        for total, place in zip(totals, tile, strict=True):
            builder.store(builder.fadd(builder.load(total), code.load(*place)), total)
    for total, place in zip(totals, tile, strict=True):
        code.store(builder.load(total), *place)


# --- copies


def copy_row(x, place, count, panels, corner):
    """A row of a panel = `count` elements of x from that place on, then zeros.

    They are contiguous in x; of more than the panel has columns, those are taken.
    """
    (k, n), (p, i) = place, corner
    found = x[k, n : n + min(count, panels.shape[2])]
    panels[p, i, : len(found)], panels[p, i, len(found) :] = found, 0


@overload(copy_row, inline="always")
def _copy_row_compiled(x, place, count, panels, corner):
    return lambda x, place, count, panels, corner: _copy_row(
        x, place, count, panels, corner
    )


@intrinsic
def _copy_row(typingctx, x, place, count, panels, corner):
    return instructions(_build_copy_row, x, place, count, panels, corner)


def _build_copy_row(code, x, place, count, panels, corner):
    source, target = x.at(*place), panels.at(*corner)
    for v in range(_ACROSS):
        left = code.sum(count, -v * code.lanes)
        code.store(code.load_some(source, left, v), target, v)
        code.will_read(source, v + _ACROSS)  # the next panel's


def copy_square(x, place, counts, panels, corner):
    """As many rows and columns as a vector has elements; zeros for columns past it.

    There are counts = (rows, columns) in x from that place on, contiguous in columns.
    """
    (k, n), (rows, width), (p, i, j), side = place, counts, corner, lanes(x)
    found = x[k : k + min(rows, side), n : n + min(width, side)]
    square = panels[p, i : i + min(rows, side), j : j + side]
    square[:, : found.shape[1]], square[:, found.shape[1] :] = found, 0


@overload(copy_square, inline="always")
def _copy_square_compiled(x, place, counts, panels, corner):
    return lambda x, place, counts, panels, corner: _copy_square(
        x, place, counts, panels, corner
    )


@intrinsic
def _copy_square(typingctx, x, place, counts, panels, corner):
    return instructions(_build_copy_square, x, place, counts, panels, corner)


def _build_copy_square(code, x, place, counts, panels, corner):
    (k, n), (rows, width), (p, i, j) = place, counts, corner
    square = []
    for r in range(code.lanes):
        inside = code.less(code.number(r), width)
        some = code.builder.select(inside, rows, code.number(0))
        square.append(code.load_some(x.at(k, code.sum(n, r)), some))
        code.will_read(x.at(k, code.sum(n, r + _ACROSS * code.lanes)))
    for r, row in enumerate(code.transposed(square)):
        with code.builder.if_then(code.less(code.number(r), rows), likely=True):
            code.store(row, panels.at(p, code.sum(i, r), j))


def copy_line(x, i, out, j, factor):
    """A row of out = as much of a row of x, times factor; both are contiguous."""
    out[j] = x[i, : out.shape[1]] * factor


@overload(copy_line, inline="always")
def _copy_line_compiled(x, i, out, j, factor):
    return lambda x, i, out, j, factor: _copy_line(x, i, out, j, factor)


@intrinsic
def _copy_line(typingctx, x, i, out, j, factor):
    return instructions(_build_copy_line, x, i, out, j, factor)


def _build_copy_line(code, x, i, out, j, factor):
    factors, count = code.repeat(factor), out.shape[1]
    with code.each(count, code.lanes) as n:
        left = code.builder.sub(count, n)
        found = code.builder.fmul(code.load_some(x.at(i, n), left), factors)
        code.store_some(found, out.at(j, n), left)


# --- down the columns


def highest(x, out):
    """out = the highest of each column of x (K, columns), NaN left out, or -inf."""
    np.fmax.reduce(x, axis=0, out=out, initial=-np.inf)


@overload(highest, inline="always")
def _highest_compiled(x, out):
    return lambda x, out: _highest(x, out)


@intrinsic
def _highest(typingctx, x, out):
    return instructions(_build_highest, x, out)


def _build_highest(code, x, out):
    def higher(found, x):
        bigger = code.builder.fcmp_ordered(">", x, found)  # not so for NaN
        return code.builder.select(bigger, x, found)

    _combine_rows(code, -math.inf, higher, out, x)


def sums(x, out):
    """out += the sum of each column of x (K, columns), in the order of k."""
    total = np.zeros_like(out)
    for row in x:
        total += row
    out += total


@overload(sums, inline="always")
def _sums_compiled(x, out):
    return lambda x, out: _sums(x, out)


@intrinsic
def _sums(typingctx, x, out):
    return instructions(_build_sums, x, out)


def _build_sums(code, x, out):
    _combine_rows(code, 0.0, code.builder.fadd, out, x, more=True)


def dots(x, y, out):
    """out += the sum of each column of x * y, in the order of k."""
    sums(x * y, out)


@overload(dots, inline="always")
def _dots_compiled(x, y, out):
    return lambda x, y, out: _dots(x, y, out)


@intrinsic
def _dots(typingctx, x, y, out):
    return instructions(_build_dots, x, y, out)


def _build_dots(code, x, y, out):
    def add_product(found, x, y):
        return code.multiply_add(x, y, found)

    _combine_rows(code, 0.0, add_product, out, x, y, more=True)


def _combine_rows(code, start, combine, out, *inputs, more=False):
    """Row after row of the inputs with what was found before; vectors have the rest."""
    found = [code.variable(start) for _ in range(_ACROSS)]
    with code.each(inputs[0].shape[0]) as k:
        for v, place in enumerate(found):
            new = [code.load(x.at(k), v) for x in inputs]
            code.builder.store(combine(code.builder.load(place), *new), place)
    for v, place in enumerate(found):
        total = code.builder.load(place)
        if more:
            total = code.builder.fadd(code.load(out.at(), v), total)
        code.store(total, out.at(), v)


# --- memory that the caller keeps, so that no view of it is counted


def lent(x):
    """x, whose memory the caller keeps."""
    return x


@overload(lent, inline="always")
def _lent(x):
    return lambda x: _without_owner(x)


@intrinsic
def _without_owner(typingctx, x):
    def build(context, builder, signature, args):
        array = context.make_array(x)(context, builder, args[0])
        for owner in "meminfo", "parent":
            setattr(array, owner, cgutils.get_null_value(getattr(array, owner).type))
        return array._getvalue()

    return x(x), build


def shaped(memory, shape):
    """The first elements of that memory, which the caller keeps, in that shape."""
    return memory[: math.prod(shape)].reshape(shape)


@overload(shaped, inline="always")
def _shaped(memory, shape):
    return lambda memory, shape: _array_there(memory, shape)


@intrinsic
def _array_there(typingctx, memory, shape):
    kind = types.Array(memory.dtype, len(shape), "C")

    def build(context, builder, signature, args):
        array = context.make_array(kind)(context, builder)
        lengths = cgutils.unpack_tuple(builder, args[1])
        item = context.get_constant(types.intp, memory.dtype.bitwidth // 8)
        steps = [item]
        for length in lengths[:0:-1]:
            steps.insert(0, builder.mul(steps[0], length))
        data = context.make_array(memory)(context, builder, args[0]).data
        populate_array(array, data, lengths, steps, item, meminfo=None)
        return array._getvalue()

    return kind(memory, shape), build

"""What compiled code does in vectors of its own: tiles, copies, sums down columns.

A tile of a product stays in registers while its sum runs: LLVM would store it after
every term. Each function here is its own definition in NumPy; below it is what
compiled code does in its place.
"""

import math

import numpy as np
from numba import types
from numba.extending import lower_builtin, type_callable

from .numba_instructions import BYTES, WIDE, instructions_of

# As many sums as the registers hold beside their factors, of 32 and of 16.
ROWS, _ACROSS = (8, 2) if WIDE else (6, 2)


# --- sizes


def lanes(x):
    """The elements of a vector, of this array's dtype."""
    return BYTES // x.itemsize


def columns(x):
    """The columns of a tile."""
    return _ACROSS * lanes(x)


def height(x):
    """The rows of the left matrix that are copied at a time: whole tiles and strips."""
    return math.lcm(ROWS, columns(x))


@type_callable(lanes)
@type_callable(columns)
@type_callable(height)
def _type_of_count(context):
    return lambda x: types.intp


@lower_builtin(lanes, types.Array)
def _build_lanes(context, builder, signature, args):
    # a constant, so that loops of that length are unrolled
    bits = signature.args[0].dtype.bitwidth
    return context.get_constant(types.intp, BYTES * 8 // bits)


@lower_builtin(columns, types.Array)
def _build_columns(context, *args):
    number = _build_lanes(context, *args)
    return context.get_constant(types.intp, _ACROSS * number.constant)


@lower_builtin(height, types.Array)
def _build_height(context, *args):
    number = _build_columns(context, *args)
    return context.get_constant(types.intp, math.lcm(ROWS, number.constant))


# --- tiles


def multiply_tile(strips, m, panels, p, terms, out, corner, base, more):
    """A tile of out, from that corner on: some of strips @ panels[p], or base + that.

    The rows of a left matrix stand in strips (S, K, columns): those from m on are
    taken, ROWS of them, where the last strip is followed by itself. The rows of panels
    (P, K, columns), out and base are contiguous. Each element is the sum over
    k = terms[0], ..., terms[1] - 1, in that order, then with base's.
    """
    _multiply(strips, m, panels, p, terms, out, corner, base, more, columns(out))


def multiply_narrow_tile(strips, m, panels, p, terms, out, corner, base, more):
    """The same of the first vector of each row alone."""
    _multiply(strips, m, panels, p, terms, out, corner, base, more, lanes(out))


def _multiply(strips, m, panels, p, terms, out, corner, base, more, width):
    (i, j), some, across = corner, slice(*terms), strips.shape[2]
    rows = np.arange(m, m + ROWS)
    rows[rows >= len(strips) * across] -= across
    left = strips[rows // across, some, rows % across]
    product = (left[:, :, None] * panels[p, some, :width]).sum(axis=1)
    tile = slice(i, i + ROWS), slice(j, j + width)
    out[tile] = base[tile] + product if more else product


@instructions_of(multiply_tile)
def _build_multiply_tile(code, *args):
    _build_tile(code, _ACROSS, *args)


@instructions_of(multiply_narrow_tile)
def _build_multiply_narrow_tile(code, *args):
    _build_tile(code, 1, *args)


def _build_tile(code, across, strips, m, panels, p, terms, out, corner, base, more):
    builder, lefts = code.builder, _left_rows(code, strips, m)
    tile = [(row, v) for row in _rows_from(out, corner) for v in range(across)]
    for where in tile:
        code.will_write(*where)
    totals = [code.variable() for _ in tile]
    with code.each(*terms) as k:
        factors = [code.load(panels.at(p, k), v) for v in range(across)]
        for r, (start, place) in enumerate(lefts):
            one = code.spread(strips.after(start, 1, k), place)
            for total, factor in zip(totals[r * across :], factors, strict=False):
                builder.store(
                    code.multiply_add(one, factor, builder.load(total)), total
                )
    with builder.if_then(more):
        bases = [(row, v) for row in _rows_from(base, corner) for v in range(across)]
        for total, where in zip(totals, bases, strict=True):
            builder.store(builder.fadd(code.load(*where), builder.load(total)), total)
    for total, where in zip(totals, tile, strict=True):
        code.store(builder.load(total), *where)


def _left_rows(code, strips, m):
    """Of ROWS rows from row m on: an address, and how far from there the row begins."""
    builder, across = code.builder, code.number(_ACROSS * code.lanes)
    s, m = builder.udiv(m, across), builder.urem(m, across)
    start = strips.at(s)
    if _ACROSS * code.lanes % ROWS == 0:  # then they stand in one strip
        first = strips.after(start, 2, m)
        return [(first, r) for r in range(ROWS)]
    is_last = builder.icmp_signed("==", code.sum(s, 1), strips.shape[0])
    following = builder.select(is_last, start, strips.after(start, 0))
    found = []
    for r in range(ROWS):
        row = code.sum(m, r)
        strip = builder.select(code.less(row, across), start, following)
        found.append((strips.after(strip, 2, builder.urem(row, across)), 0))
    return found


def _rows_from(x, corner):
    """The addresses of ROWS rows, from that corner on."""
    found = [x.at(*corner)]
    while len(found) < ROWS:
        found.append(x.after(found[-1], 0))
    return found


# --- copies


def copy_row(x, place, count, panels, corner):
    """A row of a panel = `count` elements of x from that place on, then zeros.

    They are contiguous in x; of more than the panel has columns, those are taken.
    """
    (k, n), (p, i) = place, corner
    found = x[k, n : n + min(count, panels.shape[2])]
    panels[p, i, : len(found)], panels[p, i, len(found) :] = found, 0


@instructions_of(copy_row)
def _build_copy_row(code, x, place, count, panels, corner):
    source, target = x.at(*place), panels.at(*corner)
    for v in range(_ACROSS):
        code.will_read(source, v + _ACROSS)  # the next panel's
    enough = code.less(code.number(_ACROSS * code.lanes - 1), count)
    with code.builder.if_else(enough, likely=True) as (whole, part):
        with whole:
            for v in range(_ACROSS):
                code.store(code.load(source, v), target, v)
        with part:
            for v in range(_ACROSS):
                left = code.sum(count, -v * code.lanes)
                code.store(code.load_some(source, left, v), target, v)


def copy_square(x, place, counts, panels, corner):
    """As many rows and columns as a vector has elements; zeros for columns past it.

    There are counts = (rows, columns) in x from that place on, contiguous in columns.
    """
    (k, n), (rows, width), (p, i, j), side = place, counts, corner, lanes(x)
    found = x[k : k + min(rows, side), n : n + min(width, side)]
    square = panels[p, i : i + min(rows, side), j : j + side]
    square[:, : found.shape[1]], square[:, found.shape[1] :] = found, 0


@instructions_of(copy_square)
def _build_copy_square(code, x, place, counts, panels, corner):
    (k, n), (rows, width), (p, i, j) = place, counts, corner
    sources = [x.at(k, code.sum(n, r)) for r in range(code.lanes)]
    targets = [panels.at(p, code.sum(i, r), j) for r in range(code.lanes)]
    for r in range(code.lanes):
        code.will_read(x.at(k, code.sum(n, r + _ACROSS * code.lanes)))
    last = code.number(code.lanes - 1)
    enough = code.builder.and_(code.less(last, rows), code.less(last, width))
    with code.builder.if_else(enough, likely=True) as (whole, part):
        with whole:
            square = code.transposed([code.load(source) for source in sources])
            for row, target in zip(square, targets, strict=True):
                code.store(row, target)
        with part:
            square = []
            for r, source in enumerate(sources):
                inside = code.less(code.number(r), width)
                some = code.builder.select(inside, rows, code.number(0))
                square.append(code.load_some(source, some))
            pairs = zip(code.transposed(square), targets, strict=True)
            for r, (row, target) in enumerate(pairs):
                with code.builder.if_then(code.less(code.number(r), rows)):
                    code.store(row, target)


def copy_line(x, i, out, j, factor):
    """A row of out = as much of a row of x, times factor; both are contiguous."""
    out[j] = x[i, : out.shape[1]] * factor


@instructions_of(copy_line)
def _build_copy_line(code, x, i, out, j, factor):
    builder, count = code.builder, out.shape[1]
    factors, width = code.repeat(factor), code.number(code.lanes)
    with code.each(code.number(0), count, code.lanes) as n:
        source, target, left = x.at(i, n), out.at(j, n), builder.sub(count, n)
        # a masked store takes as long as ten others, where there are no wide vectors
        with builder.if_else(code.less(left, width), likely=False) as (part, whole):
            with whole:
                code.store(builder.fmul(code.load(source), factors), target)
            with part:
                found = builder.fmul(code.load_some(source, left), factors)
                code.store_some(found, target, left)


# --- down the columns


def highest(x, out):
    """out = the highest of each column of x (K, columns), NaN left out, or -inf."""
    np.fmax.reduce(x, axis=0, out=out, initial=-np.inf)


@instructions_of(highest)
def _build_highest(code, x, out):
    def higher(found, x):
        bigger = code.builder.fcmp_ordered(">", x, found)  # not so for NaN
        return code.builder.select(bigger, x, found)

    _combine_rows(code, -math.inf, higher, out, x)


def subtract(x, shift):
    """x (K, columns) -= shift, of each column."""
    x -= shift


@instructions_of(subtract)
def _build_subtract(code, x, shift):
    amounts = [code.load(shift.at(), v) for v in range(_ACROSS)]
    with code.each(code.number(0), x.shape[0]) as k:
        row = x.at(k)
        for v, amount in enumerate(amounts):
            code.store(code.builder.fsub(code.load(row, v), amount), row, v)


def sums(x, out):
    """out += the sum of each column of x (K, columns), in the order of k."""
    total = np.zeros_like(out)
    for row in x:
        total += row
    out += total


@instructions_of(sums)
def _build_sums(code, x, out):
    _combine_rows(code, 0.0, code.builder.fadd, out, x, more=True)


def dots(x, y, out):
    """out += the sum of each column of x * y, in the order of k."""
    sums(x * y, out)


@instructions_of(dots)
def _build_dots(code, x, y, out):
    def add_product(found, x, y):
        return code.multiply_add(x, y, found)

    _combine_rows(code, 0.0, add_product, out, x, y, more=True)


def _combine_rows(code, start, combine, out, *inputs, more=False):
    """Row after row of the inputs with what was found before; vectors have the rest."""
    found = [code.variable(start) for _ in range(_ACROSS)]
    with code.each(code.number(0), inputs[0].shape[0]) as k:
        for v, place in enumerate(found):
            new = [code.load(x.at(k), v) for x in inputs]
            code.builder.store(combine(code.builder.load(place), *new), place)
    for v, place in enumerate(found):
        total = code.builder.load(place)
        if more:
            total = code.builder.fadd(code.load(out.at(), v), total)
        code.store(total, out.at(), v)

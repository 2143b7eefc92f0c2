"""Compiled kernels of windows on images: convolution, pooling, fold.

A convolution takes a few images at a time: what their windows see is copied into
columns that stay in the cache, and BLAS multiplies them. The backward pass makes the
columns again, so that nothing is kept.

Rows of small images are too short to be copied one by one. So a column is copied from
its first element to its last in one piece of the framed image, with what lies between
two rows of the result: the product has a few places too many, which are cut off, or in
the backward pass filled with zeros before. With a stride, the framed image is first
dealt out into stride x stride smaller ones, in each of which windows move by 1.
"""

import math

import numpy as np

from . import reference_windows as reference
from .numba_jit import compiled, helper, plain
from .scratch import TILE, scratch


@compiled
def _fold(out, x, stride, dilation):
    (down, right), (apart, beside) = stride, dilation
    images, tall, wide, high, broad = x.shape
    for n in range(images):
        for i in range(tall):
            for j in range(wide):
                for h in range(high):
                    y, left = h * down + i * apart, j * beside
                    # apart: only without a step do the sums become vectors
                    if right == 1:
                        for w in range(broad):
                            out[n, y, left + w] += x[n, i, j, h, w]
                    else:
                        for w in range(broad):
                            out[n, y, left + w * right] += x[n, i, j, h, w]


def fold(out, x, stride, dilation):
    images = math.prod(x.shape[:-4])
    target = plain(out)
    flat = target.reshape(images, *out.shape[-2:])
    _fold(flat, plain(x).reshape(images, *x.shape[-4:]), stride, dilation)
    if target is not out:
        out[...] = target


# --- convolution


@helper
def _inside(start, size, step, count):
    """lo, hi: for which i of range(count) start + i step is in range(size)."""
    lo = min(0 if start >= 0 else (step - 1 - start) // step, count)
    hi = 0 if start >= size else (size - 1 - start) // step + 1
    return max(0, lo), max(0, lo, min(hi, count))


@helper
def _deal(image, parts, corner):
    """parts[a, b, h, w] = image[h s + a - top, w s + b - left], where that exists."""
    (top, left), (down, right, high, wide) = corner, parts.shape
    for a in range(down):
        first, last = _inside(a - top, image.shape[0], down, high)
        for b in range(right):
            lo, hi = _inside(b - left, image.shape[1], right, wide)
            part, start = parts[a, b], max(0, lo * right + b - left)
            for h in range(last - first):
                y = (first + h) * down + a - top
                # apart: only without a step are the copies vectors
                if right == 1:
                    for w in range(hi - lo):
                        part[first + h, lo + w] = image[y, start + w]
                else:
                    for w in range(hi - lo):
                        part[first + h, lo + w] = image[y, start + w * right]


@helper
def _collect(image, parts, corner):
    """image[h s + a - top, w s + b - left] = parts[a, b, h, w]"""
    (top, left), (down, right, high, wide) = corner, parts.shape
    for a in range(down):
        first, last = _inside(a - top, image.shape[0], down, high)
        for b in range(right):
            lo, hi = _inside(b - left, image.shape[1], right, wide)
            part, start = parts[a, b], max(0, lo * right + b - left)
            for h in range(last - first):
                y = (first + h) * down + a - top
                if right == 1:
                    for w in range(hi - lo):
                        image[y, start + w] = part[first + h, lo + w]
                else:
                    for w in range(hi - lo):
                        image[y, start + w * right] = part[first + h, lo + w]


@compiled
def _unfold(x, parts, columns, corner, offsets):
    """columns[n, c, k] = the parts of x[n, c], framed, from offsets[k] on."""
    flat, size = parts.reshape(-1), columns.shape[3]
    parts[:] = x.dtype.type(0)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            _deal(x[n, c], parts, corner)
            for k in range(offsets.size):
                seen = flat[offsets[k] :]
                for p in range(size):
                    columns[n, c, k, p] = seen[p]


@compiled
def _fold_back(columns, parts, x, corner, offsets):
    """The parts of x[n, c], framed, from offsets[k] on += columns[n, c, k], from 0."""
    flat, size = parts.reshape(-1), columns.shape[3]
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            parts[:] = x.dtype.type(0)
            for k in range(offsets.size):
                seen = flat[offsets[k] :]
                for p in range(size):
                    seen[p] += columns[n, c, k, p]
            _collect(x[n, c], parts, corner)


@compiled
def _cut(product, bias, out):
    """The places of the result, without those between its rows, plus the bias."""
    for n in range(out.shape[0]):
        for o in range(out.shape[1]):
            for h in range(out.shape[2]):
                for w in range(out.shape[3]):
                    out[n, o, h, w] = product[n, o, h, w] + bias[o]


@compiled
def _widen(g, out):
    """g in the places of the result, with zeros between its rows."""
    zero = g.dtype.type(0)
    for n in range(g.shape[0]):
        for o in range(g.shape[1]):
            for h in range(g.shape[2]):
                for w in range(g.shape[3]):
                    out[n, o, h, w] = g[n, o, h, w]
                for w in range(g.shape[3], out.shape[3]):
                    out[n, o, h, w] = zero


class _Columns:
    """The columns of a few images at a time, in scratch memory: (n, C, KH KW, P)."""

    def __init__(self, x, counts, window, stride, dilation, frame):
        (top, _), (left, _) = frame
        self.corner, (down, right) = (top, left), stride
        # of a framed image as much as windows see, and a row for what is cut off
        high, self.wide = [
            n + d * (k - 1) // s
            for n, k, s, d in zip(counts, window, stride, dilation, strict=True)
        ]
        self.parts = scratch("parts", (down, right, high + 1, self.wide), x.dtype)
        self.shape = x.shape[1], math.prod(window), counts[0] * self.wide
        places = [np.arange(k) * d for k, d in zip(window, dilation, strict=True)]
        y, start = places[0][:, None], places[1]
        part = y % down * right + start % right
        inside = y // down * self.wide + start // right
        self.offsets = (part * (high + 1) * self.wide + inside).ravel()
        self.exact = self.wide == counts[1]  # nothing lies between two rows
        # windows of one element see the images as they are
        unmoved = stride == (1, 1) and x.shape[2:] == (*counts,)
        self.same = unmoved and self.shape[1] == 1
        self.step = max(1, TILE // max(1, math.prod(self.shape) * x.itemsize))

    def memory(self, x):
        """Where the columns of these images go."""
        shape = len(x), *self.shape
        return x.reshape(shape) if self.same else scratch("columns", shape, x.dtype)

    def of(self, x):
        """What the windows see of these images."""
        columns = self.memory(x)
        if not self.same:
            _unfold(x, self.parts, columns, self.corner, self.offsets)
        return columns

    def back(self, columns, x):
        """What the windows send back to these images."""
        if not self.same:
            _fold_back(columns, self.parts, x, self.corner, self.offsets)

    def places(self, out):
        """Where a product with these images' columns goes: (n, O, OH, wide)."""
        shape = *out.shape[:3], self.wide
        return out if self.exact else scratch("product", shape, out.dtype)

    def tiles(self, B):
        """Slices of images whose columns fill one tile."""
        for n in range(0, B, self.step):
            yield slice(n, min(n + self.step, B))


@np.errstate(all="ignore")
def conv2d(out, x, weight, bias, stride, dilation, frame, groups):
    x, (B, channels, OH, OW) = plain(x), out.shape
    layout = _Columns(x, (OH, OW), weight.shape[2:], stride, dilation, frame)
    rows, K = channels // groups, math.prod(weight.shape[1:])
    flat = weight.reshape(groups, rows, K)
    bias = np.zeros(channels, x.dtype) if bias is None else plain(bias)
    for images in layout.tiles(B):
        columns, product = layout.of(x[images]), layout.places(out[images])
        n, P = len(columns), columns.shape[-1]
        columns = columns.reshape(n, groups, K, P)
        np.matmul(flat, columns, out=product.reshape(n, groups, rows, P))
        _cut(product, bias, out[images])


@np.errstate(all="ignore")
def conv2d_backward(g, x, weight, stride, dilation, frame, groups, needed):
    x, g, (B, channels, OH, OW) = plain(x), plain(g), g.shape
    layout = _Columns(x, (OH, OW), weight.shape[2:], stride, dilation, frame)
    rows, K = channels // groups, math.prod(weight.shape[1:])
    flat = weight.reshape(groups, rows, K)
    gx = np.zeros_like(x) if needed[0] else None
    total = np.zeros((groups, K, rows), x.dtype)
    for images in layout.tiles(B):
        part = layout.places(g[images])
        n, P = len(part), OH * layout.wide
        if not layout.exact:
            _widen(g[images], part)
        part = part.reshape(n, groups, rows, P)
        if needed[1]:
            columns = layout.of(x[images]).reshape(n, groups, K, P)
            # the larger matrix first: BLAS takes half of the time
            total += np.add.reduce(np.matmul(columns, part.mT), axis=0)
        if needed[0]:
            columns = layout.memory(gx[images])
            np.matmul(flat.mT, part, out=columns.reshape(n, groups, K, P))
            layout.back(columns, gx[images])
    gbias = reference.channel_sum(g) if needed[2] else None
    if not (np.isfinite(total).all() and np.isfinite(weight).all()):
        # such a number met a zero between two rows, which gave NaN
        return reference.conv2d_backward(
            g, x, weight, stride, dilation, frame, groups, needed
        )
    return gx, total.mT.reshape(weight.shape) if needed[1] else None, gbias


# --- pooling


@compiled
def _share(g, x, out, gx, parts, gparts, corner, offsets):
    """Window element by window element, each over all windows: loops of vectors."""
    flat, gflat, wide = parts.reshape(-1), gparts.reshape(-1), parts.shape[3]
    size, t = out.shape[1] * wide, x.dtype.type
    zero, one = t(0), t(1)
    largest, share = np.empty(size, x.dtype), np.empty(size, x.dtype)
    largest[:] = parts[:] = t(np.nan)  # outside, and between rows, nothing ties
    for n in range(x.shape[0]):
        _deal(x[n], parts, corner)
        for h in range(out.shape[1]):
            for w in range(out.shape[2]):
                largest[h * wide + w] = out[n, h, w]
        share[:] = gparts[:] = zero
        for k in range(offsets.size):
            seen = flat[offsets[k] :]
            for p in range(size):
                share[p] += one if seen[p] == largest[p] else zero
        for h in range(out.shape[1]):
            for w in range(out.shape[2]):
                number = share[h * wide + w]  # none equals NaN
                share[h * wide + w] = g[n, h, w] / (number if number > one else one)
        for k in range(offsets.size):
            seen, target = flat[offsets[k] :], gflat[offsets[k] :]
            for p in range(size):
                target[p] += share[p] if seen[p] == largest[p] else zero
        _collect(gx[n], gparts, corner)


def max_pool2d_backward(g, x, out, window, stride, frame):
    gx, counts = np.zeros(x.shape, x.dtype), out.shape[-2:]
    planes = [
        plain(array).reshape(math.prod(x.shape[:-2]), 1, *array.shape[-2:])
        for array in (g, x, out, gx)
    ]
    layout = _Columns(planes[1], counts, window, stride, (1, 1), frame)
    gparts = scratch("gparts", layout.parts.shape, x.dtype)
    arrays = *(plane[:, 0] for plane in planes), layout.parts, gparts
    _share(*arrays, layout.corner, layout.offsets)
    return gx

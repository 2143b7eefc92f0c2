"""Random numbers that are found from their places, so that any part can be drawn alone.

SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators", with the multipliers of its published implementation.
"""

import numpy as np

GAMMA = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio, made odd
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def random_words(seed, start, count):
    """The words of 64 bits at start, ..., start + count - 1 of the seed's sequence."""
    x = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    x *= np.uint64(GAMMA)
    x += np.uint64(seed)
    x ^= x >> np.uint64(30)
    x *= np.uint64(FIRST)
    x ^= x >> np.uint64(27)
    x *= np.uint64(SECOND)
    x ^= x >> np.uint64(31)
    return x


def dropout_mask(mask, p, seed, row):
    """Fill rows of a mask (rows, n): 0 with probability p, and else 1 / (1 - p).

    `row` is the number of the first among those of the whole mask. Each number takes 32
    bits, and a row an even number of them, the lower half of a word before the upper.
    """
    rows, n = mask.shape
    words = (n + 1) // 2
    bits = random_words(seed, row * words, rows * words).astype("<u8", copy=False)
    bits = bits.view("<u4").reshape(rows, 2 * words)[:, :n]
    limit, value = threshold(p)
    np.multiply(bits >= limit, mask.dtype.type(value), out=mask)


def threshold(p):
    """The lowest of 2^32 random numbers that is kept, and what a mask holds for it."""
    return round(p * (1 << 32)), 1 / (1 - p) if p < 1 else 0.0

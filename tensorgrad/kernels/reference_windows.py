"""Windows that slide over an image, in plain NumPy."""

import numpy as np


def places(x, kernel, counts, stride, dilation):
    """(i, j, view): for each place in a window, the elements of x (..., H, W) there.

    The four settings are pairs, for height and width; `counts` is how many windows
    there are.
    """
    down, right = [
        [slice(i * d, i * d + s * (n - 1) + 1, s) for i in range(k)]
        for k, n, s, d in zip(kernel, counts, stride, dilation, strict=True)
    ]
    for i, rows in enumerate(down):
        for j, columns in enumerate(right):
            yield i, j, x[..., rows, columns]


@np.errstate(all="ignore")
def fold(out, x, stride, dilation):
    """out[..., h s + i d, w s + j d] += x[..., i, j, h, w], in place.

    out (..., H, W) and x (..., KH, KW, OH, OW), which must fit; s is the stride and d
    the dilation, a pair each.
    """
    sizes = x.shape[-4:-2], x.shape[-2:]
    for i, j, place in places(out, *sizes, stride, dilation):
        place += x[..., i, j, :, :]

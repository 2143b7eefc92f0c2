"""Domains of the products."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, shapes, sizes, uniform

MATMULS = [
    "k,k",
    "nk,k",
    "k,km",
    "nk,km",
    "bnk,km",
    "k,bkm",
    "bnk,k",
    "nk,bkm",
    "bnk,bkm",
    "a1nk,bkm",
    "1nk,bkm",
]
EINSUMS = [
    "ij,jk->ik",
    "ij,jk",
    "ji",
    "kj,ji",
    "bb,ab->a",
    "ii->i",
    "ii->",
    "ii",
    "ij->ji",
    "ij->",
    "ij->j",
    "i,j->ij",
    "i,i->",
    "ij,ij->ij",
    "ij,ij->",
    "bij,bjk->bik",
    "...ij,...jk->...ik",
    "...i,...i",
    "...i",
    "i...->...",
    "...ii->...i",
    "ij,...j",
    "ij,jk,kl->il",
    "i,i,i->i",
    "i,j,k->",
    "ijk,k->ij",
    "ij,k->i",
    "ii,i->i",
    "iij->j",
    "iii->i",
    "a,b->",
    "->",
    ",i->i",
    "i...,i->i...",
]


def measured(draw: Any, term: str, lengths: dict[str, int]) -> tuple[int, ...]:
    """A shape for a term of labels; digits are lengths themselves."""
    return tuple(
        int(c) if c.isdigit() else lengths.setdefault(c, draw(sizes)) for c in term
    )


@st.composite
def matmuls(draw: Any) -> Any:
    lengths: dict[str, int] = {}
    terms = draw(st.sampled_from(MATMULS)).split(",")
    return [uniform(draw, measured(draw, term, lengths)) for term in terms], {}


@st.composite
def einsums(draw: Any, dots: bool) -> Any:
    subscripts = draw(st.sampled_from(EINSUMS).filter(lambda s: dots or _in_full(s)))
    lengths: dict[str, int] = {}
    xs = []
    for term in subscripts.partition("->")[0].split(","):
        extra = "XY"[draw(st.integers(0, 2)) :] if "..." in term else ""
        shape = measured(draw, term.replace("...", extra), lengths)
        if len(set(term)) == len(term):  # each length but a diagonal's may be 1
            shape = tuple(1 if draw(st.integers(0, 4)) == 0 else n for n in shape)
        xs.append(uniform(draw, shape))
    return xs, {"subscripts": subscripts}


def _in_full(subscripts: str) -> bool:
    return "->" in subscripts and "..." not in subscripts


@st.composite
def linears(draw: Any) -> Any:
    n, m = draw(sizes), draw(sizes)
    bias = uniform(draw, m) if draw(st.booleans()) else None
    return [uniform(draw, (*draw(shapes), n)), uniform(draw, (m, n)), bias], {}


@st.composite
def dots(draw: Any, last: int) -> Any:
    """Two arrays that agree in the last axis of x and in axis `last` of y."""
    x, y = list(draw(shapes)), list(draw(shapes))
    if x and y:
        y[max(last, -len(y))] = x[-1]
    return [uniform(draw, x), uniform(draw, y)], {}


@st.composite
def outers(draw: Any) -> Any:
    return [uniform(draw, draw(shapes)), uniform(draw, draw(shapes))], {}


@st.composite
def tensordots(draw: Any) -> Any:
    """Axes to sum over: so many at the ends, or any, counted from either end."""
    x, y = list(draw(shapes)), list(draw(shapes))
    n = draw(st.integers(0, min(len(x), len(y))))
    if draw(st.booleans()):
        y[:n] = x[len(x) - n :]
        return [uniform(draw, x), uniform(draw, y)], {"axes": n}
    of_x = draw(st.permutations(range(len(x))))[:n]
    of_y = draw(st.permutations(range(len(y))))[:n]
    for i, j in zip(of_x, of_y, strict=True):
        y[j] = x[i]
    of_x = [i - len(x) * draw(st.booleans()) for i in of_x]
    one = n == 1 and draw(st.booleans())
    axes = (of_x[0], of_y[0]) if one else (of_x, of_y)
    return [uniform(draw, x), uniform(draw, y)], {"axes": axes}


def einsum(*xs: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, *xs)


PRODUCTS = {
    "matmul": Domain(matmuls(), np.matmul),
    "linear": Domain(
        linears(), lambda x, weight, bias: x @ weight.T + (0 if bias is None else bias)
    ),
    "dot": Domain(dots(last=-2), np.dot),
    "inner": Domain(dots(last=-1), np.inner),
    "outer": Domain(outers(), np.outer),
    "tensordot": Domain(tensordots(), np.tensordot),
    "contract": Domain(einsums(dots=False), einsum),
    "einsum": Domain(einsums(dots=True), einsum),
}

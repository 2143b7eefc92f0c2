"""Every op beside PyTorch's: values, gradients and second-order gradients."""

import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tests.tensorgrad.checks import (
    differentiable,
    leaves,
    listed,
    second_slopes,
    slopes,
    weights_for,
)
from tests.tensorgrad.domains import DOMAINS

torch: Any = pytest.importorskip("torch")
F = torch.nn.functional


def axes(x: Any, axis: Any) -> Any:
    """PyTorch takes an empty tuple for all axes; NumPy for none."""
    return tuple(range(x.ndim)) if axis is None else axis


def reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, axis: Any, keepdims: bool, **settings: Any) -> Any:
        if axis == ():
            return x * 1 if function is not torch.var else x * 0
        return function(x, axes(x, axis), keepdim=keepdims, **settings)

    return reduced


def placed(x: Any, key: Any, shape: Any) -> Any:
    index = torch.arange(int(np.prod(shape))).reshape(shape).numpy()[key].ravel()
    out = torch.zeros(int(np.prod(shape)), dtype=x.dtype)
    return out.index_add(0, torch.as_tensor(index), x.reshape(-1)).reshape(shape)


def picked(x: Any, key: Any) -> Any:
    index = np.arange(x.numel()).reshape(tuple(x.shape))[key]
    return x.reshape(-1)[torch.as_tensor(np.array(index, order="C"))]


def assigned(x: Any, value: Any, key: Any) -> Any:
    index = np.arange(x.numel()).reshape(tuple(x.shape))[key]
    last = {place: n for n, place in enumerate(index.ravel().tolist())}
    lead = value.ndim - np.ndim(index)
    value = value.reshape(value.shape[max(lead, 0) :]).expand(np.shape(index))
    flat = list(x.reshape(-1))
    for place, n in last.items():
        flat[place] = value.reshape(-1)[n]
    return torch.stack(flat).reshape(x.shape) if flat else x * 1


def padded(x: Any, pad_width: Any, constant_values: float) -> Any:
    pairs = np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2))[::-1]
    return F.pad(x, pairs.ravel().tolist(), value=constant_values)


def losses(logits: Any, targets: Any, ignore_index: int, label_smoothing: float) -> Any:
    found = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1).long(),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    return found.reshape(targets.shape)


def attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_mask: Any, causal: bool, scale: Any
) -> Any:
    """Spelt out: PyTorch's own has no dropout mask, and aligns causal differently."""
    t, s = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (scale or max(q.shape[-1], 1) ** -0.5)
    allowed = torch.ones(t, s, dtype=torch.bool)
    if causal:
        allowed = allowed.tril(s - t)
    if mask is not None and mask.dtype == torch.bool:
        allowed = allowed & mask
    elif mask is not None:
        scores = scores + mask
    scores = scores.masked_fill(~allowed, -1e30)
    weights = scores.softmax(-1).masked_fill(~allowed, 0.0)
    return (weights if dropout_mask is None else weights * dropout_mask) @ v


def clip(x: Any, min: Any, max: Any) -> Any:
    return x * 1 if min is max is None else torch.clamp(x, min, max)


def repeated(x: Any, shape: Any) -> Any:
    return x.expand(shape)


def permuted(x: Any, axes: Any) -> Any:
    return x.permute(axes or tuple(reversed(range(x.ndim))))


def expanded(x: Any, axis: Any) -> Any:
    shape = np.expand_dims(np.empty(tuple(x.shape)), axis).shape
    return x.reshape(shape)


def squeezed(x: Any, axis: Any) -> Any:
    return x.squeeze() if axis is None else x.squeeze(axis)


def parts(x: Any, indices_or_sections: Any, axis: int) -> Any:
    return torch.tensor_split(x, indices_or_sections, dim=axis)


def taken(x: Any, indices: Any, axis: Any) -> Any:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    flat = (indices.reshape(-1) + x.shape[axis]) % x.shape[axis]
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, flat).reshape(shape)


def rows_added(x: Any, tokens: Any, rows: int) -> Any:
    out = torch.zeros(rows, x.shape[-1], dtype=x.dtype)
    flat = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
    return out.index_add(0, tokens.reshape(-1), flat)


def summed_to(x: Any, shape: Any) -> Any:
    return x.sum_to_size(shape)


def gelu(x: Any, approximate: str) -> Any:
    return F.gelu(x, approximate=approximate)


def normed(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """F.layer_norm can't be differentiated twice without a weight."""
    centred = x - x.mean(-1, keepdim=True)
    out = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def einsum(*xs: Any, subscripts: str) -> Any:
    return torch.einsum(subscripts, *xs)


BY_NAME = """
add subtract multiply divide maximum minimum negative exp log sqrt sin cos tanh sigmoid
erf absolute sign relu where matmul
"""
TORCH: dict[str, Callable[..., Any]] = {
    **{name: getattr(torch, name) for name in BY_NAME.split()},
    "power": torch.pow,
    "power_constant": lambda x, exponent: x**exponent,
    "gelu": gelu,
    "clip": clip,
    "astype": lambda x, dtype: x * 1,
    "sum": reduce(torch.sum),
    "mean": reduce(torch.mean),
    "var": lambda x, axis, ddof, keepdims: reduce(torch.var)(
        x, axis, keepdims, correction=ddof
    ),
    "max": reduce(torch.amax),
    "min": reduce(torch.amin),
    "logsumexp": reduce(torch.logsumexp),
    "sum_to": summed_to,
    "broadcast_to": repeated,
    "reshape": torch.reshape,
    "transpose": permuted,
    "matrix_transpose": lambda x: x.mT,
    "expand_dims": expanded,
    "squeeze": squeezed,
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "stack": lambda *xs, axis: torch.stack(xs, axis),
    "split": parts,
    "unstack": lambda x, axis: torch.unbind(x, axis),
    "pad": padded,
    "getitem": picked,
    "scatter_add": placed,
    "setitem": assigned,
    "take": taken,
    "take_along_axis": lambda x, indices, axis: torch.take_along_dim(x, indices, axis),
    "embedding": lambda weight, tokens: F.embedding(tokens, weight),
    "scatter_rows": rows_added,
    "linear": F.linear,
    "contract": einsum,
    "einsum": einsum,
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "layer_norm": normed,
    "cross_entropy": losses,
    "attention": attention,
}
SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)


def theirs(inputs: Any, settings: Any, function: Callable[..., Any]) -> Any:
    """PyTorch's values, gradients and second-order gradients, weighed as in checks."""
    tracked, xs = [], []
    for x in inputs:
        if isinstance(x, np.ndarray):
            x = torch.tensor(np.asarray(x), requires_grad=differentiable(x))
            tracked += [x] if x.requires_grad else []
        xs.append(x)
    outs = listed(function(*xs, **settings))
    weights = weights_for([tuple(out.shape) for out in outs], seed=0)
    out = sum((o * torch.tensor(w)).sum() for o, w in zip(outs, weights, strict=True))
    first = gradients(out, tracked, create_graph=True)
    weights = weights_for([tuple(g.shape) for g in first], seed=1)
    sums = [(g * torch.tensor(w)).sum() for g, w in zip(first, weights, strict=True)]
    second = gradients(sum(sums), tracked)
    return [[x.detach().numpy(force=True) for x in xs] for xs in (outs, first, second)]


def gradients(out: Any, inputs: Any, create_graph: bool = False) -> Any:
    if not out.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return torch.autograd.grad(
        out, inputs, create_graph=create_graph, materialize_grads=True
    )


def test_every_op_with_derivatives_has_a_counterpart() -> None:
    assert not set(SMOOTH) - TORCH.keys()


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_as_pytorch_has_it(name: str, data: Any) -> None:
    inputs, settings = data.draw(DOMAINS[name].cases)

    def ours(*xs: Any) -> Any:
        if name == "einsum":
            return tg.einsum(settings["subscripts"], *xs)
        return getattr(tg, name)(*xs, **settings)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of PyTorch's, about empty arrays
        values, first, second = theirs(inputs, settings, TORCH[name])
    found = [out.data for out in listed(ours(*leaves(inputs)))]
    for one, other in zip(found, values, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
    for derivatives, expected in ((slopes, first), (second_slopes, second)):
        for one, other in zip(derivatives(ours, inputs), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("x", [-2.0, -1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("y", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_powers_where_they_are_not_smooth(x: float, y: float) -> None:
    expected = theirs([np.array(x), np.array(y)], {}, torch.pow)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = slopes(tg.power, [np.array(x), np.array(y)])
    np.testing.assert_allclose(found, expected[1])


KINKED = {
    "relu": (tg.relu, torch.relu),
    "absolute": (tg.absolute, torch.abs),
    "sign": (tg.sign, torch.sign),
    "sqrt": (tg.sqrt, torch.sqrt),
    "maximum": (lambda x: tg.maximum(x, x * x), lambda x: torch.maximum(x, x * x)),
    "minimum": (lambda x: tg.minimum(x, x * x), lambda x: torch.minimum(x, x * x)),
    "max": (tg.max, torch.amax),
    "min": (tg.min, torch.amin),
    "clip": (lambda x: tg.clip(x, min=0, max=1), lambda x: torch.clamp(x, 0, 1)),
}


@pytest.mark.parametrize(("ours", "other"), KINKED.values(), ids=KINKED)
def test_kinks_as_pytorch_has_them(ours: Any, other: Any) -> None:
    x = np.array([1.0, 0.0, 1.0, 0.0, 2.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = slopes(ours, [x])
    np.testing.assert_allclose(found, theirs([x], {}, other)[1])

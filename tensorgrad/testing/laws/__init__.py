"""What every model and every training run should obey, as functions to call in tests.

Each law takes what it speaks of, a function or a model of yours, returns None where it
holds, and raises LawError where it does not: one line with the law, the place, both
numbers and what to look for. A model is anything with `__call__`, `parameters()`,
`named_parameters()`, `state_dict()`, `load_state_dict()`, `train()` and `eval()`, as
far as the law needs them; its parameters are Tensors. Laws draw what they need from
`seed` and nothing else, so they can be called from Hypothesis tests:

>>> from hypothesis import given, strategies as st
>>> @given(st.lists(st.integers(0, 9), min_size=2, max_size=6), st.integers(0, 99))
... def test_sums_so_far_are_causal(tokens, seed):
...     causality(lambda x: np.cumsum(x, axis=1), [tokens], vocab_size=10, seed=seed)
>>> test_sums_so_far_are_causal()

A Tensor is passed on as a Tensor, an array as an array. Results may be several, in
tuples, lists and dicts. `tolerance` is relative to the largest element of what is
expected; without one it is eps^(2/3), 4e-11 in float64 and 2e-5 in float32, and 0 means
exactly.
"""

from .accumulation import accumulated_equals_full_batch
from .compare import LawError, determinism
from .modes import train_and_eval_differ_only_by_dropout
from .resume import resumed_equals_uninterrupted
from .sequence import cached_equals_uncached, causality, padding_invariance
from .state import state_dict_round_trip
from .symmetry import (
    batch_independence,
    permutation_equivariance,
    permutation_invariance,
)
from .ties import tied_gradient_is_sum

__all__ = [
    "LawError",
    "accumulated_equals_full_batch",
    "batch_independence",
    "cached_equals_uncached",
    "causality",
    "determinism",
    "padding_invariance",
    "permutation_equivariance",
    "permutation_invariance",
    "resumed_equals_uninterrupted",
    "state_dict_round_trip",
    "tied_gradient_is_sum",
    "train_and_eval_differ_only_by_dropout",
]

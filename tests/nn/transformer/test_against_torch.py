"""The encoder-decoder beside torch.nn.Transformer: outputs and every gradient."""

from typing import Any

import numpy as np
import pytest

from nn.transformer import Transformer, TransformerConfig
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")

V, W = 11, 9
SOURCE = np.array([[3, 4, 5, 6, 7], [8, 9, 10, 0, 0], [2, 0, 5, 0, 0]])
TARGET = np.array([[1, 3, 4, 5], [1, 8, 7, 0], [1, 2, 0, 0]])
SMALL = {"d_model": 8, "n_head": 2, "d_ff": 12, "vocab_size": V, "max_length": 7}
APART = {"target_vocab_size": W, "share_embeddings": False}
CONFIGS = {
    "the paper's, and final norms": {"final_norm": True},
    "the paper's": {"final_norm": False},
    "pre-norm": {"norm_first": True, "activation": "gelu"},
    "pre-norm without final norms": {"norm_first": True, "final_norm": False},
    "three layers and one": {"n_encoder": 3, "n_decoder": 1, "activation": "gelu"},
    "one layer and three": {"n_encoder": 1, "n_decoder": 3, "norm_first": True},
    "three heads": {"d_model": 6, "n_head": 3, "norm_eps": 1e-3},
    "one head": {"n_head": 1, "d_ff": 5, "norm_first": True},
    "two vocabularies": APART,
    "nothing tied": {**APART, "tie_output": False, "output_bias": True},
    "one vocabulary, two tables": {"share_embeddings": False},
    "learned positions": {"positions": "learned", "scale_embeddings": False},
}


def both(changes: dict[str, Any], dtype: Any) -> tuple[Any, Transformer]:
    sizes: Any = {**SMALL, "n_encoder": 2, "n_decoder": 2, **changes}
    config = TransformerConfig(dropout=0.0, **sizes)
    theirs, model = beside.torchs(config, dtype), Transformer(config).to(dtype)
    beside.copy(theirs, model, beside.TORCH)
    return theirs, model


@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("dtype", beside.TOLERANCES)
def test_scores_and_gradients_are_pytorchs(changes: dict[str, Any], dtype: Any) -> None:
    theirs, model = both(changes, dtype)
    beside.compare(
        lambda: beside.torchs_logits(theirs, model.config, SOURCE, TARGET),
        lambda: model(SOURCE, TARGET),
        (theirs, model),
        lambda tensors: beside.ours(tensors, beside.TORCH),
        dtype,
    )


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("dtype", beside.TOLERANCES)
def test_padding_in_the_target_is_hidden_as_pytorch_hides_it(
    norm_first: bool, dtype: Any
) -> None:
    theirs, model = both({"norm_first": norm_first, "final_norm": True}, dtype)
    real = TARGET != 0
    source_mask = model.mask_of(SOURCE)

    def scores() -> Any:
        memory = model.encode(SOURCE, source_mask)
        hidden = model.decode(TARGET, memory, source_mask, target_mask=real[:, None, :])
        return model.output(hidden)

    beside.compare(
        lambda: beside.torchs_logits(theirs, model.config, SOURCE, TARGET, real),
        scores,
        (theirs, model),
        lambda tensors: beside.ours(tensors, beside.TORCH),
        dtype,
    )

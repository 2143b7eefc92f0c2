"""BERT and its heads beside Hugging Face's: outputs and every gradient."""

from typing import Any

import numpy as np
import pytest

from nn.transformer import (
    Bert,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V = 13
TOKENS = np.array([[2, 5, 6, 7, 3, 8], [2, 9, 3, 0, 0, 0], [2, 10, 0, 11, 3, 0]])
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 1, 1]])
HEADS: dict[str, Any] = {
    "BertForMaskedLM": BertForMaskedLM,
    "BertForPreTraining": BertForPreTraining,
    "BertForSequenceClassification": lambda bert: BertForSequenceClassification(
        bert, 4
    ),
    "BertForTokenClassification": lambda bert: BertForTokenClassification(bert, 4),
}
OUTPUTS = {"BertForPreTraining": ("prediction_logits", "seq_relationship_logits")}
CONFIGS: dict[str, dict[str, Any]] = {
    "gelu": {},
    "gelu_new": {"activation": "gelu_tanh", "n_layer": 1, "pad": 3},
    "relu": {"activation": "relu", "d_model": 9, "n_head": 3, "norm_eps": 1e-5},
    "silu": {"activation": "silu", "d_model": 5, "n_head": 1, "n_segment": 3},
}


def both(kind: str, changes: dict[str, Any], dtype: Any) -> tuple[Any, Any]:
    sizes = {"d_model": 8, "n_head": 2, "d_ff": 12, "n_layer": 2, "max_length": 7}
    config = BertConfig(**{**sizes, "vocab_size": V, **changes})
    theirs = beside.hugging_faces(kind, config, dtype, num_labels=4)
    model = HEADS[kind](Bert(config)).to(dtype).eval()
    beside.copy(theirs, model, beside.HUGGING_FACE)
    return theirs, model


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("dtype", beside.TOLERANCES)
def test_scores_and_gradients_are_hugging_faces(
    kind: str, changes: dict[str, Any], dtype: Any
) -> None:
    theirs, model = both(kind, changes, dtype)
    real = model.bert.config.pad != TOKENS

    def their_scores() -> Any:
        out = theirs(
            torch.tensor(TOKENS),
            attention_mask=torch.tensor(real.astype(np.int64)),
            token_type_ids=torch.tensor(SEGMENTS),
        )
        return tuple(out[name] for name in OUTPUTS.get(kind, ("logits",)))

    beside.compare(
        their_scores,
        lambda: model(TOKENS, SEGMENTS),
        (theirs, model),
        beside.HUGGING_FACE,
        dtype,
    )


@pytest.mark.parametrize("kind", HEADS)
def test_segments_and_masks_have_hugging_faces_defaults(kind: str) -> None:
    theirs, model = both(kind, {}, np.float64)
    tokens = TOKENS[:1]
    out = theirs(torch.tensor(tokens))
    expected = [out[name].detach() for name in OUTPUTS.get(kind, ("logits",))]
    for given in (model(tokens), model(tokens, mask=np.ones_like(tokens))):
        for ours, their in zip(beside.tuple_of(given), expected, strict=True):
            np.testing.assert_allclose(ours.data, their, rtol=1e-10, atol=1e-10)

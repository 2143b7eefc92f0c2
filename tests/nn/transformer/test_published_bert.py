"""BERT and its heads beside transformers': read, run, trained and written alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from nn.activations import PUBLISHED
from nn.optim import Adam
from nn.transformer import (
    Bert,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from nn.transformer.published_bert import FIELDS
from tensorgrad.errors import CheckpointError, ConfigError, InputError, StateDictError
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V = 13
TOKENS = np.array([[2, 5, 6, 7, 3, 8], [2, 9, 3, 0, 0, 0], [2, 10, 0, 11, 3, 0]])
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 1, 1]])
KINDS: dict[str, Any] = {
    "BertModel": Bert,
    "BertForMaskedLM": BertForMaskedLM,
    "BertForPreTraining": BertForPreTraining,
    "BertForSequenceClassification": BertForSequenceClassification,
    "BertForTokenClassification": BertForTokenClassification,
}
OUTPUTS = {
    "BertModel": ("last_hidden_state",),
    "BertForPreTraining": ("prediction_logits", "seq_relationship_logits"),
}
CONFIGS: dict[str, dict[str, Any]] = {
    "gelu": {},
    "gelu_new": {"hidden_act": "gelu_new", "num_hidden_layers": 1, "pad_token_id": 3},
    "relu": {"hidden_act": "relu", "hidden_size": 9, "num_attention_heads": 3}
    | {"layer_norm_eps": 1e-5, "num_labels": 1},
    "silu": {"hidden_act": "silu", "hidden_size": 5, "num_attention_heads": 1}
    | {"type_vocab_size": 3, "num_labels": 2},
    "untied": {"tie_word_embeddings": False, "intermediate_size": 3},
}
kinds = pytest.mark.parametrize("kind", KINDS)


quiet = beside.quiet


def published(kind: str, dtype: Any = np.float64, seed: int = 0, **changes: Any) -> Any:
    """Theirs, with random numbers in all of its weights, in evaluation."""
    sizes = {"vocab_size": V, "hidden_size": 8, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 12, "num_labels": 4}
    sizes |= {"max_position_embeddings": 7, "attn_implementation": "eager"}
    config = transformers.BertConfig(**{**sizes, **changes})
    theirs = beside.randomise(getattr(transformers, kind)(config), seed)
    return beside.trainable(theirs.to(getattr(torch, np.dtype(dtype).name)))


def saved(folder: Path, kind: str, **changes: Any) -> Any:
    theirs = published(kind, **changes)
    theirs.save_pretrained(folder)
    return theirs


def outputs(theirs: Any) -> tuple[Any, ...]:
    config = theirs.config
    real = torch.tensor((config.pad_token_id != TOKENS).astype(np.int64))
    segments = torch.tensor(SEGMENTS % config.type_vocab_size)
    out = theirs(torch.tensor(TOKENS), attention_mask=real, token_type_ids=segments)
    return tuple(out[name] for name in OUTPUTS.get(type(theirs).__name__, ("logits",)))


def scores(model: Any) -> tuple[Any, ...]:
    return beside.tuple_of(model(TOKENS, SEGMENTS % model.config.n_segment))


def both_ways(folder: Path, theirs: Any, dtype: Any) -> Any:
    """Ours from theirs, theirs from ours and ours from ours: all compute the same."""
    kind = type(theirs).__name__
    theirs.save_pretrained(folder / "theirs")
    model = KINDS[kind].from_pretrained(folder / "theirs")
    assert not any(module.training for module in model.modules())
    beside.compare(
        lambda: outputs(theirs),
        lambda: scores(model),
        (theirs, model),
        beside.published_names(model),
        dtype,
    )
    model.save_pretrained(folder / "ours")
    again = type(theirs).from_pretrained(folder / "ours", attn_implementation="eager")
    for out, expected in zip(outputs(again), outputs(theirs), strict=True):
        tolerance = beside.TOLERANCES[dtype][0]
        np.testing.assert_allclose(
            out.detach(), expected.detach(), rtol=tolerance, atol=tolerance
        )
    twice = KINDS[kind].from_pretrained(folder / "ours")
    assert twice.config == model.config
    for array, other in zip(
        model.state_dict().values(), twice.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(array, other)
    return model


@kinds
@pytest.mark.parametrize(
    ("dtype", "changes"),
    [
        *((np.float64, changes) for changes in CONFIGS.values()),
        (np.float32, CONFIGS["gelu"]),
    ],
    ids=[*CONFIGS, "float32"],
)
def test_scores_gradients_and_files_are_theirs(
    tmp_path: Path, kind: str, changes: dict[str, Any], dtype: Any
) -> None:
    both_ways(tmp_path, published(kind, dtype, **changes), dtype)


@settings(max_examples=15)
@given(
    kind=st.sampled_from([*KINDS]),
    heads=st.tuples(st.integers(1, 3), st.integers(2, 4)),
    sizes=st.tuples(st.integers(12, 20), st.integers(1, 3), st.integers(1, 9)),
    more=st.fixed_dictionaries(
        {"hidden_act": st.sampled_from([*PUBLISHED])},
        optional={
            "layer_norm_eps": st.sampled_from([1e-3, 1e-6]),
            "type_vocab_size": st.integers(1, 3),
            "max_position_embeddings": st.integers(6, 9),
            "pad_token_id": st.integers(0, 11),
            "tie_word_embeddings": st.booleans(),
            "hidden_dropout_prob": st.sampled_from([0, 0.5]),
            "attention_probs_dropout_prob": st.sampled_from([0.0, 0.25]),
            "classifier_dropout": st.sampled_from([None, 0, 0.75]),
            "num_labels": st.integers(1, 5),
        },
    ),
    seed=st.integers(0, 99),
)
def test_so_are_those_of_any_config(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    heads: tuple[int, int],
    sizes: tuple[int, int, int],
    more: dict[str, Any],
    seed: int,
) -> None:
    more |= dict(
        zip(
            ("vocab_size", "num_hidden_layers", "intermediate_size"), sizes, strict=True
        )
    )
    more |= {"num_attention_heads": heads[0], "hidden_size": heads[0] * heads[1]}
    theirs = published(kind, seed=seed, **more)
    model = both_ways(tmp_path_factory.mktemp("bert"), theirs, np.float64)
    config = model.config
    assert config.dropout == more.get("hidden_dropout_prob", 0.1)
    assert config.attention_dropout == more.get("attention_probs_dropout_prob", 0.1)
    if hasattr(theirs, "classifier"):
        assert model.dropout.p == theirs.dropout.p


@kinds
def test_segments_and_masks_have_their_defaults(tmp_path: Path, kind: str) -> None:
    theirs = saved(tmp_path, kind)
    model = KINDS[kind].from_pretrained(tmp_path)
    tokens = TOKENS[:1]
    out = theirs(torch.tensor(tokens))
    expected = [out[name].detach() for name in OUTPUTS.get(kind, ("logits",))]
    for given_ in (model(tokens), model(tokens, mask=np.ones_like(tokens))):
        for ours, their in zip(beside.tuple_of(given_), expected, strict=True):
            np.testing.assert_allclose(ours.data, their, rtol=1e-10, atol=1e-10)


def test_the_pooler_is_theirs(tmp_path: Path) -> None:
    theirs = saved(tmp_path, "BertModel")
    bert = Bert.from_pretrained(tmp_path)
    real = torch.tensor((TOKENS != 0).astype(np.int64))
    expected = theirs(torch.tensor(TOKENS), attention_mask=real).pooler_output
    found = bert.pool(bert(TOKENS)).data
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-10, atol=1e-10)


# --- what files look like


def test_shards_a_file_and_halves(tmp_path: Path) -> None:
    theirs = published("BertForMaskedLM")
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="2KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 3
    theirs.save_pretrained(tmp_path / "one")
    expected = [out.detach() for out in outputs(theirs)]
    for path in (tmp_path / "shards", tmp_path / "one" / "model.safetensors"):
        [found] = scores(BertForMaskedLM.from_pretrained(path))
        np.testing.assert_allclose(found.data, expected[0], rtol=1e-10, atol=1e-10)
    for dtype in (torch.float16, torch.bfloat16):
        halves = published("BertForMaskedLM").to(dtype)
        halves.save_pretrained(tmp_path / "halves")
        model = BertForMaskedLM.from_pretrained(tmp_path / "halves")
        assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
        [expected32] = outputs(halves.float())
        [found] = scores(model)
        np.testing.assert_allclose(found.data, expected32.detach(), 1e-5, 1e-5)
        model = BertForMaskedLM.from_pretrained(tmp_path / "halves", dtype=np.float64)
        assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}


def test_old_names_and_what_is_there_besides(tmp_path: Path) -> None:
    """As in the first files of Google's models: gamma and beta, and both heads."""
    theirs = saved(tmp_path, "BertForPreTraining")
    expected = [out.detach() for out in outputs(theirs)]

    def aged(tensors: dict[str, Any]) -> dict[str, Any]:
        words = tensors["bert.embeddings.word_embeddings.weight"]
        tensors |= {
            "bert.embeddings.position_ids": torch.arange(7)[None],
            "cls.predictions.decoder.weight": words.clone(),
            "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone(),
        }
        old = {
            "LayerNorm.weight": "LayerNorm.gamma",
            "LayerNorm.bias": "LayerNorm.beta",
        }
        return {
            name.removesuffix(new) + old[new] if new in old else name: tensor
            for name, tensor in tensors.items()
            for new in [".".join(name.split(".")[-2:])]
        }

    beside.rewrite(tmp_path, aged)
    found = scores(BertForPreTraining.from_pretrained(tmp_path))
    for out, their in zip(found, expected, strict=True):
        np.testing.assert_allclose(out.data, their, rtol=1e-10, atol=1e-10)
    [words] = scores(BertForMaskedLM.from_pretrained(tmp_path))
    np.testing.assert_allclose(words.data, expected[0], rtol=1e-10, atol=1e-10)
    bias = {"cls.predictions.decoder.bias": torch.ones(V).double()}
    beside.rewrite(tmp_path, lambda tensors: tensors | bias)
    with pytest.raises(StateDictError, match=r"decoder\.bias differs from cls"):
        BertForPreTraining.from_pretrained(tmp_path)


@kinds
@pytest.mark.parametrize("tie", [True, False])
def test_the_encoder_is_read_from_any_heads_files_with_and_without_prefix(
    tmp_path: Path, kind: str, tie: bool
) -> None:
    theirs = saved(tmp_path, kind, tie_word_embeddings=tie)
    encoder = getattr(theirs, "bert", theirs)
    real = torch.tensor((TOKENS != 0).astype(np.int64))
    segments = torch.tensor(SEGMENTS % 2)
    expected = encoder(torch.tensor(TOKENS), real, segments)[0].detach()

    def bare(tensors: dict[str, Any]) -> dict[str, Any]:
        return {name.removeprefix("bert."): t for name, t in tensors.items()}

    for change in (dict, bare):
        beside.rewrite(tmp_path, change)
        bert = Bert.from_pretrained(tmp_path)
        assert bert.config.pooler == (getattr(encoder, "pooler", None) is not None)
        [found] = scores(bert)
        np.testing.assert_allclose(found.data, expected, rtol=1e-10, atol=1e-10)
        head = KINDS[kind].from_pretrained(tmp_path)
        np.testing.assert_array_equal(
            scores(head)[0].data.shape, outputs(theirs)[0].shape
        )


def test_one_bias_of_untied_words_stands_for_both(tmp_path: Path) -> None:
    theirs = saved(tmp_path, "BertForMaskedLM", tie_word_embeddings=False)
    with torch.no_grad():
        theirs.cls.predictions.decoder.bias.copy_(theirs.cls.predictions.bias)

    def old(tensors: dict[str, Any]) -> dict[str, Any]:
        del tensors["cls.predictions.decoder.bias"]
        return tensors

    beside.rewrite(tmp_path, old)
    [found] = scores(BertForMaskedLM.from_pretrained(tmp_path))
    [expected] = outputs(theirs)
    np.testing.assert_allclose(found.data, expected.detach(), rtol=1e-10, atol=1e-10)


# --- heads that are there or not


@pytest.mark.parametrize(
    ("saved_as", "read_as", "lacks"),
    [
        ("BertModel", "BertForMaskedLM", "no cls.predictions"),
        ("BertModel", "BertForSequenceClassification", "no classifier"),
        ("BertForMaskedLM", "BertForPreTraining", "no pooler and no cls.seq_relation"),
        ("BertForMaskedLM", "BertForSequenceClassification", "no pooler and no class"),
        ("BertForMaskedLM", "BertForTokenClassification", "no classifier"),
        ("BertForTokenClassification", "BertForMaskedLM", "no cls.predictions"),
    ],
)
def test_a_head_that_is_not_there_is_never_drawn(
    tmp_path: Path, saved_as: str, read_as: str, lacks: str
) -> None:
    saved(tmp_path, saved_as)
    with pytest.raises(CheckpointError, match=f"holds {lacks}") as caught:
        KINDS[read_as].from_pretrained(tmp_path)
    # what it says to do, with the folder in it
    advice = str(caught.value).rsplit(": ", 1)[1].replace("...", "folder")
    model = eval(advice, {**KINDS, "Bert": Bert, "folder": tmp_path})
    assert isinstance(model, KINDS[read_as])
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert not any(module.training for module in model.modules())
    scores(model)


def test_classifiers_are_not_taken_for_each_other(tmp_path: Path) -> None:
    saved(tmp_path, "BertForSequenceClassification")
    with pytest.raises(CheckpointError, match="another kind than that of BertForTok"):
        BertForTokenClassification.from_pretrained(tmp_path)
    beside.edit_config(tmp_path, architectures=["Ours"])  # nothing is known of it
    assert BertForTokenClassification.from_pretrained(tmp_path)


def test_without_a_pooler_whole_texts_have_no_head(tmp_path: Path) -> None:
    saved(tmp_path, "BertForMaskedLM")
    bert = Bert.from_pretrained(tmp_path)
    for use in (
        lambda: bert.pool(bert(TOKENS)),
        lambda: BertForSequenceClassification(bert, 3),
        lambda: BertForPreTraining(bert),
    ):
        with pytest.raises(ConfigError, match=r"add_pooler\(\) gives it a new one"):
            use()
    bert.save_pretrained(tmp_path / "ours")
    assert not Bert.from_pretrained(tmp_path / "ours").config.pooler
    added = [
        Bert.from_pretrained(tmp_path).add_pooler(seed).pooler.weight.data
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(added[0], added[1])
    assert (added[0] != added[2]).any()
    model = BertForSequenceClassification(bert.add_pooler(), 3)
    model.save_pretrained(tmp_path / "ours")
    assert BertForSequenceClassification.from_pretrained(
        tmp_path / "ours"
    ).config.pooler
    assert not Bert.from_pretrained(tmp_path / "ours", pooler=False).config.pooler


def test_labels_and_the_classifiers_dropout_are_kept(tmp_path: Path) -> None:
    named = {0: "bad", 1: "so-so", 2: "good"}
    saved(
        tmp_path, "BertForSequenceClassification", id2label=named, num_labels=3,
        classifier_dropout=0.5, hidden_dropout_prob=0.25,
    )  # fmt: skip
    model = BertForSequenceClassification.from_pretrained(tmp_path)
    assert model.labels == ("bad", "so-so", "good")
    assert (model.dropout.p, model.bert.dropout.p) == (0.5, 0.25)
    model.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["label2id"] == {"bad": 0, "so-so": 1, "good": 2}
    theirs = transformers.BertForSequenceClassification.from_pretrained(tmp_path)
    assert theirs.config.id2label == named
    assert theirs.dropout.p == 0.5
    unnamed = BertForTokenClassification(model.bert, 5)
    unnamed.save_pretrained(tmp_path)
    assert BertForTokenClassification.from_pretrained(tmp_path).labels[4] == "LABEL_4"
    with pytest.raises(ConfigError, match="2 labels for n_class=3"):
        BertForTokenClassification(model.bert, 3, labels=["a", "b"])


# --- what is refused


@pytest.mark.parametrize(
    "fields",
    [
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"add_cross_attention": True},
        {"pruned_heads": {"0": [1]}},
        {"quantization_config": {"bits": 4}},
        {"hidden_act": "gelu_10"},
        {"pad_token_id": None},
        {"model_type": "roberta"},
        {"id2label": {"0": "a", "2": "b"}},
        {"id2label": {"0": 5}},
        {"num_labels": 7.0},
        {"classifier_dropout": "much"},
    ],
    ids=str,
)
def test_what_is_not_computed_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    saved(tmp_path, "BertForSequenceClassification")
    beside.edit_config(tmp_path, **fields)
    with pytest.raises(InputError, match=rf"config\.json: {next(iter(fields))}"):
        BertForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize("changes", [{"norm_first": True}, {"activation_dropout": 0.5}])
def test_what_their_format_has_no_field_for_is_not_saved(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    saved(tmp_path, "BertModel")
    bert = Bert.from_pretrained(tmp_path, **changes)
    [(name, value)] = changes.items()
    with pytest.raises(ConfigError, match=f"{name}={value} cannot be saved: BERT's"):
        bert.save_pretrained(tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


NAMES = [*FIELDS.values(), "hidden_act", "num_labels", "id2label"]


@pytest.mark.parametrize("value", [*beside.SIZES, *beside.ODD], ids=str)
def test_odd_values_of_any_field_are_one_line_and_no_memory(
    tmp_path: Path, value: Any
) -> None:
    saved(tmp_path, "BertForSequenceClassification")
    original = (tmp_path / "config.json").read_text()
    for name in NAMES:
        beside.edit_config(tmp_path, **{name: value})
        said = beside.refusal(
            lambda: BertForSequenceClassification.from_pretrained(tmp_path)
        )
        assert str(tmp_path) in said or not said
        (tmp_path / "config.json").write_text(original)


# --- training what was read


def test_a_head_on_what_was_read_is_trained_and_the_file_stays(tmp_path: Path) -> None:
    saved(tmp_path, "BertForMaskedLM", dtype=np.float32)
    before = beside.fingerprint(tmp_path)
    bert = Bert.from_pretrained(tmp_path, dropout=0.0, attention_dropout=0.0)
    model = BertForSequenceClassification(bert.add_pooler(), n_class=3).train()
    optimizer = Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        loss = tg.cross_entropy(model(TOKENS, SEGMENTS % 2), np.arange(3)).mean()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert beside.fingerprint(tmp_path) == before

"""BERT's checkpoints as Hugging Face publishes them: names, settings, and heads.

Read are all of BERT's settings but these, which ConfigError names: positions that are
not absolute, a BERT that decodes, heads that were pruned, no padding, and activations
that are not among `PUBLISHED`. Old files, with gamma and beta, are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tensorgrad.errors import ConfigError

from ..activations import PUBLISHED, published_name
from ..published.layouts import ConfigFile, Layout, Rules, cannot_say
from ..published.weight_files import Entry
from .config import BertConfig

FIELDS = {
    "vocab_size": "vocab_size",
    "d_model": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "d_ff": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "max_length": "max_position_embeddings",
    "n_segment": "type_vocab_size",
    "norm_eps": "layer_norm_eps",
    "pad": "pad_token_id",
    "tie_output": "tie_word_embeddings",
}
NAMES: Rules = (
    (r"^(bert\.)?token_embedding", r"bert.embeddings.word_embeddings"),
    (r"^(bert\.)?segment_embedding", r"bert.embeddings.token_type_embeddings"),
    (r"^(bert\.)?positions\.embedding", r"bert.embeddings.position_embeddings"),
    (r"^(bert\.)?norm\.", r"bert.embeddings.LayerNorm."),
    (r"^(bert\.)?encoder\.", r"bert.encoder.layer."),
    (r"attention\.(query|key|value)", r"attention.self.\1"),
    (r"attention\.out", r"attention.output.dense"),
    (r"residual1\.norm", r"attention.output.LayerNorm"),
    (r"feed_forward\.linear1", r"intermediate.dense"),
    (r"feed_forward\.linear2", r"output.dense"),
    (r"residual2\.norm", r"output.LayerNorm"),
    (r"^(bert\.)?pooler", r"bert.pooler.dense"),
    (r"^words\.transform", r"cls.predictions.transform.dense"),
    (r"^words\.norm", r"cls.predictions.transform.LayerNorm"),
    (r"^words\.output\.weight", r"cls.predictions.decoder.weight"),
    (r"^words\.output\.bias", r"cls.predictions.bias"),
    (r"^next_sentence", r"cls.seq_relationship"),
)
# heads that ours may lack, and a table of 0, 1, 2 and so on
HEADS = (
    r"cls\.|classifier\.|qa_outputs\.|pooler\.|embeddings\.(position|token_type)_ids"
)


def read(content: ConfigFile) -> BertConfig:
    """A BERT's config.json; ConfigError for what is not computed here."""
    content.refuse(
        position_embedding_type="absolute",
        is_decoder=False,
        add_cross_attention=False,
        pruned_heads={},
        quantization_config=None,
    )
    if content.fields.get("pad_token_id", 0) is None:
        raise ConfigError("pad_token_id=None is not supported: name a token")
    usual = BertConfig()  # of theirs too, where a field is left out
    fields = {
        ours: content.get(name, getattr(usual, ours)) for ours, name in FIELDS.items()
    }
    activation: Any = content.named("hidden_act", usual.activation, PUBLISHED)
    return BertConfig(activation=activation, **fields)


def write(config: BertConfig) -> dict[str, Any]:
    """Its config.json; ConfigError for what BERT's can't say."""
    cannot_say(config, "BERT's", norm_first=False, activation_dropout=0.0)
    return {
        "hidden_act": published_name(config.activation),
        **{theirs: getattr(config, ours) for ours, theirs in FIELDS.items()},
    }


def classifier_settings(content: ConfigFile, architecture: str) -> dict[str, Any]:
    """What config.json says of a classifier: how many kinds, their labels, dropout."""
    written = content.get("architectures", [architecture])
    if architecture not in written and CLASSIFIERS.intersection(map(str, written)):
        raise ConfigError(
            f"architectures={written!r:.80}: its classifier is of another kind than "
            f"that of {architecture}"
        )
    named: dict[str, Any] = content.get("id2label", {})
    labels = [named.get(str(i)) for i in range(len(named))]
    if not all(isinstance(label, str) for label in labels):
        raise ConfigError(
            f"id2label={named!r:.40}: should name the kinds 0 to {len(named) - 1}"
        )
    dropout = content.get("classifier_dropout", 0.0)
    as_elsewhere = content.fields.get("classifier_dropout") is None
    return {
        "n_class": content.get("num_labels", len(labels) or 2),
        "labels": labels,
        "dropout": None if as_elsewhere else dropout,
    }


CLASSIFIERS = {
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertForMultipleChoice",
}


# --- the layouts


def as_found(config: BertConfig, entries: Mapping[str, Entry]) -> BertConfig:
    """The config, without a pooler where the files have none."""
    return replace(config, pooler=holds(entries, "pooler"))


def holds(entries: Mapping[str, Entry], part: str) -> bool:
    """Whether there are tensors of that part of a model."""
    return any(name.startswith(f"{part}.") for name in entries)


def with_head(architecture: str, *needed: str, more: str = "") -> Layout:
    """The layout of a model that is no model without some of the tensors."""

    def seen(config: BertConfig, entries: Mapping[str, Entry]) -> BertConfig:
        missing = [part for part in needed if not holds(entries, part)]
        if missing:
            bert = "Bert.from_pretrained(...)" + ".add_pooler()" * ("pooler" in missing)
            raise ConfigError(
                f"holds no {' and no '.join(missing)}, which {architecture} needs. Put "
                f"a new head on the rest, and train it: {architecture}({bert}{more})"
            )
        return as_found(config, entries)

    heads = r"cls\.|classifier\."
    return replace(ENCODER, architecture=architecture, bare=heads, seen=seen)


def tied_or_not(layout: Layout) -> tuple[Layout, Layout]:
    """Layouts whose words are scored by the embedding's weight, or by their own."""
    bias, own = "cls.predictions.bias", "cls.predictions.decoder.bias"
    untied = replace(
        layout,
        applies=lambda config: not config.tie_output,
        names=((r"^words\.output\.", "cls.predictions.decoder."), *layout.names),
        stand_ins={own: bias},  # one tensor in files of old
        # theirs has a second bias, of which it makes no use
        completed=lambda config, arrays: {**arrays, bias: arrays[own]},
    )
    tied = replace(layout, applies=lambda c: c.tie_output, aliases={own: bias})
    return tied, untied


ENCODER = Layout(
    model_type="bert",
    architecture="BertModel",
    config=read,
    to_json=write,
    names=NAMES,
    prefix="bert.",
    bare="",  # transformers writes the encoder alone without a prefix
    ignored=HEADS,
    spellings=(
        (r"LayerNorm\.gamma$", "LayerNorm.weight"),
        (r"LayerNorm\.beta$", "LayerNorm.bias"),
    ),
    seen=as_found,
)
MASKED_WORDS = tied_or_not(with_head("BertForMaskedLM", "cls.predictions"))
PRE_TRAINING = tied_or_not(
    with_head("BertForPreTraining", "pooler", "cls.predictions", "cls.seq_relationship")
)
TEXT_KINDS = with_head(
    "BertForSequenceClassification", "pooler", "classifier", more=", n_class=2"
)
TOKEN_KINDS = with_head("BertForTokenClassification", "classifier", more=", n_class=2")

"""Transformers from nn's layers: the encoder-decoder of 2017, and BERT."""

from .bert import Bert
from .bert_heads import (
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from .blocks import BlockConfig, DecoderBlock, EncoderBlock, FeedForward
from .config import BertConfig, TransformerConfig
from .encoder_decoder import Transformer
from .positions import (
    LearnedPositions,
    SinusoidalPositions,
    sinusoid_halves,
    sinusoids,
)

__all__ = [
    "Bert",
    "BertConfig",
    "BertForMaskedLM",
    "BertForPreTraining",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BlockConfig",
    "DecoderBlock",
    "EncoderBlock",
    "FeedForward",
    "LearnedPositions",
    "SinusoidalPositions",
    "Transformer",
    "TransformerConfig",
    "sinusoid_halves",
    "sinusoids",
]

"""Transformers from nn's layers: the encoder-decoder of 2017, and BERT."""

from .bert import (
    Bert,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from .blocks import BlockConfig, DecoderBlock, EncoderBlock, FeedForward
from .encoder_decoder import Transformer, TransformerConfig
from .positions import LearnedPositions, SinusoidalPositions, sinusoids

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
    "sinusoids",
]

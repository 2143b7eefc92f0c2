"""Published checkpoints: weights, configs and tokenizers as Hugging Face lays them out.

Each family of models describes its own `Layout`, beside the model.
"""

from .layouts import ConfigFile, Layout
from .pretrained import Pretrained
from .tokenizer import Inputs, PublishedTokenizer
from .tokenizers import load_published_tokenizer
from .weight_files import WeightFiles

__all__ = [
    "ConfigFile",
    "Inputs",
    "Layout",
    "Pretrained",
    "PublishedTokenizer",
    "WeightFiles",
    "load_published_tokenizer",
]

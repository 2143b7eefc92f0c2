"""The encoder-decoder and a BERT, on PyTorch's own layers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .programs import masked_tokens, pairs_of_tokens

Step = Callable[[], object]


class TorchTransformer(nn.Module):
    """nn.Transformer with what it leaves out: one table of embeddings, also the output.

    Dropout is the paper's, of the embeddings and of what each sublayer adds; that
    inside of attention and feed-forward layers, PyTorch's own addition, is turned off.
    """

    def __init__(
        self, n_layer: int, n_head: int, d_model: int, d_ff: int, vocab_size: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.dropout = nn.Dropout(0.1)
        self.stacks = nn.Transformer(
            d_model, n_head, n_layer, n_layer, d_ff, dropout=0.1, batch_first=True
        )
        for layer in [*self.stacks.encoder.layers, *self.stacks.decoder.layers]:
            layer.dropout.p = layer.self_attn.dropout = 0.0
            if hasattr(layer, "multihead_attn"):
                layer.multihead_attn.dropout = 0.0
        steps, waves = torch.arange(32.0)[:, None], torch.arange(0, d_model, 2)
        angles = steps * 10000.0 ** (-waves / d_model)
        table = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
        self.register_buffer("table", table, persistent=False)

    def embedded(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        placed: Tensor = self.dropout(x + self.table[: tokens.shape[1]])
        return placed

    def forward(self, source: Tensor, read: Tensor, predicted: Tensor) -> Tensor:
        """The mean loss of what is predicted, labels smoothed, padding left out."""
        T, padding = read.shape[1], source == 0
        hidden = self.stacks(
            self.embedded(source),
            self.embedded(read),
            tgt_mask=torch.ones(T, T, dtype=torch.bool).triu(1),  # True: not seen
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        logits = F.linear(hidden, self.embedding.weight)
        return F.cross_entropy(
            logits.flatten(0, 1), predicted.flatten(), label_smoothing=0.1
        )


def encoder_decoder_step(
    n_layer: int, n_head: int, d_model: int, d_ff: int, vocab_size: int
) -> Step:
    """A training step of a Transformer on one batch of padded pairs; its mean loss."""
    torch.manual_seed(0)
    model = TorchTransformer(n_layer, n_head, d_model, d_ff, vocab_size)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=1e-3,
        betas=(0.9, 0.98),
        eps=1e-9,
        weight_decay=0.0,
        fused=True,
    )
    batch = [torch.from_numpy(array) for array in pairs_of_tokens(vocab_size)]

    def step() -> float:
        loss = model(*batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


class TorchBert(nn.Module):
    """A post-norm encoder, and the scores (N, V) of the tokens hidden at N places.

    Dropout is BERT's: of the embeddings, of the attention weights, and of what each
    sublayer adds.
    """

    def __init__(
        self, n_layer: int, n_head: int, d_model: int, vocab_size: int, T: int
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(T, d_model)
        self.segments = nn.Embedding(2, d_model)
        self.norm = nn.LayerNorm(d_model, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(
            d_model, n_head, 4 * d_model, 0.1, "gelu", 1e-12, batch_first=True
        )
        layer.dropout.p = 0.0  # inside the feed-forward layer
        self.encoder = nn.TransformerEncoder(layer, n_layer)
        self.transform = nn.Linear(d_model, d_model)
        self.last_norm = nn.LayerNorm(d_model, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor, places: tuple[Tensor, Tensor]) -> Tensor:
        T = tokens.shape[1]
        x = self.tokens(tokens) + self.positions.weight[:T] + self.segments.weight[0]
        x = self.encoder(self.dropout(self.norm(x)))  # (B, T, C)
        hidden = self.last_norm(F.gelu(self.transform(x[places])))  # (N, C)
        return F.linear(hidden, self.tokens.weight, self.bias)


def bert_step(*, vocab_size: int, batch: int, T: int, **sizes: int) -> Step:
    """A training step of a BERT on one batch of hidden tokens; its mean loss."""
    torch.manual_seed(0)
    model = TorchBert(vocab_size=vocab_size, T=T, **sizes)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, weight_decay=0.01, fused=True
    )
    arrays, places, hidden = masked_tokens(vocab_size, batch, T)
    tokens, targets = torch.from_numpy(arrays), torch.from_numpy(hidden)
    where = torch.from_numpy(places[0]), torch.from_numpy(places[1])

    def step() -> float:
        loss = F.cross_entropy(model(tokens, where), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step

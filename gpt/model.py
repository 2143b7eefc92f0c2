"""GPT-2: a stack of blocks that read tokens and predict the next one.

Sources: Radford et al., Language Models are Unsupervised Multitask Learners (2019),
and for GPT-1 Improving Language Understanding by Generative Pre-Training (2018).
Attribute names are those of the published weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tensorgrad as tg
from nn import (
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    init,
    merge_heads,
    split_heads,
)
from nn.activations import ACTIVATIONS
from nn.attention import DotProductAttention, attention_maps
from nn.cache import KeyValueCache
from nn.decoding import Completion, generate
from nn.decoding.incremental import limits
from nn.evaluation import evaluating
from nn.published.pretrained import Pretrained
from nn.state import hold
from tensorgrad import Tensor
from tensorgrad.errors import InputError
from tensorgrad.functional import checkpoint

from .config import DROPOUTS, GPTConfig
from .incremental import GPTState
from .published import LAYOUTS


class CausalSelfAttention(Module):
    """Each token looks at itself and at those before it, in n_head ways at once."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.attend = DotProductAttention(
            config.dropout_of("attn_pdrop"), attention_scale(config, layer)
        )
        self.resid_dropout = Dropout(config.dropout_of("resid_pdrop"))

    def forward(
        self, x: Tensor, mask: Any = None, cache: KeyValueCache | None = None
    ) -> Tensor:
        B, T, C = x.shape
        # three of (B, T, C)
        q, k, v = tg.unstack(self.c_attn(x).reshape(B, T, 3, C), axis=2)
        if cache is None:
            y = self.attend(q, k, v, mask=mask, causal=True, heads=self.n_head)
        else:  # those of the calls before, too: (B, H, S, D)
            q, k, v = (split_heads(part, self.n_head) for part in (q, k, v))
            k, v = cache.extend(k, v)
            y = merge_heads(self.attend(q, k, v, mask=mask, causal=True))
        return self.resid_dropout(self.c_proj(y))


def attention_scale(config: GPTConfig, layer: int) -> float:
    """What the scores q k^T are multiplied by: 1 / sqrt(D), unless the config says."""
    D = config.n_embd // config.n_head
    scale = 1 / math.sqrt(D) if config.scale_attn_weights else 1.0
    return scale / (layer + 1) if config.scale_attn_by_inverse_layer_idx else scale


class MLP(Module):
    """Two linear layers, four times as wide in between, applied to each token."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        inner = config.n_inner or 4 * config.n_embd
        self.c_fc = Linear(config.n_embd, inner, bias=config.bias)
        self.c_proj = Linear(inner, config.n_embd, bias=config.bias)
        self.dropout = Dropout(config.dropout_of("resid_pdrop"))
        self.activation = config.activation

    def forward(self, x: Tensor) -> Tensor:
        hidden = ACTIVATIONS[self.activation](self.c_fc(x))  # (B, T, 4 C)
        return self.dropout(self.c_proj(hidden))


class Block(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)).

    In GPT-1, norm(x + attention(x)), then norm(x + mlp(x)).
    """

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.ln_1 = norm(config)
        self.attn = CausalSelfAttention(config, layer)
        self.ln_2 = norm(config)
        self.mlp = MLP(config)

    def forward(
        self, x: Tensor, mask: Any = None, cache: KeyValueCache | None = None
    ) -> Tensor:
        if self.norm_first:
            x = x + self.attn(self.ln_1(x), mask, cache)
            return x + self.mlp(self.ln_2(x))
        x = self.ln_1(x + self.attn(x, mask, cache))
        return self.ln_2(x + self.mlp(x))


def norm(config: GPTConfig) -> LayerNorm:
    return LayerNorm(config.n_embd, eps=config.norm_eps, bias=config.bias)


class GPT(Pretrained):
    """A GPT-2: token and position embeddings, n_layer blocks, a norm, and a head.

    The head shares its weight with the token embedding, unless the config says
    otherwise; GPT-1 has no norm at the end. `rng` draws the initial weights and, in
    training, the dropout. `GPT.from_pretrained(folder)` reads published weights.
    """

    layouts = LAYOUTS
    checkpoint_activations = False
    """Whether a block keeps its input alone, and runs again in the backward pass."""

    def __init__(self, config: GPTConfig, rng: np.random.Generator | int = 0) -> None:
        super().__init__()
        self.config = config
        self.wte = Embedding(config.vocab_size, config.n_embd)
        self.wpe = Embedding(config.block_size, config.n_embd)
        self.drop = Dropout(config.dropout_of("embd_pdrop"))
        self.h = ModuleList(Block(config, i) for i in range(config.n_layer))
        self.ln_f = norm(config) if config.norm_first else None
        self.lm_head = None  # then the head is wte
        if not config.tie_word_embeddings:
            self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        rng = np.random.default_rng(rng)
        self.set_rng(rng)
        if config.norm_first:
            init.gpt2_(self, config.n_layer, rng=rng)
        else:  # GPT-1 draws all matrices alike
            init.bert_(self, rng=rng)

    def forward(self, tokens: Any, targets: Any = None) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V) for tokens (B, T), and the mean loss if targets are given.

        Targets of -100 are not counted.
        """
        logits = self.logits(tokens)
        if targets is None:
            return logits, None
        losses = tg.cross_entropy(logits, targets)
        counted = int(np.count_nonzero(np.asarray(targets) != -100))
        return logits, losses.sum() / max(1, counted)

    def logits(self, tokens: Any) -> Tensor:
        """The scores (B, T, V) of each next token."""
        return self.head(self.hidden(tokens))

    def hidden(
        self,
        tokens: Any,
        *,
        positions: Any = None,
        mask: Any = None,
        caches: list[KeyValueCache] | None = None,
    ) -> Tensor:
        """What the last block makes of each token (B, T), normed: (B, T, C).

        With `caches`, one for each block, the tokens follow what was read into them:
        then `positions` (B, T) says where they stand, and `mask`, which broadcasts to
        (B, H, T, S), which of all tokens may be looked at.
        """
        x = self.embedded(tokens, positions)  # (B, T, C)
        for i, block in enumerate(self.h):
            if self.checkpoint_activations and caches is None:
                x = checkpoint(block, x, mask)
            else:
                x = block(x, mask, None if caches is None else caches[i])
        return self.normed(x)

    def embedded(self, tokens: Any, positions: Any = None) -> Tensor:
        """What the first block reads: tokens (B, T) -> (B, T, C)."""
        tokens = np.asarray(tokens)
        place = np.arange(tokens.shape[-1]) if positions is None else positions
        longest = int(np.max(place, initial=-1)) + 1
        if self.config.block_size < longest:
            raise InputError(
                f"{longest} tokens are more than the context of "
                f"{self.config.block_size}"
            )
        x: Tensor = self.drop(self.wte(tokens) + self.wpe(place))
        return x

    def normed(self, x: Any) -> Tensor:
        """What the head reads; GPT-1 has no norm there."""
        normed: Tensor = x if self.ln_f is None else self.ln_f(x)
        return normed

    def head(self, hidden: Any) -> Tensor:
        """The scores (..., V) of the token that follows, from hidden (..., C)."""
        head = self.wte if self.lm_head is None else self.lm_head
        scores: Tensor = tg.linear(hidden, head.weight)
        return scores

    def attention_maps(self, tokens: Any) -> dict[str, NDArray[Any]]:
        """How much each head looks where: {"self": (L, H, T, T)} of tokens (T,)."""
        row = np.asarray(tokens)[None]
        return attention_maps(self, lambda: self.hidden(row), self="h.{}.attn")

    def layer_logits(self, tokens: Any) -> Iterator[NDArray[Any]]:
        """The scores (T, V) that each layer alone would give: n_layer + 1 of them.

        First those of the embeddings, then those after each block, as if it were the
        last: the logit lens. After the last one they are the model's own. Source:
        nostalgebraist, interpreting GPT: the logit lens (2020).
        """
        with evaluating(self), tg.no_grad():
            states = [self.embedded(np.asarray(tokens)[None])]  # (1, T, C)
            for block in self.h:
                states.append(block(states[-1]))
        # one at a time: V is large
        return (self._scores(x) for x in states)

    @tg.no_grad()
    def _scores(self, x: Tensor) -> NDArray[Any]:
        return self.head(self.normed(x))[0].data

    def crop(self, block_size: int, vocab_size: int) -> None:
        """Keep the first positions and tokens alone, without a copy."""
        self.config = replace(self.config, block_size=block_size, vocab_size=vocab_size)
        hold(self.wpe.weight, self.wpe.weight._data[:block_size])
        for table in (self.wte, self.lm_head):
            if table is not None:
                hold(table.weight, table.weight._data[:vocab_size])

    @classmethod
    def _changed(cls, config: GPTConfig, changes: dict[str, Any]) -> GPTConfig:
        """The config with some fields changed; a new `dropout` is that of all parts."""
        reset = dict.fromkeys(DROPOUTS) if "dropout" in changes else {}
        changed: GPTConfig = super()._changed(config, {**reset, **changes})
        return changed

    def start(self, capacity: int | None = None) -> GPTState:
        """Nothing read yet: `nn.decoding` brings prompts, and goes on from there.

        With `capacity`, memory for so many tokens, at most the context, is there from
        the start; else it doubles as it fills.
        """
        return GPTState(self, capacity)

    def generate(
        self,
        prompts: Sequence[Any],
        *,
        max_new_tokens: int | Sequence[int],
        **options: Any,
    ) -> list[Completion]:
        """What follows each prompt of tokens (T,): see `nn.decoding.generate`.

        InputError where a prompt alone is longer than the context.
        """
        longest = max(limits(max_new_tokens, len(prompts)), default=0)
        longest += max(map(np.size, prompts), default=0)
        state = self.start(capacity=longest - 1)  # the last token is not read
        return generate(state, prompts, max_new_tokens=max_new_tokens, **options)

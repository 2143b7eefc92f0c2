"""The Transformer's sizes: those of the paper, and those that mean nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.transformer import Transformer, TransformerConfig
from tensorgrad.errors import ConfigError


def size(c: TransformerConfig) -> int:
    C = c.d_model
    norm, attention = 2 * C, 4 * (C * C + C)

    def feed_forward(F: int) -> int:
        return (C * F + F) + (F * C + C)

    blocks = c.n_encoder * (attention + feed_forward(c.d_ff) + 2 * norm)
    decoder = feed_forward(c.decoder_d_ff or c.d_ff)
    blocks += c.n_decoder * (2 * attention + decoder + 3 * norm)
    tables = 1 if c.share_embeddings else 2
    vocabularies = c.vocab_size + (tables - 1) * c.target_size
    vocabularies += (not c.tie_output) * c.target_size
    learned = 2 * c.max_length * (c.positions == "learned")
    return (
        blocks
        + (vocabularies + learned) * C
        + 2 * norm * c.has_final_norm
        + c.output_bias * c.target_size
    )


flags = st.booleans()


@given(
    sizes=st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(3, 9)] * 3),
    positions=st.sampled_from(["sinusoidal", "sinusoidal_halves", "learned"]),
    decoder=st.tuples(st.sampled_from([None, 1, 4]), st.sampled_from([None, 5])),
    switches=st.tuples(*[flags] * 4, st.sampled_from([None, True, False])),
)
def test_the_number_of_parameters_is_the_formulas(
    sizes: tuple[int, ...],
    positions: Any,
    decoder: tuple[Any, Any],
    switches: tuple[Any, ...],
) -> None:
    n_encoder, n_decoder, vocab_size, target_size, d_ff = sizes
    share, tie, bias, norm_first, final_norm = switches
    config = TransformerConfig(
        d_model=4,
        n_head=2,
        d_ff=d_ff,
        vocab_size=vocab_size,
        target_vocab_size=None if share else target_size,
        n_encoder=n_encoder,
        n_decoder=n_decoder,
        max_length=5,
        decoder_n_head=decoder[0],
        decoder_d_ff=decoder[1],
        positions=positions,
        share_embeddings=share,
        tie_output=tie,
        output_bias=bias,
        norm_first=norm_first,
        final_norm=final_norm,
    )
    model = Transformer(config)
    assert model.num_parameters() == size(config)
    assert (len(model.encoder), len(model.decoder)) == (n_encoder, n_decoder)
    heads = [block.attention.n_head for block in model.decoder]
    assert heads == [block.cross_attention.n_head for block in model.decoder]
    assert set(heads) == {decoder[0] or 2}
    assert {block.attention.n_head for block in model.encoder} == {2}


def test_presets_have_the_papers_sizes() -> None:
    base, big = TransformerConfig.preset("base"), TransformerConfig.preset("big")
    assert size(base) == 63_082_496  # table 3: 65 million
    assert size(big) == 214_245_376  # 213 million
    assert (base.dropout, big.dropout) == (0.1, 0.3)
    assert (base.activation, base.norm_first, base.norm_eps) == ("relu", False, 1e-5)
    assert not base.has_final_norm
    assert (base.attention_dropout, base.activation_dropout) == (0.0, 0.0)
    assert base == TransformerConfig()
    tiny = TransformerConfig.preset("tiny", vocab_size=32)
    assert Transformer(tiny).num_parameters() == size(tiny) < 1_000_000
    with pytest.raises(ConfigError, match="no preset 'huge'; there are base, big"):
        TransformerConfig.preset("huge")


def test_a_final_norm_is_there_where_blocks_leave_none() -> None:
    def has(**settings: Any) -> bool:
        return TransformerConfig(**settings).has_final_norm

    assert not has()
    assert has(norm_first=True)
    assert has(final_norm=True)
    assert not has(norm_first=True, final_norm=False)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"d_model": 510}, "d_model .510.*n_head .8"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"n_encoder": 0}, "n_encoder"),
        ({"n_decoder": 2.0}, "n_decoder"),
        ({"max_length": 0}, "max_length"),
        ({"positions": "rotary"}, "positions='rotary'"),
        ({"activation": "swish"}, "activation='swish'"),
        ({"target_vocab_size": 10}, "share_embeddings.*37000 and 10"),
        ({"decoder_n_head": 7}, "d_model .512.*decoder_n_head .7"),
        ({"decoder_n_head": 0}, "decoder_n_head"),
        ({"decoder_d_ff": 2.5}, "decoder_d_ff"),
        ({"target_vocab_size": 0, "share_embeddings": False}, "target_vocab_size"),
        ({"target_vocab_size": 9.5, "share_embeddings": False}, "target_vocab_size"),
        ({"target_vocab_size": 2, "share_embeddings": False}, "eos=2"),
        (
            {"vocab_size": 5, "target_vocab_size": 9, "share_embeddings": False}
            | {"pad": 7},
            "pad=7 is none of the 5",
        ),
        ({"pad": 37000}, "pad=37000"),
        ({"pad": -1}, "pad=-1"),
        ({"bos": 37001}, "bos=37001"),
        ({"dropout": 1}, "dropout"),
        ({"attention_dropout": -1}, "attention_dropout"),
        ({"activation_dropout": 1.5}, "activation_dropout"),
    ],
)
def test_bad_settings_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TransformerConfig(**changes)


def test_sinusoids_need_an_even_width() -> None:
    changes: dict[str, Any] = {"d_model": 9, "n_head": 3, "d_ff": 4, "vocab_size": 5}
    with pytest.raises(ConfigError, match=r"d_model \(9\) must be even for sinus"):
        TransformerConfig(**changes)
    assert Transformer(TransformerConfig(**changes, positions="learned"))


@pytest.mark.parametrize("eps", [-1.0, float("nan"), float("inf")])
def test_what_norms_add_is_a_number(eps: float) -> None:
    with pytest.raises(ConfigError, match="norm_eps must be a number, 0 or more"):
        TransformerConfig(norm_eps=eps)


def test_a_source_may_have_tokens_that_only_the_target_lacks() -> None:
    config = TransformerConfig(
        vocab_size=90, target_vocab_size=9, share_embeddings=False
    )
    assert (config.vocab_size, config.target_size) == (90, 9)
    assert TransformerConfig(vocab_size=90).target_size == 90

"""The Transformer beside transformers' Marian: read, run, trained and written alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from nn.activations import PUBLISHED
from nn.decoding import GREEDY, Beams, beam_search, generate
from nn.optim import Adam
from nn.transformer import Transformer, TransformerConfig, sinusoid_halves
from nn.transformer.published_marian import FIELDS
from tensorgrad.errors import CheckpointError, ConfigError, InputError, StateDictError
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V, PAD = 13, 12
SOURCE = np.array([[2, 5, 6, 7, 3, 8, 0], [3, 4, 0, PAD, PAD, PAD, PAD]])
TARGET = np.array([[PAD, 3, 4, 5], [PAD, 1, 0, 2]])
APART = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 17}
CONFIGS: dict[str, dict[str, Any]] = {
    "as opus-mt": {"activation_function": "swish", "scale_embedding": True},
    "gelu, and other sizes in the decoder": {"activation_function": "gelu"}
    | {"decoder_layers": 3, "decoder_attention_heads": 4, "decoder_ffn_dim": 5},
    "relu, and other sizes in the encoder": {"activation_function": "relu"}
    | {"encoder_layers": 3, "encoder_attention_heads": 1, "encoder_ffn_dim": 5},
    "two vocabularies": APART,
    "two tables": {"share_encoder_decoder_embeddings": False},
    "untied": {"tie_word_embeddings": False},
    "two vocabularies, untied": {**APART, "tie_word_embeddings": False},
    "other ends": {"decoder_start_token_id": 3, "eos_token_id": 1, "pad_token_id": 2},
}


quiet = beside.quiet


def published(dtype: Any = np.float64, seed: int = 0, **changes: Any) -> Any:
    """Theirs, with random numbers in all of its weights, in evaluation."""
    sizes = {"vocab_size": V, "d_model": 8, "max_position_embeddings": 70}
    sizes |= {"encoder_layers": 2, "decoder_layers": 2}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes |= {"encoder_ffn_dim": 12, "decoder_ffn_dim": 12}
    sizes |= {"pad_token_id": PAD, "decoder_start_token_id": PAD, "eos_token_id": 0}
    sizes |= {"forced_eos_token_id": None, "attn_implementation": "eager"}
    config = transformers.MarianConfig(**{**sizes, **changes})
    theirs = beside.randomise(transformers.MarianMTModel(config), seed)
    torch.nn.init.normal_(theirs.final_logits_bias)
    theirs.generation_config.forced_eos_token_id = None
    return beside.trainable(theirs.to(getattr(torch, np.dtype(dtype).name)))


def saved(folder: Path, **changes: Any) -> Any:
    theirs = published(**changes)
    theirs.save_pretrained(folder)
    return theirs


def logits(theirs: Any) -> Any:
    real = torch.tensor((theirs.config.pad_token_id != SOURCE).astype(np.int64))
    out = theirs(
        torch.tensor(SOURCE),
        attention_mask=real,
        decoder_input_ids=torch.tensor(TARGET),
    )
    return out.logits


def both_ways(folder: Path, theirs: Any, dtype: Any) -> Transformer:
    """Ours from theirs, theirs from ours and ours from ours: all compute the same."""
    theirs.save_pretrained(folder / "theirs")
    model = Transformer.from_pretrained(folder / "theirs")
    assert not any(module.training for module in model.modules())
    beside.compare(
        lambda: logits(theirs),
        lambda: model(SOURCE, TARGET),
        (theirs, model),
        beside.published_names(model),
        dtype,
    )
    model.save_pretrained(folder / "ours")
    again = type(theirs).from_pretrained(folder / "ours", attn_implementation="eager")
    close(logits(again).detach(), logits(theirs).detach(), dtype)
    twice = Transformer.from_pretrained(folder / "ours")
    assert twice.config == model.config
    np.testing.assert_array_equal(
        twice(SOURCE, TARGET).data, model(SOURCE, TARGET).data
    )
    return model


def close(found: Any, expected: Any, dtype: Any = np.float64) -> None:
    tolerance = beside.TOLERANCES[dtype][0]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [
        *((np.float64, changes) for changes in CONFIGS.values()),
        (np.float32, CONFIGS["as opus-mt"]),
    ],
    ids=[*CONFIGS, "float32"],
)
def test_scores_gradients_and_files_are_theirs(
    tmp_path: Path, changes: dict[str, Any], dtype: Any
) -> None:
    both_ways(tmp_path, published(dtype, **changes), dtype)


@settings(max_examples=12)
@given(
    d_model=st.sampled_from([4, 8, 12]),
    heads=st.tuples(*[st.sampled_from([1, 2, 4])] * 2),
    layers=st.tuples(*[st.integers(1, 3)] * 2),
    widths=st.tuples(*[st.integers(1, 9)] * 2),
    more=st.fixed_dictionaries(
        {"activation_function": st.sampled_from([*PUBLISHED])},
        optional={
            "scale_embedding": st.booleans(),
            "tie_word_embeddings": st.booleans(),
            "share_encoder_decoder_embeddings": st.booleans(),
            "max_position_embeddings": st.integers(7, 300),
            "dropout": st.sampled_from([0, 0.5]),
            "attention_dropout": st.sampled_from([0.0, 0.25]),
            "activation_dropout": st.sampled_from([0, 0.75]),
            "pad_token_id": st.integers(0, 12),
            "eos_token_id": st.integers(0, 12),
            "decoder_start_token_id": st.integers(0, 12),
        },
    ),
    seed=st.integers(0, 99),
)
def test_so_are_those_of_any_config(
    tmp_path_factory: pytest.TempPathFactory,
    d_model: int,
    heads: tuple[int, int],
    layers: tuple[int, int],
    widths: tuple[int, int],
    more: dict[str, Any],
    seed: int,
) -> None:
    for name, values in (("attention_heads", heads), ("layers", layers)):
        more |= {f"encoder_{name}": values[0], f"decoder_{name}": values[1]}
    more |= {"encoder_ffn_dim": widths[0], "decoder_ffn_dim": widths[1]}
    theirs = published(seed=seed, d_model=d_model, **more)
    model = both_ways(tmp_path_factory.mktemp("marian"), theirs, np.float64)
    for ours, (name, _) in FIELDS.items():
        assert getattr(model.config, ours) == getattr(theirs.config, name)


@pytest.mark.parametrize("changes", [CONFIGS["as opus-mt"], APART], ids=["one", "two"])
def test_the_same_translations_are_written(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    theirs = saved(tmp_path, **changes)
    model = Transformer.from_pretrained(tmp_path)
    real = torch.tensor((SOURCE != PAD).astype(np.int64))
    for beams in (1, 4):
        written = theirs.generate(
            torch.tensor(SOURCE),
            attention_mask=real,
            num_beams=beams,
            max_new_tokens=64,
            do_sample=False,
            early_stopping=False,
        )
        options: Any = {"max_new_tokens": 64, "stop_tokens": {0}}
        if beams == 1:
            done = generate(
                model.start(SOURCE), [[PAD]] * 2, settings=GREEDY, **options
            )
            found = [one.tokens for one in done]
        else:
            how = Beams(beam_size=beams, early_stopping=False)
            best = beam_search(
                model.start(SOURCE), [[PAD]] * 2, settings=how, **options
            )
            found = [each[0].tokens for each in best]
        for tokens, expected in zip(found, written[:, 1:].numpy(), strict=True):
            np.testing.assert_array_equal(tokens, expected[: len(tokens)])
            assert set(expected[len(tokens) :]) <= {PAD}


# --- what files look like


def test_shards_a_file_and_halves(tmp_path: Path) -> None:
    theirs = published()
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="2KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 3
    theirs.save_pretrained(tmp_path / "one")
    for path in (tmp_path / "shards", tmp_path / "one" / "model.safetensors"):
        model = Transformer.from_pretrained(path)
        close(model(SOURCE, TARGET).data, logits(theirs).detach())
    for dtype in (torch.float16, torch.bfloat16):
        theirs = published()
        theirs.to(dtype).save_pretrained(tmp_path / "halves")
        model = Transformer.from_pretrained(tmp_path / "halves")
        exact = type(theirs).from_pretrained(tmp_path / "halves", dtype=torch.float32)
        close(model(SOURCE, TARGET).data, logits(exact.eval()).detach(), np.float32)


def test_a_model_without_its_head_and_its_bias(tmp_path: Path) -> None:
    theirs = published()
    theirs.model.save_pretrained(tmp_path)  # as MarianModel: no prefix
    model = Transformer.from_pretrained(tmp_path)
    assert not model.config.output_bias
    expected = logits(theirs) - theirs.final_logits_bias
    close(model(SOURCE, TARGET).data, expected.detach())
    model.save_pretrained(tmp_path / "ours")
    again = type(theirs).from_pretrained(tmp_path / "ours")
    close(logits(again).detach(), expected.detach())


def test_one_table_stands_for_both_where_nothing_is_tied(tmp_path: Path) -> None:
    """As older transformers save it: shared, but for the last layer."""
    theirs = saved(tmp_path, tie_word_embeddings=False)
    with torch.no_grad():
        for side in (theirs.model.encoder, theirs.model.decoder):
            side.embed_tokens.weight.copy_(theirs.model.shared.weight)

    def old(tensors: dict[str, Any]) -> dict[str, Any]:
        return {n: t for n, t in tensors.items() if "embed_tokens" not in n}

    beside.rewrite(tmp_path, old)
    model = Transformer.from_pretrained(tmp_path)
    close(model(SOURCE, TARGET).data, logits(theirs).detach())
    assert not model.config.share_embeddings
    table = "model.shared.weight"
    beside.rewrite(tmp_path, lambda t: {n: t[n] for n in t if n != table})
    with pytest.raises(StateDictError, match=r"missing: .*encoder\.embed_tokens"):
        Transformer.from_pretrained(tmp_path)


def test_positions_in_old_files_are_checked(tmp_path: Path) -> None:
    theirs = saved(tmp_path)
    table = torch.tensor(sinusoid_halves(70, 8)).double()
    np.testing.assert_allclose(
        table, theirs.model.encoder.embed_positions.weight.detach(), rtol=0, atol=6e-8
    )
    names = [f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder")]
    beside.rewrite(tmp_path, lambda t: t | {name: table.clone() for name in names})
    model = Transformer.from_pretrained(tmp_path)
    close(model(SOURCE, TARGET).data, logits(theirs).detach())
    for wrong in (table.flip(1), table[:9], table[None], table.int()):
        other = {names[1]: wrong.clone().contiguous()}
        beside.rewrite(tmp_path, other.__ror__)  # tensors | other
        with pytest.raises(CheckpointError, match="other positions than Marian's"):
            Transformer.from_pretrained(tmp_path)


def test_a_context_without_end_takes_no_memory(tmp_path: Path) -> None:
    theirs = saved(tmp_path)
    beside.edit_config(tmp_path, max_position_embeddings=10**9)
    assert not beside.refusal(lambda: Transformer.from_pretrained(tmp_path))
    model = Transformer.from_pretrained(tmp_path)
    close(model(SOURCE, TARGET).data, logits(theirs).detach())
    assert len(model.source_positions.table) == SOURCE.shape[1]


# --- what is refused


@pytest.mark.parametrize(
    "fields",
    [
        {"encoder_layerdrop": 0.1},
        {"decoder_layerdrop": 0.5},
        {"normalize_before": True},
        {"normalize_embedding": True},
        {"add_final_layer_norm": True},
        {"add_bias_logits": True},
        {"static_position_embeddings": False},
        {"quantization_config": {"bits": 4}},
        {"activation_function": "gelu_10"},
        {"pad_token_id": None},
        {"eos_token_id": [0, 1]},
        {"decoder_start_token_id": None},
        {"decoder_vocab_size": 14},
        {"decoder_attention_heads": 3},
        {"model_type": "bart"},
    ],
    ids=str,
)
def test_what_is_not_computed_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    saved(tmp_path)
    beside.edit_config(tmp_path, **fields)
    ours = {theirs: name for name, (theirs, _) in FIELDS.items()}
    [name] = fields
    with pytest.raises(InputError, match=rf"config\.json: .*({name}|{ours.get(name)})"):
        Transformer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": "sinusoidal"},
        {"positions": "learned"},
        {"norm_first": True},
        {"norm_eps": 1e-6},
        {"final_norm": True},
        {"tie_output": False},
    ],
    ids=str,
)
def test_what_their_format_has_no_field_for_is_not_saved(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    sizes = {"d_model": 8, "n_head": 2, "d_ff": 12, "vocab_size": V}
    config = TransformerConfig(**{**sizes, "positions": "sinusoidal_halves", **changes})
    [name] = changes
    named = {"tie_output": "tie_output=False", "final_norm": "has_final_norm=True"}
    with pytest.raises(ConfigError, match=named.get(name, name)) as caught:
        Transformer(config).save_pretrained(tmp_path / "new")
    assert "cannot be saved: Marian's" in str(caught.value)
    assert not (tmp_path / "new").exists()


NAMES = [name for name, _ in FIELDS.values()]
NAMES += ["activation_function", "decoder_vocab_size"]
NAMES += ["share_encoder_decoder_embeddings"]


@pytest.mark.parametrize("value", [*beside.SIZES, *beside.ODD], ids=str)
def test_odd_values_of_any_field_are_one_line_and_no_memory(
    tmp_path: Path, value: Any
) -> None:
    saved(tmp_path)
    original = (tmp_path / "config.json").read_text()
    for name in NAMES:
        beside.edit_config(tmp_path, **{name: value})
        said = beside.refusal(lambda: Transformer.from_pretrained(tmp_path))
        assert str(tmp_path) in said or not said
        (tmp_path / "config.json").write_text(original)


# --- training what was read


def test_what_was_read_is_trained_and_the_file_stays(tmp_path: Path) -> None:
    saved(tmp_path, dtype=np.float32)
    before = beside.fingerprint(tmp_path)
    model = Transformer.from_pretrained(tmp_path, dropout=0.0).train()
    optimizer = Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        scores = model(SOURCE, TARGET[:, :-1])
        loss = tg.cross_entropy(scores, TARGET[:, 1:]).mean()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert beside.fingerprint(tmp_path) == before
    model.save_pretrained(tmp_path / "tuned")
    tuned = Transformer.from_pretrained(tmp_path / "tuned")
    np.testing.assert_array_equal(
        tuned(SOURCE, TARGET).data, model.eval()(SOURCE, TARGET).data
    )

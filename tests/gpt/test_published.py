"""GPT-1 and GPT-2 beside transformers: read, run, trained and written alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt import GPT, GPTConfig
from gpt.objective import objective
from gpt.published import ACTIVATIONS_1
from nn.activations import ACTIVATIONS, PUBLISHED
from nn.data import BlockSampler
from nn.decoding import Beams, Sampling, beam_search
from nn.trainer import Trainer, TrainerConfig
from tensorgrad.errors import ConfigError, InputError, StateDictError
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V, T = 61, 80
SIZES = {"vocab_size": V, "n_positions": T, "n_embd": 16, "n_layer": 2, "n_head": 4}
ENDS = {"bos_token_id": None, "eos_token_id": None}
TOKENS = np.random.default_rng(0).integers(0, V, (2, 12))
FLOAT32 = {"rtol": 1e-5, "atol": 1e-5}
FLOAT64 = {"rtol": 1e-10, "atol": 1e-10}


quiet = beside.quiet


def published(kind: int = 2, seed: int = 0, **changes: Any) -> Any:
    """Theirs, with random numbers in all of its weights; float64, eval mode."""
    name = "GPT2" if kind == 2 else "OpenAIGPT"
    config = getattr(transformers, f"{name}Config")(**SIZES, **ENDS, **changes)
    model = getattr(transformers, f"{name}LMHeadModel")(config).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.3, generator=generator)
    return model


def theirs_from(folder: Path, kind: int = 2, dtype: Any = None) -> Any:
    name = "GPT2LMHeadModel" if kind == 2 else "OpenAIGPTLMHeadModel"
    model = getattr(transformers, name)
    return model.from_pretrained(folder, dtype=dtype or torch.float64).eval()


def their_logits(model: Any, tokens: Any = TOKENS) -> Any:
    with torch.no_grad():
        return model(torch.tensor(tokens)).logits.numpy()


def same(ours: GPT, theirs: Any, **close: Any) -> None:
    """Equal logits, and equal gradients of the loss for every parameter."""
    logits, loss = ours(TOKENS[:, :-1], TOKENS[:, 1:])
    np.testing.assert_allclose(
        logits.data, their_logits(theirs, TOKENS[:, :-1]), **close
    )
    loss.backward()
    tokens = torch.tensor(TOKENS)  # their own loss would be one in float32
    theirs.zero_grad()
    scores = theirs(tokens[:, :-1]).logits.flatten(0, 1)
    torch.nn.functional.cross_entropy(scores, tokens[:, 1:].flatten()).backward()
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        layout = ours._own_layout()
        expected = named[layout.prefixed(layout.theirs(name))].grad.numpy()
        expected = expected.T if "c_" in name and p.ndim == 2 else expected
        np.testing.assert_allclose(p.grad.data, expected, **close, err_msg=name)


SETTINGS_2 = st.fixed_dictionaries(
    {},
    optional={
        "layer_norm_epsilon": st.sampled_from([1e-3, 1e-6]),
        "activation_function": st.sampled_from([*PUBLISHED]),
        "n_inner": st.sampled_from([None, 24]),
        "scale_attn_weights": st.booleans(),
        "scale_attn_by_inverse_layer_idx": st.booleans(),
        "reorder_and_upcast_attn": st.booleans(),
        "tie_word_embeddings": st.booleans(),
    },
)
SETTINGS_1 = st.fixed_dictionaries(
    {},
    optional={
        "layer_norm_epsilon": st.sampled_from([1e-3, 1e-6]),
        "afn": st.sampled_from([*ACTIVATIONS_1]),
        "tie_word_embeddings": st.booleans(),
    },
)
KINDS = st.one_of(st.tuples(st.just(2), SETTINGS_2), st.tuples(st.just(1), SETTINGS_1))


@settings(max_examples=12)
@given(KINDS, st.integers(0, 99))
def test_both_ways_all_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[int, dict], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("published")
    number, changes = kind
    theirs = published(number, seed, **changes)
    theirs.save_pretrained(folder / "theirs")
    ours = GPT.from_pretrained(folder / "theirs")
    same(ours, theirs, **FLOAT64)
    ours.save_pretrained(folder / "ours")
    again = theirs_from(folder / "ours", number)
    np.testing.assert_allclose(their_logits(again), their_logits(theirs), **FLOAT64)
    twice = GPT.from_pretrained(folder / "ours")
    assert twice.config == ours.config
    assert all(
        (a == b).all() for a, b in zip(*map(weights, (ours, twice)), strict=True)
    )


def weights(model: GPT) -> list[Any]:
    return list(model.state_dict().values())


@pytest.mark.parametrize("kind", [1, 2])
def test_in_float32(tmp_path: Path, kind: int) -> None:
    theirs = published(kind).float()
    theirs.save_pretrained(tmp_path)
    ours = GPT.from_pretrained(tmp_path)
    assert {p.dtype for p in ours.parameters()} == {np.dtype(np.float32)}
    same(ours, theirs, **FLOAT32)
    same(GPT.from_pretrained(tmp_path, dtype=np.float64), theirs.double(), **FLOAT64)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_become_float32(tmp_path: Path, dtype: str) -> None:
    theirs = published().to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path)
    ours = GPT.from_pretrained(tmp_path)
    assert {p.dtype for p in ours.parameters()} == {np.dtype(np.float32)}
    same(ours, theirs.float(), **FLOAT32)


def test_gpt_1_means_other_activations_by_the_same_names() -> None:
    x = torch.linspace(-6, 6, 99, dtype=torch.float64)
    theirs = transformers.models.openai.modeling_openai.ACT_FNS
    assert theirs.keys() == ACTIVATIONS_1.keys()
    for name, ours in ACTIVATIONS_1.items():
        expected = theirs[name](x).numpy()
        np.testing.assert_allclose(ACTIVATIONS[ours](x.numpy()), expected, **FLOAT64)


@pytest.mark.parametrize("kind", [1, 2])
def test_the_same_text_follows(tmp_path: Path, kind: int) -> None:
    theirs = published(kind)
    theirs.save_pretrained(tmp_path)
    ours = GPT.from_pretrained(tmp_path)
    options = {"max_new_tokens": 64, "do_sample": False, "pad_token_id": 0}
    prompt = torch.tensor(TOKENS[:1])
    greedy = theirs.generate(prompt, **options)[0, 12:].tolist()
    [found] = ours.generate(
        TOKENS[:1], max_new_tokens=64, settings=Sampling(temperature=0)
    )
    assert found.tokens.tolist() == greedy
    beams = theirs.generate(prompt, num_beams=4, **options)[0, 12:].tolist()
    [[best]] = beam_search(
        ours.start(), TOKENS[:1], max_new_tokens=64, settings=Beams(beam_size=4)
    )
    assert best.tokens.tolist() == beams


# --- what files look like


def test_shards_and_names_without_the_prefix(tmp_path: Path) -> None:
    theirs = published()
    expected = their_logits(theirs)
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="8KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 3
    theirs.transformer.save_pretrained(tmp_path / "bare")  # as the first files were
    for name in ("shards", "bare"):
        ours = GPT.from_pretrained(tmp_path / name)
        np.testing.assert_allclose(ours.logits(TOKENS).data, expected, **FLOAT64)
    ours = GPT.from_pretrained(tmp_path / "bare" / "model.safetensors")
    np.testing.assert_allclose(ours.logits(TOKENS).data, expected, **FLOAT64)


def test_buffers_and_a_tied_head_may_be_there(tmp_path: Path) -> None:
    theirs = published()
    theirs.save_pretrained(tmp_path)
    wte = theirs.transformer.wte.weight.detach()
    extra = {
        "lm_head.weight": wte.clone(),
        "transformer.h.0.attn.bias": torch.ones(1, 1, T, T, dtype=torch.uint8),
        "transformer.h.1.attn.masked_bias": torch.tensor(-1e4),
    }
    beside.rewrite(tmp_path, lambda tensors: tensors | extra)
    ours = GPT.from_pretrained(tmp_path)
    np.testing.assert_allclose(
        ours.logits(TOKENS).data, their_logits(theirs), **FLOAT64
    )
    beside.rewrite(tmp_path, lambda tensors: tensors | {"lm_head.weight": wte + 1})
    with pytest.raises(StateDictError, match=r"lm_head.weight differs from transf"):
        GPT.from_pretrained(tmp_path)


def test_from_the_checkpoint_of_another_head(tmp_path: Path) -> None:
    for head in (
        "GPT2ForSequenceClassification",
        "GPT2ForTokenClassification",
        "GPT2ForQuestionAnswering",
    ):
        theirs = getattr(transformers, head)(
            transformers.GPT2Config(**SIZES, **ENDS)
        ).double()
        theirs.eval().save_pretrained(tmp_path / head)
        hidden = GPT.from_pretrained(tmp_path / head).hidden(TOKENS)
        with torch.no_grad():
            expected = theirs.transformer(torch.tensor(TOKENS)).last_hidden_state
        np.testing.assert_allclose(hidden.data, expected.numpy(), **FLOAT64)


def test_a_model_without_biases_is_saved_with_zeros(tmp_path: Path) -> None:
    for norm_first in (True, False):
        config = GPTConfig(T, V, 2, 2, 8, bias=False, norm_first=norm_first)
        ours = GPT(config, 0).eval()
        ours.save_pretrained(tmp_path)
        theirs = theirs_from(tmp_path, 2 if norm_first else 1, torch.float32)
        expected = their_logits(theirs)
        np.testing.assert_allclose(ours.logits(TOKENS).data, expected, **FLOAT32)
        again = GPT.from_pretrained(tmp_path)
        assert (again.logits(TOKENS).data == ours.logits(TOKENS).data).all()


# --- what is refused


@pytest.mark.parametrize(
    "fields",
    [
        {"add_cross_attention": True},
        {"activation_function": "gelu_10"},
        {"activation_function": "quick_gelu"},
        {"activation_function": 3},
        {"pruned_heads": {"0": [1]}},
        {"model_type": "llama"},
        {"layer_norm_epsilon": float("nan")},
        {"n_layer": "2"},
    ],
)
def test_what_is_not_computed_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    published().save_pretrained(tmp_path)
    beside.edit_config(tmp_path, **fields)
    [name] = fields
    name = "norm_eps" if name == "layer_norm_epsilon" else name
    with pytest.raises(InputError, match=rf"config\.json: {name}"):
        GPT.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "gelu"},
        {"n_inner": 3},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
    ],
)
def test_what_gpt_1_has_no_field_for_is_not_saved(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    model = GPT(GPTConfig(T, V, 2, 2, 8, norm_first=False, **fields))
    with pytest.raises(ConfigError, match=next(iter(fields))):
        model.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


# --- dropout, training, saving


def test_dropout_is_that_of_each_part(tmp_path: Path) -> None:
    own = {"embd_pdrop": 0.1, "attn_pdrop": 0.2, "resid_pdrop": 0.3}
    published(**own).save_pretrained(tmp_path)
    model = GPT.from_pretrained(tmp_path)
    block = model.h[0]
    parts = model.drop, block.attn.attend.dropout, block.attn.resid_dropout
    assert [part.p for part in parts] == [0.1, 0.2, 0.3]
    assert block.mlp.dropout.p == 0.3
    assert not model.training
    model.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert {name: saved[name] for name in own} == own
    model = GPT.from_pretrained(tmp_path, dropout=0.0)
    assert {module.p for module in model.modules() if hasattr(module, "p")} == {0.0}
    with pytest.raises(InputError, match="no field dropuot; there are block_size"):
        GPT.from_pretrained(tmp_path, dropuot=0.0)


def test_training_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    published().save_pretrained(tmp_path)
    before = beside.fingerprint(tmp_path)
    mapped = GPT.from_pretrained(tmp_path, dropout=0.0)
    copied = GPT(mapped.config).to(np.float64)
    copied.load_state_dict(mapped.state_dict())
    tokens = np.tile(np.arange(V), 5)
    config = TrainerConfig(max_steps=3, warmup_steps=0, learning_rate=0.01)
    for model in (mapped, copied):
        Trainer(
            model,
            objective(model),
            BlockSampler(tokens, 8, 2, np.random.default_rng(0)),
            config,
        ).run()
    for (name, a), b in zip(
        mapped.named_parameters(), copied.parameters(), strict=True
    ):
        np.testing.assert_allclose(a.data, b.data, **FLOAT64, err_msg=name)
    assert beside.fingerprint(tmp_path) == before
    untouched = GPT.from_pretrained(tmp_path)
    expected = untouched.logits(TOKENS).data.copy()
    mapped.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    for name, array in mapped.state_dict().items():
        assert (again.state_dict()[name] == array).all()
    assert (untouched.logits(TOKENS).data == expected).all()
    untouched.save_pretrained(tmp_path)  # over what it is no more a view of
    assert (GPT.from_pretrained(tmp_path).logits(TOKENS).data == expected).all()
    untouched.save_pretrained(tmp_path)

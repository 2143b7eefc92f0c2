"""Published translators: the texts of transformers' `generate`, from their files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nn.optim import Adam
from nn.pair_batches import TokenPairs
from nn.pairs import TextPair
from nn.transformer.published_translator import load_decoding, load_translator
from nn.transformer.translation import objective
from tests.nn.published import files
from tests.nn.transformer import beside

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")

TEXTS = ["First Citizen: before we proceed", ">>fra<< hear me speak", "Speak, speak."]
SEARCHES: dict[str, dict[str, Any]] = {
    "as opus-mt": {"num_beams": 6, "renormalize_logits": True}
    | {"no_repeat_ngram_size": 3},
    "greedy": {"num_beams": 1, "max_length": 9},
    "everything else": {"num_beams": 4, "length_penalty": 0.5, "early_stopping": True}
    | {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "max_new_tokens": 12}
    | {"suppress_tokens": [5, 9], "num_return_sequences": 2},
    "nothing is forced": {"num_beams": 3, "forced_eos_token_id": None},
}


quiet = beside.quiet


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small translator as published, with random weights; only to be copied."""
    folder = files.make("marian", tmp_path_factory.mktemp("marian"))
    V = len(json.loads((folder / "vocab.json").read_text()))
    sizes = {"vocab_size": V, "d_model": 16, "max_position_embeddings": 40}
    sizes |= {"encoder_layers": 1, "decoder_layers": 2}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes |= {"encoder_ffn_dim": 12, "decoder_ffn_dim": 12, "scale_embedding": False}
    sizes |= {"pad_token_id": V - 1, "decoder_start_token_id": V - 1}
    sizes |= {"eos_token_id": 0, "forced_eos_token_id": 0, "tie_word_embeddings": False}
    config = transformers.MarianConfig(**sizes, activation_function="swish")
    theirs = transformers.MarianMTModel(config).double()
    torch.manual_seed(2)
    with torch.no_grad():  # large, so that what was read and written before matters
        for name, p in theirs.named_parameters():
            if "embed_positions" not in name:
                p.normal_(
                    float(name.endswith("norm.weight")), 1.0 if p.ndim > 1 else 0.3
                )
    theirs.generation_config.max_length = 24
    theirs.generation_config.bad_words_ids = [[V - 1]]
    theirs.save_pretrained(folder)
    return folder


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


def set_search(folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "generation_config.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(content))
    return content


def generated(folder: Path) -> list[str]:
    """What transformers makes of the texts."""
    tokenizer = transformers.MarianTokenizer.from_pretrained(folder)
    theirs = transformers.MarianMTModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, return_tensors="pt", padding=True)
    written = theirs.generate(**batch)
    return tokenizer.batch_decode(written, skip_special_tokens=True)


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_texts_become_those_that_transformers_writes(
    model: Path, command: Any, search: dict[str, Any]
) -> None:
    set_search(model, **search)
    expected = generated(model)
    assert len(set(expected)) == len(expected)
    lines = "".join(f"{text}\n" for text in TEXTS)
    result = command("translate", "--model", model, "--batch-size=2", given=lines)
    assert result.status == 0, result.err
    # their lines are without spaces at the ends, as ours
    assert result.out.splitlines() == expected


def test_options_go_before_what_the_files_say(model: Path, command: Any) -> None:
    argv = ["translate", "--model", model, TEXTS[0]]
    found = command(*argv, "--n-best=3", "--beam-size=4").out.splitlines()
    assert len(found) == 3 > 1 == load_decoding(model).beams.n_best
    set_search(model, num_beams=2, max_new_tokens=3)
    cut = command(*argv).out
    assert command(*argv, "--max-new-tokens=3", "--beam-size=2").out == cut
    assert command(*argv, "--max-new-tokens=9").out != cut


def test_without_a_file_of_its_own_the_config_says_how(model: Path) -> None:
    (model / "generation_config.json").unlink()
    beside.edit_config(model, num_beams=5, max_length=20)
    found = load_decoding(model)
    assert (found.beams.beam_size, found.max_new_tokens) == (5, 19)
    assert found.beams.final_token == 0
    beside.edit_config(model, max_length=None, forced_eos_token_id=None)
    found = load_decoding(model)
    assert (found.beams.final_token, found.max_new_tokens) == (None, None)


@pytest.mark.parametrize(
    "search",
    [
        {"do_sample": True},
        {"num_beam_groups": 2},
        {"min_length": 3},
        {"forced_bos_token_id": 5},
        {"begin_suppress_tokens": [3]},
        {"eos_token_id": [0, 5]},
        {"decoder_start_token_id": 3},
        {"bad_words_ids": [[3, 4]]},
        {"bad_words_ids": 5},
        {"num_beams": "4"},
        {"num_beams": 0},
        {"length_penalty": float("nan")},
        {"early_stopping": "often", "num_beams": 2},
        {"suppress_tokens": [-1]},
        {"forced_eos_token_id": [0, 1]},
        {"max_length": 1},
    ],
    ids=str,
)
def test_how_it_does_not_search_is_refused_by_name(
    model: Path, command: Any, search: dict[str, Any]
) -> None:
    set_search(model, **search)
    ours = {"num_beams": "beam_size", "length_penalty": "alpha"}
    ours |= {"suppress_tokens": "suppress", "max_length": "max_new_tokens"}
    result = command("translate", "--model", model, "a text")
    assert result.status == 2
    name = next(iter(search))
    assert result.err.count("\n") == 1
    assert name in result.err or ours.get(name, name) in result.err


def test_folders_that_hold_no_translator_are_one_line(
    model: Path, tmp_path: Path, command: Any
) -> None:
    def said(*options: Any) -> str:
        result = command("translate", *options, "a text")
        assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
        return str(result.err)

    assert "config.json: cannot be read" in said("--model", tmp_path / "none")
    assert "leave one out" in said("--model", model, "--run", tmp_path)
    vocabulary = json.loads((model / "vocab.json").read_text())
    vocabulary["more"] = len(vocabulary)
    (model / "vocab.json").write_text(json.dumps(vocabulary))
    assert "they do not belong together" in said("--model", model)
    for name in ("source.spm", "vocab.json"):
        (model / name).unlink()
    assert "no tokenizer there" in said("--model", model)
    shutil.copy(model / "config.json", tmp_path / "config.json")
    assert "holds no model.safetensors" in said("--model", tmp_path)


def test_pairs_of_texts_tune_what_was_read(model: Path) -> None:
    translator = load_translator(model)
    tuned = translator.model.train()
    texts = [TextPair(text, text[::-1], i) for i, text in enumerate(TEXTS)]
    pairs = TokenPairs(texts, translator.source, translator.target)
    batch, losses = pairs.collate(pairs), objective(tuned)
    optimizer, means = Adam(tuned.parameters(), lr=0.01), []
    for _ in range(12):
        loss, count = losses(batch)
        means.append(loss.item() / count)
        tuned.zero_grad()
        loss.backward()
        optimizer.step()
    assert means[-1] < 0.7 * means[0]
    [[before]] = load_translator(model).translate(TEXTS[:1])
    [[after]] = translator.translate(TEXTS[:1])
    assert after.log_prob != before.log_prob

"""Training that starts from weights, and what comes of it: as a user meets it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpt import GPT, GPTConfig
from gpt.config import PRESETS
from gpt.objective import objective
from gpt.options import TrainOptions, sizes
from gpt.saved import load_run
from gpt.train import check_fits, trained_part
from nn.tokenizers import ByteTokenizer
from nn.tokenizers_package import LETTERS
from tests.commands import facts, weights

from .conftest import Gpt

pytest.importorskip("tokenizers")

T, END = 16, "<|endoftext|>"
# with a row more than the tokenizer has tokens
CONFIG = GPTConfig(
    T, 257, n_layer=2, n_head=2, n_embd=8, activation="relu", norm_eps=1e-3, dropout=0.1
)
FOUR = ["--batch-size=4", "--eval-interval=2", "--warmup-steps=1"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sample and no picture at the end."""
    monkeypatch.setattr("gpt.train.show_sample", lambda *args: None)
    monkeypatch.setattr("nn.run_training.draw", lambda folder: None)


@pytest.fixture(scope="session")
def publication(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    GPT(CONFIG, 0).save_pretrained(folder)
    ByteTokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def published(publication: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(publication, tmp_path / "published"))


@pytest.fixture
def tune(text: Path, published: Path) -> list[str]:
    return ["train", "--data", str(text), "--init-from", str(published), *FOUR]


def test_the_run_holds_all_that_it_needs(
    gpt: Gpt, tune: list[str], published: Path, work: Path
) -> None:
    result = gpt(*tune, "--max-steps=4", "--out=whole")
    assert result.status == 0, result
    count = f"{GPT(CONFIG).num_parameters() - 8:,} parameters train"
    assert f"from {published}: {count}, at a rate of up to 5e-05" in result.out
    config = json.loads(Path("whole/config.json").read_text())
    assert config["init_from"] == str(published)
    assert (config["model"]["norm_eps"], config["model"]["dropout"]) == (1e-3, 0.1)
    shutil.rmtree(published)
    assert gpt("sample", "--run", "whole", "--max-new-tokens=9").status == 0
    assert gpt("eval", "--run", "whole").status == 0
    assert gpt("train", "--resume", "--out=whole", "--max-steps=5").status == 0


def test_it_starts_from_the_weights(gpt: Gpt, tune: list[str], work: Path) -> None:
    gpt(*tune, "--max-steps=1", "--learning-rate=0", "--out=run")
    expected = GPT(CONFIG, 0).state_dict()
    expected["wte.weight"] = expected["wte.weight"][:-1]  # no token is the last row's
    for name, data in weights("run").items():
        assert data == expected[name].tobytes()


@pytest.mark.parametrize(
    "more", [[], ["--trainable", "h.1", "ln_f", "--checkpoint-activations"]]
)
def test_a_resume_ends_where_the_whole_does(
    gpt: Gpt, tune: list[str], published: Path, work: Path, more: list[str]
) -> None:
    tune = [*tune, "--schedule=constant", *more]
    gpt(*tune, "--max-steps=4", "--out=whole")
    gpt(*tune, "--max-steps=2", "--out=parts")
    shutil.rmtree(published)
    assert gpt("train", "--resume", "--out=parts", "--max-steps=4").status == 0
    assert weights("parts") == weights("whole")
    assert facts("parts")[-1] == facts("whole")[-1]


def test_a_run_killed_before_its_first_checkpoint_goes_on(
    gpt: Gpt, tune: list[str], published: Path, work: Path
) -> None:
    gpt(*tune, "--max-steps=2", "--out=whole")
    gpt(*tune, "--max-steps=2", "--out=killed", "--keep=9")
    shutil.rmtree("killed/step-2")
    Path("killed/latest").write_text("step-0\n")
    shutil.rmtree(published)
    assert gpt("train", "--resume", "--out=killed").status == 0
    assert weights("killed") == weights("whole")


def test_a_run_of_ours_is_trained_on(gpt: Gpt, trained: Path, text: Path) -> None:
    argv = ["train", "--data", text, "--init-from", trained, "--max-steps=1"]
    result = gpt(*argv, "--learning-rate=0", "--out=on")
    assert result.status == 0, result
    assert weights("on") == weights(trained)
    same = [(Path(run) / "tokenizer.json").read_text() for run in ("on", trained)]
    assert same[0] == same[1]


def test_a_shorter_context_and_another_dropout(
    gpt: Gpt, tune: list[str], work: Path
) -> None:
    result = gpt(*tune, "--max-steps=1", "--block-size=5", "--dropout=0", "--out=run")
    assert result.status == 0, result
    model = load_run("run").model
    assert model.config.block_size == len(model.wpe.weight) == 5
    assert model.config.dropout_of("attn_pdrop") == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--n-layer=3"], "n_layer=3"),
        (["--n-embd=16"], "n_embd=16"),
        (["--no-bias"], "bias=False"),
        ([f"--block-size={T + 1}"], f"block_size={T + 1}"),
        (["--tokenizer=char"], "--tokenizer char"),
        (["--preset=gpt2"], "--preset gpt2"),
        (["--trainable", "h.7"], "'h.7' names no parameter. There are wte.weight"),
        (["--data=/dev/null"], "/dev/null"),
    ],
)
def test_what_contradicts_the_weights_is_refused(
    gpt: Gpt, tune: list[str], work: Path, more: list[str], message: str
) -> None:
    assert message in gpt(*tune, *more, "--out=run").error
    assert not Path("run").exists()


def test_what_needs_weights_is_refused_without(gpt: Gpt, tiny: list[str]) -> None:
    assert "--init-from" in gpt(*tiny, "--trainable", "ln_f").error
    assert "nowhere" in gpt(*tiny, "--init-from", "nowhere").error


def test_weights_without_their_tokenizer(
    gpt: Gpt, tune: list[str], published: Path, work: Path
) -> None:
    (published / "tokenizer.json").unlink()
    assert "no tokenizer there" in gpt(*tune, "--out=run").error
    GPT(GPTConfig(T, 255, 1, 1, 4)).save_pretrained(published)
    ByteTokenizer().save_pretrained(published)
    assert "not of one model" in gpt(*tune, "--out=run").error


def test_too_few_tokens_leave_nothing(
    gpt: Gpt, tune: list[str], text: Path, work: Path
) -> None:
    text.write_text("a few words")
    assert "too few" in gpt(*tune, "--out=run").error
    assert not Path("run").exists()


def test_runs_from_before_there_was_a_start_are_read(gpt: Gpt, trained: Path) -> None:
    path = trained / "config.json"
    config = json.loads(path.read_text())
    for name in TrainOptions.ADDED:
        del config[name]
    model = config["model"]
    config["model"] = {name: model[name] for name in list(model)[:7]}
    assert "bias" in config["model"]
    path.write_text(json.dumps(config))
    assert gpt("sample", "--run", trained, "--max-new-tokens=9").status == 0
    assert gpt("train", "--resume", "--max-steps=21").status == 0


def test_the_help_shows_what_the_weights_decide(
    gpt: Gpt, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        gpt("train", "--init-from", published, "--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "(default: 5e-05)" in said
    assert "--n-inner" not in said


# --- activations computed again


def test_checkpointed_gradients_are_the_same_with_dropout() -> None:
    tokens = np.random.default_rng(0).integers(0, 257, (2, T))

    def gradients(again: bool) -> tuple[float, list[Any]]:
        model = GPT(CONFIG, 3)
        model.checkpoint_activations = again
        losses, _ = objective(model)((tokens, tokens))
        losses.backward()
        drawn = model.drop.rng.random()
        return (losses.item(), drawn), [p.grad.data for p in model.parameters()]

    expected, kept = gradients(False)
    found, recomputed = gradients(True)
    assert found == expected
    for a, b in zip(kept, recomputed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_estimate_counts_what_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "gpt.train.check_memory",
        lambda weights, batch, _: seen.append((weights, batch)),
    )
    config = PRESETS["gpt2"]
    model = sizes("gpt2")

    def estimate(**options: Any) -> tuple[int, int]:
        check_fits(config, TrainOptions(model=model, init_from="x", **options))
        return seen.pop()

    count, _ = trained_part(config, ["*"])
    weights, batch = estimate()
    assert weights == pytest.approx(16 * count, rel=0.01)
    fewer, less = estimate(trainable=("h.10", "h.11"))
    part, layers = trained_part(config, ["h.10", "h.11"])
    assert (part, layers) == (2 * 7_087_872, 2)
    assert fewer == pytest.approx(4 * count + 12 * part, rel=0.01)
    assert less < batch
    assert estimate(checkpoint_activations=True)[1] < batch
    assert trained_part(config, ["ln_f"])[1] == 0
    assert trained_part(config, ["wpe"])[1] == 12


# --- export


def test_what_is_exported_is_read_by_all(gpt: Gpt, trained: Path, text: Path) -> None:
    result = gpt("export", "--run", trained, "--out", "new/folder")
    assert result.status == 0, result
    saved = load_run(str(trained))
    tokens = saved.tokenizer.encode("Take one down\n")
    expected = saved.model.logits(tokens[None]).data
    ours = GPT.from_pretrained("new/folder")
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(ours.logits(tokens[None]).data, expected, **close)
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    theirs = transformers.AutoModelForCausalLM.from_pretrained("new/folder")
    logits = theirs(torch.tensor(tokens[None])).logits.detach().numpy()
    np.testing.assert_allclose(logits, expected, **close)
    tokenizer = transformers.AutoTokenizer.from_pretrained("new/folder")
    assert tokenizer("Take one down\n").input_ids == tokens.tolist()
    argv = ["--init-from", "new/folder", "--data", text, "--max-steps=1"]
    assert gpt("train", *argv, "--out=again").status == 0


def test_transformers_stops_what_is_exported_where_we_do(
    gpt: Gpt, published: Path, trained: Path, tune: list[str]
) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary = {letter: byte for byte, letter in LETTERS.items()} | {END: 256}
    (published / "tokenizer.json").unlink()
    (published / "vocab.json").write_text(json.dumps(vocabulary))
    (published / "merges.txt").write_text("#version: 0.2\n")
    assert gpt(*tune, "--max-steps=1", "--out=tuned").status == 0
    for run, end in (("tuned", 256), (trained, None)):
        out = f"{run}-out"
        assert gpt("export", "--run", run, "--out", out).status == 0
        theirs = transformers.AutoModelForCausalLM.from_pretrained(out)
        assert theirs.generation_config.eos_token_id == end
        assert theirs.generation_config.bos_token_id == end


def test_an_export_overwrites_nothing(gpt: Gpt, trained: Path, work: Path) -> None:
    assert "--out" in gpt("export", "--run", trained).error
    assert "holds files" in gpt("export", "--run", trained, "--out", trained).error
    assert "nowhere" in gpt("export", "--run", "nowhere", "--out", "new").error
    assert not Path("new").exists()

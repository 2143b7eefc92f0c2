"""What the benchmarks count and decide. Nothing is timed here."""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from gpt import GPT, GPTConfig
from tests.benchmarks import __main__ as command
from tests.benchmarks import counts, libraries, operations, process, quick, toys
from tests.benchmarks.ours import STEPS
from tests.benchmarks.programs import PROGRAMS

sizes = st.integers(1, 12)


@given(st.integers(0, 40))
def test_causal_pairs_are_what_the_mask_leaves(T: int) -> None:
    assert counts.causal_pairs(T) == np.tri(T).sum()


@given(L=sizes, C=sizes, V=sizes, B=sizes, T=sizes)
def test_operations_are_six_a_weight_and_token_beside_attention(
    L: int, C: int, V: int, B: int, T: int
) -> None:
    model = GPT(GPTConfig(T, V, L, 1, C, bias=False))
    # the table of positions is in no product, that of tokens is the head's
    matrices = sum(p.size for p in model.parameters() if p.ndim == 2) - T * C
    shape = dict(n_layer=L, n_embd=C, vocab_size=V, batch=B, block_size=T)
    attention = 12 * C * L * B * np.tri(T).sum()
    assert counts.gpt_flops(shape) == 6 * matrices * B * T + attention


def test_a_matrix_product_has_the_whole_rate() -> None:
    operations = 2 * counts.PRODUCT**3
    assert counts.share_of_rate(operations, step=0.5, product=0.5) == 1.0
    assert counts.share_of_rate(operations, step=2.0, product=0.5) == 0.25


@given(st.floats(-3, 3), st.floats(0.01, 100))
def test_the_exponent_of_a_power_law(power: float, factor: float) -> None:
    values = [factor * x**power for x in (128, 256, 512, 2048)]
    assert math.isclose(
        counts.exponent([128, 256, 512, 2048], values), power, abs_tol=1e-9
    )


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_the_slopes_of_a_line(slope: float, start: float) -> None:
    values = [start + slope * x for x in (2, 4, 8)]
    assert np.allclose(counts.slopes([2, 4, 8], values), slope)


def test_programs_have_steps_and_the_rows_their_operations() -> None:
    assert {program.kind for program in PROGRAMS.values()} == set(STEPS)
    assert counts.flops("op") is None
    assert counts.flops("write-small") is None
    assert counts.flops("small") == counts.flops("small-numpy")


def test_both_sides_take_the_same_steps() -> None:
    pytest.importorskip("torch")
    from tests.benchmarks import peer

    assert peer.STEPS.keys() == STEPS.keys()


@pytest.mark.parametrize("name", toys.TOYS)
def test_toys_learn(name: str) -> None:
    libraries = [toys.ours, *[toys.peer] * (find_spec("torch") is not None)]
    for library in libraries:
        step = toys.toy_step(library, name)
        first, *_, last = (step() for _ in range(30))
        assert last < first


def test_the_peer_trains_on_the_same_tokens(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from nn.text import default_corpus
    from nn.token_file import TokenFile, survey
    from nn.tokenizers import make_tokenizer
    from tests.benchmarks.peer_train import default_tokens

    text = [default_corpus()]
    tokenizer = make_tokenizer("char", survey(text).vocabulary)
    tokens = TokenFile.write(tmp_path / "tokens", text, tokenizer)
    theirs, vocab_size = default_tokens()
    split = len(theirs) * 9 // 10
    assert vocab_size == tokenizer.vocab_size
    assert np.array_equal(theirs[:split].numpy(), tokens.train)
    assert np.array_equal(theirs[split:].numpy(), tokens.held_out)


# --- names and options


def test_no_names_are_all_tables_and_names_their_rows() -> None:
    everything = command.chosen([])
    assert list(everything) == list(command.TABLES)
    assert all(everything[key] == t.titles for key, t in command.TABLES.items())
    assert command.chosen(["hvp"]) == {"hvp": command.TABLES["hvp"].titles}
    some = command.chosen(["small", "op", "write-small"])
    assert {key: list(rows) for key, rows in some.items()} == {
        "training": ["op", "small"],
        "writing": ["write-small"],
    }


def test_rows_and_tables_have_names_of_their_own() -> None:
    names = [*command.TABLES, *(n for t in command.TABLES.values() for n in t.titles)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["smal"], "no table or row is called smal"),
        (["--quick", "small"], "leave the names out"),
        (["--rounds", "0"], "0 should be a number above 0"),
        (["--seconds", "inf"], "inf should be a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        command.parse(argv)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


# --- the quick form


def test_bounds_are_of_rows_that_exist() -> None:
    assert set(quick.BOUNDS) <= set(command.chosen([])["training"]) | {"write-small"}


def test_a_ratio_below_its_bound_twice_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = quick.verdict(["op", "small"], lambda name: [0.6, 0.6, 9.0])
    assert status == 1
    assert "too slow: op has 0.60" in capsys.readouterr().out


def test_a_ratio_below_its_bound_once_is_noise() -> None:
    found = iter([[0.1], [1.5]])
    assert quick.verdict(["op"], lambda name: next(found)) == 0


def test_without_pytorch_nothing_is_held_against_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert quick.check() == 0
    assert "torch is not installed" in capsys.readouterr().out


# --- whole processes


def test_what_a_run_logged() -> None:
    log = [
        {"step": 1, "seconds": 1.0},
        {"step": 2, "seconds": 1.5},
        {"step": 3, "seconds": 4.0, "val_loss": 2.5},
    ]
    assert process.logged(log) == (3, 4.0, 1.0, 2.5)


def test_the_same_seconds_are_the_fastest_sides() -> None:
    run = process.Run(9.0, 1.0, steps=100, training=2.0, step=0.02, loss=1.0)
    runs = {"tensorgrad": run, "torch": run._replace(training=4.0, step=0.04)}
    assert process.same_seconds(runs, None) == {"tensorgrad": 100, "torch": 50}
    assert process.same_seconds(runs, 1.0) == {"tensorgrad": 50, "torch": 25}


@pytest.mark.parametrize("library", ["autograd", "mygrad", "tinygrad"])
def test_other_libraries_take_the_same_steps(library: str) -> None:
    pytest.importorskip(library)
    try:
        step = libraries.build(library, "mlp")
        losses = [step() for _ in range(3)]
    except RuntimeError as error:  # tinygrad without a compiler
        pytest.skip(str(error))
    points, labels = libraries.points_and_labels()
    weights = [tg.Tensor(w, requires_grad=True) for w in libraries.first_weights()]
    for loss in losses:
        ours = ((libraries.network(points, weights, tg.tanh) - labels) ** 2).mean()
        assert loss == pytest.approx(ours.item(), rel=1e-5)
        for w, g in zip(weights, tg.grad(ours, weights), strict=True):
            with tg.no_grad():
                w -= libraries.RATE * g


@pytest.mark.parametrize("name", operations.OPERATIONS)
def test_both_sides_differentiate_the_same_ops(name: str) -> None:
    pytest.importorskip("torch")
    key = operations.key(name, 4)
    ours, theirs = (operations.build(side, key)() for side in ("tensorgrad", "torch"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.data, other, rtol=1e-4, atol=1e-5)

"""The recipes in docs/examples: each runs, draws, and shows what it claims."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorgrad.functional import grad

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PARTS = (  # imported by recipes, and none
    "common",
    "language_names",
    "looking",
    "masked_pictures",
    "two_sided",
    "written_dates",
)
RECIPES = sorted({path.stem for path in EXAMPLES.glob("*.py")} - {*PARTS})
NEEDS = {  # beside matplotlib, which all of them need
    "digits": ("sklearn",),
    "masked_words": ("babel", "tokenizers"),
    "translate": ("babel", "tokenizers", "sacrebleu"),
    "translate_dates": ("babel",),
}
EXTRAS = {
    "matplotlib": "viz",
    "sklearn": "examples",
    "babel": "examples",
    "tokenizers": "text",
    "sacrebleu": "text",
}


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    def numbers(self, label: str) -> list[float]:
        """Those in the last line that begins with a label."""
        *_, line = re.findall(rf"^ *{re.escape(label)}(.*)$", self.out, re.MULTILINE)
        return [float(n) for n in re.findall(r"\d+\.?\d*(?:e-\d+)?", line)]


def run(name: str, *argv: str) -> Result:
    """`python docs/examples/NAME.py ...`, in this process and the current folder."""
    for package in ("matplotlib", *NEEDS.get(name, ())):
        if sys.modules.get(package, package) is not None:  # None: a test hides it
            pytest.importorskip(package)
    out, err, path = StringIO(), StringIO(), str(EXAMPLES / f"{name}.py")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.syspath_prepend(str(EXAMPLES))
        patch.setattr(sys, "argv", [path, *argv])
        for part in PARTS:  # each run imports its own, as a process would
            patch.delitem(sys.modules, part, raising=False)
        with redirect_stderr(err), pytest.raises(SystemExit) as leaving:
            runpy.run_path(path, run_name="__main__")
    return Result(int(leaving.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Result]:
    """What a recipe printed in its quick form, and where; each runs once."""
    folder, done = tmp_path_factory.mktemp("examples"), dict[str, Result]()

    def result(name: str) -> Result:
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                done[name] = run(name, "--quick")
                assert (folder / f"runs/{name}-1/config.json").is_file()
                picture = folder / f"runs/{name}-1/{name}.png"
                assert picture.read_bytes().startswith(b"\x89PNG")
        return done[name]

    return result


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


every_recipe = pytest.mark.parametrize("name", RECIPES)


@every_recipe
def test_a_recipe_runs_and_names_its_picture(name: str, quick: Any) -> None:
    done = quick(name)
    assert (done.status, done.err) == (0, "")
    assert f"runs/{name}-1/{name}.png shows" in done.out


@every_recipe
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(
    name: str, elsewhere: Path
) -> None:
    for argv in (["--seed=-1"], ["--quik"], ["--out", __file__]):
        done = run(name, *argv)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
    assert not list(elsewhere.iterdir())


@every_recipe
def test_help_explains_the_options(name: str, elsewhere: Path) -> None:
    done = run(name, "--help")
    assert done.status == 0
    for part in (f"docs/examples/{name}.py", "--quick", "--out DIR", "--seed"):
        assert part in done.out


@every_recipe
def test_the_index_has_every_recipe(name: str) -> None:
    assert f"[{name}.py]({name}.py)" in (EXAMPLES / "README.md").read_text()


@every_recipe
def test_a_missing_package_is_named_before_anything_is_done(
    name: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, extra in EXTRAS.items():
        if package != "matplotlib" and package not in NEEDS.get(name, ()):
            continue
        with monkeypatch.context() as patch:
            for module in list(sys.modules):
                if module.partition(".")[0] == package:
                    patch.delitem(sys.modules, module)
            patch.setitem(sys.modules, package, None)
            done = run(name, "--quick")
        assert done.status == 2
        assert extra in done.err
        assert not list(elsewhere.iterdir())


def test_a_folder_that_holds_a_run_is_left_alone(elsewhere: Path) -> None:
    assert run("moons", "--quick", "--out", "mine").status == 0
    before = Path("mine/moons.png").stat().st_mtime_ns
    done = run("moons", "--quick", "--out", "mine")
    assert done.status == 2
    assert "another run" in done.err
    assert Path("mine/moons.png").stat().st_mtime_ns == before


def test_a_recipe_is_a_program_that_finds_what_it_shares(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "moons.py", "--seed=-1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "error: seed must be 0 or more; got -1\n"


# --- what the recipes claim


def test_moons_come_apart(quick: Any) -> None:
    trained, _, new, *_ = quick("moons").numbers("On the right side:")
    assert trained > 80
    assert new > 80


def test_a_fit_is_above_the_noise_floor_and_below_the_spread(quick: Any) -> None:
    [floor] = quick("fit_curve").numbers("noise floor")
    [error] = quick("fit_curve").numbers("fit, on 10,000")
    assert floor < error < 0.3


def test_the_slope_that_the_fit_is_compared_with_is_the_curves() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        curve = runpy.run_path(str(EXAMPLES / "fit_curve.py"))
    x = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(
        curve["slope"](x), grad(lambda x: curve["height"](x).sum())(x)
    )


def test_digits_are_read_better_by_convolutions(quick: Any) -> None:
    plain, _ = quick("digits").numbers("MLP ")
    convolutions, _ = quick("digits").numbers("convolutions ")
    assert 60 < plain < convolutions


def test_identical_heads_stay_one_head_and_others_do_not(quick: Any) -> None:
    done = quick("do_heads_converge")
    apart, shown, loss = done.numbers("identical       ")
    assert shown == 0
    assert loss == pytest.approx(0.5, abs=0.02)
    if apart:  # a BLAS that rounds equal columns differently
        assert apart < 1e-4
        assert "Identical heads came apart" in done.out
    else:
        assert "equal to the last bit" in done.out
    for start in ("only W_O apart ", "random "):
        apart, shown, _, loss = done.numbers(start)
        assert apart > 0.1
        assert shown > 80
        assert loss < 0.1
    moved, *_ = done.numbers("moved by 1e-6 ")
    assert moved > 1e-6


def test_words_and_languages_are_compared_with_what_bounds_them(quick: Any) -> None:
    done = quick("masked_words")
    everywhere, at_mask, loss = done.numbers("most frequent token ")
    assert everywhere < 5
    near = done.numbers("counts, 1 each side")
    far = done.numbers("counts, 3 each side")
    *_, learning = done.numbers("BERT ")
    assert everywhere < 20 < near[0] < far[0]
    assert at_mask < 20 < near[1] < far[1]
    assert loss > near[2] > far[2]
    assert learning < np.log(1029)  # all tokens alike
    [share] = done.numbers("language. Nobody can know in which")
    best, unshared = done.numbers("best possible ")
    assert unshared == 100
    # of a shared name's uses one at most is right, and half at most of all of them
    assert 100 - share < best <= 100 - share / 2
    for name in ("most frequent one ", "pre-trained ", "from scratch "):
        accuracy, _ = done.numbers(name)
        assert accuracy <= best
    assert "runs/masked_words-1/languages.png shows" in done.out

"""Profiles: what is counted, that nothing else changes, and that it ends."""

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tensorgrad.functional import checkpoint
from tensorgrad.graph import Node
from tensorgrad.op import Op
from tensorgrad.profiling import Profile, Row
from tensorgrad.testing.programs import Program, programs
from tests.tensorgrad.checks import vector


def leaf(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


def found_by(run: Callable[[], Any]) -> dict[str, Row]:
    with tg.profile(quiet=True) as found:
        run()
    return {row.name: row for row in found.rows}


def calls(found: Profile) -> Counter[str]:
    return Counter({row.name: row.calls for row in found.rows if row.calls})


# --- what is counted


FORWARD = {tg.exp.__code__, tg.multiply.__code__, tg.sum.__code__}
BACKWARD = {Op.backward.__code__, Op.recorded_backward.__code__}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """The outermost calls of ops and of their derivatives, as the interpreter has them.

    An error inside one would leave `depth` behind: the programs make none.
    """
    seen, depth = Counter[str](), 0

    def watch(frame: Any, event: str, _: Any) -> None:
        nonlocal depth
        backward = frame.f_code in BACKWARD
        if not backward and frame.f_code not in FORWARD:
            return
        if event == "call":
            if not depth:
                op = frame.f_locals["self" if backward else "op"]
                seen[f"{op.name} backward" if backward else op.name] += 1
            depth += 1
        elif event == "return":
            depth -= 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(before)


@given(programs())
def test_every_call_is_counted_once(program: Program) -> None:
    with counted() as expected:
        program.gradients()
    with tg.profile(quiet=True) as found:
        program.gradients()
    assert calls(found) == expected


@given(programs())
def test_results_are_the_same_bit_for_bit(program: Program) -> None:
    expected = program.gradients()
    with tg.profile(quiet=True):
        gradients = program.gradients()
    for name, g in expected.items():
        assert g.tobytes() == gradients[name].tobytes()


@given(programs())
def test_rows_add_up(program: Program) -> None:
    with tg.profile(quiet=True) as found:
        program.gradients()
    assert all(row.seconds >= 0 for row in found.rows)
    assert sum(row.seconds for row in found.rows) == pytest.approx(found.wall)
    assert found.total == found.wall
    *ops, outside, profiling = found.rows
    assert (outside.name, profiling.name) == ("outside ops", "profiling")
    assert ops == sorted(ops, key=lambda row: -row.seconds)
    assert found.peak <= sum(row.kept for row in ops)


def test_what_an_op_calls_inside_is_its_own() -> None:
    x = leaf(3, 4)

    def twice() -> None:
        (gx,) = grad(tg.layer_norm(x).sum(), [x], create_graph=True)
        (gx * gx).sum().backward()

    rows = found_by(twice)
    assert rows["layer_norm"].calls == rows["layer_norm backward"].calls == 1
    assert rows["multiply"].calls == 1  # those of the definition were layer_norm's
    assert rows["multiply backward"].calls > 1  # the second pass walks through them


def test_a_checkpoint_runs_its_ops_again_and_keeps_its_input() -> None:
    x = leaf(100)

    def run() -> None:
        checkpoint(lambda y: tg.exp(tg.sin(y + 1)), 2 * x).sum().backward()

    rows = found_by(run)
    assert rows["sin"].calls == rows["exp"].calls == 2
    assert rows["sin backward"].calls == rows["exp backward"].calls == 1
    assert rows["checkpoint"].kept == 800


def test_anomaly_mode_finds_its_line() -> None:
    def divide() -> None:
        with tg.detect_anomaly(), np.errstate(divide="ignore"):
            _ = 1.0 / vector(0.0, 1.0)

    with pytest.raises(tg.errors.AnomalyError, match=r"test_profile\.py:.*1\.0 / vec"):
        found_by(divide)


# --- bytes


def test_bytes_of_what_is_made_and_kept() -> None:
    x = leaf(50, 20)  # 8000 bytes, and a leaf: not counted
    rows = found_by(lambda: tg.exp(tg.sin(x).T).sum().backward())
    assert rows["sin"].made == rows["exp"].made == 8000
    assert (rows["sin"].kept, rows["exp"].kept) == (0, 8000)
    assert rows["transpose"].made == rows["transpose"].touched == 0
    assert rows["sin"].touched == rows["exp"].touched == 16000
    assert rows["exp backward"].touched == 24000  # g and out, to the gradient


def test_the_peak_is_of_what_is_kept_at_once() -> None:
    x = leaf(1000)
    with tg.profile(quiet=True) as found:
        for _ in range(3):
            tg.exp(tg.exp(x)).sum().backward()
    assert found.peak == 16_000
    assert sum(row.kept for row in found.rows) == 48_000


def test_elements_that_are_not_looked_at_are_not_touched() -> None:
    table = leaf(1000, 8)
    rows = found_by(lambda: tg.embedding(table, np.array([1, 2])))
    assert rows["embedding"].touched == 2 * 2 * 8 * 8


# --- flops


def flops(run: Callable[[], Tensor]) -> dict[str, int]:
    rows = found_by(lambda: run().sum().backward())
    return {name: row.flops for name, row in rows.items() if row.flops}


def test_flops_of_linear_and_matmul() -> None:
    x, weight, bias = leaf(2, 5, 7), leaf(3, 7), leaf(3)
    one = 2 * (2 * 5) * 7 * 3
    both = {"linear": one, "linear backward": 2 * one}
    assert flops(lambda: tg.linear(x, weight, bias)) == both
    half = {"linear": one, "linear backward": one}
    assert flops(lambda: tg.linear(x.data, weight)) == half
    both = {"matmul": one, "matmul backward": 2 * one}
    assert flops(lambda: x @ weight.T) == both
    column = leaf(7)
    both = {"matmul": 2 * 70, "matmul backward": 2 * 2 * 70}
    assert flops(lambda: x @ column) == both


def test_flops_of_contractions() -> None:
    x, y, z = leaf(2, 3), leaf(3, 5), leaf(5, 7)
    two = flops(lambda: tg.einsum("ij,jk->ik", x, y))
    assert two == {"contract": 2 * 30, "contract backward": 2 * 2 * 30}
    three = flops(lambda: tg.einsum("ij,jk,kl->il", x, y, z))
    assert three["contract"] == 2 * 3 * 5 * 7 + 2 * 2 * 3 * 7  # NumPy has y z first
    assert flops(lambda: tg.einsum("ij->j", x)) == {}
    dots = flops(lambda: tg.tensordot(x, y, axes=1))
    assert dots == {"matmul": 60, "matmul backward": 120}


@pytest.mark.parametrize(
    ("causal", "T", "S", "pairs"),
    [(False, 4, 6, 24), (True, 4, 4, 10), (True, 2, 4, 3 + 4), (True, 3, 2, 0 + 1 + 2)],
)
def test_flops_of_attention(causal: bool, T: int, S: int, pairs: int) -> None:
    B, H, D, E = 2, 3, 5, 7
    q, k, v = leaf(B, H, T, D), leaf(B, H, S, D), leaf(B, H, S, E)
    found = flops(lambda: tg.attention(q, k, v, causal=causal))
    scores, mixed = [2 * B * H * pairs * n for n in (D, E)]
    assert found == {
        "attention": scores + mixed,
        "attention backward": 3 * scores + 2 * mixed,
    }


def test_flops_of_a_convolution_are_its_product() -> None:
    image, weight = leaf(2, 3, 6, 6), leaf(4, 3, 3, 3)
    found = flops(lambda: tg.conv2d(image, weight))
    product = 2 * 2 * 4 * 16 * 27
    assert found == {"conv2d": product, "conv2d backward": 2 * product}


# --- nothing is left behind


def places() -> list[Any]:
    """What a profile exchanges."""
    found = [Op.backward, Op.recorded_backward, Node.__init__]
    for op in REGISTRY.values():
        found.append(op.forward)
        found += [cell.cell_contents for cell in op.call.__closure__]  # type: ignore[attr-defined]
    return found


def test_everything_is_restored_after_an_exception_too() -> None:
    before = places()
    with tg.profile(quiet=True):
        assert places() != before
    assert places() == before
    out = io.StringIO()
    with pytest.raises(tg.errors.ShapeError, match="matmul"), tg.profile(file=out):
        _ = leaf(2, 3) @ leaf(2, 3)
    assert places() == before
    assert out.getvalue() == ""
    assert found_by(lambda: tg.exp(leaf(3)))["exp"].calls == 1


def test_an_op_that_raises_is_over() -> None:
    def run() -> None:
        with pytest.raises(tg.errors.ShapeError):
            tg.matmul(leaf(2, 3), leaf(2, 3))
        tg.exp(leaf(3))

    rows = found_by(run)
    assert "matmul" not in rows
    assert rows["exp"].calls == 1


def test_profiles_nest() -> None:
    x = leaf(3)
    with tg.profile(quiet=True) as outer:
        tg.exp(x)
        with tg.profile(quiet=True) as inner:
            tg.exp(x)
            tg.sin(x)
        tg.cos(x)
    assert calls(outer) == {"exp": 2, "sin": 1, "cos": 1}
    assert calls(inner) == {"exp": 1, "sin": 1}


def test_threads_are_summed() -> None:
    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        x = Tensor(rng.normal(size=(40, 30)), requires_grad=True)
        for _ in range(50):
            grad(tg.linear(tg.exp(x), x).sum(), x)

    with tg.profile(quiet=True) as found:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(8)))
        work(8)
    names = ("exp", "linear", "sum")
    expected = {f"{name}{end}": 450 for name in names for end in ("", " backward")}
    assert calls(found) == expected
    rows = {row.name: row for row in found.rows}
    assert rows["linear"].flops == 450 * 2 * 40 * 40 * 30
    assert 1 < found.threads <= 5
    assert sum(row.seconds for row in found.rows) == pytest.approx(found.total)
    assert found.total > found.wall
    assert rows["outside ops"].seconds >= 0
    assert f"summed over {found.threads} threads" in str(found)


# --- what is printed


def test_the_table_goes_where_it_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    out, x = io.StringIO(), leaf(3, 3)
    with tg.profile(file=out, rows=1) as found:
        (x @ x).sum().backward()
    assert capsys.readouterr().out == ""
    assert out.getvalue() == f"{found}\n"
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 100
    first = [line.split("  ")[0] for line in lines[3:]]
    assert first[2:] == ["3 more", "outside ops", "profiling", "total"]
    with tg.profile():
        pass
    assert capsys.readouterr().out.splitlines()[-1].startswith("total")

"""Who may import whom, what `import tensorgrad` needs, and what no file may do."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "tensorgrad": {"tensorgrad"},
    "nn": {"nn", "tensorgrad"},
    "gpt": {"gpt", "nn", "tensorgrad"},
}
SOURCES = sorted(
    path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py")
)
RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}

every_source = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(level, module) of every import, at the top of the file or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@every_source
def test_imports_go_one_way(path: Path) -> None:
    inside = path.relative_to(ROOT).parts
    package, depth = inside[0], len(inside) - 1
    for level, module in imports(parse(path)):
        assert level <= depth, f"line reaches out of {package}: {'.' * level}{module}"
        top = module.partition(".")[0]
        if level or top not in {*MAY_IMPORT, "tests", "docs"}:
            continue
        assert top in MAY_IMPORT[package], f"{package} imports {module}"
        assert top != package, f"inside {package}, {module} is imported by a full name"


@every_source
def test_nothing_runs_code_from_data(path: Path) -> None:
    tree = parse(path)
    for _, module in imports(tree):
        assert module.partition(".")[0] not in RUNS_CODE, f"imports {module}"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name):
            assert call.func.id not in {"eval", "exec"}, f"line {call.lineno}"
        for keyword in call.keywords:
            refused = (
                isinstance(keyword.value, ast.Constant) and not keyword.value.value
            )
            assert keyword.arg != "allow_pickle" or refused, f"line {call.lineno}"


def run(code: str) -> None:
    """Run code in a fresh interpreter that finds the packages in this checkout."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_import_tensorgrad_loads_numpy_and_nothing_else() -> None:
    run("""if True:
        import sys
        import numpy.random  # which NumPy itself loads late
        before = set(sys.modules)
        import tensorgrad
        loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
        extra = loaded - {"numpy", "tensorgrad"} - sys.stdlib_module_names
        assert not extra, f"import tensorgrad loaded {sorted(extra)}"
    """)


def test_tensorgrad_works_where_only_numpy_is_installed() -> None:
    run("""if True:
        import sys
        import numpy as np

        class OnlyNumpy:
            def find_spec(self, name, path=None, target=None):
                allowed = {"numpy", "tensorgrad"} | sys.stdlib_module_names
                if name.partition(".")[0] not in allowed:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, OnlyNumpy())
        import tensorgrad
        x = tensorgrad.Tensor([1.0, -2.0, 3.0], requires_grad=True)
        (x * x).sum().backward()
        assert np.array_equal(x.grad.numpy(), [2.0, -4.0, 6.0])
    """)

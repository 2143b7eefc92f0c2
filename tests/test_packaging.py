"""An install brings tensorgrad, nn and gpt, whole, and never tests or docs."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tensorgrad", "nn", "gpt")
# What the interactive pages are built from; an install brings what was built.
UNBUILT = ("src", "build.mjs", "package.json", "package-lock.json")
NEEDED = [name for name in ("pip", "setuptools") if find_spec(name) is None]

pytestmark = pytest.mark.skipif(
    bool(NEEDED), reason=f"building needs {' and '.join(NEEDED)}, not installed here"
)

CHECK = """
import importlib, importlib.util, pathlib, sys
where = pathlib.Path(sys.argv[1])
for name in ("tensorgrad", "nn", "gpt"):
    file = pathlib.Path(importlib.import_module(name).__file__)
    assert where in file.parents, f"{name} came from {file}, not from {where}"
for name in ("tests", "docs"):
    assert importlib.util.find_spec(name) is None, f"{name} can be imported"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy, since a build leaves files behind, whose tests and docs are packages."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("tests", "docs"):
        (copy / name).mkdir()
        (copy / name / "__init__.py").touch()
    return copy


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An environment that sees this one's packages, but not through its .pth files.

    So this checkout, if it is installed here as editable, stays out of sight.
    """
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run(
        [python, "-c", ask], capture_output=True, text=True, check=True
    )
    shared = [
        path for path in sys.path if path.endswith(("site-packages", "dist-packages"))
    ]
    Path(site.stdout.strip(), "shared.pth").write_text("\n".join(shared))
    return python


def run(*command: str | Path, cwd: Path) -> None:
    kept = {
        name: at for name, at in os.environ.items() if not name.startswith("PYTHON")
    }
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def pip(python: Path, verb: str, *rest: str | Path, cwd: Path) -> None:
    offline = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(python, "-m", "pip", verb, "--quiet", *offline, *rest, cwd=cwd)


def check(python: Path, installed_at: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    run(python, "-I", "-c", CHECK, installed_at, cwd=empty)


def test_wheel_holds_the_three_packages_whole_and_works(
    checkout: Path, python: Path, tmp_path: Path
) -> None:
    pip(python, "wheel", "--wheel-dir", tmp_path, checkout, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    metadata = {name for name in names if name.startswith("tensorgrad-")}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in metadata)
    assert {name.split("/")[0].rpartition(".")[2] for name in metadata} == {"dist-info"}
    sources = {
        path.relative_to(checkout).as_posix()
        for package in PACKAGES
        for path in (checkout / package).rglob("*")
        if path.is_file() and not {"__pycache__", *UNBUILT}.intersection(path.parts)
    }
    assert set(names) - metadata == sources

    pip(python, "install", wheel, cwd=tmp_path)
    check(python, tmp_path / "venv", tmp_path)


def test_editable_install_shows_the_three_packages_alone(
    checkout: Path, python: Path, tmp_path: Path
) -> None:
    pip(python, "install", "--editable", checkout, cwd=tmp_path)
    check(python, checkout, tmp_path)

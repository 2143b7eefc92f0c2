"""What docs/how-to/to-and-from-pytorch.md reads is what PyTorch's side writes."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.commands import ROOT

FOLDER = ROOT / "docs" / "how-to"


def test_the_file_is_what_its_program_writes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    program = runpy.run_path(str(FOLDER / "pytorch_side.py"))
    program["write"](str(tmp_path / "again.safetensors"))
    again = load_file(tmp_path / "again.safetensors")
    kept = load_file(FOLDER / "from_pytorch.safetensors")
    assert again.keys() == kept.keys()
    for name, array in kept.items():  # float64, sums in another order
        np.testing.assert_allclose(again[name], array, rtol=1e-9, atol=1e-12)

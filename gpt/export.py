"""`python -m gpt export`: a run as a folder of published weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nn import cli, runs
from nn.text import reason, write_text
from nn.tokenizer import Tokenizer
from tensorgrad.errors import CheckpointError, ConfigError

from .saved import load_run

PROGRAM = "python -m gpt export"
GENERATION = "generation_config.json"


@dataclass(frozen=True)
class ExportOptions:
    """Write a trained GPT as a folder that transformers loads, tokenizer included.

    `GPT.from_pretrained` and `--init-from` read it too.
    """

    run: cli.Folder = None
    """The run folder; None: the newest run under runs/."""
    out: cli.Folder = None
    """The folder to write, a new or an empty one."""
    best: bool = False
    """Use the weights of the lowest validation loss (train with --keep-best)."""


def export(argv: Sequence[str]) -> None:
    options = cli.parse(ExportOptions, argv, PROGRAM)
    if options.out is None:
        raise ConfigError("name the folder to write with --out")
    folder = Path(options.out)
    runs.check_empty(folder)
    saved = load_run(options.run, options.best)
    made = not folder.exists()
    try:
        saved.tokenizer.save_pretrained(folder)
        saved.model.save_pretrained(folder)
        save_ends(folder, saved.tokenizer)
    except BaseException:
        if made:  # half a model is of no use
            shutil.rmtree(folder, ignore_errors=True)
        raise
    print(
        f"{folder} holds {saved.folder} at step {saved.step:,}:\n"
        f"  transformers.AutoModelForCausalLM.from_pretrained({str(folder)!r})\n"
        f"  gpt.GPT.from_pretrained({str(folder)!r})"
    )


def save_ends(folder: Path, tokenizer: Tokenizer) -> None:
    """Where transformers' `generate` begins and stops a text: as `sample` does."""
    ends = {"bos_token_id": tokenizer.bos, "eos_token_id": tokenizer.eos}
    try:
        write_text(folder / GENERATION, json.dumps(ends, indent=1) + "\n")
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written: {reason(error)}") from None

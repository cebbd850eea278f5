"""Folders of inverted photos."""

from pathlib import Path

from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import Difference
from latentclr.runs.folders import FolderKind

LATENTS = "latents.safetensors"
TUNING = "tuning.safetensors"
SHEET = "sheet.png"
FIGURES = "figures.json"
LOG = "log.jsonl"
TUNING_STATE = "tuning"
"""Subfolder of the checkpoints of a tuning; those of the search lie beside the record."""
INVERSION = FolderKind("an inversion", FIGURES, checkpoints=("", TUNING_STATE))


def read_inversions(path: Path) -> tuple[Inversion, Difference | None]:
    """Inverted photos, and the tuning of the generator if there is one beside them.

    Args:
        path: the file of latents, or its folder.

    Raises:
        InputError: a file is missing or damaged.
    """
    file = path / LATENTS if path.is_dir() else path
    tuning = file.with_name(TUNING)
    return Inversion.load(file), Difference.load(tuning) if tuning.is_file() else None

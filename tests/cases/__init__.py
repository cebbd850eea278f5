"""Reference cases: small networks with random weights, computed by the original implementations.

Each folder holds the weights under their original names (`state_dict.safetensors`), inputs and expected
outputs (`io.npz`) and how the network was made (`config.json`).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(__file__).parent

TOLERANCE = 2e-5
"""Of the largest reference value. The originals computed in float32, ours is asked for in float64: what is
between them is the originals' rounding, which is written in the files and the same on every machine."""


def expected(case: str) -> dict[str, Tensor]:
    """Inputs and outputs by name, as float64."""
    with np.load(FOLDER / case / "io.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]).double() for name in arrays.files}


def weights(case: str) -> dict[str, Tensor]:
    """The network's tensors by their original names."""
    return load_file(FOLDER / case / "state_dict.safetensors")


def config(case: str) -> dict[str, Any]:
    """How the network was made."""
    found: dict[str, Any] = json.loads((FOLDER / case / "config.json").read_text())
    return found


def assert_equal(found: Tensor, reference: Tensor, what: str = "") -> None:
    """Largest difference within the tolerance; `found` computed in float64."""
    assert found.dtype == torch.float64
    assert found.shape == reference.shape, (what, found.shape, reference.shape)
    error = (found - reference).abs().max() / reference.abs().max()
    assert error <= TOLERANCE, f"{what}: {float(error):.1e} of the largest value"

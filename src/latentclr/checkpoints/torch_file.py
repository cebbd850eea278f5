"""Files written by torch.save, read without running anything that is in them."""

from pathlib import Path

import torch
from torch import Tensor

from latentclr.errors import InputError

NESTS = ("netG_state_dict", "state_dict", "generator", "g_ema", "G_ema", "netG")
"""Keys under which training scripts keep the generator's tensors beside other things."""


def read_torch(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from the top of the file or from the generator's part of it.

    Only torch's restricted reader is used (tensors and plain containers; `weights_only`), never a fallback.

    Raises:
        InputError: the file is not there, is no such file, or holds anything else than tensors.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged or hostile file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} cannot be read as a checkpoint: {reason[0]}") from error
    for nest in NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path} holds no named tensors.")
    if strangers := [str(k) for k, v in content.items() if not (isinstance(k, str) and torch.is_tensor(v))]:
        raise InputError(f"{path} holds entries that are no tensors: {', '.join(strangers[:4])}.")
    return content

"""From a name or a file to a generator."""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

import torch

from latentclr.checkpoints import dcgan
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.torch_file import read_torch
from latentclr.checkpoints.zoo import ZOO, pull
from latentclr.errors import InputError
from latentclr.generators import Generator


def load_generator(
    name_or_path: str | Path,
    *,
    device: str | torch.device = "cpu",
    log: Callable[[str], None] = lambda _: None,
) -> Generator:
    """A pretrained generator, frozen and in evaluation mode.

    Args:
        name_or_path: a name of the zoo ("faces"; fetched when first asked for) or a checkpoint file.
        device: where its weights go.
        log: told in a sentence when something is fetched.

    Raises:
        InputError: no such name or file, or a file that is not understood.
    """
    name = str(name_or_path)
    if name in ZOO:
        path = pull(ZOO[name], log=log)
    elif Path(name_or_path).exists():
        path = Path(name_or_path)
    else:
        near = get_close_matches(name, ZOO, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(
            f"there is no generator {name!r}{hint}: give {', '.join(sorted(ZOO))}, or the path of a "
            "checkpoint file."
        )
    network = Network("torch file", read_torch(path))
    if not dcgan.recognize(network):
        raise InputError(
            f"{path} is of no kind that is known here: its tensors are named "
            f"{', '.join(list(network.tensors)[:4])} ...; known are DCGAN generators."
        )
    try:
        generator = dcgan.build(network)[0].freeze()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    generator.name = name
    try:
        return generator.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"device {str(device)!r} cannot be used: {reason}") from error

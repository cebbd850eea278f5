"""Load a generator from a name or from a checkpoint file of any known kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from latentclr.checkpoints import biggan, biggan_deep, dcgan, progan, stylegan, stylegan2
from latentclr.checkpoints.containers import read_network
from latentclr.checkpoints.names import imported, imported_names
from latentclr.checkpoints.native import is_safetensors, read_native
from latentclr.checkpoints.network import Layout, Network
from latentclr.checkpoints.zoo import ZOO, pull
from latentclr.errors import InputError, did_you_mean
from latentclr.files import read_tensors, tensors_header
from latentclr.generators import Generator

LAYOUTS: tuple[Layout, ...] = (
    *stylegan2.LAYOUTS,
    *stylegan.LAYOUTS,
    *biggan_deep.LAYOUTS,
    *biggan.LAYOUTS,
    *dcgan.LAYOUTS,
    *progan.LAYOUTS,
)
"""Every published layout, in the order in which they are tried."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that was understood.

    Attributes:
        generator: frozen, on the CPU.
        container: kind of the file ("NVIDIA PyTorch pickle").
        layout: architecture and origin of the names ("StyleGAN2 (rosinality)").
        ignored: tensors of the file without use.
        notes: what the file says about its training.
    """

    generator: Generator
    container: str
    layout: str
    ignored: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def load_generator(
    name_or_path: str | Path,
    *,
    device: str | torch.device = "cpu",
    log: Callable[[str], None] = lambda _: None,
) -> Generator:
    """A pretrained generator, frozen and in evaluation mode.

    Args:
        name_or_path: a name of the zoo ("scenes", "faces"; most are fetched when first asked for), a name
            that was given to an imported file, or a checkpoint file of any known kind (see
            docs/checkpoints.md).
        device: where its weights go.
        log: called with a sentence when something is fetched.

    Raises:
        UnsafeFileError: the file asks for something that no checkpoint needs.
        InputError: there is no such name or file, or the file is not understood.
    """
    name = str(name_or_path)
    entry = ZOO.get(name)
    if entry is not None:
        path = pull(entry, log=log)
    elif name in imported_names():
        path = imported(name)
    elif Path(name_or_path).exists():
        path = Path(name_or_path)
    else:
        known = [*ZOO, *imported_names()]
        hint = did_you_mean(name, known)
        raise InputError(
            f"there is no generator {name!r}{hint}: give a name of `latentclr generators list`, or the path "
            "of a checkpoint file."
        )
    generator = read_checkpoint(path).generator
    if entry is not None and entry.height is not None:
        generator = cropped(generator, entry.height)
    if entry is not None and entry.label is not None:
        generator = generator.for_class(entry.label)
    generator.name = name
    try:
        return generator.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"device {str(device)!r} cannot be used: {reason}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file of any known kind, which is recognised by its content, not by its name.

    Nothing in the file is run, whatever it holds.

    Raises:
        UnsafeFileError: the file asks for something that no checkpoint needs.
        InputError: there is no such file, it is damaged, or of no known kind; the message says which kind it
            seems to be.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}.")
    with path.open("rb") as file:
        start = file.read(9)
    if is_safetensors(start) and tensors_header(path) is not None:
        generator, notes = read_native(path)
        return Checkpoint(generator, "safetensors", "latentclr", notes=notes)
    try:
        if is_safetensors(start):
            network = Network("safetensors", read_tensors(path, kind="a checkpoint", foreign=True)[0])
        else:
            network = read_network(path)
        return _understood(biggan_deep.with_config(network, path))
    except InputError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def cropped(generator: Generator, height: int) -> Generator:
    """A generator of the same weights whose pictures are cut to fewer rows.

    Args:
        generator: one whose settings have a height.
        height: number of rows in the middle of the pictures that are kept.

    Raises:
        InputError: the generator cannot cut its pictures, or they have fewer rows.
    """
    settings = generator.settings()
    if "height" not in settings:
        raise InputError(f"pictures of a {type(generator).__name__} cannot be cut to a height.")
    if not 0 < height <= settings["resolution"]:
        raise InputError(f"height={height}: give 1 to {settings['resolution']} rows.")
    with torch.device("meta"):
        again = type(generator)(**{**settings, "height": height})
    again.load_state_dict(generator.state_dict(), assign=True)
    return again.freeze().view(name=generator.name)


def _understood(network: Network) -> Checkpoint:
    for layout in LAYOUTS:
        if layout.recognize(network):
            generator, ignored = layout.build(network)
            return Checkpoint(
                generator.freeze(), network.container, layout.name, tuple(ignored), network.notes
            )
    families = ", ".join(sorted({layout.name.split(" (")[0] for layout in LAYOUTS}))
    raise InputError(
        f"it is of no kind that is known here: its tensors are named {', '.join(list(network.tensors)[:4])} "
        f"...; known are {families} generators (see docs/checkpoints.md)."
    )

"""A StyleGAN2 from its tensors, whatever their names.

Our own names are those of NVIDIA's PyTorch networks. Each other layout is a table from ours to theirs, with
what must be done to a tensor: TensorFlow keeps convolutions as (height, width, in, out), and mirrored where
they upsample; TensorFlow and genforce keep the 1 of a style outside its bias.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.renaming import Source, fill, sizes
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2
from latentclr.generators.stylegan2 import Architecture

Names = Callable[[str], Source]
"""From a name of ours to where it comes from."""

MAX_BLOCKS = 12
"""Resolutions from 4 x 4 to 8192 x 8192."""

AVERAGED = 4096
"""Samples of the mean w, for files that do not hold it (as rosinality's tools take it)."""


@dataclass(frozen=True)
class Layout:
    """How one layout spells what sizes are read from.

    Attributes:
        conv: weight of the last convolution at resolution 4 << i.
        torgb: weight of the toRGB there.
        skip: weight of the shortcut there.
        mapping: weight of mapping layer i.
        embed: weight of the class embedding; None where classes cannot be.
        channels: axis of output channels in `conv`.
        width: axis of outputs in `mapping`.
        names: the table.
        ignored: pattern of the names that are of no use.
    """

    conv: Callable[[int], str]
    torgb: Callable[[int], str]
    skip: Callable[[int], str]
    mapping: Callable[[int], str]
    embed: str | None
    names: Names
    channels: int = 0
    width: int = 0
    dimensions: int = 4
    ignored: str = "$^"


def build_generator(
    tensors: dict[str, Tensor],
    layout: Layout,
    settings: Mapping[str, Any],
) -> tuple[StyleGAN2, list[str]]:
    """The generator whose tensors these are; sizes are read off their shapes.

    Args:
        tensors: by the layout's names, with "resample_filter" added.
        layout: its spelling.
        settings: of the constructor, that tensors do not tell.
    """
    blocks = count_blocks(tensors, layout.conv)
    channels = [sizes(tensors, layout.conv(i), layout.dimensions)[layout.channels] for i in range(blocks)]
    depth = count(tensors, layout.mapping)
    if not depth:
        raise InputError("the checkpoint is no StyleGAN2: it has no mapping network.")
    mapping = [sizes(tensors, layout.mapping(i), 2)[layout.width] for i in range(depth)]
    z_dim = sizes(tensors, layout.mapping(0), 2)[1 - layout.width]
    classes: dict[str, Any] = {}
    if layout.embed in tensors:
        embed_dim, num_classes = sizes(tensors, layout.embed, 2)[:: -1 if layout.width else 1]
        classes = {"num_classes": num_classes, "embed_dim": embed_dim}
        z_dim -= embed_dim
    if z_dim < 1:
        raise InputError("the checkpoint is no StyleGAN2: its mapping network has no room for z.")
    with torch.device("meta"):
        generator = StyleGAN2(
            4 << (blocks - 1),
            channels,
            z_dim=z_dim,
            mapping=mapping,
            architecture=_architecture(tensors, layout, blocks),
            filter_size=len(tensors["resample_filter"]),
            **classes,
            **settings,
        )
    ignored = [name for name in tensors if re.search(layout.ignored, name)]
    fill(generator, tensors, {ours: layout.names(ours) for ours in generator.state_dict()}, ignored=ignored)
    return generator, ignored


def count_blocks(tensors: Mapping[str, Tensor], conv: Callable[[int], str]) -> int:
    """How many resolutions there are.

    Raises:
        InputError: too few or too many for a picture.
    """
    blocks = count(tensors, conv)
    if not 2 <= blocks <= MAX_BLOCKS:
        raise InputError(
            f"the checkpoint is no StyleGAN2: it has convolutions at {blocks} resolutions; expected 2 to "
            f"{MAX_BLOCKS}."
        )
    return blocks


def count(tensors: Mapping[str, Tensor], name: Callable[[int], str]) -> int:
    """How many of name(0), name(1), ... there are."""
    found = 0
    while name(found) in tensors:
        found += 1
    return found


def _architecture(tensors: Mapping[str, Tensor], layout: Layout, blocks: int) -> Architecture:
    pictures = [i for i in range(blocks) if layout.torgb(i) in tensors]
    if pictures == list(range(blocks)):
        return "skip"
    if pictures != [blocks - 1]:
        raise InputError(
            "the checkpoint has toRGB layers at some resolutions only: no StyleGAN2 that is known."
        )
    return "resnet" if layout.skip(1) in tensors else "orig"


def build_with_average(
    tensors: dict[str, Tensor], name: str, layout: Layout, settings: Mapping[str, Any]
) -> tuple[StyleGAN2, list[str]]:
    """`build_generator` for a file that may lack the mean w (an empty tensor): it is taken over samples."""
    missing = tensors[name].numel() == 0
    if missing:
        last = count(tensors, layout.mapping) - 1
        tensors[name] = torch.zeros(sizes(tensors, layout.mapping(last), 2)[layout.width] if last >= 0 else 1)
    generator, ignored = build_generator(tensors, layout, settings)
    if missing and generator.num_classes:
        raise InputError(f"the checkpoint lacks {name}, which a conditional network cannot do without.")
    if missing:
        z = torch.randn(AVERAGED, generator.z_dim, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            generator.mapping.w_avg.copy_(generator.mapping(z, None).mean(0))
    return generator, ignored


def usable_clamp(given: object) -> float | None:
    """The largest magnitude after each layer; None: no limit.

    Raises:
        InputError: it is no positive number.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e30:
        raise InputError(f"conv_clamp={given!r} of the checkpoint is no positive number.")
    return float(given)


def layer_number(part: str) -> int:
    """The number of a convolution: 0 for "synthesis.b4.conv1", 1 for b8.conv0, 2 for b8.conv1, ..."""
    conv = part.split(".")[2]
    return 2 * doublings(part) - 1 + int(conv.removeprefix("conv")) if doublings(part) else 0


def doublings(part: str) -> int:
    """How often 4 was doubled: 0 for "synthesis.b4.conv1", 1 for b8, ..."""
    return int(part.split(".")[1].removeprefix("b")).bit_length() - 3


def first(tensor: Tensor) -> Tensor:
    """Without a leading axis of size 1."""
    return tensor.squeeze(0)


def only_map(tensor: Tensor) -> Tensor:
    """A map without its axes for batch and channel."""
    return tensor.squeeze(0).squeeze(0)


def plus_one(tensor: Tensor) -> Tensor:
    """A style bias with the 1 that this layout adds when it runs."""
    return tensor + 1

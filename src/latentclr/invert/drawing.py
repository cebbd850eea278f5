"""Pictures of latents that may each be of another class."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.generators import BigGANDeep, Generator, Latents

Labels = Sequence[int | None]
"""The class of each picture; None: the generator's own, or there are none."""


def draw(generator: Generator, latents: Latents, labels: Labels | None = None) -> Float[Tensor, "n 3 h w"]:
    """Pictures, with gradients to the latents; each of its class.

    Args:
        generator: of any kind.
        latents: of n pictures.
        labels: n classes; None: every picture is of the generator's own class.

    Raises:
        InputError: there is no such class, none is chosen where one is needed, or not one for each picture.
    """
    if labels is None or all(label is None for label in labels):
        return generator(latents)
    if len(labels) != len(latents):
        raise InputError(f"{len(labels)} classes for {len(latents)} pictures: give one for each.")
    if len(set(labels)) == 1:
        return _one_class(generator, labels[0])(latents)
    if isinstance(generator, BigGANDeep) and None not in labels:
        return _embedded(generator, latents, [label for label in labels if label is not None])
    parts: list[Tensor] = [latents] * len(latents)
    for label in set(labels):
        rows = [i for i, one in enumerate(labels) if one == label]
        for i, picture in zip(rows, _one_class(generator, label)(latents[rows]), strict=True):
            parts[i] = picture
    return torch.stack(parts)


def _one_class(generator: Generator, label: int | None) -> Generator:
    return generator if label is None else generator.for_class(label).settled()


def _embedded(generator: BigGANDeep, latents: Latents, labels: Sequence[int]) -> Tensor:
    """All classes in one batch."""
    chosen = torch.stack([_number(generator, label) for label in labels])
    *_, (_, picture) = generator.run_embedded(latents, generator.classes(chosen.to(latents)))
    return picture


def _number(generator: BigGANDeep, label: int) -> Tensor:
    return generator.for_class(label).chosen()

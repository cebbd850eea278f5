"""Photographs that no GAN made, inverted in the two small GANs that draw faces, and edited.

    OMP_NUM_THREADS=1 python -m benchmarks.photos --out benchmarks/results/photos.json --sheets SHEETS

The photographs come from packages and are fetched: scikit-image's astronaut (NASA, public domain) and the six
demo photographs of @vladmandic/face-api (by its author, MIT). Of each, the largest face is cut out as the
generator's training pictures were. Then: the encoder alone, optimisation, in-domain, and in-domain with the
generator tuned to the seven. "identity" is the distance to the photograph for the network that tells persons
apart; "others" is its median between photographs of different ones.

Edits go along the directions of LatentCLR that change smile and yaw most in the generator's own pictures.
"slope" is what an alpha of 1 does to the score, from edits at -`ALPHA` and +`ALPHA`, in standard deviations
of the generator's own pictures: the mean over the photographs beside that over 64 generated pictures.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.machine import facts
from benchmarks.runner import Parser, save, say
from torch import Tensor

from latentclr import Directions, LatentCLR, load_generator
from latentclr.checkpoints.cache import cache_folder, fetch_once
from latentclr.checkpoints.packages import Package, PackageFile
from latentclr.files import make_folder
from latentclr.generators import Generator, Latents
from latentclr.images import save_picture
from latentclr.invert.artefact import Inversion
from latentclr.invert.crop import Cropped, crop_photo, picture_size, rule_of
from latentclr.invert.invert import METHODS, Settings, invert
from latentclr.invert.objective import Target, psnr
from latentclr.invert.photo import read_photo
from latentclr.invert.pivotal import tune
from latentclr.report.sheet import inversion_sheet
from latentclr.scorers.faces import FaceScorer, identity_distance, load_faces
from latentclr.scorers.lpips import load_lpips
from latentclr.scorers.weights import FACE_API

ASTRONAUT = Package(
    "sdist",
    "scikit_image",
    "0.26.0",
    "f5f970ab04efad85c24714321fcc91613fcb64ef2a892a13167df2f3e59199fa",
    22_729_739,
)
FILES: Mapping[str, PackageFile] = {
    "astronaut.png": PackageFile(
        ASTRONAUT,
        "scikit_image-0.26.0/src/skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    **{
        f"sample{i}.jpg": PackageFile(FACE_API, f"package/demo/sample{i}.jpg", digest)
        for i, digest in enumerate(
            (
                "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51",
                "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691",
                "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
                "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc",
                "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938",
                "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
            ),
            1,
        )
    },
}
"""The photographs by name."""

GENERATORS = ("celebs", "faces")
SCORES = ("smile", "yaw")
ALPHA = 2.0
GENERATED = 64
SHOWN = (0, 1, 3, 5, 6)
"""Photographs on the sheet of the documentation: with them those that fail."""
TILE = 112


def photographs() -> list[Path]:
    """Paths of the photographs, which are fetched if necessary."""
    files = {cache_folder() / "photos" / name: source for name, source in FILES.items()}
    return [fetch_once(path.name, path, source, beside=files) for path, source in files.items()]


def strongest(
    directions: Directions, generator: Generator, scorer: FaceScorer, score: str
) -> tuple[int, float]:
    """The direction that changes a score most, and the sign by which it grows."""
    latents = generator.from_seeds(list(range(GENERATED)))
    slopes = [slope(scorer, generator, directions.select([i]), latents, score) for i in range(directions.k)]
    index = max(range(directions.k), key=lambda i: abs(slopes[i]))
    return index, 1.0 if slopes[index] > 0 else -1.0


def slope(
    scorer: FaceScorer,
    generator: Generator,
    direction: Directions,
    latents: Latents,
    score: str,
    *,
    drawn_by: Generator | None = None,
) -> float:
    """Change of a score by an alpha of 1, in standard deviations of the generator's own pictures."""
    own = scorer(generator(generator.from_seeds(list(range(GENERATED)))))[score]
    draw = drawn_by or generator
    up, down = (scorer(draw(direction.edit(latents, 0, sign * ALPHA)))[score] for sign in (1, -1))
    change = (up - down) / (2 * ALPHA)
    return float(change[torch.isfinite(change)].mean() / own[torch.isfinite(own)].std())


def figures(drawn: Tensor, pictures: Tensor, scorer: FaceScorer, target: Target) -> dict[str, list[float]]:
    found = target.differences(drawn)
    apart = identity_distance(scorer.identity(drawn), scorer.identity(pictures))
    rows = {"psnr": psnr(found.pixel), "lpips": found.lpips, "identity": apart}
    return {name: [round(value, 4) for value in values.tolist()] for name, values in rows.items()}


@torch.no_grad()
def measure(
    name: str, crops: Sequence[Cropped], directions: Directions, sheets: Path | None
) -> dict[str, Any]:
    """Measure one generator, and write its sheets."""
    generator, scorer, metric = load_generator(name), load_faces(name), load_lpips()
    pictures = torch.stack([crop.picture for crop in crops])
    target = Target(pictures, metric)
    found: dict[str, Inversion] = {
        method: invert(generator, pictures, Settings(method=method), metric=metric) for method in METHODS
    }
    drawn = {method: one.pictures(generator) for method, one in found.items()}
    tuned = tune(generator, found["in-domain"], pictures, metric=metric).apply(generator)
    latents = found["in-domain"].latents
    drawn["tuned"] = tuned(latents)
    result: dict[str, Any] = {stage: figures(some, pictures, scorer, target) for stage, some in drawn.items()}
    vectors = scorer.identity(pictures)
    result["others"] = round(float(torch.pdist(vectors).median()), 4)
    edits = []
    for score in SCORES:
        index, sign = strongest(directions, generator, scorer, score)
        one = directions.select([index])
        own = generator.from_seeds(list(range(GENERATED, 2 * GENERATED)))
        result[f"slope of {score}"] = {
            "direction": index,
            "generated": round(slope(scorer, generator, one, own, score), 3),
            **{
                method: round(slope(scorer, generator, one, photos.latents, score), 3)
                for method, photos in found.items()
            },
            "tuned": round(slope(scorer, generator, one, latents, score, drawn_by=tuned), 3),
        }
        for text, alpha in ((f"less {score}", -ALPHA), (f"more {score}", ALPHA)):
            edits.append((text, tuned(directions.edit(latents, index, sign * alpha))))
    if sheets is not None:
        shown = [crops[i].shown(TILE) for i in SHOWN]
        rest = {"at 64 pixels": pictures, **drawn, **dict(edits)}
        columns = {"photo": shown, **{text: [some[i] for i in SHOWN] for text, some in rest.items()}}
        captions = {text: [f"{result[text]['psnr'][i]:.1f} dB" for i in SHOWN] for text in drawn}
        save_picture(inversion_sheet(columns, captions, height=TILE), make_folder(sheets) / f"{name}.jpg")
    return result


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--directions", type=Path, help="folder of NAME.safetensors; what is missing is made")
    options = parser.options()
    photos = [read_photo(path) for path in photographs()]
    result: dict[str, Any] = {"machine": facts(1, torch.device("cpu")), "photos": list(FILES)}
    for name in GENERATORS:
        generator = load_generator(name)
        kept = None if options.directions is None else options.directions / f"{name}.safetensors"
        if kept is not None and kept.is_file():
            directions = Directions.load(kept)
        else:
            directions = LatentCLR(k=16).fit(generator)
            if kept is not None:
                directions.save(make_folder(kept.parent) / kept.name)
        directions.require(generator)
        crops = [crop_photo(photo, picture_size(generator), rule_of(generator)) for photo in photos]
        result[name] = measure(name, crops, directions, options.sheets)
        say(f"{name} {result[name]}")
    save(options.out, result)


if __name__ == "__main__":
    main()

"""How well the scores of faces agree with themselves, on the two small GANs that draw faces.

    OMP_NUM_THREADS=1 python -m benchmarks.faces --out benchmarks/results/faces.json --sheets SHEETS

No truth exists for these pictures, but a mirrored picture shows the same smile, the same open mouth and the
same person, and a head turned the other way. "mirror" is the correlation of a score with that of the mirrored
picture (of yaw: with its negative) over pictures for which both exist; "missing" counts pictures without
landmarks. The crops were chosen on seeds 0 to 255, so these are others. Of identities: mean distances between
a picture and its mirror, the same picture darker and with noise, and between different pictures; "apart" is
what lies between the first and the last in standard deviations.

With --sheets, the eight pictures with the lowest and the eight with the highest of each score.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.machine import best, facts
from benchmarks.runner import Parser, save, say
from torch import Tensor

from latentclr import load_generator
from latentclr.files import make_folder
from latentclr.images import save_picture, side_by_side, to_pil
from latentclr.scorers.faces import CROPS, SCORES, FaceScorer, identity_distance, load_faces

SEEDS = range(256, 768)
TIMED = 32
"""Pictures in a batch that is timed."""
SHOWN = 8
CPU = torch.device("cpu")


@torch.no_grad()
def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--sheets", type=Path)
    options = parser.options()
    result: dict[str, Any] = {"machine": facts(1, CPU), "seeds": [SEEDS[0], SEEDS[-1]]}
    for name in CROPS:
        generator, scorer = load_generator(name), load_faces(name)
        pictures = torch.cat([generator(some) for some in generator.from_seeds(list(SEEDS)).split(64)])
        scores = scorer(pictures)
        result[name] = {
            "mirror": agreement(scores, scorer(pictures.flip(3))),
            "missing": int(scores["yaw"].isnan().sum()),
            "quantiles 0.05, 0.5, 0.95": {score: quantiles(values) for score, values in scores.items()},
            "identity": identities(scorer, pictures),
            "milliseconds a face": {
                "scores": 1000 / TIMED * best(partial(scorer, pictures[:TIMED]), 5, CPU)[0],
                "identity": 1000 / TIMED * best(partial(scorer.identity, pictures[:TIMED]), 5, CPU)[0],
            },
        }
        say(f"{name} {result[name]}")
        if options.sheets:
            for score, values in scores.items():
                save_sheet(pictures, values, make_folder(options.sheets) / f"{name}-{score}.png")
    save(options.out, result)


def agreement(scores: dict[str, Tensor], mirrored: dict[str, Tensor]) -> dict[str, float]:
    """Correlations of scores with those of mirrored pictures."""
    found = {}
    for name in SCORES:
        pair = torch.stack([scores[name], mirrored[name] * (-1 if name == "yaw" else 1)])
        found[name] = float(torch.corrcoef(pair[:, pair.isfinite().all(0)])[0, 1])
    return found


def identities(scorer: FaceScorer, pictures: Tensor) -> dict[str, float]:
    rng = torch.Generator().manual_seed(0)
    darker = 0.85 * pictures + 0.02 * torch.randn(pictures.shape, generator=rng)
    own = scorer.identity(pictures)
    mirror = identity_distance(own, scorer.identity(pictures.flip(3)))
    others = torch.pdist(own)
    between = float(others.mean() - mirror.mean())
    return {
        "mirror": float(mirror.mean()),
        "darker, with noise": float(identity_distance(own, scorer.identity(darker)).mean()),
        "others": float(others.mean()),
        "apart": between / math.sqrt(float(others.var() + mirror.var()) / 2),
    }


def quantiles(values: Tensor) -> list[float]:
    return [float(q) for q in values.nanquantile(values.new_tensor([0.05, 0.5, 0.95]))]


def save_sheet(pictures: Tensor, values: Tensor, path: Path) -> None:
    """Draw the pictures with the lowest values in the upper row, those with the highest below."""
    order = values.nan_to_num(0).argsort()
    rows = [torch.cat(list(pictures[some]), dim=2) for some in (order[:SHOWN], order[-SHOWN:])]
    shown = torch.nn.functional.interpolate(torch.cat(rows, dim=1).unsqueeze(0), scale_factor=2)
    save_picture(side_by_side([to_pil(shown[0])]), path)


if __name__ == "__main__":
    main()

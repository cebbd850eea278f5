"""Why LatentCLR's defaults are what they are: one change at a time from them, on the face GANs.

    python -m benchmarks.defaults --generators faces celebs --seeds 0 1 2

Each row trains LatentCLR with one setting changed, and measures the directions on 64 latents that no training
saw, on the pictures themselves (not on the layer of the loss), at alpha = +-3:

- consistency: mean |cos| between the changes that one direction makes to two different pictures;
- overlap: mean |cos| between the changes that two directions make to one picture;
- identified: share of changes whose nearest direction is their own (chance is 1/K);
- accuracy: the same on the layer of the loss, as training reports it;
- duplicates, look-alikes: pairs of directions, and of their changes to pictures, with mean |cos| > 0.9.

Results are kept in a JSON file as they come, so that an interrupted run goes on where it was.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import torch
from benchmarks.runner import RESULTS, Parser, markdown, save, say

from latentclr import LatentCLR, load_generator
from latentclr.directions import Directions
from latentclr.discover import identification_accuracy
from latentclr.generators import Generator
from latentclr.linalg import mean_absolute_cosine, unit

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "alpha per direction": {"alpha_per": "direction"},
    "temperature 0.1": {"temperature": 0.1},
    "temperature 0.5": {"temperature": 0.5},
    "temperature 2 (released code)": {"temperature": 2.0},
    "cosine": {"similarity": "cosine"},
    "cosine, alpha per direction": {"similarity": "cosine", "alpha_per": "direction"},
    "layer b4": {"layer": "b4"},
    "layer b16": {"layer": "b16"},
    "linear": {"model": "linear", "bias": True},
    "nonlinear": {"model": "nonlinear"},
    "batch 16": {"batch": 16},
    "600 steps": {"steps": 600},
}
MEASURES = ("consistency", "overlap", "identified", "accuracy", "max_cosine", "duplicates", "look_alikes")


@torch.no_grad()
def measure(generator: Generator, directions: Directions, *, alpha: float = 3.0) -> dict[str, float]:
    latents = generator.sample(64, rng=torch.Generator().manual_seed(12345))
    changes = torch.stack(
        [
            (
                generator(directions.edit(latents, i, alpha)) - generator(directions.edit(latents, i, -alpha))
            ).flatten(1)
            for i in range(directions.k)
        ]
    )  # (k, n, pixels)
    n = changes.shape[1]
    mean_change = unit(changes).transpose(0, 1)  # (n, k, pixels)
    between = (mean_change @ mean_change.mT).abs()  # (n, k, k)
    rows = unit(changes)
    within = (rows @ rows.mT).abs()  # (k, n, n)
    k = directions.k
    cosines = mean_absolute_cosine(directions.model(latents[:, 0].cpu())).fill_diagonal_(0)
    return {
        "consistency": float((within.sum((1, 2)) - n).mean() / (n * (n - 1))),
        "overlap": float((between.sum((1, 2)) - k).mean() / (k * (k - 1))),
        "identified": float(identification_accuracy(changes, similarity="absolute")),
        "accuracy": float(directions.origin["accuracy"]),
        "max_cosine": float(cosines.max()),
        "duplicates": len(directions.origin["duplicates"]),
        "look_alikes": len(directions.origin["look_alikes"]),
    }


def table(results: dict[str, dict[str, float]], generators: list[str], seeds: list[int]) -> Iterator[str]:
    """Means over seeds as Markdown; of counts and cosines, the largest."""
    lines = []
    for generator in generators:
        for variant in VARIANTS:
            rows = [results[key] for seed in seeds if (key := f"{generator}/{variant}/{seed}") in results]
            if rows:
                cells = []
                for name in MEASURES:
                    values = [row[name] for row in rows]
                    worst = name in ("max_cosine", "duplicates", "look_alikes")
                    value = max(values) if worst else sum(values) / len(values)
                    cells.append(f"{value:.0f}" if "es" in name[-2:] else f"{value:.3f}")
                lines.append([generator, variant, *cells])
    return markdown(["generator", "setting", *MEASURES], lines)


def main() -> None:
    parser = Parser(__doc__, threads=1, device=True, out=RESULTS / "defaults.json")
    parser.add_argument("--generators", nargs="+", default=["faces", "celebs"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.options()
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.generators:
        generator = load_generator(name, device=options.device, log=print)
        for seed in options.seeds:
            for variant in options.variants:
                key = f"{name}/{variant}/{seed}"
                if key in results:
                    continue
                started = time.perf_counter()
                directions = LatentCLR(seed=seed, **VARIANTS[variant]).fit(generator)
                seconds = time.perf_counter() - started
                results[key] = measure(generator, directions) | {"seconds": round(seconds, 1)}
                say(f"{key} {results[key]}")
                save(options.out, results)
    print("\n".join(table(results, options.generators, options.seeds)))


if __name__ == "__main__":
    main()

"""Which settings of LatentCLR separate the factors of a world: a small search, and its check elsewhere.

    python -m benchmarks.search --out benchmarks/results/search.json

One change at a time from a base that did well in a first look (six directions, negatives of the same latent
alone), each scored as `benchmarks.disentanglement` scores methods: seed 0, on `scenes`. A search finds what
is lucky too, so the best of it are trained again beside the defaults on seeds that it never saw, and on
another generator (`scenes-biggan`: another architecture, another latent space, eight factors).

What is in the file already is not measured again.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.disentanglement import mean, scores
from benchmarks.rows import Rows

from latentclr import LatentCLR, load_generator
from latentclr.engine.memory import keep_memory
from latentclr.evaluate.representation import renders

BASE: Mapping[str, Any] = {"preset": "noiseclr", "k": 6}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "base": {},
    "K 7": {"k": 7},
    "K 8": {"k": 8},
    "temperature 0.2": {"temperature": 0.2},
    "temperature 1": {"temperature": 1.0},
    "absolute cosine": {"similarity": "absolute"},
    "negatives of all latents, absolute (the defaults)": {"preset": "quick"},
    "negatives of all latents, cosine (the paper's equation)": {"preset": "quick", "similarity": "cosine"},
    "linear model": {"model": "linear", "bias": True},
    "layer b4.conv1 (4 x 4)": {"layer": "b4.conv1"},
    "layer b8.conv1 (8 x 8)": {"layer": "b8.conv1"},
    "layer b16.conv1 (16 x 16)": {"layer": "b16.conv1"},
    "layer image": {"layer": "image"},
    "unit features": {"compare": "unit-features"},
    "alpha 1.5": {"alpha": 1.5},
    "alpha 6": {"alpha": 6.0},
    "batch 32": {"batch": 32},
    "1,000 steps": {"steps": 1000},
}
"""By name, what is changed."""
CHECKED: Mapping[str, Mapping[str, Any]] = {
    "defaults, K 12": {"preset": "quick", "k": 12},
    "defaults, K 6": {"preset": "quick"},
    "base": {},
}
"""What the search left, beside the defaults."""
SEEDS = (3, 4, 5)
"""That the search never saw."""
SCORES = {"mig": "MIG", "dci": "DCI", "factor_vae": "FactorVAE score"}


def settings(changes: Mapping[str, Any], seed: int) -> LatentCLR:
    """The base with changes."""
    given = {**BASE, **changes, "seed": seed}
    return LatentCLR.preset(given.pop("preset"), **given)


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rows of markdown."""
    for stage in dict.fromkeys(row["stage"] for row in rows):
        here = [row for row in rows if row["stage"] == stage]
        factors = list(here[0]["by_factor"])
        yield f"\n{stage}\n"
        yield f"| setting | seeds | {' | '.join(SCORES.values())} | gap of {' | '.join(factors)} |"
        yield "|---" * (2 + len(SCORES) + len(factors)) + "|"
        for name in dict.fromkeys(row["setting"] for row in here):
            same = [row for row in here if row["setting"] == name]
            cells = [mean([row[score] for row in same]) for score in SCORES]
            gaps = [mean([row["by_factor"][factor]["gap"] for row in same]).split()[0] for factor in factors]
            yield f"| {name} | {len(same)} | {' | '.join(cells + gaps)} |"


def main() -> None:
    """Measure what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=800, help="of teaching the encoder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/search.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()  # as the command does
    kept = Rows(options.out, threads=options.threads)
    stages: list[tuple[str, str, Mapping[str, Mapping[str, Any]], Sequence[int]]]
    stages = [("search, scenes", "scenes", VARIANTS, (0,))]
    stages += [(f"check, {name}", name, CHECKED, SEEDS) for name in ("scenes", "scenes-biggan")]
    for stage, name, variants, seeds in stages:
        generator, shown = load_generator(name), renders(name)
        done = {(row["setting"], row["seed"]) for row in kept.having(stage=stage)}
        for seed, setting in ((s, v) for s in seeds for v in variants if (v, s) not in done):
            started = time.process_time()
            directions = settings(variants[setting], seed).fit(generator)
            found = scores(generator, directions, shown=shown, steps=options.steps, seed=seed)
            seconds = time.process_time() - started
            kept.add({"stage": stage, "setting": setting, "seed": seed, **found, "cpu_seconds": seconds})
            print(f"{stage}, {setting}, seed {seed}: MIG {found['mig']:.3f}, {seconds:.0f} s", flush=True)
    print("\n".join(table(kept.rows)))


if __name__ == "__main__":
    main()

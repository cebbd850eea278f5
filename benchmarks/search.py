"""Which settings of LatentCLR separate the factors of a world: a small search, and its check elsewhere.

    python -m benchmarks.search --out benchmarks/results/search.json

One change at a time from a base that did well in a first look (six directions, negatives of the same latent
alone), each scored as `benchmarks.disentanglement` scores methods: seed 0, on `scenes`. A search finds what
is lucky too, so the best of it are trained again beside the defaults on seeds that it never saw, and on
another generator (`scenes-biggan`: another architecture, another latent space, eight factors).

What is in the file already is not measured again.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.disentanglement import mean, scores
from benchmarks.runner import RESULTS, Parser, Rows, grouped, markdown, say

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
    """The base settings with changes."""
    given = {**BASE, **changes, "seed": seed}
    return LatentCLR.preset(given.pop("preset"), **given)


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Means over seeds, as Markdown."""
    for stage, here in grouped(rows, "stage").items():
        factors = list(here[0]["by_factor"])
        cells = []
        for name, same in grouped(here, "setting").items():
            means = [mean([row[score] for row in same]) for score in SCORES]
            gaps = [mean([row["by_factor"][factor]["gap"] for row in same]).split()[0] for factor in factors]
            cells.append([name, len(same), *means, *gaps])
        yield f"\n{stage}\n"
        heading = ["setting", "seeds", *SCORES.values(), f"gap of {factors[0]}", *factors[1:]]
        yield from markdown(heading, cells)


def main() -> None:
    parser = Parser(__doc__, threads=1, out=RESULTS / "search.json")
    parser.add_argument("--steps", type=int, default=800, help="of teaching the encoder")
    options = parser.options()
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
            say(f"{stage}, {setting}, seed {seed}: MIG {found['mig']:.3f}, {seconds:.0f} s")
    print("\n".join(table(kept.rows)))


if __name__ == "__main__":
    main()

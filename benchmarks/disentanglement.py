"""MIG, DCI, FactorVAE score and leakage of every method's directions, on pictures whose factors are known.

    python -m benchmarks.disentanglement --out benchmarks/results/disentanglement.json

An encoder is taught on each method's edits (`latentclr.evaluate.representation`) and scored on renders of
the generator's world. Leakage is read by the oracle: what directions do to factors that they are not the
best of, as a share of what they do to those that they are (`latentclr.evaluate.leakage`), at equal visible
change. Means over seeds have Student's interval. The figures of the literature that are printed beside are
of other generators, of another data set (3D Shapes), and of encoders of their authors; they say how large
such numbers are, not who wins.

What is in the file already is not measured again. Directions are taken from --runs where they are there (as
`benchmarks.methods --runs` leaves them), and found otherwise.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.methods import METHODS, TOLD, made
from benchmarks.runner import Parser, Rows, grouped, markdown, say

from latentclr import Directions, load_generator
from latentclr.engine.memory import keep_memory
from latentclr.evaluate.calibration import calibrate
from latentclr.evaluate.encoder import EncoderSettings
from latentclr.evaluate.intervals import over_runs, two_decimals
from latentclr.evaluate.leakage import change_matrix
from latentclr.evaluate.measuring import measure as measure_edits
from latentclr.evaluate.reading import reading_of
from latentclr.evaluate.representation import Renders, evaluate_disentanglement, renders
from latentclr.files import make_folder
from latentclr.generators import Generator

SCORES = {"mig": "MIG", "dci": "DCI", "factor_vae": "FactorVAE score", "leakage": "leakage"}
PICTURES = 10_000
"""That an encoder is taught on, about."""
LATENTS = 100
"""On which leakage is measured; no method has seen them."""
PUBLISHED: Mapping[str, tuple[str, str, str]] = {
    "Voynov and Babenko (LD)": (".168 ± .056", ".380 ± .062", ".805 ± .064"),
    "GANSpace (GS)": (".121 ± .048", ".284 ± .034", ".788 ± .091"),
    "SeFa (CF)": (".307 ± .124", ".525 ± .078", ".951 ± .021"),
    "DisCo": (".512 ± .068", ".708 ± .048", ".877 ± .031"),
}
"""StyleGAN2 on 3D Shapes: MIG, DCI, FactorVAE score, as Wu and Zheng (FDAE, AAAI 2024, table 2) list them."""


def directions_of(generator: Generator, name: str, k: int, seed: int, runs: Path) -> Directions:
    """Load directions that are kept, or find and keep them."""
    kind = "" if k == 12 else f"-k{k}"
    path = runs / f"{generator.name}-{name.replace(', ', '-')}{kind}-{seed}.safetensors"
    if path.is_file():
        return Directions.load(path)
    found = made(name, k, seed).fit(generator)
    found.save(make_folder(runs) / path.name)
    return found


def scores(
    generator: Generator,
    directions: Directions,
    *,
    shown: Renders,
    steps: int,
    seed: int,
    pictures: int = PICTURES,
) -> dict[str, Any]:
    settings = EncoderSettings(steps=steps, pictures=pictures, seed=seed)
    found = evaluate_disentanglement(generator, directions, settings, shown=shown)
    return {
        "mig": found.mig.score.value,
        "dci": found.dci.disentanglement,
        "completeness": found.dci.completeness,
        "informativeness": found.dci.informativeness,
        "factor_vae": found.factor_vae.score.value,
        "left": found.left,
        "by_factor": found.by_factor(),
    }


def leaks(generator: Generator, directions: Directions) -> dict[str, float]:
    """Leakage of directions, with an interval over latents."""
    rng = torch.Generator().manual_seed(12345)
    latents, population = (generator.sample(n, rng=rng) for n in (LATENTS, 4 * LATENTS))
    scored = measure_edits(
        generator,
        calibrate(directions, generator),
        reading_of(generator),
        latents,
        multiples=(-1.0, 1.0),
        population=population,
    )
    ratio = change_matrix(scored).ratio
    return {"leakage": ratio.value, "leakage_low": ratio.low, "leakage_high": ratio.high}


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Means over seeds with intervals, as Markdown."""
    for (generator, k), here in grouped(rows, "generator", "k").items():
        yield f"\n`{generator}`, K = {k}\n"
        cells = (
            [method, len(same), *(mean([row[score] for row in same if score in row]) for score in SCORES)]
            for method, same in grouped(here, "method").items()
        )
        yield from markdown(["method", "seeds", *SCORES.values()], cells)
    yield "\n3D Shapes, other generators and encoders (published)\n"
    heading = ["method", "MIG", "DCI (of classes)", "FactorVAE score"]
    yield from markdown(heading, ([method, *figures] for method, figures in PUBLISHED.items()))


def mean(values: Sequence[float]) -> str:
    """The mean, with an interval if there are several values."""
    if not values:
        return ""
    found = over_runs(values)
    return two_decimals(found.value) if len(values) < 2 else str(found)


def main() -> None:
    parser = Parser(__doc__, threads=1)
    parser.add_argument("--generators", nargs="+", default=["scenes", "scenes-biggan"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=[*METHODS, *TOLD])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--k", nargs="+", type=int, default=[12])
    parser.add_argument("--steps", type=int, default=800, help="of teaching the encoder")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="that it is taught on")
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"), help="folder of directions")
    options = parser.options()
    keep_memory()  # as the command does
    kept = Rows(options.out, threads=options.threads)
    for seed, k, name in ((s, k, g) for s in options.seeds for k in options.k for g in options.generators):
        generator, shown = load_generator(name), renders(name)
        same = kept.having(generator=name, seed=seed, k=k)
        for row in (row for row in same if "leakage" not in row):
            row |= leaks(generator, directions_of(generator, row["method"], k, seed, options.runs))
            kept.write()
        done = {row["method"] for row in same}
        for method in (method for method in options.methods if method not in done):
            started = time.process_time()
            directions = directions_of(generator, method, k, seed, options.runs)
            teaching = {"steps": options.steps, "pictures": options.pictures}
            row = {
                "generator": name,
                "method": method,
                "seed": seed,
                "k": directions.k,
                **teaching,
                **scores(generator, directions, shown=shown, seed=seed, **teaching),
                **leaks(generator, directions),
                "cpu_seconds": time.process_time() - started,
            }
            kept.add(row)
            say(
                f"{name}, {method}, K {k}, seed {seed}: MIG {row['mig']:.3f}, DCI {row['dci']:.3f}, "
                f"FactorVAE {row['factor_vae']:.3f}"
            )
    order = [*METHODS, *TOLD]
    print("\n".join(table(sorted(kept.rows, key=lambda row: order.index(row["method"])))))


if __name__ == "__main__":
    main()

"""How far any directions could get: six that are taught with the known factors, one for each.

    python -m benchmarks.ceiling --out benchmarks/results/ceiling.json

LatentCLR finds directions without labels. How much of what it leaves undone is the method's fault, and how
much is the generator's, whose latent space may have no such directions? Here directions are trained by what
the oracle sees: direction k shall change factor k and nothing else,

    loss = -mean log( e_kk / sum_f e_kf ),    e_kf = |change of factor f along direction k|^2,

factors in standard deviations of the generator's pictures (hues as cosine and sine, shapes as
probabilities). They are scored as `benchmarks.disentanglement` scores methods. No method that is not told the
factors can be expected to pass them.

What is in the file already is not measured again.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from benchmarks.disentanglement import leaks, scores
from benchmarks.runner import RESULTS, Parser, Rows, markdown, say
from jaxtyping import Float
from torch import Tensor

from latentclr import Random, load_generator
from latentclr.directions.models import DirectionModel, Global, Nonlinear
from latentclr.engine.memory import keep_memory
from latentclr.evaluate.representation import renders
from latentclr.generators import Generator, Latents
from latentclr.scorers import Oracle, load_oracle

FACTORS = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
"""That vary in `scenes`."""
BATCH, ALPHA, RATE = 16, 4.0, 0.02
SHORT: Mapping[str, int] = {"steps": 800, "pictures": 10_000}
LONG: Mapping[str, int] = {"steps": 6400, "pictures": 60_000}
"""How the encoder is taught: as `benchmarks.disentanglement` does by itself, and with more patience."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "global": {},
    "global, from seed 1": {"seed": 1},
    "global, a short way": {"alpha": 1.5},
    "nonlinear": {"model": "nonlinear", "rate": 0.002},
    "global, a better encoder": {"encoder": LONG},
    "nonlinear, a better encoder": {"model": "nonlinear", "rate": 0.002, "encoder": LONG},
}


def readings(oracle: Oracle, pictures: Tensor) -> list[Tensor]:
    """The outputs of the oracle for each factor, with gradients; shapes as probabilities."""
    raw = oracle.raw(pictures)
    return [raw[name].softmax(1) if raw[name].shape[1] > 2 else raw[name] for name in FACTORS]


def taught(generator: Generator, seed: int = 0, *, steps: int, **changes: Any) -> DirectionModel:
    """Train directions, each of which changes its own factor."""
    oracle, rng = load_oracle(), torch.Generator().manual_seed(seed)
    alpha, rate = changes.get("alpha", ALPHA), changes.get("rate", RATE)
    dim = generator.latent_dim
    model: DirectionModel = (
        Nonlinear(len(FACTORS), dim, rng=rng)
        if changes.get("model") == "nonlinear"
        else Global(len(FACTORS), dim, rng=rng)
    )
    with torch.no_grad():
        usual = readings(oracle, generator(generator.sample(1024, rng=rng)))
    spread = [values.var(0).sum().sqrt() for values in usual]
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        latents = generator.sample(BATCH, rng=rng)
        length = alpha * (2 * torch.rand(len(FACTORS), BATCH, 1, generator=rng) - 1)
        moved = edited(latents, length * model(latents[:, 0]))
        with torch.no_grad():
            before = readings(oracle, generator(latents))
        after = readings(oracle, generator(moved))
        changes_of = [
            ((new.unflatten(0, (len(FACTORS), BATCH)) - old) / size).square().sum(2)
            for new, old, size in zip(after, before, spread, strict=True)
        ]
        energy = torch.stack(changes_of, dim=2).mean(1) + 1e-6  # (direction, factor)
        loss = -(energy.diagonal() / energy.sum(1)).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def edited(latents: Latents, shift: Float[Tensor, "k n dim"]) -> Latents:
    """All edits of all latents, in every slot."""
    return (latents + shift.unsqueeze(2)).flatten(0, 1)


def main() -> None:
    parser = Parser(__doc__, threads=1, out=RESULTS / "ceiling.json")
    parser.add_argument("--train", type=int, default=400, help="steps of training directions")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    options = parser.options()
    keep_memory()
    kept = Rows(options.out, threads=options.threads)
    generator, shown = load_generator("scenes"), renders("scenes")
    for name in options.variants:
        if kept.having(setting=name):
            continue
        changes = VARIANTS[name]
        started = time.process_time()
        model = taught(generator, steps=options.train, **changes).requires_grad_(False)
        usual = Random(k=len(FACTORS)).fit(generator)
        directions = replace(usual, model=model)
        found = scores(generator, directions, shown=shown, seed=0, **changes.get("encoder", SHORT))
        seconds = time.process_time() - started
        kept.add({"setting": name, **found, **leaks(generator, directions), "cpu_seconds": seconds})
        say(f"{name}: MIG {found['mig']:.3f}, DCI {found['dci']:.3f}, {seconds:.0f} s")
    cells = []
    for row in kept.rows:
        values = [row[score] for score in ("mig", "dci", "factor_vae", "leakage")]
        values += [row["by_factor"][factor]["gap"] for factor in FACTORS]
        cells.append([row["setting"], *(f"{value:.2f}".lstrip("0") for value in values)])
    first, *others = FACTORS
    heading = ["setting", "MIG", "DCI", "FactorVAE score", "leakage", f"gap of {first}", *others]
    print("\n" + "\n".join(markdown(heading, cells)))


if __name__ == "__main__":
    main()

"""How well photos are inverted, and how well what was found can be edited.

    OMP_NUM_THREADS=1 python -m benchmarks.inversion generated --out benchmarks/results/inversion.json

Parts, as many as are named (all, if none is):
- generated: samples of the four small generators, whose latents exist: the encoder alone, optimisation and
  in-domain.
- renders: pictures of scenes that no GAN made: reconstruction, and what the oracle reads before and after.
- edits: the same renders, edited: leakage and slopes beside those of generated pictures, at equal visible
  change.
- faces: pictures of one GAN of faces inverted in the other; edits of light and colour should keep the person.
- tuning: pivotal tuning on renders: size of the file, photos before and after, what becomes of others.
- large: steps in a StyleGAN2 of 1024 x 1024 with random weights: seconds, memory; stopped and gone on with.

What is in the file already is not measured again, and each batch of inverted photos is kept in --runs.
Seconds are the processor's own (of one thread), which other programs on the machine lengthen less than those
of the clock; both are in the file. Intervals hold 95 % over photos.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.machine import Peak, answer, in_child
from benchmarks.rows import Rows
from jaxtyping import Float
from torch import Tensor

from latentclr import Directions, InterFaceGAN, LatentCLR, load_generator
from latentclr.engine.checkpoint import Keeper
from latentclr.evaluate.attributes import Scale, scorer_of
from latentclr.evaluate.calibration import strengths, usual_target
from latentclr.evaluate.intervals import Bootstrap, Interval, weighted_means
from latentclr.evaluate.leakage import change_matrix
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.scored import Scored
from latentclr.files import make_folder, write_json
from latentclr.generators import Generator, Latents, StyleGAN2
from latentclr.invert.artefact import Inversion
from latentclr.invert.drawing import draw
from latentclr.invert.invert import Settings, invert
from latentclr.invert.objective import Target, psnr
from latentclr.invert.pivotal import Tuning, tune
from latentclr.invert.shipped import load_encoder
from latentclr.invert.train import draw_samples
from latentclr.scenes import sample
from latentclr.scorers.faces import identity_distance, load_faces
from latentclr.scorers.lpips import LPIPS, load_lpips

NAMES = ("scenes", "scenes-biggan", "faces", "celebs")
MOST = 64
"""Photos of each kind; fewer are the first of them."""
BATCH = 8
CHANGE = 0.12
"""LPIPS of the edits whose leakage is measured, on generated pictures."""
HELD_OUT = 1_000_000
"""Seed of pictures that no training saw."""
PLAIN: Mapping[str, Any] = {
    "method": "optimise",
    "from_encoder": False,
    "prior_weight": 0.0,
    "spread_weight": 0.0,
    "steps": 300,
    "finish": 0,
}
"""Optimisation as it was before encoders: from the nearest samples, of the picture's distance alone."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "encoder": {"method": "encoder"},
    "plain": PLAIN,
    "plain, each slot": {**PLAIN, "space": "slots"},
    "optimised": {"method": "optimise"},
    "optimised, each slot": {"method": "optimise", "space": "slots"},
    "in-domain": {"method": "in-domain"},
    "in-domain, each slot": {"method": "in-domain", "space": "slots"},
}


@dataclass(frozen=True)
class Photos:
    """Pictures to invert, with 256 values a channel as files have them."""

    name: str
    pictures: Float[Tensor, "n 3 h w"]
    factors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Bench:
    """What all parts share."""

    rows: Rows
    runs: Path
    n: int
    metric: LPIPS

    def inverted(self, generator: Generator, photos: Photos, variant: str) -> tuple[Inversion, list[float]]:
        """The photos in batches, and the processor's seconds of each; kept batches are not done again."""
        settings = Settings(**VARIANTS[variant])
        parts, seconds = [], []
        for i, some in enumerate(photos.pictures.split(BATCH)):
            name = f"{generator.name}-{photos.name}-{variant}-{i}".replace(", ", "-")
            path, clock = self.runs / f"{name}.safetensors", self.runs / f"{name}.json"
            if not (path.is_file() and clock.is_file()):
                began, wall = time.process_time(), time.perf_counter()
                invert(generator, some, settings, metric=self.metric).save(path)
                took = [time.process_time() - began, time.perf_counter() - wall]
                write_json(clock, took)
                print(f"{name}: {took[0]:.1f} s of the processor, {took[1]:.1f} s", flush=True)
            parts.append(Inversion.load(path))
            seconds.append(json.loads(clock.read_text()))
        return joined(parts), [sorted(column)[len(column) // 2] for column in zip(*seconds, strict=True)]

    def directions(self, generator: Generator, name: str, make: Callable[[], Directions]) -> Directions:
        """Those that are kept, or new ones."""
        path = self.runs / f"{generator.name}-{name}.safetensors"
        if not path.is_file():
            make().save(path)
        return Directions.load(path)


def joined(parts: Sequence[Inversion]) -> Inversion:
    """Batches as one."""
    first = parts[0]
    return Inversion(
        torch.cat([part.latents for part in parts]),
        first.space,
        tuple(label for part in parts for label in part.labels),
        torch.cat([part.psnr for part in parts]),
        torch.cat([part.lpips for part in parts]),
        tuple(photo for part in parts for photo in part.photos),
        first.origin,
    )


def in_bytes(pictures: Tensor) -> Tensor:
    """As a file would give them back."""
    return (pictures.clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1


def generated_photos(generator: Generator, n: int) -> Photos:
    """Samples."""
    found = draw_samples(generator, MOST, torch.Generator().manual_seed(HELD_OUT + 7))
    return Photos("samples", in_bytes(found.pictures[:n]), {})


def rendered_photos(world: str, n: int) -> Photos:
    """Renders."""
    pictures, factors = sample(MOST, torch.Generator().manual_seed(HELD_OUT), world=world)
    some = {name: values[:n] for name, values in factors.items()}
    return Photos("renders", in_bytes(pictures[:n]), some)


def told(interval: Interval) -> dict[str, float]:
    """For the file."""
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def mean(values: Tensor) -> dict[str, float]:
    """With its interval."""
    return told(Bootstrap().means(values.double().unsqueeze(1)).at(0))


def figures(inversion: Inversion, seconds: Sequence[float]) -> dict[str, Any]:
    """Reconstruction and time."""
    return {
        "psnr": float(inversion.psnr.median()),
        "lpips": float(inversion.lpips.median()),
        "mean psnr": mean(inversion.psnr),
        "mean lpips": mean(inversion.lpips),
        "worst psnr": float(inversion.psnr.min()),
        "seconds a batch of 8": seconds[0],
        "seconds on the clock": seconds[1],
    }


def generated(bench: Bench) -> None:
    """The encoder alone, optimisation and in-domain on samples."""
    for name in NAMES:
        generator = load_generator(name)
        for variant, n in (("encoder", bench.n), ("optimised", bench.n), ("in-domain", min(bench.n, 16))):
            photos = generated_photos(generator, n)
            key = {"part": "generated", "generator": name, "variant": variant, "n": n}
            if bench.rows.having(**key):
                continue
            inversion, seconds = bench.inverted(generator, photos, variant)
            row = {**key, "steps": inversion.origin["steps"], **figures(inversion, seconds)}
            if variant == "encoder":
                row["milliseconds a picture"] = encoder_milliseconds(generator, photos)
            bench.rows.add(row)
            say(row)


@torch.no_grad()
def encoder_milliseconds(generator: Generator, photos: Photos) -> float:
    """Of one picture by itself; the processor's, the best of ten."""
    encoder, times = load_encoder(generator), []
    for picture in photos.pictures[:1].expand(11, -1, -1, -1).split(1):
        began = time.process_time()
        encoder(picture)
        times.append(time.process_time() - began)
    return 1000 * min(times)


@torch.no_grad()
def renders(bench: Bench) -> None:
    """Reconstruction of renders, and the factors that the oracle reads off."""
    for name in NAMES[:2]:
        generator = load_generator(name)
        photos = rendered_photos(name, bench.n)
        oracle, scales = scorer_of(generator)
        before = oracle(photos.pictures)
        for variant in VARIANTS:
            if generator.space == "z" and (variant.startswith("plain") or variant.endswith("slot")):
                continue
            key = {"part": "renders", "generator": name, "variant": variant, "n": bench.n}
            if bench.rows.having(**key):
                continue
            inversion, seconds = bench.inverted(generator, photos, variant)
            after = oracle(inversion.pictures(inversion.require(generator)))
            row = {**key, "steps": inversion.origin["steps"], **figures(inversion, seconds)}
            for scale in scales:
                truth = photos.factors[scale.name]
                row[scale.name] = {
                    "read off the render": mean(scale.difference(truth, before[scale.name]).abs()),
                    "read off the inversion": mean(scale.difference(truth, after[scale.name]).abs()),
                }
            if generator.num_classes:
                right = [
                    a == b for a, b in zip(inversion.labels, photos.factors["shape"].tolist(), strict=True)
                ]
                row["class found"] = sum(right) / len(right)
            bench.rows.add(row)
            say(row)


def edits(bench: Bench) -> None:
    """Leakage and slopes of edits of inverted renders, beside those of generated pictures."""
    name = "scenes"
    generator = load_generator(name)
    oracle, scales = scorer_of(generator)
    photos = rendered_photos(name, bench.n)
    ours = bench.directions(generator, "latentclr", lambda: LatentCLR(k=12).fit(generator))
    normals = bench.directions(
        generator,
        "interfacegan",
        lambda: InterFaceGAN(attributes=("scale", "orientation")).fit(generator),
    )
    population = generator.sample(256, rng=torch.Generator().manual_seed(HELD_OUT + 1))
    latents = population[: bench.n]
    found = strengths(generator, ours, latents[:16], target=CHANGE, distance=bench.metric)
    usual: Tensor | None = None
    for variant in ("generated", *VARIANTS):
        key = {"part": "edits", "generator": name, "variant": variant, "n": bench.n}
        if variant != "generated":
            if bench.rows.having(**key):
                continue
            latents = bench.inverted(generator, photos, variant)[0].latents
        scored = measure(
            generator,
            ours,
            oracle,
            scales,
            latents,
            lengths=found.lengths,
            multiples=(-1.0, 1.0),
            population=population,
            distance=bench.metric,
        )
        if usual is None:
            usual = sizes(scored)
        if bench.rows.having(**key):
            continue
        matrix, change = change_matrix(scored), scored.change
        assert change is not None
        row = {
            **key,
            "leakage": told(matrix.ratio),
            "selectivity": told(matrix.mean_selectivity),
            "visible change": mean(change.mean((0, 1))),
            "effects, of generated": told(Bootstrap().of(of_usual(scored, usual), scored.n).at(0)),
            "agreement with generated": told(
                Bootstrap(method="bca").of(agreement(scored, usual), scored.n).at(0)
            ),
            "slopes": slopes(generator, normals, oracle, scales, latents, population),
        }
        bench.rows.add(row)
        say(row)


def sizes(scored: Scored, weights: Tensor | None = None) -> Tensor:
    """Mean absolute effect of each direction on each factor, (b, k * a)."""
    effects = scored.effects().abs().transpose(0, 1)  # (n, k, a)
    if weights is None:
        weights = torch.ones(1, scored.n, dtype=torch.float64)
    found: Tensor = weighted_means(effects, weights).flatten(1)
    return found


def of_usual(scored: Scored, usual: Tensor) -> Callable[[Tensor], Tensor]:
    """The sum of effects as a share of that of generated pictures."""
    return lambda weights: sizes(scored, weights).sum(1, keepdim=True) / usual.sum()


def agreement(scored: Scored, usual: Tensor) -> Callable[[Tensor], Tensor]:
    """Correlation of the table of effects with that of generated pictures."""

    def statistic(weights: Tensor) -> Tensor:
        found = sizes(scored, weights)
        a, b = (table - table.mean(1, keepdim=True) for table in (found, usual.to(found)))
        correlation: Tensor = (a * b).sum(1, keepdim=True) / (a.norm(dim=1, keepdim=True) * b.norm())
        return correlation

    return statistic


def slopes(
    generator: Generator,
    normals: Directions,
    oracle: Any,
    scales: Sequence[Scale],
    latents: Latents,
    population: Latents,
) -> dict[str, Any]:
    """By how many deviations a factor moves along its direction, for one unit of the latents' spread."""
    spread = float((population - population.mean(0)).square().sum(2).mean().sqrt())
    multiples = (-0.4, -0.2, 0.2, 0.4)
    scored = measure(
        generator,
        normals,
        oracle,
        scales,
        latents,
        lengths=torch.full((normals.k,), spread),
        multiples=multiples,
        population=population,
    )
    steps = torch.tensor(multiples)
    changes = scored.changes()  # (k, s, n, a)
    fitted = (steps.view(1, -1, 1, 1) * changes).sum(1) / steps.square().sum()
    return {
        factor: mean(fitted[normals.index(factor), :, scored.attribute(factor)])
        for factor in ("scale", "orientation")
    }


@torch.no_grad()
def faces(bench: Bench) -> None:
    """Pictures of one GAN of faces as photos for the other."""
    n = min(bench.n, 32)
    for name, other in (("faces", "celebs"), ("celebs", "faces")):
        generator = load_generator(name)
        source = generated_photos(load_generator(other), n)
        theirs = Photos(f"of-{other}", source.pictures, {})
        for origin, photos in (("its own samples", generated_photos(generator, n)), (other, theirs)):
            for variant in ("encoder", "optimised", "in-domain"):
                key = {"part": "faces", "generator": name, "photos": origin, "variant": variant, "n": n}
                if bench.rows.having(**key):
                    continue
                with torch.enable_grad():
                    inversion, seconds = bench.inverted(generator, photos, variant)
                    row = {**key, **figures(inversion, seconds), **kept(bench, generator, inversion, photos)}
                bench.rows.add(row)
                say(row)


@torch.no_grad()
def kept(bench: Bench, generator: Generator, inversion: Inversion, photos: Photos) -> dict[str, Any]:
    """Distances of identity: photo to inversion, and inversion to its edits in light and colour."""
    directions = bench.directions(generator, "interfacegan", lambda: InterFaceGAN().fit(generator))
    scorer = load_faces(generator.name)
    target = usual_target(generator, distance=bench.metric, samples=16)
    latents = inversion.latents
    found = strengths(generator, directions, latents[:16], target=target, distance=bench.metric)
    before = scorer.identity(inversion.pictures(generator))
    photo = scorer.identity(photos.pictures)
    apart, from_photo = [], []
    for k in range(directions.k):
        for sign in (-1, 1):
            alpha = sign * float(found.lengths[k] / directions.scale[k])
            edited = scorer.identity(generator(directions.edit(latents, k, alpha)))
            apart.append(identity_distance(before, edited))
            from_photo.append(identity_distance(photo, edited))
    return {
        "identity, photo to inversion": mean(identity_distance(photo, before)),
        "identity, inversion to edit": mean(torch.stack(apart).mean(0)),
        "identity, photo to edit": mean(torch.stack(from_photo).mean(0)),
    }


def tuning(bench: Bench) -> None:
    """Pivotal tuning of eight renders at once."""
    for name in NAMES[:2]:
        key = {"part": "tuning", "generator": name}
        if bench.rows.having(**key):
            continue
        generator = load_generator(name)
        photos = rendered_photos(name, BATCH)
        inversion, _ = bench.inverted(generator, photos, "in-domain")
        began = time.process_time()
        difference = tune(generator, inversion, photos.pictures, Tuning(), metric=bench.metric)
        seconds = time.process_time() - began
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            difference.save(Path(file.name))
            size = Path(file.name).stat().st_size
        tuned = difference.apply(generator)
        others = draw_samples(generator, 64, torch.Generator().manual_seed(HELD_OUT + 2))
        with torch.no_grad():
            after = Target(photos.pictures, bench.metric).differences(inversion.pictures(tuned))
            moved = draw(tuned, others.latents, others.labels).clamp(-1, 1)
            elsewhere = Target(others.pictures, bench.metric).differences(moved)
        row = {
            **key,
            "bytes": size,
            "seconds": seconds,
            "psnr before": float(inversion.psnr.median()),
            "lpips before": float(inversion.lpips.median()),
            "psnr": float(psnr(after.pixel).median()),
            "lpips": float(after.lpips.median()),
            "other pictures, psnr": float(psnr(elsewhere.pixel).median()),
            "other pictures, lpips": float(elsewhere.lpips.median()),
        }
        bench.rows.add(row)
        say(row)


def large(bench: Bench) -> None:
    """Steps in a generator of FFHQ's size, each in a process of its own."""
    for space in ("shared", "slots"):
        key = {"part": "large", "space": space}
        if bench.rows.having(**key):
            continue
        row = {**key, **in_child("benchmarks.inversion", {"space": space}, threads=bench.rows.threads)}
        bench.rows.add(row)
        say(row)


def large_steps(space: str, steps: int = 3) -> dict[str, Any]:
    """A few steps, then stopped, then gone on with."""
    with torch.device("meta"):
        network = StyleGAN2(1024, (512, 512, 512, 512, 512, 256, 128, 64, 32))
    network.to_empty(device="cpu")
    network.initialize(torch.Generator().manual_seed(0))
    network.name = "random"
    metric = load_lpips()
    with torch.no_grad():
        scale = float(network(network.sample(1, rng=torch.Generator().manual_seed(1))).std())
        photo = (network(network.sample(1, rng=torch.Generator().manual_seed(2))) / scale / 3).clamp(-1, 1)
    peak = Peak(torch.device("cpu"))
    settings = Settings(steps=2 * steps, starts=1, space=space, batch=1)  # type: ignore[arg-type]
    asked: list[float] = []

    def stop() -> bool:
        asked.append(time.process_time())
        return len(asked) > steps

    with tempfile.TemporaryDirectory() as folder:
        keep = Keeper(Path(folder), every=0.0)
        first = invert(network, photo, settings, metric=metric, stop=stop, keep=keep)
        again = invert(network, photo, settings, metric=metric, keep=keep)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return {
        "seconds a step": (asked[-1] - asked[0]) / steps,
        "steps": [first.origin["steps"], again.origin["steps"]],
        "psnr": [float(first.psnr), float(again.psnr)],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bytes of the checkpoints": size,
        **peak.values(),
    }


def say(row: Mapping[str, Any]) -> None:
    """The row in a line."""
    short = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in row.items()
        if not isinstance(value, list)
    }
    print(json.dumps(short), flush=True)


PARTS = {part.__name__: part for part in (generated, renders, edits, faces, tuning, large)}


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/inversion"))
    parser.add_argument("--n", type=int, default=64, help="photos")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if not 0 < arguments.n <= MOST:
        parser.error(f"--n {arguments.n}: give 1 to {MOST}")
    torch.set_num_threads(arguments.threads)
    bench = Bench(
        Rows(arguments.out, threads=arguments.threads), make_folder(arguments.runs), arguments.n, load_lpips()
    )
    for part in arguments.parts:
        PARTS[part](bench)


if __name__ == "__main__" and not answer(large_steps):
    main()

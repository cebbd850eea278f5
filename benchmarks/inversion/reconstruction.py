"""Reconstruction of samples, of renders, and of the pictures of another GAN."""

import time
from typing import Any

import torch
from benchmarks.inversion.bench import (
    NAMES,
    VARIANTS,
    Bench,
    Photos,
    figures,
    generated_photos,
    mean,
    rendered_photos,
)

from latentclr import InterFaceGAN, load_generator
from latentclr.evaluate.calibration import strengths, usual_target
from latentclr.evaluate.reading import reading_of
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion
from latentclr.invert.shipped import load_encoder
from latentclr.scorers.faces import identity_distance, load_faces


def generated(bench: Bench) -> None:
    """Invert samples by the encoder alone, optimisation and in-domain."""
    for name in NAMES:
        generator = load_generator(name)
        for variant, n in (("encoder", bench.n), ("optimised", bench.n), ("in-domain", min(bench.n, 16))):
            photos = generated_photos(generator, n)
            key = {"part": "generated", "generator": name, "variant": variant, "n": n}
            if bench.rows.having(**key):
                continue
            inversion, seconds = bench.inverted(generator, photos, variant)
            row: dict[str, Any] = {"steps": inversion.origin["steps"], **figures(inversion, seconds)}
            if variant == "encoder":
                row["milliseconds a picture"] = encoder_milliseconds(generator, photos)
            bench.add(key, row)


@torch.no_grad()
def encoder_milliseconds(generator: Generator, photos: Photos) -> float:
    """Processor time for one picture, the best of ten."""
    encoder, times = load_encoder(generator), []
    for picture in photos.pictures[:1].expand(11, -1, -1, -1).split(1):
        began = time.process_time()
        encoder(picture)
        times.append(time.process_time() - began)
    return 1000 * min(times)


@torch.no_grad()
def renders(bench: Bench) -> None:
    """Invert renders, and read their factors by the oracle before and after."""
    for name in NAMES[:2]:
        generator = load_generator(name)
        photos = rendered_photos(name, bench.n)
        reading = reading_of(generator)
        oracle, scales = reading.scorer, reading.scales
        before = oracle(photos.pictures)
        for variant in VARIANTS:
            if generator.space == "z" and (variant.startswith("plain") or variant.endswith("slot")):
                continue
            key = {"part": "renders", "generator": name, "variant": variant, "n": bench.n}
            if bench.rows.having(**key):
                continue
            inversion, seconds = bench.inverted(generator, photos, variant)
            after = oracle(inversion.pictures(inversion.require(generator)))
            row: dict[str, Any] = {"steps": inversion.origin["steps"], **figures(inversion, seconds)}
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
            bench.add(key, row)


@torch.no_grad()
def faces(bench: Bench) -> None:
    """Invert pictures of one GAN of faces in the other."""
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
                    distances = kept(bench, generator, inversion, photos)
                bench.add(key, {**figures(inversion, seconds), **distances})


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

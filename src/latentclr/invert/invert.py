"""From photos to latents: the front function, which joins encoder and optimisation."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import GeneratorRecord, Origin
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course, Log, Stop
from latentclr.engine.world import ALONE
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion, Photo
from latentclr.invert.encoder import LatentEncoder
from latentclr.invert.objective import Objective, Target, picture_size, psnr
from latentclr.invert.optimise import Found, Show, optimise
from latentclr.invert.prior import Prior
from latentclr.invert.settings import METHODS as METHODS
from latentclr.invert.settings import Method as Method
from latentclr.invert.settings import Settings as Settings
from latentclr.invert.shipped import find_encoder
from latentclr.invert.starts import encoded_starts, sampled_starts
from latentclr.scorers.lpips import LPIPS, load_lpips


def invert(
    generator: Generator,
    pictures: Float[Tensor, "n 3 h w"],
    settings: Settings | None = None,
    *,
    photos: Sequence[Photo] | None = None,
    labels: Sequence[int | None] | None = None,
    encoder: LatentEncoder | None = None,
    metric: LPIPS | None = None,
    log: Log = lambda _step, _values: None,
    stop: Stop = lambda: False,
    keep: Keeper | None = None,
    show: Show = lambda _step, _latents, _labels: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Inversion:
    """Find latents whose pictures are the given ones.

    Args:
        generator: frozen. Its truncation is kept.
        pictures: in [-1, 1], of the generator's size.
        settings: of the method; None: the defaults.
        photos: where each picture came from, for the artefact.
        labels: the class of each photo; None for one that is to be found, whatever class is chosen in the
            generator. In w there is none to find.
        encoder: of this generator; None: the one that is part of this package, if there is one.
        metric: LPIPS; None: it is loaded when needed.
        log: called with a step and values: "validation_loss", "psnr" and "lpips", means over the photos.
        stop: asked between steps; once True, the best so far is returned.
        keep: where checkpoints of the optimisation are kept, and from which it goes on.
        show: called with the best latents as it goes: step, latents, labels.
        tell: called with a sentence when something is fetched.

    Raises:
        InputError: pictures of another size, classes that do not exist, no encoder where one is needed, or
            weights that cannot be fetched.
    """
    settings = settings or Settings()
    labels = tuple(labels) if labels is not None else (None,) * len(pictures)
    photos = tuple(photos) if photos is not None else (Photo(),) * len(pictures)
    _check_pictures(generator, pictures, photos, labels)
    encoder = _encoder(generator, settings, encoder)
    if metric is None and settings.lpips_weight:
        metric = load_lpips(device=generator.device, log=tell)
    target = Target(pictures.to(generator.device, torch.float32), metric if settings.lpips_weight else None)
    objective = Objective(
        generator,
        target,
        settings.weights(),
        Prior.of(generator),
        settings.space,
        encoder=None if encoder is None else lambda pictures: encoder(pictures).latents,
        batch=settings.batch,
    )
    count = 1 if settings.method == "encoder" else settings.starts
    if encoder is not None and (settings.from_encoder or settings.method == "encoder"):
        starts = encoded_starts(objective, encoder, labels, count, settings.seed)
    else:
        starts = sampled_starts(objective, labels, count, settings.seed)
    made_with = {
        "truncation": generator.truncation,
        "encoder": None if encoder is None else encoder.fingerprint(),
    }
    if settings.method == "encoder":
        latents, chosen = starts.latents[:, 0], tuple(row[0] for row in starts.labels)
        found = Found(latents, chosen, objective.differences(latents, chosen), 0)
        show(0, latents, chosen)
    else:
        about = {
            "generator": generator.fingerprint(),
            **made_with,
            "settings": {name: value for name, value in asdict(settings).items() if name != "batch"},
            "pictures": sha256(target.pictures.cpu().contiguous().numpy().tobytes()).hexdigest(),
            "labels": list(labels),
        }
        found = optimise(objective, starts, settings, Course(about, log, stop, keep, ALONE), show=show)
    unknown = torch.full((len(pictures),), torch.nan)
    return Inversion(
        latents=found.latents.cpu(),
        space=generator.space,
        labels=found.labels,
        psnr=psnr(found.differences.pixel).cpu(),
        lpips=found.differences.lpips.cpu() if settings.lpips_weight else unknown,
        photos=photos,
        origin=Origin(
            {
                "method": settings.method,
                "settings": asdict(settings),
                "steps": found.steps,
                "generator": GeneratorRecord(generator.name, generator.fingerprint()).to_json(),
                **made_with,
                "versions": {"latentclr": version("latentclr"), "torch": torch.__version__},
            }
        ),
    )


def _encoder(generator: Generator, settings: Settings, encoder: LatentEncoder | None) -> LatentEncoder | None:
    """The given encoder or the one of this package, if the method uses one."""
    if encoder is not None:
        encoder.require(generator)
    elif settings.from_encoder or settings.method != "optimise":
        encoder = find_encoder(generator)
    if encoder is None and settings.method != "optimise":
        raise InputError(
            f"method={settings.method!r} needs an encoder, and there is none of "
            f"{generator.name or 'this generator'!r}: train one, or use the method optimise."
        )
    return encoder


def _check_pictures(
    generator: Generator, pictures: Tensor, photos: Sequence[Photo], labels: Sequence[int | None]
) -> None:
    if not len(pictures):
        raise InputError("no pictures: give one or more.")
    if not len(photos) == len(labels) == len(pictures):
        raise InputError(f"give a photo and a label for each of {len(pictures)} pictures, or none.")
    if not bool(torch.isfinite(pictures).all()):
        raise InputError("the pictures hold values that are not finite.")
    for label in labels:
        if label is not None:
            generator.for_class(label)
    height, width = picture_size(generator)
    if tuple(pictures.shape[2:]) != (height, width):
        raise InputError(
            f"pictures of {pictures.shape[2]} x {pictures.shape[3]} pixels: this generator draws {height} x "
            f"{width}; crop and scale them first."
        )

"""From photos to latents: the front function, which joins encoder and optimisation."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Log, Stop
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion, Photo
from latentclr.invert.encoder import LatentEncoder
from latentclr.invert.objective import Target, Weights, psnr
from latentclr.invert.optimise import Found, Show, measured, optimise
from latentclr.invert.prior import Prior
from latentclr.invert.problem import Space
from latentclr.invert.schedule import Schedule
from latentclr.invert.shipped import find_encoder
from latentclr.invert.starts import encoded_starts, sampled_starts
from latentclr.scorers.lpips import LPIPS, load_lpips

Method = Literal["encoder", "optimise", "in-domain"]
SMALL = 128
"""Pixels up to which pictures are drawn so fast that hundreds of them for one step are worth it."""
METHODS: tuple[Method, ...] = ("encoder", "optimise", "in-domain")
"""By the encoder alone; by optimisation; by optimisation that stays where the encoder agrees."""


@dataclass(frozen=True)
class Settings:
    """How photos are inverted. The docstring of each field is the help of its option."""

    method: Method = "optimise"
    """The encoder alone, optimisation, or in-domain: optimisation that stays where the encoder agrees."""
    space: Space = "shared"
    """What is free: one latent for all slots of the generator, or one for each."""
    steps: int = 200
    """Of the optimisation."""
    finish: int = 10
    """The last so many are steps of Levenberg and Marquardt: one costs as much as thirty of Adam, but ends
    where those only tend to. There are none where each slot is free, and in generators of large pictures."""
    starts: int = 3
    """Places from which it begins; after a tenth of the steps the best goes on alone."""
    from_encoder: bool = True
    """The first of them is where the encoder points, if there is one; otherwise all are samples."""
    rate: float = 0.05
    """Of Adam at its largest, in units of the latents' standard deviation."""
    pixel_weight: float = 1.0
    """Of the mean squared difference of pixels in [-1, 1]."""
    lpips_weight: float = 1.0
    """Of the perceptual distance; 0: it is not computed (and its weights are not fetched)."""
    prior_weight: float = 0.001
    """Of a term that keeps latents as usual as sampled ones."""
    spread_weight: float = 0.001
    """Of a term that keeps the slots' latents near to each other."""
    domain_weight: float = 0.2
    """Of the distance between the latents and what the encoder sees in their picture (in-domain only; the
    paper has 2, with latents and features of other sizes)."""
    batch: int = 32
    """Pictures drawn at a time: memory and speed, not the result."""
    seed: int = 0
    """Of the starts that are samples."""

    def check(self) -> None:
        """Make sure that these can be followed.

        Raises:
            InputError: a value out of range.
        """
        if self.method not in METHODS:
            raise InputError(f"method={self.method!r} must be one of {', '.join(METHODS)}.")
        if self.space not in ("shared", "slots"):
            raise InputError(f"space={self.space!r} must be shared or slots.")
        if self.starts < 1:
            raise InputError(f"starts={self.starts} must be at least 1.")
        names = ("pixel_weight", "lpips_weight", "prior_weight", "spread_weight", "domain_weight")
        for name in names:
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)} must be at least 0 and finite.")
        if not self.pixel_weight + self.lpips_weight > 0:
            raise InputError("pixel_weight and lpips_weight are both 0: nothing would be compared.")
        self.schedule().check()

    def schedule(self, *, small: bool = True) -> Schedule:
        """How the search goes, in a generator of small pictures or of large ones."""
        return Schedule(
            steps=self.steps,
            explore=self.steps // 10,
            rate=self.rate,
            batch=self.batch,
            finish=min(self.finish, self.steps // 4) if small else 0,
        )

    def weights(self) -> Weights:
        """Of the objective."""
        domain = self.domain_weight if self.method == "in-domain" else 0.0
        return Weights(self.pixel_weight, self.lpips_weight, self.prior_weight, self.spread_weight, domain)


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
        settings: how; None: by optimisation, as usual.
        photos: where each picture came from, for the artefact.
        labels: the class of each photo; None for one that is to be found, whatever class is chosen in the
            generator. In w there is none to find.
        encoder: of this generator; None: the one that is part of this package, if there is one.
        metric: LPIPS; None: it is loaded when needed.
        log: told (step, values): "validation_loss", "psnr" and "lpips", means over the photos.
        stop: asked between steps; once True, the best so far is returned.
        keep: where the optimisation is kept, and goes on from.
        show: told the best latents as it goes: (step, latents, labels).
        tell: told in a sentence when something is fetched.

    Raises:
        InputError: settings out of range, pictures of another size, classes that are not there, no encoder
            where one is needed, or weights that cannot be fetched.
    """
    settings = settings or Settings()
    settings.check()
    photos = tuple(photos) if photos is not None else (Photo(),) * len(pictures)
    _check(generator, pictures, photos, labels)
    if encoder is not None:
        encoder.require(generator)
    elif settings.from_encoder or settings.method != "optimise":
        encoder = find_encoder(generator)
    if encoder is None and settings.method != "optimise":
        raise InputError(
            f"method={settings.method!r} needs an encoder, and there is none of "
            f"{generator.name or 'this generator'!r}: train one, or use the method optimise."
        )
    if metric is None and settings.lpips_weight:
        metric = load_lpips(device=generator.device, log=tell)
    target = Target(pictures.to(generator.device, torch.float32), metric if settings.lpips_weight else None)
    given = tuple(labels) if labels is not None else (None,) * len(pictures)
    prior = Prior.of(generator)
    wanted = 1 if settings.method == "encoder" else settings.starts
    if encoder is not None and (settings.from_encoder or settings.method == "encoder"):
        starts = encoded_starts(generator, encoder, target, given, wanted, settings.seed, settings.batch)
    else:
        starts = sampled_starts(generator, target, given, wanted, settings.seed, settings.batch)
    if settings.method == "encoder":
        latents, chosen = starts.latents[:, 0], tuple(row[0] for row in starts.labels)
        found = Found(latents, chosen, measured(generator, latents, chosen, target, settings.batch), 0)
        show(0, latents, chosen)
    else:
        domain = encoder
        found = optimise(
            generator,
            target,
            starts,
            weights=settings.weights(),
            prior=prior,
            space=settings.space,
            schedule=settings.schedule(small=generator.resolution <= SMALL),
            encoder=None if domain is None else lambda pictures: domain(pictures).latents,
            about=_about(generator, settings, encoder, target, given),
            log=log,
            stop=stop,
            keep=keep,
            show=show,
        )
    figures = found.differences
    nothing = torch.full_like(figures.lpips, float("nan"))
    return Inversion(
        latents=found.latents.cpu(),
        space=generator.space,
        labels=found.labels,
        psnr=psnr(figures.pixel).cpu(),
        lpips=(figures.lpips if settings.lpips_weight else nothing).cpu(),
        photos=photos,
        origin={
            "method": settings.method,
            "settings": asdict(settings),
            "steps": found.steps,
            "generator": {"name": generator.name, "sha256": generator.fingerprint()},
            "truncation": generator.truncation,
            "encoder": None if encoder is None else encoder.fingerprint(),
            "versions": {"latentclr": version("latentclr"), "torch": torch.__version__},
        },
    )


def _about(
    generator: Generator,
    settings: Settings,
    encoder: LatentEncoder | None,
    target: Target,
    labels: Sequence[int | None],
) -> dict[str, Any]:
    """What a kept search is about."""
    pixels = sha256(target.pictures.cpu().contiguous().numpy().tobytes()).hexdigest()
    return {
        "generator": generator.fingerprint(),
        "truncation": generator.truncation,
        "encoder": None if encoder is None else encoder.fingerprint(),
        "settings": {name: value for name, value in asdict(settings).items() if name != "batch"},
        "pictures": pixels,
        "labels": list(labels),
    }


def _check(
    generator: Generator,
    pictures: Tensor,
    photos: Sequence[Photo],
    labels: Sequence[int | None] | None,
) -> None:
    if not len(pictures):
        raise InputError("no pictures: give one or more.")
    if len(photos) != len(pictures) or (labels is not None and len(labels) != len(pictures)):
        raise InputError(f"give a photo and a label for each of {len(pictures)} pictures, or none.")
    if not bool(torch.isfinite(pictures).all()):
        raise InputError("the pictures hold values that are not finite.")
    for label in labels or ():
        if label is not None:
            generator.for_class(label)
    with torch.no_grad():
        height, width = _size(generator)
    if tuple(pictures.shape[2:]) != (height, width):
        raise InputError(
            f"pictures of {pictures.shape[2]} x {pictures.shape[3]} pixels: this generator draws {height} x "
            f"{width}; crop and scale them first."
        )


def _size(generator: Generator) -> tuple[int, int]:
    """Height and width of its pictures."""
    width = generator.settings().get("resolution", generator.resolution)
    return generator.resolution, width

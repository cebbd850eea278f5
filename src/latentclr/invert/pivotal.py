"""Pivotal tuning: the generator is changed a little, so that found latents draw their photos exactly.

Roich, Mokady, Bermano, Cohen-Or: Pivotal Tuning for Latent-based Editing of Real Images (2021). The latents
stay where they are (the pivots), so that directions do there what they do elsewhere; a term keeps the
pictures of other latents as they were. What is trained are thin matrices beside each weight (`difference`),
not the weights themselves.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from latentclr.artefacts import GeneratorRecord, Origin
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course, Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.generators.biggan_deep import StatisticsTable
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import LEFT, RIGHT, WHOLE, Difference, change_of
from latentclr.invert.drawing import Labels, draw
from latentclr.invert.objective import Target, psnr
from latentclr.invert.settings import Tuning as Tuning
from latentclr.invert.settings import Weights
from latentclr.scorers.lpips import LPIPS

VALIDATE_EVERY = 25


class _LowRank(nn.Module):
    """The changes of weights: of a matrix A B, with B at first 0; of a vector the whole."""

    def __init__(self, weights: Mapping[str, Tensor], rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.parts = nn.ParameterList()
        for weight in weights.values():
            if weight.ndim < 2:
                self.parts.append(nn.Parameter(torch.zeros_like(weight)))
                continue
            rows, columns = len(weight), weight[0].numel()
            thin = min(rank, rows, columns)
            left = torch.randn(rows, thin, generator=rng) * float(weight.std(correction=0)) / thin**0.5
            self.parts.append(nn.Parameter(left.to(weight.device)))
            self.parts.append(nn.Parameter(torch.zeros(thin, columns, device=weight.device)))

    def tensors(self) -> dict[str, Tensor]:
        """All parts by the names that `Difference` has for them."""
        kinds = [
            f"{kind}{name}"
            for name, weight in self.weights.items()
            for kind in ((WHOLE,) if weight.ndim < 2 else (LEFT, RIGHT))
        ]
        return dict(zip(kinds, self.parts, strict=True))

    def forward(self) -> dict[str, Tensor]:
        """The changed weights by name, with gradients to the parts."""
        tensors = self.tensors()
        return {name: weight + change_of(weight, name, tensors) for name, weight in self.weights.items()}


class _Drawer(nn.Module):
    """A generator whose weights can be given for one call."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Latents, labels: Labels) -> Float[Tensor, "n 3 h w"]:
        return draw(self.generator, latents, labels)

    def draw_with(
        self, weights: Mapping[str, Tensor], latents: Latents, labels: Labels
    ) -> Float[Tensor, "n 3 h w"]:
        """Pictures where some weights, by name, are other ones."""
        given = {f"generator.{name}": value for name, value in weights.items()}
        pictures: Tensor = functional_call(self, given, (latents, labels))
        return pictures


def tune(
    generator: Generator,
    inversion: Inversion,
    pictures: Float[Tensor, "n 3 h w"],
    settings: Tuning | None = None,
    *,
    metric: LPIPS | None = None,
    log: Log = lambda _step, _values: None,
    stop: Stop = lambda: False,
    keep: Keeper | None = None,
) -> Difference:
    """Find a small change of the generator with which the latents of the photos draw the photos.

    The generator itself is not changed.

    Args:
        generator: in which the photos were inverted.
        inversion: of the photos.
        pictures: the photos, in [-1, 1].
        settings: of the tuning; None: the defaults.
        metric: LPIPS; None: pixels only.
        log: called with a step and values: "validation_loss", "psnr" and "lpips", means over the photos.
        stop: asked between steps; once True, the best so far is returned.
        keep: where checkpoints are kept, and from which the tuning goes on.

    Raises:
        InputError: another generator, not a picture for each photo, or a checkpoint of another tuning.
    """
    settings = settings or Tuning()
    base = inversion.require(generator)
    if len(pictures) != len(inversion):
        raise InputError(f"{len(pictures)} pictures for {len(inversion)} inverted photos: give one for each.")
    target = Target(pictures.to(generator.device), metric if settings.lpips_weight else None)
    tuner = _Tuner(base, inversion, target, settings)
    training = tuner.training
    about = {
        "generator": generator.fingerprint(),
        "pivots": sha256(inversion.latents.contiguous().numpy().tobytes()).hexdigest(),
        **asdict(settings),
    }
    course = Course(about, log, stop, keep, ALONE)
    resume(training, course)
    run(
        training,
        tuner.learn,
        tuner.validate,
        course,
        steps=settings.steps,
        validate_every=VALIDATE_EVERY,
    )
    tuner.change.load_state_dict(training.best)
    record = {
        "method": "pivotal tuning",
        "settings": asdict(settings),
        "steps": training.step,
        "figures": {name: value for name, value in training.values.items() if name != "best_step"},
    }
    return Difference(
        {name: part.detach().half().cpu() for name, part in tuner.change.tensors().items()},
        GeneratorRecord(generator.name, generator.fingerprint()),
        Origin(record),
    )


class _Tuner:
    def __init__(self, base: Generator, inversion: Inversion, target: Target, settings: Tuning) -> None:
        self.base, self.target, self.settings = base, target, settings
        self.device, self.rng = base.device, torch.Generator().manual_seed(settings.seed)
        self.pivots, self.labels = inversion.latents.to(self.device), inversion.labels
        self.terms = Weights(settings.pixel_weight, settings.lpips_weight)
        self.drawer = _Drawer(_unfolded(base))
        weights = dict(base.named_parameters())
        names = _used_weights(self.drawer, self.pivots[:1], self.labels[:1])
        self.change = _LowRank({name: weights[name].detach() for name in names}, settings.rank, self.rng)
        self.optimizer = adam(self.change.parameters(), settings.rate, 0.0, self.device)
        self.training = Training(
            {"model": self.change},
            {"adam": self.optimizer},
            self.rng,
            torch.zeros((), device=self.device),
        )

    def learn(self) -> None:
        settings = self.settings
        set_rate(self.optimizer, settings.rate * (1 - 0.9 * self.training.step / settings.steps))
        self.optimizer.zero_grad()
        rows = torch.randperm(len(self.pivots), generator=self.rng)[: settings.batch]
        labels = [self.labels[i] for i in rows.tolist()]
        with torch.enable_grad():
            changed = self.change()
            drawn = self.drawer.draw_with(changed, self.pivots[rows], labels)
            loss = self.target.rows(rows).differences(drawn).weighted(self.terms).mean()
            if settings.locality and settings.locality_weight:
                count = min(settings.locality, len(rows))
                loss = loss + settings.locality_weight * self.elsewhere(changed, rows[:count], labels[:count])
            loss.backward()
        self.optimizer.step()
        self.training.total += loss.detach()

    def elsewhere(self, changed: Mapping[str, Tensor], rows: Tensor, labels: Labels) -> Float[Tensor, ""]:
        """How much the change moves pictures of latents between some pivots and random ones."""
        share = torch.rand(len(rows), 1, 1, generator=self.rng).to(self.device)
        others = torch.lerp(self.base.sample(len(rows), rng=self.rng), self.pivots[rows], share)
        with torch.no_grad():
            before = draw(self.base, others, labels)
        return (self.drawer.draw_with(changed, others, labels) - before).square().mean()

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        changed, sums = self.change(), torch.zeros(3, device=self.device)
        for rows in torch.arange(len(self.pivots)).split(self.settings.batch):
            labels = [self.labels[i] for i in rows.tolist()]
            drawn = self.drawer.draw_with(changed, self.pivots[rows], labels)
            found = self.target.rows(rows).differences(drawn)
            sums += torch.stack(
                [found.weighted(self.terms).sum(), psnr(found.pixel).sum(), found.lpips.sum()]
            )
        loss, decibels, lpips = (sums / len(self.pivots)).tolist()
        return {"validation_loss": loss, "psnr": decibels, "lpips": lpips}


def _unfolded(generator: Generator) -> Generator:
    """A copy that draws by its weights, not by what was folded from them; its statistics stay."""
    copied = copy.deepcopy(generator)
    for module in copied.modules():
        module.training = not isinstance(module, nn.BatchNorm2d | StatisticsTable)
    return copied


def _used_weights(drawer: _Drawer, latents: Latents, labels: Labels) -> list[str]:
    """Names of the weights that pictures depend on; a mapping network comes before the latents."""
    weights = {name: value.detach().requires_grad_() for name, value in drawer.generator.named_parameters()}
    with torch.enable_grad():
        loss = drawer.draw_with(weights, latents, labels).square().sum()
        found: Sequence[Tensor | None] = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return [
        name
        for name, gradient in zip(weights, found, strict=True)
        if gradient is not None and bool(gradient.any())
    ]

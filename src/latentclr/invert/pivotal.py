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
from latentclr.generators.biggan_deep import Statistics
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import LEFT, RIGHT, WHOLE, Difference, product
from latentclr.invert.drawing import Labels, draw
from latentclr.invert.objective import Target, Weights, psnr
from latentclr.invert.settings import Tuning as Tuning
from latentclr.scorers.lpips import LPIPS


class LowRank(nn.Module):
    """The change of each weight: A B, with B at first 0; of a vector, the whole.

    Args:
        weights: those that are changed, by name.
        rank: of A and B.
        rng: for A.
    """

    def __init__(self, weights: Mapping[str, Tensor], rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.names = tuple(weights)
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
        found, parts = {}, iter(self.parts)
        for name, weight in self.weights.items():
            if weight.ndim < 2:
                found[f"{WHOLE}{name}"] = next(parts)
            else:
                found[f"{LEFT}{name}"], found[f"{RIGHT}{name}"] = next(parts), next(parts)
        return found

    def forward(self) -> dict[str, Tensor]:
        """The changed weights, with gradients to the parts."""
        tensors = self.tensors()
        changed = {}
        for name, weight in self.weights.items():
            if f"{WHOLE}{name}" in tensors:
                changed[name] = weight + tensors[f"{WHOLE}{name}"]
            else:
                changed[name] = weight + product(tensors[f"{LEFT}{name}"], tensors[f"{RIGHT}{name}"], weight)
        return changed


class Drawer(nn.Module):
    """A generator whose weights can be given for one call."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Latents, labels: Labels) -> Tensor:
        """Pictures, each of its class."""
        return draw(self.generator, latents, labels)


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
    """Find a small change of the generator with which the inverted photos come out as they are.

    The generator is left as it was.

    Args:
        generator: in which they were inverted.
        inversion: of the photos.
        pictures: the photos, in [-1, 1].
        settings: how; None: as usual.
        metric: LPIPS; None: pixels only.
        log: told (step, values): "validation_loss", "psnr" and "lpips", means over the photos.
        stop: asked between steps; once True, the best so far is returned.
        keep: where the tuning is kept, and goes on from.

    Raises:
        InputError: settings out of range, another generator, or not a picture for each photo.
    """
    settings = settings or Tuning()
    settings.check()
    base = inversion.require(generator)
    if len(pictures) != len(inversion):
        raise InputError(f"{len(pictures)} pictures for {len(inversion)} inverted photos: give one for each.")
    device, rng = generator.device, torch.Generator().manual_seed(settings.seed)
    target = Target(pictures.to(device), metric if settings.lpips_weight else None)
    pivots, labels = inversion.latents.to(device), inversion.labels
    drawer = Drawer(_learning(base))
    names = _reached(drawer, pivots[:1], labels[:1])
    weights = {name: dict(base.named_parameters())[name].detach() for name in names}
    change = LowRank(weights, settings.rank, rng)
    optimizer = adam(change.parameters(), settings.rate, 0.0, device)
    training = Training({"model": change}, {"adam": optimizer}, rng, torch.zeros((), device=device))
    about = {
        "generator": generator.fingerprint(),
        "pivots": sha256(inversion.latents.contiguous().numpy().tobytes()).hexdigest(),
        **asdict(settings),
    }
    terms = Weights(settings.pixel_weight, settings.lpips_weight)

    def drawn(changed: Mapping[str, Tensor], latents: Latents, which: Labels) -> Tensor:
        given = {f"generator.{name}": value for name, value in changed.items()}
        pictures: Tensor = functional_call(drawer, given, (latents, which))
        return pictures

    def learn() -> None:
        done = training.step / settings.steps
        set_rate(optimizer, settings.rate * (1 - 0.9 * done))
        optimizer.zero_grad()
        rows = torch.randperm(len(pivots), generator=rng)[: settings.batch]
        labelled = [labels[i] for i in rows.tolist()]
        with torch.enable_grad():
            changed = change()
            differences = target.rows(rows).differences(drawn(changed, pivots[rows], labelled))
            loss = differences.weighted(terms).mean()
            if settings.locality and settings.locality_weight:
                some = rows[: settings.locality]
                share = torch.rand(len(some), 1, 1, generator=rng).to(device)
                random = base.sample(len(some), rng=rng)
                others = torch.lerp(random, pivots[some], share)
                with torch.no_grad():
                    before = draw(base, others, labelled[: len(some)])
                moved = drawn(changed, others, labelled[: len(some)]) - before
                loss = loss + settings.locality_weight * moved.square().mean()
            loss.backward()
        optimizer.step()
        training.total += loss.detach()

    @torch.no_grad()
    def validate() -> Mapping[str, float]:
        changed, sums = change(), torch.zeros(3, device=device)
        for rows in torch.arange(len(pivots)).split(settings.batch):
            some = drawn(changed, pivots[rows], [labels[i] for i in rows.tolist()])
            found = target.rows(rows).differences(some)
            sums += torch.stack([found.weighted(terms).sum(), psnr(found.pixel).sum(), found.lpips.sum()])
        loss, decibels, seen = (sums / len(pivots)).tolist()
        return {"validation_loss": loss, "psnr": decibels, "lpips": seen}

    course = Course(about, log, stop, keep, ALONE)
    resume(training, course)
    run(training, learn, validate, course, steps=settings.steps, validate_every=25)
    change.load_state_dict(training.best)
    values = {name: value for name, value in training.values.items() if name != "best_step"}
    return Difference(
        {name: part.detach().half().cpu() for name, part in change.tensors().items()},
        GeneratorRecord(generator.name, generator.fingerprint()),
        Origin(
            {
                "method": "pivotal tuning",
                "settings": asdict(settings),
                "steps": training.step,
                "figures": values,
            }
        ),
    )


def _learning(generator: Generator) -> Generator:
    """A copy that draws by its weights, not by what was folded from them; its statistics stay."""
    learning = copy.deepcopy(generator)
    for module in learning.modules():
        module.training = not isinstance(module, nn.BatchNorm2d | Statistics)
    return learning


def _reached(drawer: Drawer, latents: Latents, labels: Labels) -> list[str]:
    """Names of the weights that the picture depends on; a mapping network comes before the latents."""
    weights = dict(drawer.generator.named_parameters())
    given = {f"generator.{name}": value.detach().requires_grad_() for name, value in weights.items()}
    with torch.enable_grad():
        picture = functional_call(drawer, given, (latents, labels))
        loss = picture.square().sum()
        found: Sequence[Tensor | None] = torch.autograd.grad(loss, list(given.values()), allow_unused=True)
    return [
        name
        for name, gradient in zip(weights, found, strict=True)
        if gradient is not None and bool(gradient.any())
    ]

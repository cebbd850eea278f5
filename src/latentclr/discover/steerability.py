"""Steerability: walks in latent space that do to pictures what an edit of pictures does.

Jahanian, Chai, Isola: On the "Steerability" of Generative Adversarial Networks (ICLR 2020).

A walk w of an edit is trained so that G(z + alpha w) is edit(G(z), alpha), wherever the edited picture is
known (section 3). How near it comes says what the generator can do, and what its data varied in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import DirectionModel, Directions, Global, Nonlinear
from latentclr.directions.edits import moved, read
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.settings.steerability import SteerabilitySettings
from latentclr.discover.transforms import (
    Transform,
    check_transforms,
    one_rate_for_all_entries,
    pictures_at_once,
    refuse_unseen,
    squared_error,
)
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.precision import products
from latentclr.engine.training import Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents

LEVELS = {"l2": 1, "pyramid": None}
"""Of `squared_error`, by the name of a loss."""
START = 0.01
"""Standard deviation of a linear walk's first entries, in standard deviations of a latent's. (The authors'
code has 0.1; where pictures do not change, what it starts with is what it ends with.)"""
FIRST_LENGTH = 0.1
"""Of a nonlinear walk, for each entry."""
MINIMA = {"steps": 1, "batch": 1, "held_out": 1, "validate_every": 1, "walk_steps": 1}


class LinearWalks(nn.Module):
    """A vector for each edit; alpha times it is added."""

    def __init__(self, k: int, dim: int, unit: float, *, rng: torch.Generator) -> None:
        super().__init__()
        self.unit = unit
        self.walks = nn.Parameter(START * torch.randn(k, dim, generator=rng))

    def walk(self, latents: Latents, alphas: Float[Tensor, "k n"], slots: tuple[int, ...]) -> Tensor:
        """Latents (k, n, slots, dim) at the end of each walk."""
        return moved(latents, alphas.unsqueeze(-1) * self.unit * self.walks.unsqueeze(1), slots)

    def found(self) -> tuple[DirectionModel, Float[Tensor, " k"]]:
        """Directions, and their lengths for alpha = 1."""
        k, dim = self.walks.shape
        model = Global.from_state({"theta": self.walks.detach()}, k=k, dim=dim)
        return model, self.unit * self.walks.detach().norm(dim=1)


class NonlinearWalks(nn.Module):
    """A field of directions and a length for each edit, walked along in equal steps.

    What is trained is the walk that `Directions.edit(..., steps=steps)` takes, from its start to its end.
    (The authors' networks have one size of step, and one network for each way; they scale latents back to
    their first length after each step, which an edit with these directions would not do: so not here.)
    """

    def __init__(self, k: int, dim: int, unit: float, *, steps: int, rng: torch.Generator) -> None:
        super().__init__()
        self.steps, self.unit = steps, unit
        self.fields = Nonlinear(k, dim, rng=rng)
        self.lengths = nn.Parameter(torch.full((k,), FIRST_LENGTH * dim**0.5).log())

    def walk(self, latents: Latents, alphas: Float[Tensor, "k n"], slots: tuple[int, ...]) -> Tensor:
        """Latents (k, n, slots, dim) at the end of each walk."""
        k, n = alphas.shape
        stride = alphas * (self.unit * self.lengths.exp() / self.steps).unsqueeze(1)  # (k, n)
        own = torch.arange(k, device=alphas.device)
        shift = torch.zeros(k, n, latents.shape[-1], device=alphas.device)
        for step in range(self.steps):
            if step == 0:  # all walks begin at the same latents
                directions = self.fields(read(latents, slots))
            else:  # every field is asked at every walk's place; only its own answers count
                asked = self.fields((read(latents, slots) + shift).flatten(0, 1)).unflatten(1, (k, n))
                directions = asked[own, own]
            shift = shift + stride.unsqueeze(-1) * directions
        return moved(latents, shift, slots)

    def found(self) -> tuple[DirectionModel, Float[Tensor, " k"]]:
        """Directions, and their lengths for alpha = 1."""
        state = {name: value.detach().clone() for name, value in self.fields.state_dict().items()}
        model = Nonlinear.from_state(state, k=self.fields.k, dim=self.fields.dim, **self.fields.settings())
        return model, self.unit * self.lengths.detach().exp()


@dataclass(frozen=True)
class Steerability(SteerabilitySettings, Discoverer):
    """Walks that zoom, shift, turn or recolour pictures, learnt from edited pictures."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Learn a walk for each transform; sorted by how much of the edit they explain.

        The score is 1 - loss(walk) / loss(not moving) on held-out latents: 1 is the edit itself, 0 or less
        says that the generator does not follow. Alpha = 1 is the largest edit of the training. `log` is told
        "loss", "steps_per_second" and, at every validation, "validation_loss" (the mean of loss(walk) /
        loss(not moving)) and each transform's score by its name.

        Raises:
            InputError: a field out of range, an unknown transform or slot, latents that the processes cannot
                share equally, or a transform that does not change this generator's pictures.
        """
        transforms = self._check()
        generator = generator.at(self.truncation).settled()
        slots = generator.check_slots(self.slots)
        mine = world.even_share(self.batch, "batch")
        mine_held = world.even_share(self.held_out, "held_out")
        device = generator.device
        rng = torch.Generator().manual_seed(self.seed)
        held_out = generator.sample(self.held_out, rng=rng)
        held_alphas = self._alphas(self.held_out, rng).to(device)[:, mine_held]
        unit = _deviation(generator)
        walks = self._walks(generator.latent_dim, unit, rng).to(device)
        optimizer = adam(walks.parameters(), self.learning_rate, 0.0, device)
        training = Training({"model": walks}, {"adam": optimizer}, rng, torch.zeros((), device=device))
        course = self.course(generator, log=log, stop=stop, keep=keep, world=world)
        resume(training, course)
        still, _ = self._losses(generator, transforms, held_out[mine_held], held_alphas, None, slots)
        world.sum([still])
        refuse_unseen(self.transforms, still / self.held_out)

        def learn() -> None:
            # Few latents a step, and each edit by an amount of its own: what is left at the end is the mean.
            set_rate(optimizer, self.learning_rate * (1 - training.step / self.steps))
            optimizer.zero_grad()
            latents = generator.map(torch.randn(self.batch, generator.z_dim, generator=rng).to(device))[mine]
            alphas = self._alphas(self.batch, rng).to(device)[:, mine]
            ends = walks.walk(latents, alphas, slots)
            losses, gradient = self._losses(generator, transforms, latents, alphas, ends.detach(), slots)
            ends.backward(gradient / self.batch)
            loss = losses.sum() / self.batch
            world.sum([loss, *(p.grad for p in walks.parameters() if p.grad is not None)])
            if self.model == "linear":
                one_rate_for_all_entries(optimizer)
            optimizer.step()
            training.total += loss

        def validate() -> Mapping[str, float]:
            with torch.no_grad():
                ends = walks.walk(held_out[mine_held], held_alphas, slots)
                losses, _ = self._losses(
                    generator, transforms, held_out[mine_held], held_alphas, ends, slots, gradient=False
                )
            world.sum([losses])
            left = losses / still
            scores = {name: 1 - float(share) for name, share in zip(self.transforms, left, strict=True)}
            return {"validation_loss": float(left.mean()), **scores}

        with products("float32"):
            run(training, learn, validate, course, steps=self.steps, validate_every=self.validate_every)
        walks.load_state_dict(training.best)
        model, scale = walks.found()
        scores = torch.tensor([training.values[name] for name in self.transforms])
        order = scores.argsort(descending=True, stable=True).tolist()
        names = [self.transforms[i] for i in order]
        directions = self.result(
            generator,
            model.select(order),
            slots=slots,
            scale=scale[order],
            scores=scores[order],
            sorted_by="share of the edit that the walk explains: 1 - loss / loss of not moving, held out",
            alpha_1_is={name: round(self._reach(i), 4) for name, i in zip(names, order, strict=True)},
            trained_steps=training.step,
            best_step=int(training.values["best_step"]),
            validation_loss=training.values["validation_loss"],
        )
        return directions.rename(dict(enumerate(names)))

    def _check(self) -> tuple[Transform, ...]:
        for name, least in MINIMA.items():
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name}={value} must be at least {least}.")
        for name in ("reach", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"{name}={value} must be above 0 and finite.")
        for name, allowed in {"model": ("linear", "nonlinear"), "loss": tuple(LEVELS)}.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name}={value!r} must be one of {', '.join(allowed)}.")
        return check_transforms(self.transforms, self.k)

    def _walks(self, dim: int, unit: float, rng: torch.Generator) -> "LinearWalks | NonlinearWalks":
        if self.model == "linear":
            return LinearWalks(len(self.transforms), dim, unit, rng=rng)
        return NonlinearWalks(len(self.transforms), dim, unit, steps=self.walk_steps, rng=rng)

    def _alphas(self, n: int, rng: torch.Generator) -> Float[Tensor, "k n"]:
        """Uniform in [-1, 1], one for each edit, on the CPU: the same on every device."""
        return 2 * torch.rand(len(self.transforms), n, generator=rng) - 1

    def _reach(self, index: int) -> float:
        """The amount that alpha = 1 stands for."""
        return self.reach * check_transforms(self.transforms, self.k)[index].reach

    def _losses(
        self,
        generator: Generator,
        transforms: tuple[Transform, ...],
        latents: Latents,
        alphas: Float[Tensor, "k n"],
        ends: Tensor | None,
        slots: tuple[int, ...],
        *,
        gradient: bool = True,
    ) -> tuple[Float[Tensor, " k"], Tensor]:
        """Each walk's loss, summed over the latents, and the gradient of their sum at the walks' ends.

        The pictures of a few ends at a time go through the generator, so that memory does not grow with the
        number of transforms; the gradient is then handed on to the walks in one go.

        Args:
            generator: frozen.
            transforms: what the walks should do.
            latents: from which the walks start.
            alphas: how far each walk goes.
            ends: latents (k, n, slots, dim) where the walks end; None: they do not move.
            slots: that the walks move.
            gradient: without it, the second result is empty.
        """
        levels = LEVELS[self.loss]
        some = pictures_at_once(generator.resolution)
        with torch.no_grad():
            before = torch.cat([generator(part) for part in latents.split(some)])
            edits = [
                t.apply(before, row * self._reach(i))
                for i, (t, row) in enumerate(zip(transforms, alphas, strict=True))
            ]
        targets, masks = (torch.cat(parts) for parts in zip(*edits, strict=True))
        if ends is None:
            pictures = before.repeat(len(transforms), 1, 1, 1)
            losses = squared_error(pictures, targets, masks, levels=levels)
            return losses.view_as(alphas).sum(1), losses.new_empty(0)
        errors, gradients = [], []
        parts = (x.split(some) for x in (ends.detach().flatten(0, 1), targets, masks))
        for part, target, mask in zip(*parts, strict=True):
            leaf = part.requires_grad_(gradient)
            with torch.set_grad_enabled(gradient):
                error = squared_error(generator(leaf), target, mask, levels=levels)
            errors.append(error.detach())
            if gradient:
                gradients.append(torch.autograd.grad(error.sum(), leaf)[0])
        losses = torch.cat(errors).view_as(alphas).sum(1)
        return losses, torch.cat(gradients).view_as(ends) if gradient else losses.new_empty(0)


@torch.no_grad()
def _deviation(generator: Generator) -> float:
    """Standard deviation of a latent's entries about their means: 1 where the prior is sampled as it is."""
    latents = generator.sample(1024, rng=torch.Generator().manual_seed(0))[:, 0]
    return float((latents - latents.mean(0)).square().mean().sqrt())

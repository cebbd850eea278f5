"""GANalyze: directions along which an attribute changes by as much as is asked.

Goetschalckx, Andonian, Oliva, Isola: GANalyze: Toward Visual Definitions of Cognitive Image Properties
(ICCV 2019), section 3.

For an attribute with assessor A, the direction w minimises the mean over latents z and alphas of

    (A(G(z + alpha w)) - A(G(z)) - alpha)^2                                                  (equation 1)

A is in units of its own standard deviation over random pictures, so that alpha means the same for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.interfacegan import check_count, check_varies
from latentclr.discover.settings.ganalyze import GANalyzeSettings
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.scorers.attributes import Attribute, attributes_of

MINIMA = {"steps": 1, "batch": 1, "held_out": 4, "measured": 8, "validate_every": 1}


class Walks(nn.Module):
    """The vectors w of k attributes while they are sought.

    Attributes:
        theta: w over its first length, (k, dim): what is trained. Steps of one size then fit all attributes
            and every latent space.
        length: of each w at the start, (k,).
        deviation: standard deviation of each attribute over random pictures, (k,).
    """

    length: Float[Tensor, " k"]
    deviation: Float[Tensor, " k"]

    def __init__(self, first: Float[Tensor, "k dim"], deviation: Float[Tensor, " k"]) -> None:
        """Start from these w."""
        super().__init__()
        length = first.norm(dim=1)
        self.theta = nn.Parameter(first / length.unsqueeze(1))
        self.register_buffer("length", length)
        self.register_buffer("deviation", deviation)

    def w(self, i: int) -> Float[Tensor, " dim"]:
        """The vector of attribute i: an edit with alpha = 1."""
        return self.length[i] * self.theta[i]


@dataclass(frozen=True)
class GANalyze(GANalyzeSettings, Discoverer):
    """Directions along which attributes of the picture change by as much as is asked."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Learn one direction for each attribute, named after it and pointing to more of it.

        An edit with alpha = 1 raises the attribute by one standard deviation, on average. Scores are R^2 of
        what was asked (up to alpha, both ways) and what edits achieve on held-out latents: 1 - mean squared
        error / mean square of what was asked; 0 is no better than no edit, and there is no least value. They
        are measured on edits as they are used, which add and do not scale.

        `log` is told "loss" (the mean over attributes and over the steps since the last time) and
        "steps_per_second" at every tenth step, and at every validation "validation_loss" and
        "validation_loss_brightness" and so on, on held-out latents.

        The record has "achieved": for each attribute "r2", the "correlation" of asked and achieved change,
        its "slope" (achieved for each that is asked) and the "deviation" that is one unit of alpha.

        Raises:
            InputError: a field out of range, an unknown attribute or slot, an attribute that is the same in
                all pictures or that edits of these slots do not change, or latents that the processes cannot
                share equally.
        """
        scored = attributes_of(self.attributes)
        self._check()
        slots = generator.check_slots(self.slots)
        generator = generator.at(self.truncation).settled()
        mine = world.even_share(self.batch, "batch")
        mine_held = world.even_share(self.held_out, "held_out")
        device = generator.device
        rng = torch.Generator().manual_seed(self.seed)
        z, alphas = self._draw(self.held_out, generator.z_dim, rng)
        held_latents, held_alphas = generator.map(z[mine_held].to(device)), alphas[:, mine_held].to(device)

        first, deviation = self._measured(generator, scored, slots, rng, world)
        walks = Walks(first, deviation).to(device)
        optimizer = adam([walks.theta], self.learning_rate, 0.0, device)
        training = Training({"model": walks}, {"adam": optimizer}, rng, torch.zeros((), device=device))
        course = self.course(generator, log=log, stop=stop, keep=keep, world=world)
        resume(training, course)
        scaled = self.norm_preserving and generator.space == "z"

        def change(i: int, latents: Latents, before: Tensor, asked: Tensor, *, back: bool) -> Tensor:
            """What edits along the vector of attribute i change in it, in its standard deviations."""
            edited = walked(latents, walks.w(i), asked, slots, norm_preserving=back)
            return (scored[i](generator(edited)) - before[i]) / walks.deviation[i]

        def values_of(latents: Latents) -> Float[Tensor, "k n"]:
            with torch.no_grad():
                pictures = generator(latents)
                return torch.stack([score(pictures) for score in scored])

        def learn() -> None:
            set_rate(optimizer, self.learning_rate * (1 - training.step / self.steps))
            optimizer.zero_grad()
            z, alphas = self._draw(self.batch, generator.z_dim, rng)
            latents, asked = generator.map(z[mine].to(device)), alphas[:, mine].to(device)
            before = values_of(latents)
            total = torch.zeros((), device=device)
            for i in range(len(scored)):  # one after the other: the graph of one attribute's pictures at once
                seen = change(i, latents, before, asked[i], back=scaled)
                loss = (seen - asked[i]).square().sum() / (self.batch * len(scored))
                loss.backward()
                total += loss.detach()
            assert walks.theta.grad is not None
            world.sum([total, walks.theta.grad])
            optimizer.step()
            training.total += total

        @torch.no_grad()
        def achieved(*, back: bool) -> Float[Tensor, "k n"]:
            """Changes by the edits of all held-out latents; as many at once as in training."""
            parts = []
            for rows in torch.arange(len(held_latents), device=device).split(self.batch):
                latents, asked = held_latents[rows], held_alphas[:, rows]
                before = values_of(latents)
                seen = [change(i, latents, before, asked[i], back=back) for i in range(len(scored))]
                parts.append(torch.stack(seen))
            return world.gather_uneven(torch.cat(parts, dim=1).T).T

        def validate() -> Mapping[str, float]:
            losses = (achieved(back=scaled) - alphas.to(device)).square().mean(1).tolist()
            named = {f"validation_loss_{n}": loss for n, loss in zip(self.attributes, losses, strict=True)}
            return {"validation_loss": sum(losses) / len(losses), **named}

        run(training, learn, validate, course, steps=self.steps, validate_every=self.validate_every)
        walks.load_state_dict(training.best)
        facts = [
            {**agreement(asked, seen), "deviation": float(one)}
            for asked, seen, one in zip(alphas, achieved(back=False).cpu(), walks.deviation, strict=True)
        ]
        scores = torch.tensor([fact["r2"] for fact in facts])
        order = scores.argsort(descending=True, stable=True)
        vectors = torch.stack([walks.w(i) for i in order.tolist()]).detach()
        model = Global(len(scored), generator.latent_dim, rng=torch.Generator()).to(device)
        with torch.no_grad():
            model.theta.copy_(vectors / vectors.norm(dim=1, keepdim=True))
        return self.result(
            generator,
            model,
            slots=slots,
            scale=vectors.norm(dim=1),
            scores=scores[order],
            sorted_by=f"R^2 of asked and achieved change, up to +-{self.alpha:g} deviations, held out",
            trained_steps=training.step,
            best_step=int(training.values["best_step"]),
            validation_loss=training.values["validation_loss"],
            achieved={self.attributes[i]: facts[i] for i in order.tolist()},
        ).rename({place: self.attributes[i] for place, i in enumerate(order.tolist())})

    def _measured(
        self,
        generator: Generator,
        scored: Sequence[Attribute],
        slots: Sequence[int],
        rng: torch.Generator,
        world: World,
    ) -> tuple[Float[Tensor, "k dim"], Float[Tensor, " k"]]:
        """The first w and the standard deviations of attributes; each process measures its share."""
        z = torch.randn(self.measured, generator.z_dim, generator=rng)[world.share(self.measured)]
        values, gradients = gradients_of(generator, scored, z, slots=slots, batch=self.batch)
        values, gradients = world.gather_uneven(values), world.gather_uneven(gradients)
        for i, name in enumerate(self.attributes):
            check_varies(name, values[:, i].cpu())
            if not bool(gradients[:, i].any()):
                raise InputError(
                    f"attribute {name!r} does not change with edits of slots {', '.join(map(str, slots))}; "
                    "choose other slots."
                )
        deviation = values.std(0)
        return world.from_first(first_order(gradients / deviation.view(1, -1, 1))), world.from_first(
            deviation
        )

    def _draw(
        self, n: int, z_dim: int, rng: torch.Generator
    ) -> tuple[Float[Tensor, "n z_dim"], Float[Tensor, "k n"]]:
        """Samples of the prior and the changes that are asked, on the CPU: the same on every device."""
        z = torch.randn(n, z_dim, generator=rng)
        return z, self.alpha * (2 * torch.rand(len(self.attributes), n, generator=rng) - 1)

    def _check(self) -> None:
        check_count(self.k, self.attributes)
        for name, least in MINIMA.items():
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name}={value} must be at least {least}.")
        for name in ("alpha", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"{name}={value} must be above 0 and finite.")


def walked(
    latents: Latents,
    w: Float[Tensor, " dim"],
    alphas: Float[Tensor, " n"],
    slots: Sequence[int],
    *,
    norm_preserving: bool,
) -> Latents:
    """Latents moved by alpha w in the given slots; norm-preserving: each then scaled back to its length.

    (The authors' PyTorch code scales the whole batch by one factor; this is what the paper says, and their
    TensorFlow code does, for each latent.)
    """
    edited = moved(latents, alphas.unsqueeze(1) * w, slots)
    if not norm_preserving:
        return edited
    # Slots that were not moved have the factor 1 exactly.
    factor = latents.norm(dim=-1, keepdim=True) / edited.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    scaled: Latents = edited * factor
    return scaled


def gradients_of(
    generator: Generator,
    attributes: Sequence[Attribute],
    z: Float[Tensor, "n z_dim"],
    *,
    slots: Sequence[int],
    batch: int,
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k dim"]]:
    """Attributes of random pictures, and their gradients by a shift of the given slots, all by the same.

    Args:
        generator: draws the pictures.
        attributes: k of them.
        z: samples of the prior.
        slots: that the shift moves.
        batch: pictures at once.
    """
    values = [torch.empty(0, len(attributes), device=generator.device)]
    gradients = [torch.empty(0, len(attributes), generator.latent_dim, device=generator.device)]
    for some in z.split(batch) if len(z) else ():
        latents = generator.map(some.to(generator.device)).detach()
        shift = latents.new_zeros(len(latents), latents.shape[-1], requires_grad=True)
        pictures = generator(moved(latents, shift, slots))
        scores = [score(pictures) for score in attributes]
        slopes = [
            # Each picture depends on its own latent only, so the gradient of the sum has each one's.
            torch.autograd.grad(score.sum(), shift, retain_graph=i < len(scores) - 1)[0]
            for i, score in enumerate(scores)
        ]
        values.append(torch.stack(scores, dim=1).detach())
        gradients.append(torch.stack(slopes, dim=1))
    return torch.cat(values), torch.cat(gradients)


def first_order(gradients: Float[Tensor, "n k dim"]) -> Float[Tensor, "k dim"]:
    """The w along the mean gradient whose length serves best where scores are linear in the latent.

    For small alpha the objective is alpha^2 times the mean of (g_i . w - 1)^2 over the gradients g_i. Along
    the unit vector u of the mean gradient it is least at length mean(g_i . u) / mean((g_i . u)^2).

    Training starts here rather than from noise, whose parts across the gradients it would never remove, and
    rather than from 0: Adam's steps follow the signs of a gradient's entries, not the gradient, and would
    end at another of the many w that serve as well, with more side effects.
    """
    mean = gradients.mean(0)
    unit = mean / mean.norm(dim=1, keepdim=True)
    along = (gradients * unit).sum(-1)  # (n, k)
    first: Float[Tensor, "k dim"] = unit * (along.mean(0) / along.square().mean(0)).unsqueeze(1)
    return first


def agreement(asked: Float[Tensor, " n"], achieved: Float[Tensor, " n"]) -> dict[str, float]:
    """How far achieved changes are those that were asked.

    Returns:
        "r2", 1 - mean squared error / mean square of `asked`; "correlation" (0 where nothing was achieved);
        "slope", what is achieved for each that is asked (least squares through 0).
    """
    asked, achieved = asked.double(), achieved.double()
    one, other = asked - asked.mean(), achieved - achieved.mean()
    lengths = float(one.norm() * other.norm())
    return {
        "r2": float(1 - (achieved - asked).square().sum() / asked.square().sum()),
        "correlation": float(one @ other) / lengths if lengths > 0 else 0.0,
        "slope": float(asked @ achieved / asked.square().sum()),
    }

"""GANalyze: directions along which an attribute changes by as much as is asked.

Goetschalckx, Andonian, Oliva, Isola: GANalyze: Toward Visual Definitions of Cognitive Image Properties
(ICCV 2019), section 3.

For an attribute with assessor A, the direction w minimises the mean over latents z and alphas of

    (A(G(z + alpha w)) - A(G(z)) - alpha)^2                                                  (equation 1)

A is in units of its own standard deviation over random pictures, so that alpha means the same for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved
from latentclr.discover.settings.ganalyze import GANalyzeSettings
from latentclr.discover.trained import Learner, Setup, Trained
from latentclr.engine.training import Training, adam, set_rate
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.scorers.attributes import Attribute, attributes_of, check_varies


class _Walks(nn.Module):
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
        super().__init__()
        length = first.norm(dim=1)
        self.theta = nn.Parameter(first / length.unsqueeze(1))
        self.register_buffer("length", length)
        self.register_buffer("deviation", deviation)

    def w(self, i: int) -> Float[Tensor, " dim"]:
        """The vector of attribute i: an edit with alpha = 1."""
        return self.length[i] * self.theta[i]


@dataclass(frozen=True)
class GANalyze(GANalyzeSettings, Trained):
    """Directions along which attributes of the picture change by as much as is asked.

    `fit` learns one direction for each attribute, named after it and pointing to more of it. An edit with
    alpha = 1 raises the attribute by one standard deviation, on average. Scores are R^2 of what was asked (up
    to alpha, both ways) and what edits achieve on held-out latents: 1 - mean squared error / mean square of
    what was asked; 0 is no better than no edit, and there is no least value. They are measured on edits as
    they are used, which add and do not scale.

    `fit` logs "validation_loss" and each attribute's ("validation_loss_brightness"), on held-out latents. The
    record has "achieved": for each attribute "r2", the "correlation" of asked and achieved change, its
    "slope" (achieved for each that is asked) and the "deviation" that is one unit of alpha.

    `fit` raises InputError for an unknown attribute or slot, an attribute that is the same in all pictures or
    that edits of these slots do not change, and latents that the processes cannot share equally.
    """

    def learner(self, setup: Setup) -> "_AttributeLearner":
        """A vector for each attribute, started from the attribute's mean gradient."""
        return _AttributeLearner(self, setup)

    def sample(
        self, n: int, z_dim: int, rng: torch.Generator
    ) -> tuple[Float[Tensor, "n z_dim"], Float[Tensor, "k n"]]:
        """Samples of the prior and the changes that are asked, on the CPU: the same on every device.

        Args:
            n: number of latents.
            z_dim: length of a sample of the prior.
            rng: draws both.
        """
        z = torch.randn(n, z_dim, generator=rng)
        return z, self.alpha * (2 * torch.rand(len(self.attributes), n, generator=rng) - 1)


class _AttributeLearner(Learner):
    """Vectors along which attributes are learnt to change by as much as is asked (equation 1)."""

    def __init__(self, method: GANalyze, setup: Setup) -> None:
        self.method, self.setup = method, setup
        generator, rng, device = setup.generator, setup.rng, setup.device
        self.attributes = attributes_of(method.attributes)
        self.mine = setup.world.even_share(method.batch, "batch")
        mine_held = setup.world.even_share(method.held_out, "held_out")
        z, self.alphas = method.sample(method.held_out, generator.z_dim, rng)
        self.held_out = generator.map(z[mine_held].to(device)), self.alphas[:, mine_held].to(device)
        self.walks = _Walks(*self._measured()).to(device)
        self.optimizer = adam([self.walks.theta], method.learning_rate, 0.0, device)
        self.modules, self.optimizers = {"model": self.walks}, {"adam": self.optimizer}
        self.norm_preserving = method.norm_preserving and generator.space == "z"

    def _measured(self) -> tuple[Float[Tensor, "k dim"], Float[Tensor, " k"]]:
        """The first w and the standard deviations of attributes; each process measures its share."""
        method, setup = self.method, self.setup
        generator, world, slots = setup.generator, setup.world, setup.slots
        z = torch.randn(method.measured, generator.z_dim, generator=setup.rng)
        z = z[world.share(method.measured)]
        values, gradients = _gradients_of(generator, self.attributes, z, slots=slots, batch=method.batch)
        values, gradients = world.gather_uneven(values), world.gather_uneven(gradients)
        for i, name in enumerate(method.attributes):
            check_varies(name, values[:, i].cpu())
            if not bool(gradients[:, i].any()):
                raise InputError(
                    f"attribute {name!r} does not change with edits of slots {', '.join(map(str, slots))}; "
                    "choose other slots."
                )
        deviation = values.std(0)
        first = _first_order(gradients / deviation.view(1, -1, 1))
        return world.from_first(first), world.from_first(deviation)

    def draw(self, step: int) -> tuple[Tensor, ...]:
        set_rate(self.optimizer, self.method.learning_rate * (1 - step / self.method.steps))
        z, alphas = self.method.sample(self.method.batch, self.setup.generator.z_dim, self.setup.rng)
        return z[self.mine], alphas[:, self.mine]

    def learn(self, *batch: Tensor) -> Tensor:
        z, asked = batch
        latents = self.setup.generator.map(z)
        before = self._values(latents)
        total = torch.zeros((), device=self.setup.device)
        for i in range(len(self.attributes)):  # one at a time: only one graph of pictures is held
            seen = self._change(i, latents, before, asked[i], norm_preserving=self.norm_preserving)
            loss = (seen - asked[i]).square().sum() / (self.method.batch * len(self.attributes))
            loss.backward()
            total += loss.detach()
        return total

    def validate(self, step: int) -> dict[str, float]:
        """Mean square of (achieved - asked), of each attribute and of all."""
        achieved = self._achieved(norm_preserving=self.norm_preserving)
        losses = (achieved - self.alphas.to(self.setup.device)).square().mean(1).tolist()
        names = self.method.attributes
        named = {f"validation_loss_{name}": loss for name, loss in zip(names, losses, strict=True)}
        return {"validation_loss": sum(losses) / len(losses), **named}

    def found(self, training: Training) -> Directions:
        """A direction for each attribute, the one that achieves what is asked best first."""
        method, walks, generator = self.method, self.walks, self.setup.generator
        walks.load_state_dict(training.best)
        achieved = self._achieved(norm_preserving=False).cpu()
        facts = [
            {**_agreement(asked, seen), "deviation": float(one)}
            for asked, seen, one in zip(self.alphas, achieved, walks.deviation, strict=True)
        ]
        vectors = torch.stack([walks.w(i) for i in range(len(facts))]).detach()
        scale = vectors.norm(dim=1)
        state = {"theta": vectors / scale.unsqueeze(1)}
        return method.named_result(
            self.setup,
            Global.from_state(state, k=len(facts), dim=generator.latent_dim),
            scale=scale,
            scores=torch.tensor([fact["r2"] for fact in facts]),
            names=method.attributes,
            facts={"achieved": facts},
            sorted_by=f"R^2 of asked and achieved change, up to +-{method.alpha:g} deviations, held out",
            **training.record(),
        )

    def _change(
        self, i: int, latents: Latents, before: Tensor, asked: Tensor, *, norm_preserving: bool
    ) -> Float[Tensor, " n"]:
        """What edits along the vector of attribute i change in it, in its standard deviations."""
        edited = _walked(latents, self.walks.w(i), asked, self.setup.slots, norm_preserving=norm_preserving)
        after = self.attributes[i](self.setup.generator(edited))
        return (after - before[i]) / self.walks.deviation[i]

    @torch.no_grad()
    def _values(self, latents: Latents) -> Float[Tensor, "k n"]:
        pictures = self.setup.generator(latents)
        return torch.stack([attribute(pictures) for attribute in self.attributes])

    @torch.no_grad()
    def _achieved(self, *, norm_preserving: bool) -> Float[Tensor, "k n"]:
        """Changes by the edits of all held-out latents; as many at once as in training."""
        parts, (held_out, alphas) = [], self.held_out
        for rows in torch.arange(len(held_out), device=self.setup.device).split(self.method.batch):
            latents, asked = held_out[rows], alphas[:, rows]
            before = self._values(latents)
            seen = [
                self._change(i, latents, before, asked[i], norm_preserving=norm_preserving)
                for i in range(len(self.attributes))
            ]
            parts.append(torch.stack(seen))
        return self.setup.world.gather_uneven(torch.cat(parts, dim=1).T).T


def _walked(
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


def _gradients_of(
    generator: Generator,
    attributes: Sequence[Attribute],
    z: Float[Tensor, "n z_dim"],
    *,
    slots: Sequence[int],
    batch: int,
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k dim"]]:
    """Attributes of random pictures, and their gradients by a shift of the given slots, all by the same."""
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


def _first_order(gradients: Float[Tensor, "n k dim"]) -> Float[Tensor, "k dim"]:
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


def _agreement(asked: Float[Tensor, " n"], achieved: Float[Tensor, " n"]) -> dict[str, float]:
    """How far achieved changes are those that were asked.

    "r2" is 1 - mean squared error / mean square of `asked`; "correlation" is 0 where nothing was achieved;
    "slope" is what is achieved for each unit that is asked (least squares through 0).
    """
    asked, achieved = asked.double(), achieved.double()
    one, other = asked - asked.mean(), achieved - achieved.mean()
    lengths = float(one.norm() * other.norm())
    return {
        "r2": float(1 - (achieved - asked).square().sum() / asked.square().sum()),
        "correlation": float(one @ other) / lengths if lengths > 0 else 0.0,
        "slope": float(asked @ achieved / asked.square().sum()),
    }

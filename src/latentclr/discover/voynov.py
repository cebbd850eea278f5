"""Directions that a reconstructor can tell apart by what they do to pictures.

Voynov and Babenko: Unsupervised Discovery of Interpretable Directions in the GAN Latent Space (ICML 2020).

One step: draw latents, move each by a random epsilon along one direction drawn at random, draw the pictures
before and after, and have a network say which direction it was and how far it went. Directions and network
learn together: directions become what is easy to tell apart.

The same network, taught on directions that stay as they are, measures any directions: `separability`.
"""

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved, read
from latentclr.discover.deformators import make_deformator
from latentclr.discover.ordering import visible_first
from latentclr.discover.reconstructors import Reconstructor, make_reconstructor
from latentclr.discover.settings.voynov import PRESETS as PRESETS
from latentclr.discover.settings.voynov import VoynovSettings
from latentclr.discover.trained import Learner, Setup, Trained
from latentclr.engine.training import Training, adam
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit

CHUNK = 64
"""Pictures drawn at a time where there is no gradient: little memory, however many are judged."""

TEACHING = VoynovSettings(held_out=64)
"""How the network of `separability` is taught."""

Move = Callable[[Int[Tensor, " n"], Float[Tensor, " n"], Latents], Latents]
"""From numbers of directions, epsilons and latents to edited latents."""


@dataclass(frozen=True)
class Voynov(VoynovSettings, Trained):
    """Directions learnt together with a network that recognises them in pairs of pictures.

    `fit` learns k directions, sorted by visible effect, positive alpha the brighter side. It logs
    "validation_loss", "accuracy" (the share of edits that are recognised: the paper's RCA) and "shift_error"
    (mean, absolute), on held-out latents.

    `fit` raises InputError for more directions than the deformator allows, an unknown slot, pictures that do
    not show the edits, and latents that the processes cannot share equally.
    """

    may_differ: ClassVar[Collection[str]] = ("steps",)

    def learner(self, setup: Setup) -> "_RecognitionLearner":
        """The deformator and the reconstructor, with the loss that both share."""
        return _RecognitionLearner(self, setup)


class _RecognitionLearner(Learner):
    """A matrix of directions and a network that tells which of them edited a picture, and how far."""

    def __init__(self, method: Voynov, setup: Setup) -> None:
        self.method, self.setup = method, setup
        generator, rng, device = setup.generator, setup.rng, setup.device
        self.mine = setup.world.even_share(method.batch, "batch")
        mine_held = setup.world.even_share(method.held_out, "held_out")
        dim = generator.latent_dim
        model = make_deformator(method.deformator, method.k, dim, bias=method.bias, rng=rng)
        self.model = model.to(device)
        network = make_reconstructor(method.reconstructor, method.k, pixels=method.pixels, rng=rng)
        self.network = network.to(device)
        self.latents = generator.sample(method.held_out, rng=rng)
        epsilon = _epsilons(method, method.held_out, rng)[mine_held].to(device)
        self.held_out = self.latents[mine_held], epsilon
        self._check_seen()
        self.modules = {"model": self.model, "reconstructor": self.network}
        self.optimizers = {
            "adam_reconstructor": adam(network.parameters(), method.reconstructor_learning_rate, 0.0, device)
        }
        if any(True for _ in model.parameters()):
            self.optimizers["adam_model"] = adam(model.parameters(), method.learning_rate, 0.0, device)

    def move(self, index: Int[Tensor, " n"], epsilon: Float[Tensor, " n"], latents: Latents) -> Latents:
        """Latents edited along one direction each, by its number and the length of the edit with its sign."""
        return moved(latents, self.model.along(index, epsilon), self.setup.slots)

    @torch.no_grad()
    def _check_seen(self) -> None:
        """Make sure that at least one of the directions changes the picture of at least one latent."""
        generator, pixels, slots = self.setup.generator, self.method.pixels, self.setup.slots
        latent = self.latents[:1]
        before = generator.preview(latent, pixels)
        for row in self.method.max_shift * self.model.directions():
            if not torch.equal(generator.preview(moved(latent, row.unsqueeze(0), slots), pixels), before):
                return
        raise InputError(
            f"pictures of {pixels} pixels do not show edits of slots {', '.join(map(str, slots))}: nothing "
            "changes; choose earlier slots or a larger value for pixels."
        )

    def draw(self, step: int) -> tuple[Tensor, ...]:
        method, rng = self.method, self.setup.rng
        z = torch.randn(method.batch, self.setup.generator.z_dim, generator=rng)
        index = torch.randint(method.k, (method.batch,), generator=rng)
        return z[self.mine], index[self.mine], _epsilons(method, method.batch, rng)[self.mine]

    def loss(self, *batch: Tensor) -> Tensor:
        """Cross-entropy of the direction and error of the shift, mean over the batch."""
        z, index, epsilon = batch
        generator, pixels = self.setup.generator, self.method.pixels
        latents = generator.map(z)
        with torch.no_grad():
            before = generator.preview(latents, pixels)
        after = generator.preview(self.move(index, epsilon, latents), pixels)
        logits, shift = self.network(before, after)
        return _loss(logits, shift, index, epsilon, self.method.shift_weight) / self.method.batch

    def validate(self, step: int) -> dict[str, float]:
        """Loss, accuracy and error of the shift, each held-out latent edited along all directions."""
        method, (latents, epsilon) = self.method, self.held_out
        logits, shift = _judged(self.setup.generator, self.network, self.move, latents, epsilon)
        index = torch.arange(method.k, device=self.setup.device).unsqueeze(1).expand_as(shift)
        epsilon = epsilon.expand_as(shift)
        summed = _loss(
            logits.flatten(0, 1), shift.flatten(), index.flatten(), epsilon.flatten(), method.shift_weight
        )
        right = (logits.argmax(2) == index).float().sum()
        totals = torch.stack([summed, right, (shift - epsilon).abs().sum()])
        self.setup.world.sum([totals])
        loss, accuracy, error = (totals / (method.held_out * method.k)).tolist()
        return {"validation_loss": loss, "accuracy": accuracy, "shift_error": error}

    def found(self, training: Training) -> Directions:
        """The matrix's rows as directions of length one, sorted by visible effect."""
        method, generator, slots = self.method, self.setup.generator, self.setup.slots
        self.model.load_state_dict(training.best)
        state = {"theta": self.model.directions().detach()}
        found, seen, record = visible_first(
            generator,
            Global.from_state(state, k=method.k, dim=generator.latent_dim),
            self.latents,
            shift=method.max_shift / 2,
            slots=slots,
        )
        theta = found.state_dict()["theta"]
        return method.result(
            self.setup,
            Global.from_state({"theta": unit(theta)}, k=method.k, dim=generator.latent_dim),
            scale=theta.norm(dim=1) if method.deformator == "linear" else torch.ones(method.k),
            scores=seen,
            **training.record("accuracy", "shift_error"),
            **record,
        )


def separability(generator: Generator, directions: Directions, settings: VoynovSettings = TEACHING) -> float:
    """How well directions of any method can be told apart by what they do to pictures (the paper's RCA).

    A network is taught, as in `Voynov`, with the directions as they are, and then asked about fresh latents,
    each edited along all K directions by the same epsilon. Guessing gives 1 / K. Two equal directions give
    pairs that are equal too, of which at most one can be called right: with K - m different directions among
    K, the result is at most 1 - m / K, whatever the network.

    Nothing global is changed, neither random states nor the generator or the directions.

    Args:
        generator: in which they were found.
        directions: at least two; conditional ones are asked at each latent.
        settings: of the network, its training and the edits, which are in units of each direction's `scale`.
            Slots of None are the directions' own; what `Voynov` learns directions with is not used.

    Returns:
        The share of edits of fresh latents whose direction is recognised, in [0, 1].

    Raises:
        InputError: fewer than two directions, or directions of another generator.
    """
    settings = replace(settings, k=directions.k)
    directions.require(generator)
    chosen = directions.slots if settings.slots is None else generator.check_slots(settings.slots)
    generator = generator.settled()
    device, k, batch, pixels = generator.device, directions.k, settings.batch, settings.pixels
    rng = torch.Generator().manual_seed(settings.seed)
    judge = make_reconstructor(settings.reconstructor, k, pixels=pixels, rng=rng).to(device)
    optimizer = adam(judge.parameters(), settings.reconstructor_learning_rate, 0.0, device)
    model = copy.deepcopy(directions.model).to(device)  # `to` would move the caller's
    scale = directions.scale.to(device)

    @torch.no_grad()
    def move(index: Int[Tensor, " n"], epsilon: Float[Tensor, " n"], latents: Latents) -> Latents:
        all_of_them = model(read(latents, chosen))  # (k, n, dim)
        picked = all_of_them[index, torch.arange(len(latents), device=device)]
        return moved(latents, (epsilon * scale[index]).unsqueeze(1) * picked, chosen)

    # Not `engine.training.run`: there is nothing to validate, to log or to resume in these few steps.
    for _ in range(settings.steps):
        latents = generator.sample(batch, rng=rng)
        index = torch.randint(k, (batch,), generator=rng).to(device)
        epsilon = _epsilons(settings, batch, rng).to(device)
        with torch.no_grad():
            before = generator.preview(latents, pixels)
            after = generator.preview(move(index, epsilon, latents), pixels)
        optimizer.zero_grad()
        logits, shift = judge(before, after)
        (_loss(logits, shift, index, epsilon, settings.shift_weight) / batch).backward()
        optimizer.step()
    fresh = generator.sample(settings.held_out, rng=rng)
    epsilon = _epsilons(settings, settings.held_out, rng).to(device)
    logits, _ = _judged(generator, judge, move, fresh, epsilon)
    right = torch.arange(k, device=device).unsqueeze(1)
    return float((logits.argmax(2) == right).float().mean())


def _loss(
    logits: Float[Tensor, "n k"],
    shift: Float[Tensor, " n"],
    index: Int[Tensor, " n"],
    epsilon: Float[Tensor, " n"],
    shift_weight: float,
) -> Float[Tensor, ""]:
    """The paper's objective, summed over the edits: shares of a batch then add up to the whole."""
    return cross_entropy(logits, index, reduction="sum") + shift_weight * (shift - epsilon).abs().sum()


def _epsilons(settings: VoynovSettings, n: int, rng: torch.Generator) -> Float[Tensor, " n"]:
    """Lengths of edits up to the largest, never below the least, with either sign; drawn on the CPU."""
    size = (settings.max_shift * torch.rand(n, generator=rng)).clamp(min=settings.min_shift)
    return size * (1 - 2 * torch.randint(2, (n,), generator=rng))


@torch.no_grad()
def _judged(
    generator: Generator, network: Reconstructor, move: Move, latents: Latents, epsilon: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "k n k"], Float[Tensor, "k n"]]:
    """Logits and shifts for every latent, edited by its epsilon along each of the K directions in turn."""
    logits, shifts = [], []
    for part, some in zip(latents.split(CHUNK), epsilon.split(CHUNK), strict=True):
        before = generator.preview(part, network.pixels)
        for i in range(network.k):
            index = torch.full((len(part),), i, device=part.device)
            seen = network(before, generator.preview(move(index, some, part), network.pixels))
            logits.append(seen[0])
            shifts.append(seen[1])
    parts = range(network.k)
    return (
        torch.stack([torch.cat(logits[i :: network.k]) for i in parts]),
        torch.stack([torch.cat(shifts[i :: network.k]) for i in parts]),
    )

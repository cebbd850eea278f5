"""Directions that a reconstructor can tell apart by what they do to pictures.

Voynov and Babenko: Unsupervised Discovery of Interpretable Directions in the GAN Latent Space (ICML 2020).

One step: draw latents, move each by a random epsilon along one direction drawn at random, draw the pictures
before and after, and have a network say which direction it was and how far it went. Directions and network
learn together: directions become what is easy to tell apart.

The same network, taught on directions that stay as they are, measures any directions: `separability`.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved, read
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.deformators import Deformator, Kind, make_deformator
from latentclr.discover.ordering import visible_first
from latentclr.discover.reconstructors import Network, Reconstructor, make_reconstructor
from latentclr.discover.settings.voynov import PRESETS as PRESETS
from latentclr.discover.settings.voynov import VoynovSettings
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Log, Stop, Training, adam, resume, run
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit

MINIMA = {"k": 2, "batch": 1, "steps": 1, "held_out": 1, "validate_every": 1, "pixels": 8}
POSITIVE = ("max_shift", "learning_rate", "reconstructor_learning_rate")
CHOICES = {"deformator": get_args(Kind), "reconstructor": get_args(Network)}

MAY_DIFFER = ("steps",)
"""Fields that may change from the start of a training to its resumption."""

CHUNK = 64
"""Pictures drawn at a time where there is no gradient: little memory, however many are judged."""

Move = Callable[[Int[Tensor, " n"], Float[Tensor, " n"], Latents], Latents]
"""From numbers of directions, epsilons and latents to edited latents."""


@dataclass(frozen=True)
class Voynov(VoynovSettings, Discoverer):
    """Directions learnt together with a network that recognises them in pairs of pictures."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Learn k directions; sorted by visible effect, positive alpha the brighter side.

        `log` is told "loss" (the mean since the last time) and "steps_per_second" at every tenth step, and
        "validation_loss", "accuracy" (the share of edits that are recognised: the paper's RCA) and
        "shift_error" (mean, absolute) on held-out latents at every validation. The directions are those of
        the validation with the least loss.

        Raises:
            InputError: a field out of range, more directions than the deformator allows, an unknown slot,
                pictures that do not show the edits, or latents that the processes cannot share equally.
        """
        self._check()
        generator = generator.at(self.truncation).settled()
        slots = generator.check_slots(self.slots)
        mine = world.even_share(self.batch, "batch")
        mine_held = world.even_share(self.held_out, "held_out")
        device = generator.device
        rng = torch.Generator().manual_seed(self.seed)
        model = make_deformator(self.deformator, self.k, generator.latent_dim, bias=self.bias, rng=rng).to(
            device
        )
        network = make_reconstructor(self.reconstructor, self.k, pixels=self.pixels, rng=rng).to(device)
        held_out = generator.sample(self.held_out, rng=rng)
        held_epsilon = _epsilons(self.held_out, self.max_shift, self.min_shift, rng)[mine_held].to(device)
        held_latents = held_out[mine_held]

        def move(index: Int[Tensor, " n"], epsilon: Float[Tensor, " n"], latents: Latents) -> Latents:
            return moved(latents, model.along(index, epsilon), slots)

        _check_seen(generator, model, held_out[:1], self.max_shift, self.pixels, slots)
        optimizers = {
            "adam_reconstructor": adam(network.parameters(), self.reconstructor_learning_rate, 0.0, device)
        }
        if any(True for _ in model.parameters()):
            optimizers["adam_model"] = adam(model.parameters(), self.learning_rate, 0.0, device)
        training = Training(
            {"model": model, "reconstructor": network}, optimizers, rng, torch.zeros((), device=device)
        )
        course = self.course(generator, log=log, stop=stop, keep=keep, world=world, may_differ=MAY_DIFFER)
        resume(training, course)

        def learn() -> None:
            latents = generator.sample(self.batch, rng=rng)[mine]
            index = torch.randint(self.k, (self.batch,), generator=rng)[mine].to(device)
            epsilon = _epsilons(self.batch, self.max_shift, self.min_shift, rng)[mine].to(device)
            for optimizer in optimizers.values():
                optimizer.zero_grad()
            with torch.no_grad():
                before = generator.preview(latents, self.pixels)
            after = generator.preview(move(index, epsilon, latents), self.pixels)
            logits, shift = network(before, after)
            loss = _loss(logits, shift, index, epsilon, self.shift_weight) / self.batch
            loss.backward()
            loss = loss.detach()  # only to be summed and told from here on
            learning = [*model.parameters(), *network.parameters()]
            world.sum([loss, *(p.grad for p in learning if p.grad is not None)])
            for optimizer in optimizers.values():
                optimizer.step()
            training.total += loss

        def validate() -> Mapping[str, float]:
            logits, shift = _judged(generator, network, move, held_latents, held_epsilon)
            index = torch.arange(self.k, device=device).unsqueeze(1).expand_as(shift)
            epsilon = held_epsilon.expand_as(shift)
            summed = _loss(
                logits.flatten(0, 1), shift.flatten(), index.flatten(), epsilon.flatten(), self.shift_weight
            )
            right = (logits.argmax(2) == index).float().sum()
            totals = torch.stack([summed, right, (shift - epsilon).abs().sum()])
            world.sum([totals])
            loss, accuracy, error = (totals / (self.held_out * self.k)).tolist()
            return {"validation_loss": loss, "accuracy": accuracy, "shift_error": error}

        run(training, learn, validate, course, steps=self.steps, validate_every=self.validate_every)
        model.load_state_dict(training.best)
        state = {"theta": model.directions().detach()}
        found, seen, record = visible_first(
            generator,
            Global.from_state(state, k=self.k, dim=generator.latent_dim),
            held_out,
            shift=self.max_shift / 2,
            slots=slots,
        )
        theta = found.state_dict()["theta"]
        scale = theta.norm(dim=1) if self.deformator == "linear" else torch.ones(self.k)
        return self.result(
            generator,
            Global.from_state({"theta": unit(theta)}, k=self.k, dim=generator.latent_dim),
            slots=slots,
            scale=scale,
            scores=seen,
            trained_steps=training.step,
            best_step=int(training.values["best_step"]),
            validation_loss=training.values["validation_loss"],
            accuracy=training.values["accuracy"],
            shift_error=training.values["shift_error"],
            **record,
        )

    def _check(self) -> None:
        _check(vars(self))
        if not 0 <= self.shift_weight < float("inf"):
            raise InputError(f"shift_weight={self.shift_weight} must be at least 0 and finite.")


def separability(
    generator: Generator,
    directions: Directions,
    *,
    reconstructor: Network = "lenet",
    pixels: int = 32,
    slots: Sequence[int] | None = None,
    max_shift: float = 6.0,
    min_shift: float = 0.5,
    batch: int = 32,
    steps: int = 300,
    learning_rate: float = 0.002,
    held_out: int = 64,
    seed: int = 0,
) -> float:
    """How well directions of any method can be told apart by what they do to pictures (the paper's RCA).

    A network is taught, as in `Voynov`, with the directions as they are, and then asked about fresh latents,
    each edited along all K directions by the same epsilon. Guessing gives 1 / K. Two equal directions give
    pairs that are equal too, of which at most one can be called right: with K - m different directions among
    K, the result is at most 1 - m / K, whatever the network.

    Nothing global is changed, neither random states nor the generator or the directions.

    Args:
        generator: in which they were found.
        directions: at least two; conditional ones are asked at each latent.
        reconstructor: what is taught.
        pixels: side to which its pictures are scaled down.
        slots: to move; None is the directions' own.
        max_shift: largest |alpha| (in units of each direction's `scale`).
        min_shift: smallest.
        batch: edits a step.
        steps: of teaching.
        learning_rate: of Adam.
        held_out: fresh latents at the end.
        seed: same seed, same result (on one machine, with the same number of threads).

    Returns:
        The share of edits of fresh latents whose direction is recognised, in [0, 1].

    Raises:
        InputError: a number out of range, fewer than two directions, or directions of another generator.
    """
    k = directions.k
    _check(
        {
            "k": k,
            "reconstructor": reconstructor,
            "pixels": pixels,
            "max_shift": max_shift,
            "min_shift": min_shift,
            "batch": batch,
            "steps": steps,
            "reconstructor_learning_rate": learning_rate,
            "held_out": held_out,
        }
    )
    directions.require(generator)
    chosen = directions.slots if slots is None else generator.check_slots(slots)
    generator = generator.settled()
    device = generator.device
    rng = torch.Generator().manual_seed(seed)
    judge = make_reconstructor(reconstructor, k, pixels=pixels, rng=rng).to(device)
    optimizer = adam(judge.parameters(), learning_rate, 0.0, device)
    model = copy.deepcopy(directions.model).to(device)  # `to` would move the caller's
    scale = directions.scale.to(device)

    @torch.no_grad()
    def move(index: Int[Tensor, " n"], epsilon: Float[Tensor, " n"], latents: Latents) -> Latents:
        all_of_them = model(read(latents, chosen))  # (k, n, dim)
        picked = all_of_them[index, torch.arange(len(latents), device=device)]
        return moved(latents, (epsilon * scale[index]).unsqueeze(1) * picked, chosen)

    for _ in range(steps):
        latents = generator.sample(batch, rng=rng)
        index = torch.randint(k, (batch,), generator=rng).to(device)
        epsilon = _epsilons(batch, max_shift, min_shift, rng).to(device)
        with torch.no_grad():
            before = generator.preview(latents, pixels)
            after = generator.preview(move(index, epsilon, latents), pixels)
        optimizer.zero_grad()
        logits, shift = judge(before, after)
        (_loss(logits, shift, index, epsilon) / batch).backward()
        optimizer.step()
    fresh = generator.sample(held_out, rng=rng)
    epsilon = _epsilons(held_out, max_shift, min_shift, rng).to(device)
    logits, _ = _judged(generator, judge, move, fresh, epsilon)
    right = torch.arange(k, device=device).unsqueeze(1)
    return float((logits.argmax(2) == right).float().mean())


def _loss(
    logits: Float[Tensor, "n k"],
    shift: Float[Tensor, " n"],
    index: Int[Tensor, " n"],
    epsilon: Float[Tensor, " n"],
    shift_weight: float = 0.25,
) -> Float[Tensor, ""]:
    """The paper's objective, summed over the edits: shares of a batch then add up to the whole."""
    return cross_entropy(logits, index, reduction="sum") + shift_weight * (shift - epsilon).abs().sum()


def _epsilons(n: int, largest: float, least: float, rng: torch.Generator) -> Float[Tensor, " n"]:
    """Uniform in [-largest, largest], but never nearer to 0 than `least`. On the CPU: everywhere the same."""
    size = (largest * torch.rand(n, generator=rng)).clamp(min=least)
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


@torch.no_grad()
def _check_seen(
    generator: Generator, model: Deformator, latent: Latents, shift: float, pixels: int, slots: Sequence[int]
) -> None:
    """Make sure that at least one of the directions changes the picture of at least one latent."""
    before = generator.preview(latent, pixels)
    for row in shift * model.directions():
        if not torch.equal(generator.preview(moved(latent, row.unsqueeze(0), slots), pixels), before):
            return
    raise InputError(
        f"pictures of {pixels} pixels do not show edits of slots {', '.join(map(str, slots))}: nothing "
        "changes; choose earlier slots or a larger value for pixels."
    )


def _check(values: Mapping[str, Any]) -> None:
    """Refuse what is out of range; names that are not there are not looked at."""
    for name, least in MINIMA.items():
        if name in values and not values[name] >= least:
            raise InputError(f"{name}={values[name]} must be at least {least}.")
    for name in POSITIVE:
        if name in values and not 0 < values[name] < float("inf"):
            raise InputError(f"{name}={values[name]} must be above 0 and finite.")
    for name, allowed in CHOICES.items():
        if name in values and values[name] not in allowed:
            raise InputError(f"{name}={values[name]!r} must be one of {', '.join(allowed)}.")
    if not 0 <= values["min_shift"] <= values["max_shift"]:
        raise InputError(
            f"min_shift={values['min_shift']} must be from 0 to max_shift={values['max_shift']}."
        )

"""Codes of pictures from directions: an encoder that is trained on a generator's edits.

Directions are no codes: MIG, DCI and the FactorVAE score are defined on numbers that are read off pictures.
For methods that find directions, Ren et al. (DisCo, ICLR 2022) train an encoder on the generator's pictures,
as Khrulkov et al. (2021) did, and score its codes of pictures whose factors are known. How it is trained is
known in outline only; there are two ways here, both ours:

- "shift": the codes of a picture and its edit along direction k by epsilon differ by epsilon in code k and
  not at all in the others. For any directions, conditional ones too.
- "projection": the code is the latent's coordinate along direction k (the one of least squares, where
  directions are not orthogonal). Only directions that are the same everywhere have coordinates.

Edits have the lengths of calibration (equal visible change), so one unit of every code is equally visible.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot, relu

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved, read
from latentclr.discover.base import no_log
from latentclr.engine.initial import he_initialised
from latentclr.engine.training import LOG_EVERY, Log, adam, set_rate
from latentclr.errors import InputError
from latentclr.evaluate.calibration import SAMPLES, SEED, strengths
from latentclr.evaluate.edits import Edits
from latentclr.generators import Generator, Latents
from latentclr.limits import POSITIVE, Limits, at_least, check_settings

Target = Literal["shift", "projection"]
Pictures = Float[Tensor, "n 3 h w"]

PIXELS = 32
"""Side of the pictures that an encoder reads."""
WIDTHS = (16, 32, 64)
HIDDEN = 128
GROUP = 4
"""Channels that are normalised together."""
REACH = 2.0
"""Longest edit either way, in calibrated lengths: 6 in the median, as in `Voynov`."""
HELD_OUT = 32
"""Number of latents on which an encoder is tested."""
CHUNK = 64
"""Pictures that are drawn at once."""


@dataclass(frozen=True)
class EncoderSettings:
    """How an encoder is trained.

    Attributes:
        target: what codes are, see the docstring of this module.
        steps: of training.
        batch: edits in a step; for "projection" latents.
        pictures: approximate number of pictures that are drawn for training; each is used many times.
        learning_rate: of Adam; decreases linearly in the second half.
        seed: same seed, same encoder (on one machine, with the same number of threads).

    Raises:
        InputError: a value is out of range.
    """

    limits: ClassVar[Limits] = {
        **dict.fromkeys(("steps", "batch", "pictures"), at_least(1)),
        "learning_rate": POSITIVE,
    }

    target: Target = "shift"
    steps: int = 800
    batch: int = 64
    pictures: int = 10_000
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(self)


class Encoder(nn.Module):
    """Pictures to codes: three convolutions of stride 2, normalised within each picture, and a hidden layer.

    Args:
        k: number of codes.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1, bias=False) for i, o in pairwise((3, *WIDTHS))
        )
        self.norms = nn.ModuleList(nn.GroupNorm(width // GROUP, width) for width in WIDTHS)
        self.hidden = nn.Linear(WIDTHS[-1] * (PIXELS // 8) ** 2, HIDDEN)
        self.head = nn.Linear(HIDDEN, k)

    def forward(self, pictures: Pictures) -> Float[Tensor, "n k"]:
        """Codes of pictures in [-1, 1], square ones of any size."""
        x = _sized(pictures)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = relu(norm(convolution(x)))
        codes: Tensor = self.head(relu(self.hidden(x.flatten(1))))
        return codes

    @torch.no_grad()
    def codes(self, pictures: Pictures) -> Float[Tensor, "n k"]:
        """Codes without gradients, of a few pictures at a time."""
        return torch.cat([self(some) for some in pictures.split(4 * CHUNK)])


@dataclass(frozen=True)
class ShiftExamples:
    """Pictures before and after edits: the examples of "shift".

    Attributes:
        before: pictures of m latents, with sides of `PIXELS`.
        after: pictures of the same latents, edited along each of k directions.
        epsilon: (m, k), lengths of the edits, with their signs, in calibrated lengths.
    """

    before: Pictures
    after: Float[Tensor, "m k 3 h w"]
    epsilon: Float[Tensor, "m k"]

    def __len__(self) -> int:
        return self.epsilon.numel()

    def loss(self, encoder: Encoder, which: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Squared error of differences between codes, as a share of the error of constant codes.

        Args:
            encoder: of the pictures.
            which: numbers of edits.
        """
        k = self.epsilon.shape[1]
        latent, along = which // k, which % k
        before, after = encoder(torch.cat([self.before[latent], self.after[latent, along]])).chunk(2)
        epsilon = self.epsilon[latent, along].unsqueeze(1)
        left: Tensor = (after - before - epsilon * one_hot(along, k).to(epsilon)).square().sum()
        return left / epsilon.square().sum()


@dataclass(frozen=True)
class CoordinateExamples:
    """Pictures, and the coordinates of their latents along directions: the examples of "projection".

    Attributes:
        pictures: of m latents, with sides of `PIXELS`.
        coordinates: (m, k), of the latents, from their mean, in calibrated lengths.
    """

    pictures: Pictures
    coordinates: Float[Tensor, "m k"]

    def __len__(self) -> int:
        return len(self.coordinates)

    def loss(self, encoder: Encoder, which: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """Squared error of codes as a share of the variance of their coordinates, mean over codes.

        Args:
            encoder: of the pictures.
            which: numbers of latents.
        """
        error = (encoder(self.pictures[which]) - self.coordinates[which]).square().mean(0)
        left: Tensor = error / self.coordinates.var(0).clamp(min=1e-12)
        return left.mean()


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder and how well it was trained.

    Attributes:
        encoder: frozen.
        lengths: (k,), of edits of one unit of each code, in latent space.
        left: squared error on held-out latents, as a share of that of constant codes: 0 is perfect.
    """

    encoder: Encoder
    lengths: Float[Tensor, " k"]
    left: float


def train_encoder(
    generator: Generator,
    directions: Directions,
    settings: EncoderSettings = EncoderSettings(),
    *,
    lengths: Float[Tensor, " k"] | None = None,
    log: Log = no_log,
) -> TrainedEncoder:
    """Train an encoder whose codes are what the directions change.

    Pictures of a generator with classes, none of which is chosen, are of all classes in turn. Nothing global
    is changed, neither random states nor the generator or the directions.

    Args:
        generator: the directions' generator.
        directions: k directions.
        settings: of the training.
        lengths: (k,), of edits of one unit, in latent space; None: those of equal visible change.
        log: receives "loss", the mean over the last `LOG_EVERY` steps, as a share of that of constant codes.

    Raises:
        InputError: directions of another generator, or "projection" of directions that differ between
            latents.
    """
    directions.require(generator)
    device, classes, k = generator.device, _classes(generator), directions.k
    if lengths is None:
        latents = classes[0].sample(SAMPLES, rng=torch.Generator().manual_seed(SEED))
        lengths = strengths(classes[0], directions, latents).lengths
    edits = Edits.along(replace(directions, scale=lengths), device)
    rng = torch.Generator().manual_seed(settings.seed)
    training: ShiftExamples | CoordinateExamples
    held_out: ShiftExamples | CoordinateExamples
    if settings.target == "shift":  # k + 1 pictures of each latent
        counts = max(1, settings.pictures // (k + 1)), HELD_OUT
        training, held_out = (shift_examples(classes, edits, count, rng) for count in counts)
    else:
        counts = settings.pictures, HELD_OUT * k
        training, held_out = (coordinate_examples(classes, edits, count, rng) for count in counts)
    encoder = make_encoder(k, rng).to(device)
    optimizer, total = adam(encoder.parameters(), settings.learning_rate, 0.0, device), 0.0
    # `engine.training.run` would be longer: there is no validation, no checkpoint and no best state here.
    for step in range(1, settings.steps + 1):
        set_rate(optimizer, settings.learning_rate * min(1.0, 2 * (1 - (step - 1) / settings.steps)))
        which = torch.randint(len(training), (settings.batch,), generator=rng)
        optimizer.zero_grad()
        loss = training.loss(encoder, which)
        loss.backward()
        optimizer.step()
        total += float(loss.detach())
        if step % LOG_EVERY == 0:
            log(step, {"loss": total / LOG_EVERY})
            total = 0.0
    encoder.eval().requires_grad_(False)
    return TrainedEncoder(encoder, lengths, float(held_out.loss(encoder, torch.arange(len(held_out)))))


@torch.no_grad()
def shift_examples(
    generators: Sequence[Generator], edits: Edits, n: int, rng: torch.Generator
) -> ShiftExamples:
    """Draw latents and edit each along all directions, by a uniform epsilon up to `REACH` either way.

    Args:
        generators: draw some latents each, in turn.
        edits: along k directions; their lengths are those of epsilon = 1.
        n: number of latents.
        rng: on the CPU.
    """
    k, before, after = edits.model.k, [], []
    epsilon = REACH * (2 * torch.rand(n, k, generator=rng) - 1)
    chunk = max(1, CHUNK // k)
    for some, (generator, latents) in zip(
        epsilon.split(chunk), _drawn(generators, n, chunk, rng), strict=True
    ):
        shift = (some.T * edits.lengths.unsqueeze(1)).unsqueeze(2).to(latents.device) * edits.vectors(latents)
        edited = moved(latents, shift, edits.slots)  # (k, m, slots, dim)
        seen = _sized(generator.preview(torch.cat([latents, edited.flatten(0, 1)]), PIXELS))
        before.append(seen[: len(some)])
        after.append(seen[len(some) :].unflatten(0, (k, len(some))).transpose(0, 1))
    return ShiftExamples(torch.cat(before), torch.cat(after), epsilon.to(before[0].device))


@torch.no_grad()
def coordinate_examples(
    generators: Sequence[Generator], edits: Edits, n: int, rng: torch.Generator
) -> CoordinateExamples:
    """Draw latents and compute their coordinates along directions that are the same everywhere.

    Args:
        generators: see `shift_examples`.
        edits: along k directions; their lengths are those of a coordinate of 1.
        n: number of latents.
        rng: on the CPU.

    Raises:
        InputError: directions that differ between latents.
    """
    if not isinstance(edits.model, Global):
        raise InputError(
            "target='projection' needs directions that are the same at every latent; use target='shift'."
        )
    drawn = list(_drawn(generators, n, CHUNK, rng))
    pictures = torch.cat([_sized(generator.preview(latents, PIXELS)) for generator, latents in drawn])
    latents = torch.cat([latents for _, latents in drawn])
    units = edits.lengths.unsqueeze(1).to(latents.device) * edits.vectors(latents[:1])[:, 0]  # (k, dim)
    coordinates = read(latents, edits.slots) @ torch.linalg.pinv(units)
    return CoordinateExamples(pictures, coordinates - coordinates.mean(0))


def _drawn(
    generators: Sequence[Generator], n: int, chunk: int, rng: torch.Generator
) -> Iterator[tuple[Generator, Latents]]:
    for number, start in enumerate(range(0, n, chunk)):
        generator = generators[number % len(generators)]
        yield generator, generator.sample(min(chunk, n - start), rng=rng)


def make_encoder(k: int, rng: torch.Generator) -> Encoder:
    """An encoder on the CPU whose weights all come from rng (He et al. 2015); its first codes are small.

    Args:
        k: number of codes.
        rng: draws the weights.
    """
    made = he_initialised(lambda: Encoder(k), rng)
    with torch.no_grad():
        made.head.weight.mul_(0.1)
    return made


def _classes(generator: Generator) -> list[Generator]:
    """A view for each class, or the generator itself if it has none or one is chosen."""
    if generator.num_classes and generator.label is None:
        return [generator.for_class(number).settled() for number in range(generator.num_classes)]
    return [generator.settled()]


def _sized(pictures: Pictures) -> Float[Tensor, "n 3 pixels pixels"]:
    """Pictures with sides of `PIXELS`, by averaging or repeating pixels."""
    if pictures.shape[-2:] == (PIXELS, PIXELS):
        return pictures
    found: Tensor = adaptive_avg_pool2d(pictures, PIXELS)
    return found

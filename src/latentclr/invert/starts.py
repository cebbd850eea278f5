"""Starts of an inversion: the encoder's latents, in the likeliest classes, and the nearest samples."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Latents
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import LatentEncoder
from latentclr.invert.objective import Objective, Target
from latentclr.invert.optimise import Starts
from latentclr.invert.settings import Weights

CANDIDATES = 64
"""Number of samples among which the nearest are looked for."""
LARGE = 256
"""Resolution from which on samples are not compared: drawing them takes longer than it helps."""
UNLIKELY = 5.0
"""A class whose logit is this much below the largest is not worth a start."""

Labels = Sequence[int | None]


def encoded_starts(
    objective: Objective, encoder: LatentEncoder, labels: Labels, count: int, seed: int
) -> Starts:
    """First the encoder's latents, in the likeliest classes; the rest as `sampled_starts`.

    Args:
        objective: with the n photos.
        encoder: of the generator.
        labels: the class of each photo; None: it is to be found.
        count: number of starts of each photo.
        seed: of the samples.
    """
    pictures = objective.target.pictures
    with torch.no_grad():
        parts = [encoder(some) for some in pictures.split(objective.batch)]
    latents = torch.cat([part.latents for part in parts])
    logits = torch.cat([part.logits for part in parts])
    starts: list[list[tuple[Tensor, int | None]]] = []
    for i, label in enumerate(labels):
        classes: Labels = [label]
        if label is None and logits.shape[1]:
            largest = logits[i].topk(min(count, logits.shape[1]))
            likely = largest.values > largest.values[0] - UNLIKELY
            classes = largest.indices[likely].tolist()
        starts.append([(latents[i], one) for one in classes])
    missing = count - min(map(len, starts))
    if missing > 0:
        more = sampled_starts(objective, [one[0][1] for one in starts], missing, seed)
        for one, others, classes in zip(starts, more.latents, more.labels, strict=True):
            one.extend(zip(others, classes, strict=True))
    return Starts(
        torch.stack([torch.stack([latent for latent, _ in one[:count]]) for one in starts]),
        tuple(tuple(label for _, label in one[:count]) for one in starts),
    )


def sampled_starts(objective: Objective, labels: Labels, count: int, seed: int) -> Starts:
    """The samples whose pictures are nearest to each photo; in large generators, the mean and any samples.

    Where classes are to be found, the samples are of all classes, and those of one class may be the nearest
    several times.

    Args:
        objective: with the n photos.
        labels: the class of each photo; None: it is to be found.
        count: number of starts of each photo.
        seed: of the samples.
    """
    rng, generator, target = torch.Generator().manual_seed(seed), objective.generator, objective.target
    if generator.num_classes and generator.space == "z" and None in labels:
        return _starts_of_all_classes(objective, labels, count, rng)
    chosen = tuple((label,) * count for label in labels)
    if generator.resolution >= LARGE:
        with torch.no_grad():
            samples = generator.sample(count, rng=rng)
            if generator.space == "w":
                mean = generator.sample(1024, rng=rng).mean(0, keepdim=True)
                samples = torch.cat([mean, samples])[:count]
        return Starts(samples.expand(len(target), -1, -1, -1).clone(), chosen)
    samples = generator.sample(max(CANDIDATES, count), rng=rng)
    nearest: list[Tensor] = [samples[:count]] * len(target)
    for label in set(labels):
        rows = torch.tensor([i for i, one in enumerate(labels) if one == label])
        distances = _distances(objective, target.rows(rows), samples, label)
        for i, which in zip(rows.tolist(), distances.topk(count, largest=False).indices, strict=True):
            nearest[i] = samples[which]
    return Starts(torch.stack(nearest), chosen)


def _starts_of_all_classes(objective: Objective, labels: Labels, count: int, rng: torch.Generator) -> Starts:
    """The nearest samples of all classes; of `CANDIDATES` random ones, if there are more.

    A photo of a given class starts from the samples that are nearest in their own classes.
    """
    generator = objective.generator
    classes = torch.randperm(generator.num_classes, generator=rng)[:CANDIDATES].sort().values.tolist()
    samples = generator.sample(max(1, CANDIDATES // len(classes)) * len(classes), rng=rng)
    parts = samples.chunk(len(classes))
    distances = torch.cat(
        [
            _distances(objective, objective.target, part, label)
            for part, label in zip(parts, classes, strict=True)
        ],
        dim=1,
    )
    nearest = distances.argsort(dim=1)[:, :count].cpu()
    return Starts(
        samples[nearest],
        tuple(
            tuple(classes[j // len(parts[0])] if label is None else label for j in row)
            for label, row in zip(labels, nearest.tolist(), strict=True)
        ),
    )


@torch.no_grad()
def _distances(
    objective: Objective, target: Target, samples: Latents, label: int | None
) -> Float[Tensor, "photos samples"]:
    """The differences of the samples' pictures from each photo."""
    columns = []
    for some in samples.split(objective.batch):
        for picture in draw(objective.generator, some, [label] * len(some)):
            columns.append(target.differences(picture.expand_as(target.pictures)).weighted(Weights()))
    return torch.stack(columns, dim=1)

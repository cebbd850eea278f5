"""Where the search begins: where the encoder points, at the nearest samples, in the likeliest classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import LatentEncoder
from latentclr.invert.objective import Target, Weights
from latentclr.invert.optimise import Starts

CANDIDATES = 64
"""Samples among which the nearest is looked for."""
LARGE = 256
"""Pixels from which on samples are not compared: drawing them takes longer than it helps."""


def encoded_starts(
    generator: Generator,
    encoder: LatentEncoder,
    target: Target,
    labels: Sequence[int | None],
    count: int,
    seed: int,
    batch: int,
) -> Starts:
    """First where the encoder points, in the likeliest classes; the rest as `sampled_starts`.

    Args:
        generator: of the pictures.
        encoder: of that generator.
        target: the n photos.
        labels: the class of each photo; None: it is to be found.
        count: starts of each photo.
        seed: of the samples.
        batch: pictures at a time.
    """
    parts = [encode(encoder, target.pictures[rows]) for rows in torch.arange(len(target)).split(batch)]
    latents = torch.cat([part[0] for part in parts])
    logits = torch.cat([part[1] for part in parts])
    found: list[list[tuple[Tensor, int | None]]] = []
    for i, label in enumerate(labels):
        if logits.shape[1] and label is None:
            likely = logits[i].topk(min(count, logits.shape[1])).indices.tolist()
            # A class that is far less likely than the first is not worth a start.
            best = float(logits[i].max())
            found.append([(latents[i], j) for j in likely if float(logits[i, j]) > best - 5])
        else:
            found.append([(latents[i], label)])
    missing = max(count - len(one) for one in found)
    if missing > 0:
        chosen = [one[0][1] for one in found]
        more = sampled_starts(generator, target, chosen, missing, seed, batch)
        for i, one in enumerate(found):
            one += list(zip(more.latents[i], more.labels[i], strict=True))
    return Starts(
        torch.stack([torch.stack([latent for latent, _ in one[:count]]) for one in found]),
        tuple(tuple(label for _, label in one[:count]) for one in found),
    )


def sampled_starts(
    generator: Generator, target: Target, labels: Sequence[int | None], count: int, seed: int, batch: int
) -> Starts:
    """The samples whose pictures are nearest to each photo; of large generators, the mean and any samples.

    Where classes are to be found, each start is of another class, as long as there are some.

    Args: see `encoded_starts`.
    """
    rng = torch.Generator().manual_seed(seed)
    given = list(labels)
    if generator.num_classes and generator.space == "z" and None in given:
        return _of_classes(generator, target, given, count, rng, batch)
    if generator.resolution >= LARGE:
        with torch.no_grad():
            samples = generator.sample(count, rng=rng)
            mean = generator.sample(1024, rng=rng).mean(0)
        places = torch.cat([mean.unsqueeze(0), samples])[:count] if generator.space == "w" else samples
        return Starts(
            places.expand(len(target), -1, -1, -1).clone(), tuple((label,) * count for label in given)
        )
    samples = generator.sample(max(CANDIDATES, count), rng=rng)
    nearest: list[Tensor] = [samples[:count]] * len(target)
    for label in set(given):
        rows = torch.tensor([i for i, one in enumerate(given) if one == label])
        near = _distances(generator, samples, label, target.rows(rows), batch).topk(count, largest=False)
        for i, which in zip(rows.tolist(), near.indices, strict=True):
            nearest[i] = samples[which]
    return Starts(torch.stack(nearest), tuple((label,) * count for label in given))


def _of_classes(
    generator: Generator,
    target: Target,
    given: Sequence[int | None],
    count: int,
    rng: torch.Generator,
    batch: int,
) -> Starts:
    """For each photo the nearest samples of all classes (of many classes, of some)."""
    classes = torch.randperm(generator.num_classes, generator=rng)[:CANDIDATES].sort().values.tolist()
    each = max(1, CANDIDATES // len(classes))
    samples = generator.sample(each * len(classes), rng=rng)
    owners = [label for label in classes for _ in range(each)]
    distances = torch.cat(
        [
            _distances(generator, samples[k * each : (k + 1) * each], label, target, batch)
            for k, label in enumerate(classes)
        ],
        dim=1,
    )
    latents, labels = [], []
    for i, label in enumerate(given):
        order = distances[i].argsort().tolist()
        picked = order[:count]
        latents.append(torch.stack([samples[j] for j in picked]))
        labels.append(tuple(owners[j] if label is None else label for j in picked))
    return Starts(torch.stack(latents), tuple(labels))


@torch.no_grad()
def _distances(
    generator: Generator, samples: Latents, label: int | None, target: Target, batch: int
) -> Tensor:
    """(n, samples) objectives of the samples' pictures."""
    columns = []
    for some in samples.split(batch):
        for picture in draw(generator, some, [label] * len(some)):
            alike = picture.expand(len(target), -1, -1, -1)
            columns.append(target.differences(alike).weighted(Weights()))
    return torch.stack(columns, dim=1)


@torch.no_grad()
def encode(encoder: LatentEncoder, pictures: Tensor) -> tuple[Latents, Tensor]:
    """Latents and logits, without gradients."""
    found = encoder(pictures)
    return found.latents.contiguous(), found.logits

"""Measuring: draw the pictures of edits once, and keep the scores that are read off them."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.discover.ordering import SMALL
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.reading import Pictures, Reading, Vectors
from latentclr.evaluate.scored import Scored
from latentclr.generators import Generator, Latents

MULTIPLES = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)
"""Usual edits, in units of each direction's length."""
PIXELS = 256
"""Pictures of larger generators are scored at this size; no scorer reads more pixels."""


@torch.no_grad()
def measure(
    generator: Generator,
    directions: Directions,
    reading: Reading,
    latents: Latents,
    *,
    multiples: Sequence[float] = MULTIPLES,
    population: Float[Tensor, "m slots dim"] | None = None,
    log: Log = no_log,
) -> Scored:
    """Score the pictures of latents before and after edits along every direction, in the directions' slots.

    Each picture is drawn once for everything that is read off it, few are drawn at a time, and none is kept.

    Args:
        generator: draws, at its truncation and of its class.
        directions: k directions of this generator. Their scales are the lengths of edits with multiple 1:
            usually those of equal visible change (`latentclr.evaluate.calibration`).
        reading: what is read off the pictures.
        latents: n latents.
        multiples: of the lengths; other than 0.
        population: latents of unedited pictures whose deviations are the units; None: `latents`.
        log: receives the number of latents that are done.

    Raises:
        InputError: a multiple that is 0, not finite or given twice, a scale that is not a positive number, a
            slot that does not exist, or an attribute that the scorer does not return.
    """
    steps = tuple(sorted(float(multiple) for multiple in multiples))
    if not steps or 0.0 in steps or len(set(steps)) < len(steps) or not torch.tensor(steps).isfinite().all():
        raise InputError(f"multiples {list(multiples)}: give finite numbers other than 0, each once.")
    if not bool(((directions.scale > 0) & directions.scale.isfinite()).all()):
        raise InputError("the scales of the directions, lengths of edits, must be finite numbers above 0.")
    directions.require(generator)
    edits = Edits.along(directions, generator.device)
    draw = partial(generator.preview, pixels=PIXELS)
    batch = 64 if generator.resolution <= 2 * SMALL else 8
    bases: list[Tensor] = []
    parts: list[dict[str, Tensor]] = []
    for some in latents.split(max(1, batch // len(steps))):
        before = draw(some)
        bases.append(reading.scores(before))
        vectors = reading.identity(before) if reading.identity else None
        each = [
            _compared(reading, before, vectors, draw(edited.flatten(0, 1)), steps)
            for edited in edits.apply(some, steps).unbind(1)
        ]
        parts.append({name: torch.stack([one[name] for one in each]) for name in each[0]})
        done = sum(map(len, bases))
        log(done, {"latents": float(done)})
    base = torch.cat(bases)
    others = (
        base
        if population is None
        else torch.cat([reading.scores(draw(some)) for some in population.split(batch)])
    )
    return Scored(
        reading.scales,
        tuple(directions.label(i) for i in range(directions.k)),
        steps,
        directions.scale.float().cpu(),
        torch.tensor([scale.deviation(others[:, i]) for i, scale in enumerate(reading.scales)]),
        base,
        **{name: torch.cat([part[name] for part in parts], dim=2) for name in parts[0]},
        facts={
            "generator": {"name": generator.name, "sha256": generator.fingerprint()},
            "truncation": generator.truncation,
            "slots": list(edits.slots),
            "population": len(others),
        },
    )


def _compared(
    reading: Reading,
    before: Pictures,
    vectors: Vectors | None,
    after: Float[Tensor, "m 3 h w"],
    multiples: Sequence[float],
) -> dict[str, Tensor]:
    """Fields of `Scored` for one direction: (s, n, a) or (s, n).

    Args:
        reading: what is compared.
        before: pictures of n latents.
        vectors: their identities; None: these are not compared.
        after: s n pictures of the same latents, at s multiples.
        multiples: of the edits, in ascending order.
    """
    s, n = len(multiples), len(before)
    found = {"edited": reading.scores(after)}
    if reading.identity and vectors is not None:
        found["identity"] = reading.identity_distance(vectors.repeat(s, 1), reading.identity(after)).cpu()
    if reading.distance:
        found["change"] = reading.distance(before.repeat(s, 1, 1, 1), after).cpu()
        below = sum(multiple < 0 for multiple in multiples) * n
        path = torch.cat([after[:below], before, after[below:]])
        found["steps"] = reading.distance(path[:-n], path[n:]).cpu()
    return {name: values.unflatten(0, (s, n)) for name, values in found.items()}

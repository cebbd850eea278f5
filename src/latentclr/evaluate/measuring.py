"""Measuring: draw the pictures of edits once, and keep the scores that are read off them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.discover.ordering import SMALL
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.attributes import Pictures, Scale, Vectors
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.scored import Scored
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit
from latentclr.scorers import Scorer

Distance = Callable[[Pictures, Pictures], Float[Tensor, " n"]]
"""How different pictures look, pair by pair."""
Identity = Callable[[Pictures], Vectors]
"""A vector of each picture; vectors of one person are close. NaN: there is no face."""

MULTIPLES = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)
"""Usual edits, in units of each direction's length."""
PIXELS = 256
"""Pictures of larger generators are scored at this size; no scorer reads more pixels."""


def cosine_distance(one: Vectors, other: Vectors) -> Float[Tensor, " n"]:
    """1 - cosine, row by row: how far apart identity vectors are.

    Args:
        one: n vectors.
        other: n vectors.

    >>> cosine_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    tensor([1.])
    """
    found: Float[Tensor, " n"] = 1 - (unit(one) * unit(other)).sum(-1)
    return found


@torch.no_grad()
def measure(
    generator: Generator,
    directions: Directions,
    scorer: Scorer,
    scales: Sequence[Scale],
    latents: Latents,
    *,
    lengths: Float[Tensor, " k"],
    multiples: Sequence[float] = MULTIPLES,
    slots: Sequence[int] | None = None,
    population: Float[Tensor, "m slots dim"] | None = None,
    identity: Identity | None = None,
    identity_distance: Callable[[Vectors, Vectors], Float[Tensor, " n"]] = cosine_distance,
    distance: Distance | None = None,
    facts: Mapping[str, Any] | None = None,
    log: Log = no_log,
) -> Scored:
    """Score the pictures of latents before and after edits along every direction.

    Each picture is drawn once for everything that is read off it, few are drawn at a time, and none is kept.

    Args:
        generator: draws, at its truncation and of its class.
        directions: k directions of this generator.
        scorer: reads the attributes off pictures.
        scales: of the attributes that are kept, by the scorer's names.
        latents: n latents.
        lengths: (k,), of an edit with multiple 1 along each direction, in latent space: usually those of
            equal visible change (`latentclr.evaluate.calibration`).
        multiples: of these lengths; other than 0.
        slots: slots that edits move; None: the directions' own.
        population: latents of unedited pictures whose deviations are the units; None: `latents`.
        identity: gives the vectors that `Scored.identity` compares; None: it is not measured.
        identity_distance: between such vectors, row by row.
        distance: between pictures, for `Scored.change` and `Scored.steps`; None: these are not measured.
        facts: kept with the scores; JSON values.
        log: receives the number of latents that are done.

    Raises:
        InputError: a multiple that is 0, not finite or given twice, lengths that are not k positive numbers,
            a slot that does not exist, or a name of the scales that the scorer does not return.
    """
    steps = tuple(sorted(float(multiple) for multiple in multiples))
    if not steps or 0.0 in steps or len(set(steps)) < len(steps) or not torch.tensor(steps).isfinite().all():
        raise InputError(f"multiples {list(multiples)}: give finite numbers other than 0, each once.")
    if lengths.shape != (directions.k,) or not bool(((lengths > 0) & lengths.isfinite()).all()):
        raise InputError(f"lengths must be {directions.k} finite numbers above 0, one for each direction.")
    directions.require(generator)
    edits = Edits.along(directions, lengths, slots=slots, device=generator.device)
    draw = partial(generator.preview, pixels=PIXELS)
    reader = _Reader(scorer, [scale.name for scale in scales], identity, identity_distance, distance)
    batch = 64 if generator.resolution <= 2 * SMALL else 8
    bases: list[Tensor] = []
    parts: list[dict[str, Tensor]] = []
    for some in latents.split(max(1, batch // len(steps))):
        before = draw(some)
        bases.append(reader.scores(before))
        vectors = identity(before) if identity else None
        each = [
            reader.compare(before, vectors, draw(edited.flatten(0, 1)), steps)
            for edited in edits.apply(some, steps).unbind(1)
        ]
        parts.append({name: torch.stack([one[name] for one in each]) for name in each[0]})
        done = sum(map(len, bases))
        log(done, {"latents": float(done)})
    base = torch.cat(bases)
    others = (
        base
        if population is None
        else torch.cat([reader.scores(draw(some)) for some in population.split(batch)])
    )
    return Scored(
        tuple(scales),
        tuple(directions.label(i) for i in range(directions.k)),
        steps,
        lengths.float().cpu(),
        torch.tensor([scale.deviation(others[:, i]) for i, scale in enumerate(scales)]),
        base,
        **{name: torch.cat([part[name] for part in parts], dim=2) for name in parts[0]},
        facts={
            "generator": {"name": generator.name, "sha256": generator.fingerprint()},
            "truncation": generator.truncation,
            "slots": list(edits.slots),
            "population": len(others),
            **(facts or {}),
        },
    )


@dataclass(frozen=True)
class _Reader:
    """Reads off pictures everything that is measured."""

    scorer: Scorer
    names: Sequence[str]
    identity: Identity | None
    identity_distance: Callable[[Vectors, Vectors], Float[Tensor, " n"]]
    distance: Distance | None

    def scores(self, pictures: Pictures) -> Float[Tensor, "n a"]:
        found = self.scorer(pictures)
        if unknown := [name for name in self.names if name not in found]:
            raise InputError(f"the scorer returns no {unknown[0]!r}; it returns {', '.join(found)}.")
        return torch.stack([found[name].float() for name in self.names], dim=1).cpu()

    def compare(
        self,
        before: Pictures,
        vectors: Vectors | None,
        after: Float[Tensor, "m 3 h w"],
        multiples: Sequence[float],
    ) -> dict[str, Tensor]:
        """Fields of `Scored` for one direction: (s, n, a) or (s, n).

        Args:
            before: pictures of n latents.
            vectors: their identities; None: these are not compared.
            after: m = s n pictures of the same latents, at s multiples.
            multiples: of the edits, in ascending order.
        """
        s, n = len(multiples), len(before)
        found = {"edited": self.scores(after)}
        if self.identity and vectors is not None:
            found["identity"] = self.identity_distance(vectors.repeat(s, 1), self.identity(after)).cpu()
        if self.distance:
            found["change"] = self.distance(before.repeat(s, 1, 1, 1), after).cpu()
            below = sum(multiple < 0 for multiple in multiples) * n
            path = torch.cat([after[:below], before, after[below:]])
            found["steps"] = self.distance(path[:-n], path[n:]).cpu()
        return {name: values.unflatten(0, (s, n)) for name, values in found.items()}

"""InterFaceGAN: the normal of the boundary between pictures with much and with little of an attribute.

Shen, Gu, Tang, Zhou: Interpreting the Latent Space of GANs for Semantic Face Editing (CVPR 2020), sections
3.1 (a linear support vector machine in latent space) and 3.2 (projection of one normal off others).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.directions import Directions, Global
from latentclr.directions.edits import read
from latentclr.discover.base import Discoverer, Setup, largest_first
from latentclr.discover.settings.interfacegan import InterFaceGANSettings
from latentclr.errors import InputError
from latentclr.linalg import unit
from latentclr.scorers.attributes import Attribute, attributes_of, check_varies

TRAINED = 0.7
"""Share of the extreme pictures that the boundary is fitted to; the others are held out (authors' code)."""
PENALTY = 1.0
"""C of the support vector machine (authors' code)."""
NOTHING_LEFT = 1e-6
"""A unit vector of which a projection leaves less than this lies in the span of the conditions."""

Points = Float[Tensor, "n dim"]


@dataclass(frozen=True)
class _Boundary:
    """A hyperplane: normal . x + offset is above 0 on the side with more of the attribute.

    Attributes:
        normal: of length one, in float64.
        offset: minus the hyperplane's distance from the origin along the normal.
    """

    normal: Float[Tensor, " dim"]
    offset: float

    def accuracy(self, high: Float[Tensor, "a dim"], low: Float[Tensor, "b dim"]) -> float:
        """Share of points that lie on the right side; NaN without points."""
        right = (self.distance(high) > 0).sum() + (self.distance(low) <= 0).sum()
        total = len(high) + len(low)
        return int(right) / total if total else float("nan")

    def distance(self, points: Points) -> Float[Tensor, " n"]:
        """Signed distances of points from the hyperplane."""
        return points.double() @ self.normal + self.offset


@dataclass(frozen=True)
class _Extremes:
    """Numbers of the pictures that a boundary is fitted to (train), tested on (held), and ignores (rest)."""

    train_high: Int[Tensor, " a"]
    train_low: Int[Tensor, " a"]
    held_high: Int[Tensor, " b"]
    held_low: Int[Tensor, " b"]
    rest_high: Int[Tensor, " c"]
    rest_low: Int[Tensor, " d"]


@dataclass(frozen=True)
class InterFaceGAN(InterFaceGANSettings, Discoverer):
    """Normals of linear boundaries between pictures with much and with little of an attribute."""

    def find(self, setup: Setup) -> Directions:
        """Find one direction for each attribute, named after it and pointing to more of it.

        An edit with alpha = 1 has length 1 in latent space. Directions are sorted by the share of held-out
        extreme pictures that their boundaries put on the right side.

        At the end, `log` gets "accuracy" (the mean over attributes) and each attribute's
        ("accuracy_brightness").

        The record has "boundaries": for each attribute its accuracies ("train", "held_out" and "remaining":
        of all pictures that are not extreme, split at their median score), "unconditioned_held_out" (before
        the projection) and "kept" (length of what the projection left of the unit normal); and "cosines"
        between the normals before it, both in the order of the directions.

        Raises:
            InputError: a field out of range, an unknown attribute or slot, an attribute that is the same in
                all pictures, or a direction that lies in the span of its conditions.
        """
        scored = attributes_of(self.attributes)
        points, scores = _scored_latents(setup, scored, self.samples, batch=self.batch)
        found: list[tuple[_Boundary, _Extremes]] = []
        for name, values in zip(self.attributes, scores.unbind(1), strict=True):
            check_varies(name, values)
            extremes = _split(values, self.chosen, setup.rng)
            boundary = _separate(points[extremes.train_high], points[extremes.train_low])
            found.append((boundary, extremes))
        normals = torch.stack([boundary.normal for boundary, _ in found])
        boundaries, facts = zip(
            *(
                self._conditioned(i, boundary, normals, points, extremes)
                for i, (boundary, extremes) in enumerate(found)
            ),
            strict=True,
        )
        accuracies = torch.tensor([fact["held_out"] for fact in facts])
        # Every process has the same points, but not every BLAS the same last digit.
        directions = setup.world.from_first(torch.stack([boundary.normal for boundary in boundaries]))
        accuracies = setup.world.from_first(accuracies)
        order = largest_first(accuracies)
        setup.log(
            1,
            {
                "accuracy": float(accuracies.mean()),
                **{f"accuracy_{self.attributes[i]}": float(accuracies[i]) for i in order},
            },
        )
        return self.named_result(
            setup,
            Global.from_state({"theta": directions.float()}, k=len(found), dim=setup.generator.latent_dim),
            scale=torch.ones(len(found)),
            scores=accuracies,
            names=self.attributes,
            facts={"boundaries": facts},
            sorted_by="accuracy of the boundary on held-out pictures with extreme scores",
            cosines=(normals @ normals.T)[order][:, order].tolist(),
        )

    def _conditioned(
        self,
        i: int,
        boundary: _Boundary,
        normals: Float[Tensor, "k dim"],
        points: Points,
        extremes: _Extremes,
    ) -> tuple[_Boundary, dict[str, float | None]]:
        """The boundary of attribute i, projected off its conditions, and what to record of it."""
        held = points[extremes.held_high], points[extremes.held_low]
        unconditioned = boundary.accuracy(*held)
        others = [j for j, name in enumerate(self.attributes) if name in self.conditions and j != i]
        kept = 1.0
        if others:
            try:
                normal = project(boundary.normal, normals[others])
            except InputError as error:
                raise InputError(f"direction {self.attributes[i]!r} under its conditions: {error}") from error
            kept = float(normal @ boundary.normal)
            high, low = points[extremes.train_high].double(), points[extremes.train_low].double()
            # The machine's offset belongs to its own normal; here, half-way between the two sides.
            boundary = _Boundary(normal, -float(normal @ (high.mean(0) + low.mean(0))) / 2)
        remaining = boundary.accuracy(points[extremes.rest_high], points[extremes.rest_low])
        return boundary, {
            "train": boundary.accuracy(points[extremes.train_high], points[extremes.train_low]),
            "held_out": boundary.accuracy(*held),
            "remaining": None if remaining != remaining else remaining,
            "unconditioned_held_out": unconditioned,
            "kept": kept,
        }


@torch.no_grad()
def _scored_latents(
    setup: Setup, attributes: Sequence[Attribute], n: int, *, batch: int
) -> tuple[Points, Float[Tensor, "n k"]]:
    """Random latents, and their pictures' values of some attributes, on the CPU; processes share the work.

    The random numbers of the search advance in the same way in every process.
    """
    generator, world = setup.generator, setup.world
    z = [
        torch.randn(len(rows), generator.z_dim, generator=setup.rng) for rows in torch.arange(n).split(batch)
    ]
    points, scores = [torch.empty(0, generator.latent_dim)], [torch.empty(0, len(attributes))]
    for some in z[world.share(len(z))]:
        latents = generator.map(some.to(generator.device))
        pictures = generator(latents)
        points.append(read(latents, setup.slots).float().cpu())
        scores.append(torch.stack([score(pictures) for score in attributes], dim=1).float().cpu())
    return world.gather_uneven(torch.cat(points)), world.gather_uneven(torch.cat(scores))


def _split(scores: Float[Tensor, " n"], chosen: float, rng: torch.Generator) -> _Extremes:
    """The pictures with the highest and with the lowest scores; `1 - TRAINED` of each are held out."""
    order = scores.argsort(descending=True, stable=True)
    each = int(chosen * len(order))
    trained = int(TRAINED * each)
    high = order[:each][torch.randperm(each, generator=rng)]
    low = order[len(order) - each :][torch.randperm(each, generator=rng)]
    rest = order[each : len(order) - each]
    half = len(rest) // 2  # the upper half of those between: at the median, so that neither side is rare
    return _Extremes(high[:trained], low[:trained], high[trained:], low[trained:], rest[:half], rest[half:])


def _separate(high: Float[Tensor, "a dim"], low: Float[Tensor, "b dim"]) -> _Boundary:
    """The boundary that a linear support vector machine finds, its normal pointing to the first set."""
    from sklearn.svm import SVC  # it takes a second to import

    points = torch.cat([high, low]).double().numpy()
    labels = np.repeat([1, 0], [len(high), len(low)])
    # Without a random state of its own it would draw from numpy's global one.
    machine = SVC(kernel="linear", C=PENALTY, random_state=0).fit(points, labels)
    normal = torch.from_numpy(machine.coef_[0].copy())
    length = float(normal.norm())
    if not length > 0:
        raise InputError("the latents with the highest and with the lowest scores are the same.")
    return _Boundary(normal / length, float(machine.intercept_[0]) / length)


def project(primal: Float[Tensor, " dim"], conditions: Float[Tensor, "c dim"]) -> Float[Tensor, " dim"]:
    """What is left of a direction without its part in the span of others: section 3.2, for any number.

    With conditions C (one in each row) it is p - C^T x, scaled to length one, where x solves the normal
    equations C C^T x = C p; solved by least squares, so that conditions may depend on each other.

    >>> project(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([[2.0, 0.0, 0.0]]))
    tensor([0., 1., 0.])

    Args:
        primal: the direction, of any length but 0.
        conditions: the directions that it shall be orthogonal to, of any length.

    Returns:
        A unit vector, in the type of `primal`.

    Raises:
        InputError: nothing is left: the direction lies in their span.
    """
    whole = unit(primal.double().cpu())
    columns = unit(conditions.double().cpu()).T
    left = whole
    if columns.shape[1]:
        for _ in range(2):  # once more, for what rounding leaves where little is left
            solution = torch.linalg.lstsq(columns, left.unsqueeze(1), driver="gelsd").solution
            left = left - (columns @ solution).squeeze(1)
    if not float(left.norm()) > NOTHING_LEFT:
        raise InputError(
            "nothing of it is left once it is made orthogonal to the conditions; give fewer conditions."
        )
    projected: Tensor = unit(left).to(primal)
    return projected

"""How good a generator of scenes is, by the oracle: of any picture it knows the factors."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Generator
from latentclr.images import blurred
from latentclr.scenes import BY_NAME, SHAPES, WORLDS, sample
from latentclr.scorers import Oracle
from latentclr.scorers.sets import distance_to_uniform, frechet_distance

BATCH = 250


class Judge:
    """Compares a generator's pictures with renders of its world.

    Called with a generator it gives "frechet" (distance to held-out renders on the oracle's features), for
    each factor of the world "uniform NAME" (total variation distance of its histogram to the uniform one),
    and for a generator with classes "shape accuracy" and "worst class".

    Attributes:
        references: "frechet of renders" (between two halves of the renders: the best that can be) and
            "frechet of blurred renders" (by a normal distribution of one pixel).
    """

    def __init__(self, oracle: Oracle, world: str, *, pictures: int = 2000, seed: int = 12345) -> None:
        """Render `pictures` scenes of `world`, and as many again for the references."""
        self.oracle, self.world, self.pictures = oracle, world, pictures
        rng = torch.Generator().manual_seed(seed)
        renders, _ = sample(pictures, rng, world=world)
        others, _ = sample(pictures, rng, world=world)
        self._features = self._read(renders)[0]
        self.references = {
            "frechet of renders": frechet_distance(self._read(others)[0], self._features),
            "frechet of blurred renders": frechet_distance(
                self._read(blurred(others, 1.0))[0], self._features
            ),
        }

    def __call__(self, generator: Generator) -> Mapping[str, float]:
        """The figures above, of `pictures` random pictures (as many of each class)."""
        drawn, labels = self._draw(generator)
        features, factors = self._read(drawn)
        found = {"frechet": frechet_distance(features, self._features)}
        for name in WORLDS[self.world].free:
            factor, values = BY_NAME[name], factors[name]
            if factor.kind == "category":
                found[f"uniform {name}"] = self._distance_of_shapes(values)
            else:
                found[f"uniform {name}"] = distance_to_uniform(values, factor)
        if labels is not None:
            right = (factors["shape"] == labels).float()
            classes = [float(right[labels == label].mean()) for label in labels.unique()]
            found |= {"shape accuracy": float(right.mean()), "worst class": min(classes)}
        return found

    def _distance_of_shapes(self, values: Float[Tensor, " n"]) -> float:
        """To equal shares of the world's shapes; the oracle may see others too, whose share should be 0."""
        shares = torch.bincount(values.long(), minlength=len(SHAPES)) / len(values)
        expected = torch.zeros(len(SHAPES))
        expected[: WORLDS[self.world].shapes] = 1 / WORLDS[self.world].shapes
        return 0.5 * float((shares - expected).abs().sum())

    @torch.no_grad()
    def _draw(self, generator: Generator) -> tuple[Float[Tensor, "n 3 h w"], Tensor | None]:
        rng = torch.Generator().manual_seed(1)
        views = [generator.for_class(label) for label in range(generator.num_classes)] or [generator]
        share = self.pictures // len(views)
        pictures = [view(some) for view in views for some in view.sample(share, rng=rng).split(BATCH)]
        labels = torch.arange(len(views)).repeat_interleave(share).float()
        return torch.cat(pictures).cpu(), labels if generator.num_classes else None

    @torch.no_grad()
    def _read(self, pictures: Float[Tensor, "n 3 h w"]) -> tuple[Tensor, dict[str, Tensor]]:
        features = torch.cat([self.oracle.features(some) for some in pictures.split(BATCH)])
        parts = [self.oracle(some) for some in pictures.split(BATCH)]
        return features, {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

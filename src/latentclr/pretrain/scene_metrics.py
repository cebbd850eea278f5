"""How good a generator of scenes is, by the oracle, which reads the factors of any picture."""

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


class SceneMetrics:
    """Compares a generator's pictures with renders of its world.

    Args:
        oracle: reads features and factors of pictures.
        world: name of the world.
        pictures: number of scenes to render, and again for the references, and of pictures of a generator.
        seed: of the scenes.

    Attributes:
        references: "frechet of renders" (between two halves of the renders: the best that can be) and
            "frechet of blurred renders" (by a normal distribution of one pixel).
    """

    def __init__(self, oracle: Oracle, world: str, *, pictures: int = 2000, seed: int = 12345) -> None:
        self.oracle, self.world, self.pictures = oracle, world, pictures
        rng = torch.Generator().manual_seed(seed)
        renders, _ = sample(pictures, rng, world=world)
        others, _ = sample(pictures, rng, world=world)
        self._features = self._read(renders)[0]
        self.references = {
            f"frechet of {name}": frechet_distance(self._read(compared)[0], self._features)
            for name, compared in (("renders", others), ("blurred renders", blurred(others, 1.0)))
        }

    def __call__(self, generator: Generator) -> Mapping[str, float]:
        """Metrics of random pictures of a generator, equally many of each class.

        "frechet" is the distance to the renders on the oracle's features; "uniform NAME" is, for each free
        factor of the world, the total variation distance of its histogram to the uniform one; generators
        with classes have "shape accuracy" and "worst class".
        """
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
        """Distance to equal shares of the world's shapes; others that the oracle sees should have none."""
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

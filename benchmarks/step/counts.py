"""Operations and bytes of a training step, counted from shapes."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from latentclr.discover.effects import Effects
from latentclr.discover.latentclr import LatentCLR
from latentclr.generators import StyleGAN2
from latentclr.linalg import BLOCKS, WORTH_BLOCKS

NETWORK_PASSES = {"networks forward": 1.0, "networks backward": 1.5}
"""Passes over the networks' weights: read once; gradients written, and half of the weights read again."""
ADAM_PASSES = 7
"""Reads weights, gradients and two moments; writes all but the gradients."""
FEATURE_PASSES = {"features forward": 10, "features backward": 10}
"""Passes over the features of conv1. Forward: written by the product; read and written by demodulation with
bias, noise, activation and difference; read for the lengths. Backward: written by the similarities, three by
the activation, two by the scale, four by the gradient of the scale."""
FUSED_PASSES = {"features forward": 3, "features backward": 4}
"""Where all between two products is one pass. Forward: written; read and written once. Backward: written;
read with the features and written once."""


@dataclass(frozen=True)
class Counts:
    """What a step has to do, by part.

    Attributes:
        operations: multiplications and additions of products, all similarities computed.
        executed: where fewer are computed, how many.
        moved: bytes of passes over memory that no cache holds.
    """

    operations: dict[str, float]
    executed: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)

    def fused(self) -> "Counts":
        """The same with fewer passes over the features."""
        fewer = {name: FUSED_PASSES[name] / passes for name, passes in FEATURE_PASSES.items()}
        return replace(self, moved={name: fewer.get(name, 1) * moved for name, moved in self.moved.items()})

    @property
    def total(self) -> float:
        """All operations of the formula."""
        return sum(self.operations.values())

    @property
    def total_executed(self) -> float:
        """All operations that are computed."""
        return sum((self.operations | self.executed).values())

    def bounds(self, rate: float, bandwidth: float) -> dict[str, float]:
        """Least seconds of each part, at the machine's rate or at its bandwidth."""
        operations = self.operations | self.executed
        return {
            name: max(operations.get(name, 0.0) / rate, self.moved.get(name, 0.0) / bandwidth)
            for name in {**operations, **self.moved}
        }


def counted(
    k: int,
    n: int,
    dim: int,
    width: int,
    features: int,
    style_dim: int,
    *,
    depth: int = 2,
    generator: tuple[float, float] | None = None,
    on_gpu: bool = False,
) -> Counts:
    """Operations and bytes of one step in float32, without the mapping of the latents (a thousandth).

    Args:
        k: directions.
        n: latents.
        dim: length of a latent.
        width: hidden units of the networks.
        features: length of what is compared.
        style_dim: length of the first layer's style, which has an output channel for every 16 features.
        depth: linear layers of the networks.
        generator: operations of another generator up to its layer, for one latent: forward, and backward to
            the latent. None: that of StyleGAN2 up to conv1.
        on_gpu: there all similarities are computed, since one large product is faster.
    """
    edits, runs = k * n, k * n + n
    sizes = [dim, *[width] * (depth - 1), dim]
    layers = [2.0 * edits * a * b for a, b in pairwise(sizes)]
    parameters = k * sum(a * b + b for a, b in pairwise(sizes))
    gram = 2.0 * edits * edits * features
    strips = (BLOCKS + 1) / (2 * BLOCKS) if edits >= WORTH_BLOCKS and not on_gpu else 1.0
    return Counts(
        operations={
            "networks forward": sum(layers),
            "networks backward": sum(layers) + sum(layers[1:]),  # the latents want no gradient
            **(
                _first_layer(edits, runs, dim, features, style_dim)
                if generator is None
                else {"generator forward": runs * generator[0], "generator backward": edits * generator[1]}
            ),
            "similarities forward": gram,
            "similarities backward": gram,
        },
        executed={"similarities forward": strips * gram},
        moved={
            **{name: 4.0 * passes * parameters for name, passes in NETWORK_PASSES.items()},
            "Adam": 4.0 * ADAM_PASSES * parameters,
            **(
                {name: 4.0 * passes * edits * features for name, passes in FEATURE_PASSES.items()}
                if generator is None
                else {}
            ),
        },
    )


def _first_layer(edits: int, runs: int, dim: int, features: int, style_dim: int) -> dict[str, float]:
    affine, demodulation, linear = dim * style_dim, style_dim * features // 16, style_dim * features
    return {
        "affine styles forward": 2.0 * runs * affine,
        "affine styles backward": 2.0 * edits * affine,
        "demodulation forward": 2.0 * runs * demodulation,
        "demodulation backward": 2.0 * edits * demodulation,
        "first layer forward": 2.0 * runs * linear,
        "first layer backward": 2.0 * edits * linear,
    }


def generator_operations(effects: Effects, latent: Tensor) -> tuple[float, float]:
    """Operations for one latent up to the layer: forward, and backward to the latent."""
    leaf = latent[:1].clone().requires_grad_()
    forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with forward:
        features = effects.features(leaf)
    with backward:
        features.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


def counts_of(settings: LatentCLR, effects: Effects, latents: Tensor) -> Counts:
    """Operations and bytes of a step with the given settings."""
    generator = effects.generator
    first = isinstance(generator, StyleGAN2)
    return counted(
        settings.k,
        settings.batch,
        generator.latent_dim,
        settings.width or generator.latent_dim,
        effects.features_length(latents),
        generator.style_weight("conv1").shape[0] if first else 0,
        depth=settings.depth,
        generator=None if first else generator_operations(effects, latents),
        on_gpu=generator.device.type == "cuda",
    )

"""The encoder: a network that gives the latents of a picture in one pass."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from latentclr.artefacts import Artefact
from latentclr.errors import InputError
from latentclr.files import tensors_sha256
from latentclr.generators import Generator, Latents
from latentclr.invert.prior import Prior

SIZE = 64
"""Height and width of the pictures that the encoder reads; others are scaled."""
WIDTHS = (32, 64, 128, 160)
"""Channels of the convolutions."""
HIDDEN = 256
"""Units of the layer after the convolutions."""
DEVIATION = 32
"""Units from which the slots' deviations are computed."""


@dataclass(frozen=True)
class Encoded:
    """Output of the encoder for n pictures.

    Attributes:
        latents: of the pictures.
        logits: of the classes; no columns where there are no classes.
    """

    latents: Latents
    logits: Float[Tensor, "n classes"]


@dataclass(frozen=True)
class Shape:
    """Sizes of an encoder's output.

    Attributes:
        slots: number of slots of the generator.
        dim: length of a latent.
        num_classes: number of classes that are recognised; 0: none.
        deviations: whether each slot gets a latent of its own.
    """

    slots: int
    dim: int
    num_classes: int = 0
    deviations: bool = False

    @classmethod
    def of(cls, generator: Generator, *, deviations: bool = False) -> "Shape":
        """The sizes for a generator. Classes are recognised in z only: a w contains its class.

        Args:
            generator: whose pictures are encoded.
            deviations: whether each slot gets a latent of its own, if there are several.
        """
        classes = generator.num_classes if generator.space == "z" else 0
        return cls(generator.num_slots, generator.latent_dim, classes, deviations and generator.num_slots > 1)


class Residual(nn.Module):
    """A residual block of two 3 x 3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The input plus its convolutions, then ReLU."""
        h = self.norm1(self.conv1(self.norm0(self.conv0(x)).relu()))
        summed: Tensor = x + h
        return summed.relu()


class LatentEncoder(nn.Module, Artefact):
    """Latents of a generator from pictures: the mean latent plus what the network computes.

    Its file holds the weights with 16 bits.

    Args:
        shape: sizes of its output.
    """

    KIND: ClassVar[str] = "the weights of an encoder (of `latentclr encoder`)"
    MARK: ClassVar[Mapping[str, Any]] = {"format": 1, "kind": "latent encoder"}

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.generator_sha256 = ""
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise((3, *WIDTHS)):
            first = not layers
            layers += [
                nn.Conv2d(n_in, n_out, 5 if first else 3, stride=2, padding=2 if first else 1, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
            if n_out >= WIDTHS[-2]:
                layers.append(Residual(n_out))
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Linear(WIDTHS[-1] * (SIZE >> len(WIDTHS)) ** 2, HIDDEN)
        self.latent = nn.Linear(HIDDEN, shape.dim)
        self.logits = nn.Linear(HIDDEN, shape.num_classes) if shape.num_classes else None
        if shape.deviations:
            self.narrow = nn.Linear(HIDDEN, DEVIATION)
            self.deviations = nn.Linear(DEVIATION, shape.slots * shape.dim)
        self.register_buffer("mean", torch.zeros(shape.dim))
        self.register_buffer("scale", torch.ones(()))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def initialize(self, prior: Prior, rng: torch.Generator) -> None:
        """Draw the weights (He et al.); the output is then near the mean latent for every picture.

        Args:
            prior: of the generator's latents.
            rng: draws the weights.
        """
        self.mean.copy_(prior.mean)
        self.scale.fill_(prior.scale)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    fan = module.weight[0].numel()
                    values = torch.randn(module.weight.shape, generator=rng) * (2 / fan) ** 0.5
                    module.weight.copy_(values)
                    if module.bias is not None:
                        module.bias.zero_()
            self.latent.weight.mul_(0.1)
            if self.shape.deviations:
                self.deviations.weight.zero_()

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> Encoded:
        """Latents and logits, with gradients to the pictures."""
        hidden = self.dense(self.convolutions(_resized(pictures)).flatten(1)).relu()
        found = self.latent(hidden).unsqueeze(1).expand(-1, self.shape.slots, -1)
        if self.shape.deviations:
            deviations = self.deviations(self.narrow(hidden).relu())
            found = found + deviations.unflatten(1, (self.shape.slots, self.shape.dim))
        logits = hidden[:, :0] if self.logits is None else self.logits(hidden)
        return Encoded(self.mean + self.scale * found, logits)

    def fingerprint(self) -> str:
        """SHA-256 over all weights, the identity of this encoder."""
        return tensors_sha256(self.state_dict(), dtypes=False)

    def require(self, generator: Generator) -> None:
        """Make sure that the encoder was trained for this generator.

        Raises:
            InputError: it was trained for another generator, or its latents have another shape.
        """
        fits = Shape.of(generator, deviations=self.shape.deviations) == self.shape
        if not fits or self.generator_sha256 not in ("", generator.fingerprint()):
            raise InputError(
                f"this encoder was trained for another generator than {generator.name or 'this one'}: train "
                "one with `latentclr encoder`, or invert without."
            )

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {
            name: value.half() if value.is_floating_point() and value.ndim else value
            for name, value in self.state_dict().items()
        }
        return tensors, {**asdict(self.shape), "generator": self.generator_sha256}

    @classmethod
    def _from_contents(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "LatentEncoder":
        sizes: list[Any] = [header.get(name) for name in ("slots", "dim", "num_classes")]
        if any(type(size) is not int or not 0 <= size <= 100_000 for size in sizes):
            raise InputError(f"its sizes {sizes} describe no encoder.")
        slots, dim, num_classes = sizes
        with torch.device("meta"):
            encoder = cls(Shape(slots, dim, num_classes, bool(header.get("deviations"))))
        whole = {
            name: value.float() if value.is_floating_point() else value for name, value in tensors.items()
        }
        mine = encoder.state_dict()
        if set(whole) != set(mine) or any(whole[name].shape != mine[name].shape for name in mine):
            raise InputError("it holds an encoder of other sizes.")
        encoder.load_state_dict(whole, assign=True)
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        encoder.generator_sha256 = str(header.get("generator", ""))
        return encoder.eval().requires_grad_(False)


def _resized(pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 size size"]:
    height, width = pictures.shape[-2:]
    if (height, width) == (SIZE, SIZE):
        return pictures
    if min(height, width) >= SIZE:
        return adaptive_avg_pool2d(pictures, SIZE)
    return interpolate(pictures, size=(SIZE, SIZE), mode="bilinear", antialias=True)

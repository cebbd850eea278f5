"""Direction models: from a latent to K unit directions (LatentCLR, section 3.2).

A direction model is the D of D(z, alpha) = z + alpha * d_k(z) with |d_k(z)| = 1. The paper's three kinds
differ in how d_k depends on z: not at all (Global), by a matrix (Linear), by a small network (Nonlinear).
All K are computed at once. Every parameter has K as its first axis, so that choosing directions is indexing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from latentclr.errors import InputError
from latentclr.linalg import unit


class DirectionModel(nn.Module, ABC):
    """K directions in a latent space of `dim` dimensions.

    Attributes:
        k: number of directions.
        dim: length of a latent.
        conditional: whether the directions depend on the latent.
    """

    k: int
    dim: int
    conditional: bool

    @abstractmethod
    def raw(self, latents: Float[Tensor, "n dim"]) -> Float[Tensor, "k n dim"]:
        """Directions before they are scaled to length one."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor besides `k`, `dim` and `rng`, as JSON values."""

    @abstractmethod
    def outermost(self) -> tuple[nn.Parameter, ...]:
        """The parameters that `raw` is linear in: their negation negates the directions."""

    @final  # type: ignore[misc]
    def forward(self, latents: Float[Tensor, "n dim"]) -> Float[Tensor, "k n dim"]:
        """Unit directions at each latent.

        Where `raw` is exactly zero (a linear model at the latent 0) no direction exists: the result is
        zero there, so that an edit does nothing, rather than NaN.
        """
        return unit(self.raw(latents))

    @final
    def select(self, indices: Sequence[int]) -> "DirectionModel":
        """A new model with the directions at `indices`, in that order.

        Raises:
            InputError: an index is out of range, or none is given.
        """
        if not indices or any(not 0 <= index < self.k for index in indices):
            raise InputError(f"directions {list(indices)} are not possible; there are 0 to {self.k - 1}.")
        state = {name: value[list(indices)] for name, value in self.state_dict().items()}
        return type(self).from_state(state, k=len(indices), dim=self.dim, **self.settings())

    @final
    def flipped(self, signs: Float[Tensor, " k"]) -> "DirectionModel":
        """A new model whose direction i is this one's times signs[i] (1 or -1)."""
        state = {name: value.clone() for name, value in self.state_dict().items()}
        flipped = type(self).from_state(state, k=self.k, dim=self.dim, **self.settings())
        with torch.no_grad():
            for parameter in flipped.outermost():
                parameter.mul_(signs.view(-1, *[1] * (parameter.ndim - 1)))
        return flipped

    @final
    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], *, k: int, dim: int, **settings: Any
    ) -> "DirectionModel":
        """A model with the given parameters, on their device, for use (no gradients).

        Args:
            state: parameters by name.
            k: number of directions.
            dim: length of a latent.
            settings: other arguments of the class.

        Raises:
            RuntimeError: the parameters are not those of such a model.
        """
        with torch.device("meta"):  # nothing is drawn or allocated, whatever the sizes claim
            model = cls(k=k, dim=dim, rng=torch.Generator(), **settings)
        model.load_state_dict({name: value.float() for name, value in state.items()}, assign=True)
        return model.requires_grad_(False)


class Global(DirectionModel):
    """One fixed direction each: d_k = theta_k / |theta_k|."""

    conditional = False

    def __init__(self, k: int, dim: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.k, self.dim = k, dim
        # Orthogonal where K <= dim allows it: the loss then starts with all directions apart.
        self.theta = nn.Parameter(_orthogonal_rows(k, dim, rng))

    def raw(self, latents: Float[Tensor, "n dim"]) -> Float[Tensor, "k n dim"]:
        """theta, the same for every latent."""
        return self.theta.unsqueeze(1).expand(-1, len(latents), -1)

    def settings(self) -> dict[str, Any]:
        """There are none: the number of directions and their length say everything."""
        return {}

    def outermost(self) -> tuple[nn.Parameter, ...]:
        """The directions themselves, up to their lengths."""
        return (self.theta,)


class Linear(DirectionModel):
    """A matrix each: d_k(z) = M_k z / |M_k z|.

    d_k(-z) = -d_k(z): a linear direction turns round where the latent does. With `bias` (M z + b; what the
    authors' released models are, since their "nonlinear" networks of depth 1 are this) it need not.
    """

    conditional = True

    def __init__(self, k: int, dim: int, *, bias: bool = False, rng: torch.Generator) -> None:
        super().__init__()
        self.k, self.dim = k, dim
        self.matrix = nn.Parameter(_normal((k, dim, dim), dim**-0.5, rng))
        self.bias = nn.Parameter(_normal((k, dim), 1.0, rng)) if bias else None

    def raw(self, latents: Float[Tensor, "n dim"]) -> Float[Tensor, "k n dim"]:
        """All K products in one GEMM."""
        products = latents @ self.matrix.flatten(0, 1).T  # (n, k * dim)
        rows = products.view(-1, self.k, self.dim).transpose(0, 1)
        return rows if self.bias is None else rows + self.bias.unsqueeze(1)

    def settings(self) -> dict[str, Any]:
        """Whether the model has a bias."""
        return {"bias": self.bias is not None}

    def outermost(self) -> tuple[nn.Parameter, ...]:
        """The matrices, and the biases if there are any."""
        return (self.matrix,) if self.bias is None else (self.matrix, self.bias)


class Nonlinear(DirectionModel):
    """A multilayer perceptron each: d_k(z) = NN_k(z) / |NN_k(z)|, with ReLU between its layers.

    Args:
        k: number of directions.
        dim: length of a latent.
        depth: number of linear layers, at least 2 (one alone is `Linear` with a bias).
        width: of the hidden layers; None: dim.
        normalization: "layer" normalises each hidden vector by its own mean and variance (no parameters),
            so it is the same in training and in use. (The authors' networks use batch statistics of 8 to 16
            latents in training and running ones in use, so that the directions change between the two.)
        rng: draws the initial weights.
    """

    conditional = True

    def __init__(
        self,
        k: int,
        dim: int,
        *,
        depth: int = 2,
        width: int | None = None,
        normalization: Literal["none", "layer"] = "none",
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise InputError(f"depth={depth} must be at least 2; for one layer use the linear model.")
        if width is not None and width < 1:
            raise InputError(f"width={width} must be at least 1.")
        self.k, self.dim = k, dim
        self.depth, self.width, self.normalization = depth, width, normalization
        sizes = [dim, *[width or dim] * (depth - 1), dim]
        # He et al. 2015: with ReLU, weights of variance 2 / fan_in keep the scale from layer to layer.
        self.weights = nn.ParameterList(
            _normal((k, n_in, n_out), (2 / n_in) ** 0.5, rng) for n_in, n_out in pairwise(sizes)
        )
        # The last bias is drawn, the others are zero: d_k then starts as a direction of its own plus a part
        # that depends on z, and NN_k(0) is not the zero vector.
        self.biases = nn.ParameterList(
            [*(torch.zeros(k, n_out) for n_out in sizes[1:-1]), _normal((k, dim), 1.0, rng)]
        )

    def raw(self, latents: Float[Tensor, "n dim"]) -> Float[Tensor, "k n dim"]:
        """K networks side by side: one batched product for each layer."""
        x = latents.expand(self.k, -1, -1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i > 0:
                x = layer_norm(x, x.shape[-1:]) if self.normalization == "layer" else x
                x = x.relu()
            x = torch.baddbmm(bias.unsqueeze(1), x, weight)  # (k, n, width)
        return x

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments that say how the networks are built."""
        return {"depth": self.depth, "width": self.width, "normalization": self.normalization}

    def outermost(self) -> tuple[nn.Parameter, ...]:
        """Weights and biases of the last layer."""
        return self.weights[-1], self.biases[-1]


MODELS: dict[str, type[DirectionModel]] = {
    "global": Global,
    "linear": Linear,
    "nonlinear": Nonlinear,
}
"""Direction models by the name that files and options use."""


def model_name(model: DirectionModel) -> str:
    """The name of a model's kind in `MODELS`."""
    return next(name for name, kind in MODELS.items() if kind is type(model))


def _normal(shape: tuple[int, ...], std: float, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng) * std


def _orthogonal_rows(k: int, dim: int, rng: torch.Generator) -> Tensor:
    blocks = [torch.linalg.qr(torch.randn(dim, dim, generator=rng))[0] for _ in range(-(-k // dim))]
    return torch.cat(blocks)[:k].contiguous()

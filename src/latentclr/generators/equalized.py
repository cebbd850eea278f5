"""Parts of ProGAN and the StyleGANs: equalised learning rate, and normalisation by the mean square."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class EqualLinear(nn.Module):
    """y = x W^T gain lr / sqrt(fan_in) + b lr: weights are stored as trained, with deviation 1 / lr.

    Karras, Aila, Laine, Lehtinen (ProGAN, ICLR 2018), section 4.1.

    Args:
        n_in: number of inputs.
        n_out: number of outputs.
        gain: standard deviation of the output for independent inputs of variance 1.
        lr: learning rate relative to other layers.
        bias: initial value of the bias; None: there is no bias.
    """

    def __init__(
        self, n_in: int, n_out: int, *, gain: float = 1.0, lr: float = 1.0, bias: float | None = 0.0
    ) -> None:
        super().__init__()
        self.scale, self.lr = gain * lr / math.sqrt(n_in), lr
        self.weight = nn.Parameter(torch.zeros(n_out, n_in))
        self.bias = None if bias is None else nn.Parameter(torch.full((n_out,), bias))

    def forward(self, x: Float[Tensor, "n a"]) -> Float[Tensor, "n b"]:
        """The outputs, by one GEMM that includes the scales."""
        if self.bias is None:
            return x @ self.weight.T * self.scale
        return torch.addmm(self.bias, x, self.weight.T, beta=self.lr, alpha=self.scale)


def normalize(x: Float[Tensor, "n c *pixels"]) -> Float[Tensor, "n c *pixels"]:
    """Every pixel's channels, or every vector, divided by their root mean square (ProGAN, section 4.2)."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()

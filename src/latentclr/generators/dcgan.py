"""DCGAN: a stack of transposed convolutions.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks (ICLR 2016). The layout is that of the PyTorch project's DCGAN example, which most public DCGAN
checkpoints share: a 4 x 4 projection of z, then blocks that double the resolution, each a transposed
convolution, batch normalisation and ReLU; the last has neither and ends in tanh.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Generator, Latents, Layer, Outputs, arguments
from latentclr.generators.resample import Convolved, Maps


class _Projection(nn.Module):
    """z to a 4 x 4 map: a 4 x 4 transposed convolution of one pixel, which is a matrix product."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(z_dim, channels, 4, stride=1, padding=0, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, z: Float[Tensor, "n z_dim"]) -> Float[Tensor, "n c 4 4"]:
        # One GEMM: several times faster on a CPU than the general convolution, and equal to it.
        weight = self.conv.weight
        x: Tensor = self.norm((z @ weight.flatten(1)).unflatten(1, weight.shape[1:]))
        return x.relu()


class _DoublingBlock(nn.Module):
    """Twice the resolution: transposed convolution 4 x 4 with stride 2, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Maps) -> Convolved:
        x = self.norm(self.conv(x))
        return x.relu()


class DCGAN(Generator):
    """The DCGAN generator; z is its only latent, read once (one slot).

    Layers are "b4", "b8", ... after their resolution (the output after ReLU) and "image". Aliases are the
    positions in the PyTorch example's `main` ("main.2" is the first ReLU).

    Args:
        channels: number of channels at 4 x 4, 8 x 8, ...; the picture has twice the resolution of the last.
        z_dim: length of z.
    """

    channels_last = True

    def __init__(self, channels: Sequence[int] = (512, 256, 128, 64), z_dim: int = 100) -> None:
        super().__init__()
        self._settings = arguments(locals())
        self.space = "z"
        self.z_dim = self.latent_dim = z_dim
        self.num_slots = 1
        self.project = _Projection(z_dim, channels[0])
        self.blocks = nn.ModuleList(map(_DoublingBlock, channels[:-1], channels[1:]))
        self.to_image = nn.ConvTranspose2d(channels[-1], 3, 4, stride=2, padding=1, bias=False)
        self.layers = (
            *(Layer(f"b{4 << i}", 0, c, 4 << i, (f"main.{3 * i + 2}",)) for i, c in enumerate(channels)),
            Layer(IMAGE, 0, 3, 4 << len(channels), (f"main.{3 * len(channels) + 1}",)),
        )
        self.freeze()

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "b4"."""
        x = self.project(latents[:, 0]).contiguous(memory_format=torch.channels_last)
        yield "b4", x
        for i, block in enumerate(self.blocks):
            x = block(x)
            yield f"b{8 << i}", x
        yield IMAGE, self.to_image(x).tanh()

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The projection's matrix, for the first layer; no other reads the latent."""
        if self.layer(layer).name != "b4":
            raise InputError(f"layer {layer!r} of a DCGAN reads no latent; only b4 does.")
        return self.project.conv.weight.flatten(1).T

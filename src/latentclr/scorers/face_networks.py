"""Four small networks for the expression, the landmarks, the gender and the identity of a face.

The first two are those of face-api.js, the others dlib's: "dnn_gender_classifier_v1" and
"dlib_face_recognition_resnet_model_v1". Parameters have their names in the published files. Pictures are in
[-1, 1], of any size and any rectangle that shows the face; a network scales them to its own. All results have
gradients.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, max_pool2d, pad

Pictures = Float[Tensor, "n 3 h w"]
MEAN = (122.782, 117.001, 104.298)
"""Means of red, green and blue, out of 255, that all four networks subtract."""
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
"""Classes of the expression network, in its order."""
LANDMARKS = 68
"""Points of a face, as iBUG 300-W numbers them: jaw 0-16, brows -26, nose -35, eyes -47, lips -67."""
IDENTITY = 128
"""Length of a vector of identity."""


def prepared(
    pictures: Pictures, size: int, divisor: float = 255.0, mean: Sequence[float] = MEAN
) -> Float[Tensor, "n 3 size size"]:
    """Square pictures as a network expects them: values from 0 to 255 less their mean, divided.

    Scaling commutes with mirroring (pixels are areas), and smooths where a picture gets smaller.

    Args:
        pictures: in [-1, 1].
        size: side of the result in pixels.
        divisor: of the values.
        mean: of red, green and blue.
    """
    if pictures.shape[-2:] != (size, size):
        pictures = interpolate(pictures, size=(size, size), mode="bilinear", antialias=True)
    return ((pictures + 1) * 127.5 - pictures.new_tensor(mean).view(3, 1, 1)) / divisor


def same(pictures: Float[Tensor, "n c h w"], stride: int) -> Float[Tensor, "n c h2 w2"]:
    """Pad for a 3 x 3 convolution as TensorFlow does with "SAME": the result has ceil(size / stride) pixels.

    Where the number of zeros is odd, one more goes below and to the right.

    Args:
        pictures: maps of any size.
        stride: of the convolution.
    """
    sizes = pictures.shape[-2:]
    total = [max((math.ceil(size / stride) - 1) * stride + 3 - size, 0) for size in sizes]
    (top, left), (bottom, right) = [t // 2 for t in total], [t - t // 2 for t in total]
    return pad(pictures, (left, right, top, bottom))


class Convolution(nn.Module):
    """A convolution with a bias.

    Args:
        n_in: channels.
        n_out: channels.
        size: side of the filters.
    """

    def __init__(self, n_in: int, n_out: int, size: int = 3) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.zeros(n_out, n_in, size, size))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        """Convolve without padding.

        Args:
            x: maps (n, c, h, w).
            stride: of the convolution.
        """
        return conv2d(x, self.filters, self.bias, stride)


class Separable(nn.Module):
    """A 3 x 3 convolution of each channel and a 1 x 1 convolution over all channels."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.depthwise_filter = nn.Parameter(torch.zeros(n_in, 1, 3, 3))
        self.pointwise_filter = nn.Parameter(torch.zeros(n_out, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        """Convolve with the padding of `same`.

        Args:
            x: maps (n, c, h, w).
            stride: of the first convolution.
        """
        if stride == 1:
            own = conv2d(x, self.depthwise_filter, padding=1, groups=x.shape[1])
        else:
            own = conv2d(same(x, stride), self.depthwise_filter, stride=stride, groups=x.shape[1])
        return conv2d(own, self.pointwise_filter, self.bias)


class _DenseBlock(nn.Module):
    """Halves the resolution, then three times adds the results of all layers so far.

    A picture, with 3 channels, is first convolved without separation.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv0: Convolution | Separable = (Convolution if n_in == 3 else Separable)(n_in, n_out)
        self.conv1 = Separable(n_out, n_out)
        self.conv2 = Separable(n_out, n_out)
        self.conv3 = Separable(n_out, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """A map of half the size with n_out channels, not negative."""
        x = same(x, 2) if isinstance(self.conv0, Convolution) else x
        total = self.conv0(x, 2).relu()
        hidden = total
        for layer in (self.conv1, self.conv2, self.conv3):
            total = total + layer(hidden)
            hidden = total.relu()
        return hidden


class Dense(nn.Module):
    """The network of expressions and of landmarks: four dense blocks, the mean over pixels, one layer.

    Args:
        outputs: number of outputs.
    """

    SIZE: ClassVar[int] = 112
    WIDTHS: ClassVar[Sequence[int]] = (32, 64, 128, 256)

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.dense0, self.dense1, self.dense2, self.dense3 = (
            _DenseBlock(n_in, n_out) for n_in, n_out in zip((3, *self.WIDTHS), self.WIDTHS, strict=False)
        )
        self.fc = nn.Linear(self.WIDTHS[-1], outputs)

    def forward(self, pictures: Pictures) -> Float[Tensor, "n outputs"]:
        """Logits of expressions, or coordinates of landmarks (see `points`)."""
        x = prepared(pictures, self.SIZE).contiguous(memory_format=torch.channels_last)
        for block in (self.dense0, self.dense1, self.dense2, self.dense3):
            x = block(x)
        return self.fc(x.mean((2, 3)))


def points(coordinates: Float[Tensor, "n 136"]) -> Float[Tensor, "n 68 2"]:
    """Landmarks as (x, y): (0, 0) is the upper left corner of the picture, (1, 1) the lower right one."""
    return coordinates.view(-1, LANDMARKS, 2)


class _ResidualBlock(nn.Module):
    """Two convolutions, whose result is added to their input.

    With `down`, the first has stride 2 and no padding, and the input is averaged over 2 x 2 pixels.
    """

    def __init__(self, n_in: int, n_out: int, *, down: bool = False) -> None:
        super().__init__()
        self.conv1 = Convolution(n_in, n_out)
        self.conv2 = Convolution(n_out, n_out)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both, cut off at 0."""
        first = self.conv1(x, 2) if self.down else self.conv1(same(x, 1))
        change = self.conv2(same(first.relu(), 1))
        if self.down:
            x = avg_pool2d(x, 2)
            # The smaller of the two gets zeros at its end: rows and columns of one, channels of the other.
            change = pad(change, (0, x.shape[3] - change.shape[3], 0, x.shape[2] - change.shape[2]))
            x = pad(x, (0, 0, 0, 0, 0, change.shape[1] - x.shape[1]))
        total: Tensor = x + change
        return total.relu()


class Recognition(nn.Module):
    """The network of identities: 29 layers (dlib's variant of a ResNet-34) and 128 outputs.

    The affine layer after each convolution is folded into its filters (see face_weights).
    """

    SIZE: ClassVar[int] = 150
    BLOCKS: ClassVar[Mapping[str, tuple[int, int]]] = {
        **{f"conv32_{i}": (32, 32) for i in (1, 2, 3)},
        "conv64_down": (32, 64),
        **{f"conv64_{i}": (64, 64) for i in (1, 2, 3)},
        "conv128_down": (64, 128),
        **{f"conv128_{i}": (128, 128) for i in (1, 2)},
        "conv256_down": (128, 256),
        **{f"conv256_{i}": (256, 256) for i in (1, 2)},
        "conv256_down_out": (256, 256),
    }
    """Channels of each block, in running order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv32_down = Convolution(3, 32, 7)
        for name, (n_in, n_out) in self.BLOCKS.items():
            self.add_module(name, _ResidualBlock(n_in, n_out, down="down" in name))
        self.fc = nn.Parameter(torch.zeros(IDENTITY, 256))

    def forward(self, pictures: Pictures) -> Float[Tensor, "n 128"]:
        """Vectors that are close for one person: within 0.6 for photographs, according to its authors."""
        x = prepared(pictures, self.SIZE).contiguous(memory_format=torch.channels_last)
        x = max_pool2d(self.conv32_down(x, 2).relu(), 3, 2)
        for name in self.BLOCKS:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3)) @ self.fc.T


class Gender(nn.Module):
    """The network of gender: four convolutions and two linear layers on 32 x 32 pixels."""

    SIZE: ClassVar[int] = 32

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in ((3, 32), (32, 64)):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(4096, 16), nn.ReLU(), nn.Linear(16, 2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Pictures) -> Float[Tensor, "n 2"]:
        """The logits of female and male."""
        return self.layers(prepared(pictures, self.SIZE, 256.0))

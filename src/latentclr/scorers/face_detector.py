"""Where the faces of a photograph are: the tiny detector of face-api.js.

Six convolutions over a square picture; each cell of the last grid offers a box for each of five anchors, and
a score (YOLO). What is in a box is what the other face networks want to see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, max_pool2d, pad

from latentclr.scorers.face_networks import Convolution, Separable

MEAN = (117.001, 114.697, 97.404)
"""Of red, green and blue, out of 255, that it subtracts."""
SLOPE = 0.1
"""Of what is negative behind a convolution."""
ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
"""Width and height of the boxes that it starts from, in cells."""
CELL = 32
"""Pixels from one cell of the grid to the next."""
SIZES = (128, 224, 416, 640, 896)
"""Sides that photographs are scaled to, each a multiple of `CELL`. It finds faces of about 60 to 150 pixels
best, so the smallest is for faces that fill the photograph."""
SCORE = 0.5
"""Of a box that is taken for a face, as its authors have it."""
OVERLAP = 0.4
"""Intersection over union above which two boxes are one face, as its authors have it."""

Boxes = Float[Tensor, "n boxes 5"]
"""Left, top, width and height in shares of the picture's side, and score."""


@dataclass(frozen=True)
class Face:
    """A box around a face, in pixels; it may reach beyond the photograph.

    Attributes:
        left: of the box.
        top: of the box.
        width: of the box.
        height: of the box.
        score: from 0 to 1.
    """

    left: float
    top: float
    width: float
    height: float
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box, x and y."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def overlap(self, other: "Face") -> float:
        """Intersection over union."""
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        both = max(0.0, right - max(self.left, other.left)) * max(0.0, bottom - max(self.top, other.top))
        return both / (self.area + other.area - both)


class Detector(nn.Module):
    """The network. Parameters have the names of the published file."""

    WIDTHS: ClassVar[Sequence[int]] = (16, 32, 64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Convolution(3, self.WIDTHS[0])
        self.conv1, self.conv2, self.conv3, self.conv4, self.conv5 = (
            Separable(n_in, n_out) for n_in, n_out in zip(self.WIDTHS, self.WIDTHS[1:], strict=False)
        )
        self.conv8 = Convolution(self.WIDTHS[-1], 5 * len(ANCHORS), 1)

    def forward(self, pictures: Float[Tensor, "n 3 size size"]) -> Boxes:
        """Every box that the network offers.

        Args:
            pictures: in [-1, 1]; the side is a multiple of `CELL`.
        """
        x = ((pictures + 1) * 127.5 - pictures.new_tensor(MEAN).view(3, 1, 1)) / 255
        x = _halved(leaky_relu(self.conv0(x), SLOPE))  # the one convolution without padding
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = _halved(leaky_relu(layer(x), SLOPE))
        x = leaky_relu(self.conv5(x), SLOPE)
        x = max_pool2d(pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
        return boxes(self.conv8(x))


def _halved(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """The largest of each 2 x 2; an odd last row or column stands for itself."""
    found: Tensor = max_pool2d(x, 2, ceil_mode=True)
    return found


def boxes(grid: Float[Tensor, "n 25 cells cells"]) -> Boxes:
    """Boxes from the last layer: of each anchor, offsets of centre and size, and the logit of the score."""
    n, _, cells, _ = grid.shape
    offers = grid.view(n, len(ANCHORS), 5, cells, cells)
    count = torch.arange(cells, device=grid.device, dtype=grid.dtype)
    anchors = grid.new_tensor(ANCHORS).view(-1, 2, 1, 1)
    x = (count + offers[:, :, 0].sigmoid()) / cells
    y = (count.unsqueeze(1) + offers[:, :, 1].sigmoid()) / cells
    width, height = (offers[:, :, 2:4].exp() * anchors / cells).unbind(2)
    score = offers[:, :, 4].sigmoid()
    return torch.stack((x - width / 2, y - height / 2, width, height, score), -1).flatten(1, 3)


@torch.no_grad()
def find_faces(
    detector: Detector, photo: Float[Tensor, "3 h w"], *, sizes: Iterable[int] = SIZES, score: float = SCORE
) -> list[Face]:
    """The faces of a photograph, the most certain first.

    Args:
        detector: the network.
        photo: in [-1, 1], of any size.
        sizes: sides that it is scaled to; what is found at any of them counts.
        score: from which a box is a face.
    """
    height, width = photo.shape[1:]
    found = []
    for size in sizes:
        scale = size / max(height, width)
        shape = max(1, round(height * scale)), max(1, round(width * scale))
        small = interpolate(photo[None], size=shape, mode="bilinear", antialias=True)
        # Below and to the right it is black, as its authors have it.
        square = pad(small, (0, size - shape[1], 0, size - shape[0]), value=-1.0)
        offers = detector(square.clamp(-1, 1))[0]
        for left, top, wide, high, certain in offers[offers[:, 4] > score].tolist():
            left, top, wide, high = (one * size / scale for one in (left, top, wide, high))
            found.append(Face(left, top, wide, high, certain))
    return apart(found)


def apart(faces: Iterable[Face]) -> list[Face]:
    """The most certain of those that overlap, in order of certainty."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(face.overlap(other) <= OVERLAP for other in kept):
            kept.append(face)
    return kept

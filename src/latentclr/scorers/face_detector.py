"""The tiny face detector of face-api.js: where the faces of a photograph are.

Six convolutions over a square picture; each cell of the last grid gives a box and a score for each of five
anchors (YOLO). The other face networks expect the content of such a box.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, max_pool2d, pad

from latentclr.scorers.face_networks import Convolution, Separable, prepared

MEAN = (117.001, 114.697, 97.404)
"""Means of red, green and blue, out of 255, that are subtracted."""
SLOPE = 0.1
"""Slope of the leaky ReLU below 0."""
ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
"""Widths and heights of the anchors, in cells."""
SIZES = (128, 224, 416, 640, 896)
"""Sides in pixels to which photographs are scaled, multiples of the 32 pixels of a cell. Faces of about 60 to
150 pixels are found best, so the smallest is for faces that fill the photograph."""
SCORE = 0.5
"""Least score of a face, as its authors set it."""
OVERLAP = 0.4
"""Intersection over union above which two boxes are one face, as its authors set it."""

Boxes = Float[Tensor, "n boxes 5"]
"""Left, top, width and height as fractions of the picture's side, and score."""


@dataclass(frozen=True)
class Face:
    """A box around a face, in pixels; it may reach beyond the photograph.

    Attributes:
        left: x of its left side.
        top: y of its upper side.
        width: of the box.
        height: of the box.
        score: from 0 to 1, how certain the face is.
    """

    left: float
    top: float
    width: float
    height: float
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box, x and y."""
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return self.width * self.height

    def overlap(self, other: "Face") -> float:
        """Intersection over union of two boxes."""
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        both = max(0.0, right - max(self.left, other.left)) * max(0.0, bottom - max(self.top, other.top))
        return both / (self.area + other.area - both)


class Detector(nn.Module):
    """The network of the detector. Parameters have the names of the published file."""

    WIDTHS: ClassVar[Sequence[int]] = (16, 32, 64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Convolution(3, self.WIDTHS[0])
        self.conv1, self.conv2, self.conv3, self.conv4, self.conv5 = (
            Separable(n_in, n_out) for n_in, n_out in zip(self.WIDTHS, self.WIDTHS[1:], strict=False)
        )
        self.conv8 = Convolution(self.WIDTHS[-1], 5 * len(ANCHORS), 1)

    def forward(self, pictures: Float[Tensor, "n 3 size size"]) -> Boxes:
        """All boxes that the network gives.

        Args:
            pictures: in [-1, 1]; the side is a multiple of 32.
        """
        x = prepared(pictures, pictures.shape[-1], mean=MEAN)
        x = _halved(leaky_relu(self.conv0(x), SLOPE))  # the one convolution without padding
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = _halved(leaky_relu(layer(x), SLOPE))
        x = leaky_relu(self.conv5(x), SLOPE)
        x = max_pool2d(pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
        return boxes(self.conv8(x))


def _halved(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """Maximum over each 2 x 2 pixels; an odd last row or column is kept."""
    return max_pool2d(x, 2, ceil_mode=True)


def boxes(grid: Float[Tensor, "n 25 cells cells"]) -> Boxes:
    """Boxes from the last map: for each anchor, offsets of centre and size, and the logit of the score."""
    n, _, cells, _ = grid.shape
    predictions = grid.view(n, len(ANCHORS), 5, cells, cells)
    count = torch.arange(cells, device=grid.device, dtype=grid.dtype)
    anchors = grid.new_tensor(ANCHORS).view(-1, 2, 1, 1)
    x = (count + predictions[:, :, 0].sigmoid()) / cells
    y = (count.unsqueeze(1) + predictions[:, :, 1].sigmoid()) / cells
    width, height = (predictions[:, :, 2:4].exp() * anchors / cells).unbind(2)
    score = predictions[:, :, 4].sigmoid()
    return torch.stack((x - width / 2, y - height / 2, width, height, score), -1).flatten(1, 3)


@torch.no_grad()
def find_faces(
    detector: Detector, photo: Float[Tensor, "3 h w"], *, sizes: Iterable[int] = SIZES, score: float = SCORE
) -> list[Face]:
    """The faces of a photograph, the most certain first.

    Args:
        detector: the network.
        photo: in [-1, 1], of any size.
        sizes: sides in pixels to which the photograph is scaled; a face may be found at any of them.
        score: least score of a face.
    """
    height, width = photo.shape[1:]
    found = []
    for size in sizes:
        scale = size / max(height, width)
        shape = max(1, round(height * scale)), max(1, round(width * scale))
        small = interpolate(photo[None], size=shape, mode="bilinear", antialias=True)
        # Padded with black below and on the right, as its authors do.
        square = pad(small, (0, size - shape[1], 0, size - shape[0]), value=-1.0)
        predictions = detector(square.clamp(-1, 1))[0]
        for left, top, wide, high, certain in predictions[predictions[:, 4] > score].tolist():
            left, top, wide, high = (one * size / scale for one in (left, top, wide, high))
            found.append(Face(left, top, wide, high, certain))
    return apart(found)


def apart(faces: Iterable[Face]) -> list[Face]:
    """The faces without those that overlap a more certain one; the most certain first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(face.overlap(other) <= OVERLAP for other in kept):
            kept.append(face)
    return kept

"""Parts of photos: rectangles, perhaps rotated, and the pictures in them."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

Points = Float[Tensor, "n 2"]
"""x to the right and y down."""


@dataclass(frozen=True)
class Frame:
    """A rectangle in a photo, in its pixels; it may be rotated and may reach beyond the photo.

    Attributes:
        corner: x and y of the upper left corner; (0, 0) is the upper left corner of the photo.
        right: vector from there along the upper side.
        down: vector from there along the left side.
    """

    corner: tuple[float, float]
    right: tuple[float, float]
    down: tuple[float, float]

    @classmethod
    def box(cls, x: float, y: float, width: float, height: float) -> "Frame":
        """A rectangle that is not rotated.

        Args:
            x: of the left side.
            y: of the upper side.
            width: in pixels.
            height: in pixels.
        """
        return cls((x, y), (width, 0.0), (0.0, height))

    @classmethod
    def square(cls, centre: tuple[float, float], right: tuple[float, float]) -> "Frame":
        """A square.

        Args:
            centre: x and y of its centre.
            right: vector along its upper side.
        """
        x, y = right
        return cls((centre[0] - (x - y) / 2, centre[1] - (y + x) / 2), (x, y), (-y, x))

    @property
    def width(self) -> float:
        """The length of the upper side in pixels."""
        return math.hypot(*self.right)

    @property
    def height(self) -> float:
        """The length of the left side in pixels."""
        return math.hypot(*self.down)

    def scaled(self, factor: float) -> "Frame":
        """The same part of the photo after it is enlarged by a factor."""
        corner, right, down = ((x * factor, y * factor) for x, y in (self.corner, self.right, self.down))
        return Frame(corner, right, down)

    def crop(self) -> tuple[float, ...]:
        """x, y, width and height; of a rotated frame, x and y of its corners, clockwise."""
        (x, y), (rx, ry), (dx, dy) = self.corner, self.right, self.down
        if ry == 0 and dx == 0:
            return (x, y, rx, dy)
        return (x, y, x + rx, y + ry, x + rx + dx, y + ry + dy, x + dx, y + dy)

    def inside(self, points: Points) -> Points:
        """Points in the photo from points in this frame, given as shares of its sides."""
        return points @ points.new_tensor((self.right, self.down)) + points.new_tensor(self.corner)


def similarity(points: Points, targets: Points) -> Frame:
    """The square frame in which points of a photo are nearest to their targets.

    The frame may be rotated, moved and scaled, not mirrored; the squared distances within it are least. In
    complex numbers that is a line: target = a point + b.

    Args:
        points: in the photo.
        targets: as shares of the sides of the frame.
    """
    z, t = (torch.view_as_complex(each.double().contiguous()) for each in (points, targets))
    z0, t0 = z.mean(), t.mean()
    a = ((z - z0).conj() * (t - t0)).sum() / (z - z0).abs().square().sum()
    corner, right = z0 - t0 / a, 1 / a
    x, y = float(right.real), float(right.imag)
    return Frame((float(corner.real), float(corner.imag)), (x, y), (-y, x))


def cut(photo: UInt8[Tensor, "3 h w"], frame: Frame, size: tuple[int, int]) -> Float[Tensor, "3 h2 w2"]:
    """The picture in a frame, scaled to a size, in [-1, 1]. Beyond the photo, the photo is mirrored.

    Where the picture shrinks, pixels are averaged before they are sampled, so that all of them count.

    Args:
        photo: its pixels.
        frame: in these pixels.
        size: height and width of the picture.
    """
    shrinks = min(frame.width / size[1], frame.height / size[0])
    coarse = max(1, min(math.floor(shrinks / 2), *photo.shape[1:]))
    (top, bottom), (left, right) = (
        _needed(_extent(frame, axis), length, coarse)
        for axis, length in zip((1, 0), photo.shape[1:], strict=True)
    )
    pixels = photo[None, :, top:bottom, left:right].float() / 127.5 - 1
    if coarse > 1:
        pixels = avg_pool2d(pixels, coarse)
    more = min(4, max(1, math.ceil(shrinks / coarse)))  # samples for each pixel, along a side
    rows, columns = size[0] * more, size[1] * more
    y, x = torch.meshgrid(*((torch.arange(count) + 0.5) / count for count in (rows, columns)), indexing="ij")
    samples = frame.inside(torch.stack((x.flatten(), y.flatten()), 1)) - torch.tensor([left, top])
    grid = 2 * samples / (coarse * torch.tensor([pixels.shape[3], pixels.shape[2]])) - 1
    sampled = grid_sample(
        pixels,
        grid.view(1, rows, columns, 2),
        mode="bilinear" if shrinks > 1 else "bicubic",
        padding_mode="reflection",
        align_corners=False,
    )
    picture: Tensor = avg_pool2d(sampled, more)[0] if more > 1 else sampled[0]
    return picture.clamp(-1, 1)


def _extent(frame: Frame, axis: int) -> tuple[float, float]:
    """The smallest and the largest x (axis 0) or y (axis 1) of a frame."""
    corners = [
        frame.corner[axis] + a * frame.right[axis] + b * frame.down[axis] for a in (0, 1) for b in (0, 1)
    ]
    return min(corners), max(corners)


def _needed(extent: tuple[float, float], length: int, coarse: int) -> tuple[int, int]:
    """First and last row or column of a photo that is read, with a margin; a frame beyond it is mirrored."""
    first = min(extent[0], 2 * length - extent[1]) - 4 * coarse
    last = max(extent[1], -extent[0]) + 4 * coarse
    first = min(max(0, math.floor(first / coarse) * coarse), length // coarse * coarse - coarse)
    last = max(min(length // coarse, math.ceil(last / coarse)) * coarse, first + coarse)
    return first, last

"""Parts of photos: a rectangle, perhaps turned, and the picture that is in it."""

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
    """A rectangle in a photo, in its pixels; it may be turned and may reach beyond.

    Attributes:
        corner: upper left, x and y; (0, 0) is the upper left corner of the photo.
        right: along the upper side, from there to the next corner.
        down: along the left side.
    """

    corner: tuple[float, float]
    right: tuple[float, float]
    down: tuple[float, float]

    @classmethod
    def box(cls, x: float, y: float, width: float, height: float) -> "Frame":
        """One that is not turned."""
        return cls((x, y), (width, 0.0), (0.0, height))

    @classmethod
    def square(cls, centre: tuple[float, float], right: tuple[float, float]) -> "Frame":
        """A square around a place, whose upper side is parallel to `right` and as long."""
        x, y = right
        return cls((centre[0] - (x - y) / 2, centre[1] - (y + x) / 2), (x, y), (-y, x))

    @property
    def width(self) -> float:
        """In pixels."""
        return math.hypot(*self.right)

    @property
    def height(self) -> float:
        """In pixels."""
        return math.hypot(*self.down)

    def scaled(self, factor: float) -> "Frame":
        """The same part of a photo with so many times the pixels on each side."""
        corner, right, down = ((x * factor, y * factor) for x, y in (self.corner, self.right, self.down))
        return Frame(corner, right, down)

    def crop(self) -> tuple[float, ...]:
        """x, y, width and height; of one that is turned, x and y of its corners, clockwise."""
        (x, y), (rx, ry), (dx, dy) = self.corner, self.right, self.down
        if ry == 0 and dx == 0:
            return (x, y, rx, dy)
        return (x, y, x + rx, y + ry, x + rx + dx, y + ry + dy, x + dx, y + dy)

    def inside(self, points: Points) -> Points:
        """Places in the photo, from shares of the sides of this frame."""
        return points @ points.new_tensor((self.right, self.down)) + points.new_tensor(self.corner)


def similarity(places: Points, targets: Points) -> Frame:
    """The square frame in which places of a photo are as near as can be to the targets.

    Turned, moved and scaled, not mirrored; least squares of the distances within the frame. In complex
    numbers that is a line: target = a place + b.

    Args:
        places: in the photo.
        targets: in shares of the sides of the frame.
    """
    z, t = (torch.view_as_complex(points.double().contiguous()) for points in (places, targets))
    z0, t0 = z.mean(), t.mean()
    a = ((z - z0).conj() * (t - t0)).sum() / (z - z0).abs().square().sum()
    corner, right = z0 - t0 / a, 1 / a
    x, y = float(right.real), float(right.imag)
    return Frame((float(corner.real), float(corner.imag)), (x, y), (-y, x))


def cut(photo: UInt8[Tensor, "3 h w"], frame: Frame, size: tuple[int, int]) -> Float[Tensor, "3 h2 w2"]:
    """What is in a frame, scaled to a size, in [-1, 1]. Beyond the photo, it is mirrored.

    Where it shrinks, pixels are averaged before they are read at single places: none is passed over.

    Args:
        photo: its pixels.
        frame: the part, in these pixels.
        size: height and width of the picture.
    """
    shrinks = min(frame.width / size[1], frame.height / size[0])
    coarse = max(1, min(math.floor(shrinks / 2), *photo.shape[1:]))
    (top, bottom), (left, right) = (
        _needed(sides, length, coarse) for sides, length in zip(_sides(frame), photo.shape[1:], strict=True)
    )
    pixels = photo[None, :, top:bottom, left:right].float() / 127.5 - 1
    if coarse > 1:
        pixels = avg_pool2d(pixels, coarse)
    more = min(4, max(1, math.ceil(shrinks / coarse)))  # places for each pixel, along a side
    rows, columns = size[0] * more, size[1] * more
    y, x = torch.meshgrid(_middles(rows), _middles(columns), indexing="ij")
    places = frame.inside(torch.stack((x.flatten(), y.flatten()), 1)) - torch.tensor([left, top])
    grid = 2 * places / (coarse * torch.tensor([pixels.shape[3], pixels.shape[2]])) - 1
    drawn = grid_sample(
        pixels,
        grid.view(1, rows, columns, 2),
        mode="bilinear" if shrinks > 1 else "bicubic",
        padding_mode="reflection",
        align_corners=False,
    )
    found: Tensor = avg_pool2d(drawn, more)[0] if more > 1 else drawn[0]
    return found.clamp(-1, 1)


def _sides(frame: Frame) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and last row, first and last column that a frame reaches."""
    corners = [
        (frame.corner[i] + a * frame.right[i] + b * frame.down[i])
        for i in (1, 0)
        for a in (0, 1)
        for b in (0, 1)
    ]
    return (min(corners[:4]), max(corners[:4])), (min(corners[4:]), max(corners[4:]))


def _needed(sides: tuple[float, float], length: int, coarse: int) -> tuple[int, int]:
    """The rows or columns of a photo that are read, with a margin; what lies beyond is mirrored into it."""
    first = min(sides[0], 2 * length - sides[1]) - 4 * coarse
    last = max(sides[1], -sides[0]) + 4 * coarse
    first = min(max(0, math.floor(first / coarse) * coarse), length // coarse * coarse - coarse)
    last = max(min(length // coarse, math.ceil(last / coarse)) * coarse, first + coarse)
    return first, last


def _middles(count: int) -> Float[Tensor, " count"]:
    """Of as many equal parts of a side."""
    return (torch.arange(count) + 0.5) / count

"""The shapes as signed distance functions: negative inside, and never larger than the distance outside.

Each stands upright around the origin and is about one unit high. Turning is around the y axis.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Coordinate = Float[Tensor, " m"]
Distance = Callable[[Coordinate, Coordinate, Coordinate], Coordinate]


def _length(a: Coordinate, b: Coordinate) -> Coordinate:
    return (a * a + b * b).sqrt()


def _box(x: Coordinate, y: Coordinate, z: Coordinate, half: tuple[float, float, float]) -> Coordinate:
    """Exact distance to a box."""
    a, b, c = x.abs() - half[0], y.abs() - half[1], z.abs() - half[2]
    outside = (a.clamp_min(0).square() + b.clamp_min(0).square() + c.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(torch.maximum(a, b), c).clamp_max(0)


def cube(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """With slightly rounded edges."""
    return _box(x, y, z, (0.39, 0.39, 0.39)) - 0.03


def cylinder(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """Upright, with slightly rounded edges."""
    side, top = _length(x, z) - 0.39, y.abs() - 0.43
    outside = (side.clamp_min(0).square() + top.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(side, top).clamp_max(0) - 0.03


def sphere(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """A ball."""
    return (x * x + y * y + z * z).sqrt() - 0.48


def capsule(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """Upright: a cylinder with round ends."""
    along = y.abs().sub(0.27).clamp_min(0)
    return (x * x + along * along + z * z).sqrt() - 0.28


def cone(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """Upright, 1 high and 1 wide."""
    slope = (2 * (_length(x, z) - 0.5) + (y + 0.5)) / 5**0.5
    return torch.maximum(slope, -0.5 - y)


def torus(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """Standing, so that one looks through it."""
    return _length(_length(x, y) - 0.35, z) - 0.15


def octahedron(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """On a corner."""
    return (x.abs() + y.abs() + z.abs() - 0.58) / 3**0.5


def cross(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    """Three bars through one another."""
    long, thin = 0.47, 0.15
    bars = [_box(x, y, z, half) for half in ((long, thin, thin), (thin, long, thin), (thin, thin, long))]
    return torch.minimum(torch.minimum(bars[0], bars[1]), bars[2]) - 0.02


DISTANCES: tuple[Distance, ...] = (cube, cylinder, sphere, capsule, cone, torus, octahedron, cross)
"""In the order of `SHAPES`."""

HALF_HEIGHTS = (0.42, 0.46, 0.48, 0.55, 0.5, 0.5, 0.58, 0.49)
"""From the middle to the floor."""

RADII = (0.71, 0.63, 0.48, 0.55, 0.71, 0.5, 0.58, 0.55)
"""Of a ball around the origin that holds the shape."""

"""The shapes as signed distance functions: negative inside, and never larger than the distance outside.

Each stands upright around the origin and is about one unit high. Objects turn around the y axis.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Coordinate = Float[Tensor, " m"]
Distance = Callable[[Coordinate, Coordinate, Coordinate], Coordinate]
"""The signed distances of m points, by their x, y and z."""


def _length(a: Coordinate, b: Coordinate) -> Coordinate:
    return (a * a + b * b).sqrt()


def _box(x: Coordinate, y: Coordinate, z: Coordinate, half: tuple[float, float, float]) -> Coordinate:
    a, b, c = x.abs() - half[0], y.abs() - half[1], z.abs() - half[2]
    outside = (a.clamp_min(0).square() + b.clamp_min(0).square() + c.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(torch.maximum(a, b), c).clamp_max(0)


def _cube(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    return _box(x, y, z, (0.39, 0.39, 0.39)) - 0.03  # 0.03 rounds the edges


def _cylinder(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    side, top = _length(x, z) - 0.39, y.abs() - 0.43
    outside = (side.clamp_min(0).square() + top.clamp_min(0).square()).sqrt()
    return outside + torch.maximum(side, top).clamp_max(0) - 0.03


def _sphere(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    return (x * x + y * y + z * z).sqrt() - 0.48


def _capsule(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    along = y.abs().sub(0.27).clamp_min(0)
    return (x * x + along * along + z * z).sqrt() - 0.28


def _cone(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    slope = (2 * (_length(x, z) - 0.5) + (y + 0.5)) / 5**0.5
    return torch.maximum(slope, -0.5 - y)


def _torus(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    return _length(_length(x, y) - 0.35, z) - 0.15  # its hole faces the viewer


def _octahedron(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    return (x.abs() + y.abs() + z.abs() - 0.58) / 3**0.5


def _cross(x: Coordinate, y: Coordinate, z: Coordinate) -> Coordinate:
    long, thin = 0.47, 0.15
    bars = [_box(x, y, z, half) for half in ((long, thin, thin), (thin, long, thin), (thin, thin, long))]
    return torch.minimum(torch.minimum(bars[0], bars[1]), bars[2]) - 0.02


DISTANCES: tuple[Distance, ...] = (
    *(_cube, _cylinder, _sphere, _capsule),
    *(_cone, _torus, _octahedron, _cross),
)
"""The distance function of each shape, in the order of `SHAPES`."""
HALF_HEIGHTS = (0.42, 0.46, 0.48, 0.55, 0.5, 0.5, 0.58, 0.49)
"""Distance from the centre of each shape to the floor."""
RADII = (0.71, 0.63, 0.48, 0.55, 0.71, 0.5, 0.58, 0.55)
"""Radius of a ball around the origin that holds each shape."""

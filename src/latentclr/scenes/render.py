"""Pictures of scenes: an object on a floor before a wall, lit from the front, with a soft shadow.

Rays that can meet the object are traced by the shape's signed distance (Hart 1996: each step is as long as
the distance, so that nothing is passed over); floor and wall are met exactly. The soft shadow is the smallest
angle by which a ray to the light misses the object (Quilez 2010). Colours are hues at one saturation, and
light is white, so that every point that is not on a border keeps its hue exactly.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d

from latentclr.errors import InputError
from latentclr.linalg import unit
from latentclr.scenes.factors import FACTORS, WORLDS, Factors, draw
from latentclr.scenes.shapes import DISTANCES, HALF_HEIGHTS, RADII, Distance

EYE, LOOKED_AT = (0.0, 1.45, 4.6), (0.0, 0.5, 0.0)
VIEW = math.radians(26)
"""Angle of view from the top to the bottom of the picture."""
WALL = -1.6
"""Position of the wall on the z axis, which points at the viewer."""
SIDEWAYS = 0.42
"""Displacement of the object at position 1."""
SUN = math.radians(48)
"""Elevation of the light."""
SATURATION = {"floor": 0.55, "wall": 0.45, "object": 0.75}
SUPERSAMPLED = 2
"""Number of rays for each side of a pixel."""
STEPS, SHADOW_STEPS = 40, 14
NEAR = 3e-3
"""Distance at which a ray has met the object."""
SOFTNESS = 6.0
"""Smaller values make the edge of a shadow wider."""
STRIPE = 0.11
"""Half the width of the light stripe down the front of an object, which shows how it is turned."""
BATCH = 64
"""Number of scenes at once: what fits a processor's cache is fastest."""

FLOOR_PART, WALL_PART, OBJECT_PART = 0, 1, 2


@dataclass(frozen=True)
class View:
    """The rays of every picture of one size.

    Attributes:
        directions: unit vectors.
        points: where the rays meet floor or wall.
        floor: whether they meet the floor.
    """

    directions: Float[Tensor, "p 3"]
    points: Float[Tensor, "p 3"]
    floor: Bool[Tensor, " p"]


@cache
def _view(size: int, supersampled: int) -> View:
    """The rays of a picture of a size in pixels, row by row, with several for each side of a pixel."""
    eye, target = torch.tensor(EYE), torch.tensor(LOOKED_AT)
    ahead = (target - eye) / (target - eye).norm()
    right = torch.linalg.cross(ahead, torch.tensor([0.0, 1.0, 0.0]))
    right = right / right.norm()
    up = torch.linalg.cross(right, ahead)
    count = size * supersampled
    across = ((torch.arange(count) + 0.5) / count * 2 - 1) * math.tan(VIEW / 2)
    rays = ahead + across[None, :, None] * right - across[:, None, None] * up
    directions = (rays / rays.norm(dim=2, keepdim=True)).flatten(0, 1)
    to_floor = torch.where(directions[:, 1] < 0, -eye[1] / directions[:, 1], torch.inf)
    to_wall = (WALL - eye[2]) / directions[:, 2]
    floor = to_floor < to_wall
    points = eye + torch.minimum(to_floor, to_wall).unsqueeze(1) * directions
    return View(directions, points, floor)


def render(
    factors: Factors, *, size: int = 64, supersampled: int = SUPERSAMPLED
) -> Float[Tensor, "n 3 size size"]:
    """Pictures of scenes, in [-1, 1]: equal factors give equal pictures, whatever the batch.

    Args:
        factors: all factors of all scenes.
        size: height and width in pixels.
        supersampled: number of rays for each side of a pixel.

    Raises:
        InputError: a factor is missing, out of its range or not finite.
    """
    _check(factors)
    n = len(factors["shape"])
    pictures = torch.empty(n, 3, size, size)
    for rows in torch.arange(n).split(BATCH):
        some = {name: values[rows] for name, values in factors.items()}
        colours = _shaded(some, _view(size, supersampled))
        wide = colours.unflatten(1, (size * supersampled, -1)).permute(0, 3, 1, 2)
        pictures[rows] = avg_pool2d(wide, supersampled) * 2 - 1
    return pictures


def sample(
    n: int, rng: torch.Generator, *, world: str = "scenes", size: int = 64
) -> tuple[Float[Tensor, "n 3 size size"], dict[str, Float[Tensor, " n"]]]:
    """Pictures of random scenes, in [-1, 1], and their factors.

    Args:
        n: number of scenes.
        rng: a generator on the CPU.
        world: a name in `WORLDS`.
        size: height and width in pixels.

    Raises:
        InputError: there is no such world.
    """
    if world not in WORLDS:
        raise InputError(f"there is no world {world!r}; there are {', '.join(WORLDS)}.")
    factors = draw(n, rng, free=WORLDS[world].free, shapes=WORLDS[world].shapes)
    return render(factors, size=size), factors


def parts(factors: Factors, *, size: int = 64) -> Int[Tensor, "n size size"]:
    """The part that is seen in the middle of each pixel: 0 the floor, 1 the wall, 2 the object.

    Args:
        factors: all factors of all scenes.
        size: height and width in pixels.

    Raises:
        InputError: a factor is missing, out of its range or not finite.
    """
    _check(factors)
    seen = _view(size, 1)
    found = torch.where(seen.floor, FLOOR_PART, WALL_PART).repeat(len(factors["shape"]), 1)
    for group in _groups(factors):
        scene, ray, _ = _meetings(group, seen)
        found[group.rows[scene], ray] = OBJECT_PART
    seen_parts: Tensor = found.unflatten(1, (size, size))
    return seen_parts


def _hues_to_rgb(hue: Float[Tensor, " n"], saturation: float, value: float = 1.0) -> Float[Tensor, "n 3"]:
    """RGB colours of HSV ones; hues are in turns."""
    k = (torch.tensor([5.0, 3.0, 1.0]) + 6 * hue.unsqueeze(1)) % 6
    colours: Tensor = value * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1))
    return colours


@dataclass(frozen=True)
class _Group:
    """Scenes with one shape, each with coordinates in which the shape is at the origin and of unit size."""

    rows: Int[Tensor, " g"]
    distance: Distance
    radius: float
    centre: Float[Tensor, "g 3"]
    scale: Float[Tensor, " g"]
    sine: Float[Tensor, " g"]
    cosine: Float[Tensor, " g"]

    def turned(self, x: Float[Tensor, "m 3"], scene: Int[Tensor, " m"]) -> Float[Tensor, "m 3"]:
        """Directions in the coordinates of their scenes."""
        sine, cosine = self.sine[scene], self.cosine[scene]
        return torch.stack(
            [cosine * x[:, 0] - sine * x[:, 2], x[:, 1], sine * x[:, 0] + cosine * x[:, 2]], dim=1
        )

    def inside(self, x: Float[Tensor, "m 3"], scene: Int[Tensor, " m"]) -> Float[Tensor, "m 3"]:
        """Points in the coordinates of their scenes."""
        return self.turned((x - self.centre[scene]) / self.scale[scene].unsqueeze(1), scene)


def _groups(factors: Factors) -> Iterator[_Group]:
    shape = factors["shape"].long()
    angle = factors["orientation"].deg2rad()
    for number in shape.unique().tolist():
        rows = (shape == number).nonzero().squeeze(1)
        scale = factors["scale"][rows]
        x, y = SIDEWAYS * factors["position"][rows], HALF_HEIGHTS[number] * scale
        centre = torch.stack([x, y, torch.zeros_like(scale)], dim=1)
        yield _Group(
            rows, DISTANCES[number], RADII[number], centre, scale, angle[rows].sin(), angle[rows].cos()
        )


def _ball(
    origin: Float[Tensor, "m 3"], direction: Float[Tensor, "m 3"], radius: float
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Distances along rays at which they enter and leave a ball around the origin."""
    middle = -(origin * direction).sum(1)
    half = (radius**2 - (origin.square().sum(1) - middle.square())).clamp_min(0).sqrt()
    return middle - half, middle + half


def _meetings(group: _Group, seen: View) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"], Float[Tensor, "m 3"]]:
    """(Scene in the group, ray, point in the scene's coordinates) for every ray that meets the object."""
    eye = torch.tensor(EYE)
    to_centre = group.centre - eye  # (g, 3)
    along = to_centre @ seen.directions.T  # (g, p)
    reach = (group.radius * group.scale).square() - to_centre.square().sum(1)
    scene, ray = (along.square() + reach.unsqueeze(1) > 0).nonzero(as_tuple=True)
    origin = group.inside(eye.expand(len(group.rows), 3), torch.arange(len(group.rows)))[scene]
    direction = group.turned(seen.directions[ray], scene)
    t, end = _ball(origin, direction, group.radius)
    (ox, oy, oz), (dx, dy, dz) = origin.unbind(1), direction.unbind(1)
    met = torch.zeros(len(t), dtype=torch.bool)
    going = torch.arange(len(t))
    for step in range(STEPS):
        here = t[going]
        far = group.distance(
            torch.addcmul(ox[going], here, dx[going]),
            torch.addcmul(oy[going], here, dy[going]),
            torch.addcmul(oz[going], here, dz[going]),
        )
        t[going] = here + far
        met[going] = far < NEAR
        if step % 3 == 2 or step == STEPS - 1:  # leave out those that have met the shape or left the ball
            going = going[(far >= NEAR) & (here < end[going])]
    point = origin[met] + t[met].unsqueeze(1) * direction[met]
    return scene[met], ray[met], point


def _normals(distance: Distance, point: Float[Tensor, "m 3"]) -> Float[Tensor, "m 3"]:
    """Unit vectors along which the distance grows, by differences at four corners of a tetrahedron."""
    h = 1e-3
    total = torch.zeros_like(point)
    for corner in ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, 1.0, 1.0)):
        x, y, z = (point[:, i] + h * corner[i] for i in range(3))
        total += distance(x, y, z).unsqueeze(1) * torch.tensor(corner)
    return unit(total)


def _shaded(factors: Factors, seen: View) -> Float[Tensor, "n p 3"]:
    """The colour of every ray, in [0, 1]."""
    n = len(factors["shape"])
    azimuth = factors["light"].deg2rad()
    x, z = azimuth.sin() * math.cos(SUN), azimuth.cos() * math.cos(SUN)
    y = torch.full_like(azimuth, math.sin(SUN))
    light = torch.stack([x, y, z], dim=1)
    lit = torch.where(seen.floor, light[:, 1:2], light[:, 2:3])  # cosine of the angle to the surface
    dark = torch.zeros(n, len(seen.points))
    groups = list(_groups(factors))
    for group in groups:
        _cast_shadows(group, light[group.rows], seen, dark)
    # A little darker towards the sides and below, as a room is.
    falloff = 1 - 0.035 * (seen.points - torch.tensor([0.0, 0.6, 0.0])).square().sum(1)
    shade = (0.45 + 0.5 * lit * (1 - dark)) * falloff.clamp(0.5, 1)
    floor = _hues_to_rgb(factors["floor_hue"], SATURATION["floor"])
    wall = _hues_to_rgb(factors["wall_hue"], SATURATION["wall"])
    colours = torch.where(seen.floor[:, None], floor.unsqueeze(1), wall.unsqueeze(1)) * shade.unsqueeze(2)
    for group in groups:
        scene, ray, point = _meetings(group, seen)
        rows = group.rows[scene]
        normal = _normals(group.distance, point)
        towards = group.turned(light[rows], scene)
        facing = (normal * towards).sum(1)
        viewer = -group.turned(seen.directions[ray], scene)
        halfway = towards + viewer
        gloss = ((normal * halfway).sum(1) / halfway.norm(dim=1)).clamp_min(0).pow(40)
        sky = 0.5 + 0.5 * normal[:, 1]
        brightness = 0.3 + 0.12 * sky + 0.5 * facing.clamp_min(0)
        colour = _hues_to_rgb(factors["object_hue"][rows], SATURATION["object"])
        stripe = (point[:, 0].abs() < STRIPE) & (point[:, 2] > 0)
        colour = torch.where(stripe.unsqueeze(1), 1 - 0.45 * (1 - colour), colour)
        colours[rows, ray] = colour * brightness.unsqueeze(1) + 0.08 * gloss.unsqueeze(1)
    return colours.clamp_(0, 1)


def _cast_shadows(group: _Group, light: Float[Tensor, "g 3"], seen: View, dark: Float[Tensor, "n p"]) -> None:
    """Write into `dark`, for every point of floor and wall, the share of the light that the object takes."""
    reach = 1.25 * group.radius
    v_light = (group.centre * light).sum(1, keepdim=True) - light @ seen.points.T  # along the light, (g, p)
    distance = (
        group.centre.square().sum(1, keepdim=True)
        - 2 * group.centre @ seen.points.T
        + seen.points.square().sum(1)
    )
    near = (distance - v_light.square() < (reach * group.scale).square().unsqueeze(1)) & (v_light > 0)
    scene, place = near.nonzero(as_tuple=True)
    origin = group.inside(seen.points[place], scene)
    direction = group.turned(light[scene], scene)
    t, _ = _ball(origin, direction, reach)
    t = t.clamp_min(0.02)
    (ox, oy, oz), (dx, dy, dz) = origin.unbind(1), direction.unbind(1)
    open_angle = torch.ones_like(t)
    for _ in range(SHADOW_STEPS):
        far = group.distance(torch.addcmul(ox, t, dx), torch.addcmul(oy, t, dy), torch.addcmul(oz, t, dz))
        open_angle = torch.minimum(open_angle, SOFTNESS * far / t)
        t = t + far.clamp(0.03, 0.3)
    open_angle = open_angle.clamp(0, 1)
    smooth = open_angle.square() * (3 - 2 * open_angle)
    dark[group.rows[scene], place] = 1 - smooth


def _check(factors: Factors) -> None:
    for factor in FACTORS:
        if factor.name not in factors:
            raise InputError(f"the factor {factor.name!r} is missing.")
        values = factors[factor.name]
        top = factor.high - 1 if factor.kind == "category" else factor.high
        if not bool(((values >= factor.low) & (values <= top)).all()):
            raise InputError(
                f"{factor.name}={values.tolist()[:4]}: it must be in {factor.low:g} to {top:g} "
                f"({factor.unit})."
            )

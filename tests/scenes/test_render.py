"""The renderer: pure, exact where it can be checked, and every factor changes what it should and no more."""

import colorsys
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from latentclr import InputError
from latentclr.scenes import BY_NAME, FACTORS, SHAPES, WORLDS, draw, parts, render, sample, usual
from latentclr.scenes.render import EYE, FLOOR_PART, OBJECT_PART, VIEW, WALL_PART, _hues_to_rgb
from latentclr.scenes.shapes import DISTANCES, HALF_HEIGHTS, RADII

ALL = torch.arange(float(len(SHAPES)))


def hue_of(pixel: Tensor) -> float:
    red, green, blue = ((pixel + 1) / 2).tolist()
    return colorsys.rgb_to_hsv(red, green, blue)[0]


def away_by(one: float, other: float) -> float:
    return abs((one - other + 0.5) % 1 - 0.5)


def test_equal_factors_give_equal_pictures_whatever_the_batch() -> None:
    factors = draw(6, torch.Generator().manual_seed(0))
    together = render(factors)
    assert torch.equal(together, render(factors))
    singles = torch.cat([render({name: v[i : i + 1] for name, v in factors.items()}) for i in range(6)])
    # Other sums for another batch move the point that a ray meets by rounding. Where a ray only just meets an
    # edge, one of the four of a pixel may fall to the other side, by a quarter of the range: in few pixels.
    apart = (singles - together).abs()
    assert apart.max() <= 0.5
    assert (apart > 1e-3).float().mean() < 1e-3
    assert together.shape == (6, 3, 64, 64)
    assert together.abs().max() <= 1


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_a_distance_is_never_larger_than_the_way(shape: int) -> None:
    # Between two points the distance changes by no more than they are apart; and the ball holds the shape.
    rng = torch.Generator().manual_seed(shape)
    points = torch.rand(4000, 3, generator=rng) * 2 - 1
    steps = 0.1 * torch.randn(4000, 3, generator=rng)
    distance = DISTANCES[shape]
    before, after = distance(*points.unbind(1)), distance(*(points + steps).unbind(1))
    assert ((after - before).abs() <= steps.norm(dim=1) + 1e-5).all()
    inside = points[before < 0]
    assert inside.norm(dim=1).max() <= RADII[shape] + 1e-3
    assert -inside[:, 1].min() <= HALF_HEIGHTS[shape] + 1e-3
    assert before.min() < -0.1


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_every_shape_stands_on_the_floor(shape: int) -> None:
    low = torch.tensor([0.0, -HALF_HEIGHTS[shape], 0.0])
    x, y, z = (low + torch.tensor([0.0, 1e-3, 0.0])).unsqueeze(1)
    assert DISTANCES[shape](x, y, z).abs() < 5e-3


@pytest.mark.parametrize(
    ("name", "part"), [("floor_hue", FLOOR_PART), ("wall_hue", WALL_PART), ("object_hue", OBJECT_PART)]
)
def test_a_hue_changes_its_part_only_and_is_exact_there(name: str, part: int) -> None:
    for hue in (0.21, 0.83):
        factors = usual(8, shape=ALL, **{name: hue})
        pictures, seen = render(factors), parts(factors)
        other = render(usual(8, shape=ALL, **{name: (hue + 0.4) % 1}))
        changed = (pictures - other).abs().amax(1) > 1e-6
        inner = torch.nn.functional.avg_pool2d((seen == part).float().unsqueeze(1), 3, 1, 1).squeeze(1) == 1
        outer = torch.nn.functional.max_pool2d((seen == part).float().unsqueeze(1), 3, 1, 1).squeeze(1) == 0
        assert changed[inner].all()
        assert not changed[outer].any()
        for picture, mask in zip(pictures, inner, strict=True):
            for place in mask.nonzero()[::37].tolist():
                assert away_by(hue_of(picture[:, place[0], place[1]]), hue) < 2e-3


@pytest.mark.parametrize("name", ["light", "scale", "position", "orientation", "shape"])
def test_other_factors_leave_every_hue(name: str) -> None:
    factor = BY_NAME[name]
    for value in (factor.low, (factor.low + factor.high) // 2):
        factors = usual(1, floor_hue=0.3, wall_hue=0.7, **{name: value})
        picture, seen = render(factors)[0], parts(factors)[0]
        for part, hue in ((FLOOR_PART, 0.3), (WALL_PART, 0.7)):
            inner = torch.nn.functional.avg_pool2d((seen == part).float()[None], 3, 1, 1)[0] == 1
            for row, column in inner.nonzero()[::97].tolist():
                assert away_by(hue_of(picture[:, row, column]), hue) < 2e-3


def test_light_changes_no_outline_and_reaches_everything() -> None:
    one, other = (usual(8, shape=ALL, light=angle) for angle in (-60.0, 20.0))
    assert torch.equal(parts(one), parts(other))
    changed = (render(one) - render(other)).abs().amax(1) > 1e-4
    seen = parts(one) == OBJECT_PART
    assert all(changed[i][seen[i]].float().mean() > 0.5 for i in range(8))


def test_a_sphere_has_the_size_of_its_projection() -> None:
    size = 256
    for scale in (0.75, 1.0, 1.25):
        mask = parts(usual(1, shape=2.0, scale=scale), size=size)[0] == OBJECT_PART
        radius, height = 0.48 * scale, HALF_HEIGHTS[2] * scale
        # A ball at distance d covers a cone of half-angle asin(r / d); across, it is seen straight on.
        distance = math.dist(EYE, (0.0, height, 0.0))
        across = 2 * math.tan(math.asin(radius / distance)) / (2 * math.tan(VIEW / 2)) * size
        found = int(mask.any(0).sum())
        assert abs(found - across) <= 0.02 * across + 1


def test_position_moves_by_the_projection_and_scale_by_the_ratio() -> None:
    size = 256
    left, middle, right = (
        (parts(usual(1, shape=3.0, position=p), size=size)[0] == OBJECT_PART).nonzero()[:, 1].float().mean()
        for p in (-1.0, 0.0, 1.0)
    )
    assert middle == pytest.approx(size / 2 - 0.5, abs=1)
    assert float(right - middle) == pytest.approx(float(middle - left), abs=1.5)
    assert right - middle > 0.1 * size
    small, large = (
        int((parts(usual(1, shape=2.0, scale=s), size=size)[0] == OBJECT_PART).any(0).sum())
        for s in (0.75, 1.25)
    )
    assert large / small == pytest.approx(1.25 / 0.75, rel=0.05)


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_turning_is_seen_on_every_shape(shape: int) -> None:
    angles = BY_NAME["orientation"].values(15)
    pictures = render(usual(15, shape=float(shape), orientation=angles))
    steps = (pictures[1:] - pictures[:-1]).abs().amax((1, 2, 3))
    assert (steps > 0.02).all()
    ends = (pictures[0] - pictures[-1]).abs().mean()
    assert ends > 0.004


@pytest.mark.parametrize("name", ["cylinder", "sphere", "capsule", "cone"])
def test_turning_what_is_round_changes_no_outline(name: str) -> None:
    angles = BY_NAME["orientation"].values(7)
    seen = parts(usual(7, shape=float(SHAPES.index(name)), orientation=angles), size=128) == OBJECT_PART
    different = (seen != seen[3]).flatten(1).sum(1)
    assert different.max() <= 0.01 * seen[3].sum()


def test_the_stripe_stands_where_the_angle_says() -> None:
    size, radius = 256, 0.42  # a cylinder
    height = HALF_HEIGHTS[1]
    ahead = torch.tensor([0.0, 0.5, 0.0]) - torch.tensor(EYE)
    ahead = ahead / ahead.norm()
    for angle in (-30.0, 0.0, 20.0):
        factors = usual(1, shape=1.0, orientation=angle, light=0.0)
        turn = math.radians(angle)
        point = torch.tensor([radius * math.sin(turn), height, radius * math.cos(turn)]) - torch.tensor(EYE)
        column = (float(point[0] / (point @ ahead)) / math.tan(VIEW / 2) + 1) / 2 * size
        picture, seen = render(factors, size=size)[0], parts(factors, size=size)[0] == OBJECT_PART
        rows = seen.any(1).nonzero().squeeze(1)
        row = int(rows[len(rows) // 2])
        paleness = (picture[:, row].amin(0) + 1) / (picture[:, row].amax(0) + 1)
        stripe = (seen[row] & (paleness > 0.4)).nonzero().squeeze(1).float()
        assert abs(float(stripe.mean()) - column) < 4


def test_edges_are_smooth() -> None:
    picture = render(usual(1, shape=2.0, floor_hue=0.6, object_hue=0.0))[0]
    seen = parts(usual(1, shape=2.0), size=128)[0] == OBJECT_PART
    share = torch.nn.functional.avg_pool2d(seen.float()[None], 2)[0]
    border = (share > 0) & (share < 1)
    red = picture[0][border]
    assert len(red.unique()) > 0.5 * len(red)


def test_a_shadow_falls_away_from_the_light_and_has_a_soft_edge() -> None:
    lit_left, lit_right = (render(usual(1, light=angle, shape=2.0))[0].mean(0) for angle in (-60.0, 60.0))
    floor = (parts(usual(1, shape=2.0))[0] == FLOOR_PART).float()
    columns = torch.arange(64.0)
    difference = (lit_left - lit_right) * floor
    dark_left = (difference.clamp_min(0).sum(0) * columns).sum() / difference.clamp_min(0).sum()
    dark_right = (-difference.clamp_max(0).sum(0) * columns).sum() / -difference.clamp_max(0).sum()
    assert dark_left < dark_right  # light from the right leaves the left darker
    row = render(usual(1, light=60.0, shape=2.0), size=256)[0, :, 190]
    between = (row - row.roll(1, 1)).abs().sum(0)
    assert (between > 0.004).sum() > 8


def test_factors_are_uniform_and_independent() -> None:
    factors = draw(20_000, torch.Generator().manual_seed(0))
    columns = torch.stack([factors[factor.name] for factor in FACTORS])
    correlation = torch.corrcoef(columns) - torch.eye(len(FACTORS))
    assert correlation.abs().max() < 0.03
    for factor in FACTORS:
        top = factor.high - 1 if factor.kind == "category" else factor.high
        values = factors[factor.name]
        assert factor.low <= values.min() <= values.max() <= top
        assert values.mean() == pytest.approx((factor.low + top) / 2, abs=0.02 * (factor.high - factor.low))


def test_steps_of_3d_shapes() -> None:
    factors = draw(5000, torch.Generator().manual_seed(0), stepped=True, shapes=4)
    counts = [len(factors[factor.name].unique()) for factor in FACTORS if factor.steps]
    assert counts == [10, 10, 10, 8, 4, 15]


@pytest.mark.parametrize("world", WORLDS)
def test_worlds_vary_in_their_factors_only(world: str) -> None:
    pictures, factors = sample(200, torch.Generator().manual_seed(0), world=world, size=16)
    assert pictures.shape == (200, 3, 16, 16)
    for factor in FACTORS:
        free = factor.name in WORLDS[world].free
        assert (len(factors[factor.name].unique()) > 1) == free
    assert len(factors["shape"].unique()) == WORLDS[world].shapes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": 2.0}, r"scale=\[2\.0\]: it must be in 0\.75 to 1\.25"),
        ({"shape": 8.0}, "shape="),
        ({"light": float("nan")}, "light="),
    ],
)
def test_impossible_factors_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        render(usual(1, **changes))
    with pytest.raises(InputError, match="no factor 'size'"):
        usual(1, size=1.0)
    with pytest.raises(InputError, match="no world 'mars'"):
        sample(1, torch.Generator(), world="mars")


def test_hues_are_those_of_hsv() -> None:
    hues = torch.linspace(0, 1, 50)
    for hue, colour in zip(hues.tolist(), _hues_to_rgb(hues, 0.6, 0.8), strict=True):
        assert colour.tolist() == pytest.approx(colorsys.hsv_to_rgb(hue, 0.6, 0.8), abs=1e-5)

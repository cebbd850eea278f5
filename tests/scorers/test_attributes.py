"""Attributes: known values of simple pictures, gradients against differences, and what is refused."""

import colorsys

import pytest
import torch
from tests.rounding import assert_rounded, rounding_bound
from torch.autograd import gradcheck
from torch.testing import assert_close

from latentclr import InputError
from latentclr.scenes import BY_NAME, FACTORS, draw, render
from latentclr.scorers.attributes import (
    _STATISTICS,
    ATTRIBUTES,
    attribute,
    attributes_of,
    brightness,
    contrast,
    foreground,
    hue,
    saturation,
    sharpness,
    warmth,
)


def flat(red: float, green: float, blue: float) -> torch.Tensor:
    """A picture of one colour, given in [0, 1]."""
    return (
        (torch.tensor([float(red), float(green), float(blue)]).view(1, 3, 1, 1) * 2 - 1)
        .expand(1, 3, 4, 6)
        .contiguous()
    )


def random_pictures(n: int = 2, size: int = 5) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_contrast_and_sharpness_of_stripes() -> None:
    stripes = torch.tensor([-1.0, 1.0]).repeat(4).expand(1, 3, 8, 8).contiguous()
    assert_close(contrast(stripes), torch.tensor([0.5]))
    assert_close(sharpness(stripes), torch.tensor([1.0]))
    wide = stripes.repeat_interleave(2, dim=3)
    assert_close(contrast(wide), torch.tensor([0.5]))
    assert_close(sharpness(wide), torch.tensor([7 / 15]))  # 7 edges between the 15 pairs of neighbours
    ramp = torch.linspace(0, 1, 11).view(1, 1, -1, 1).expand(1, 3, 11, 4) * 2 - 1
    assert_close(sharpness(ramp), torch.tensor([0.1]))


def test_foreground_is_the_share_of_a_square_before_two_colours() -> None:
    picture = torch.full((1, 3, 64, 64), -0.6)
    picture[:, 0, 32:] = 0.7  # the lower half of the background is of another colour
    assert foreground(picture) < 1e-4
    picture[:, 1, 16:48, 20:44] = 0.9
    assert_close(foreground(picture), torch.tensor([32 * 24 / 64**2]), atol=1e-3, rtol=0)


def test_foreground_follows_the_size_of_a_scene_s_object() -> None:
    factors = draw(60, torch.Generator().manual_seed(3), free=("scale", "object_hue", "wall_hue"))
    both = torch.stack([foreground(render(factors)), factors["scale"]])
    assert torch.corrcoef(both)[0, 1] > 0.8


@pytest.mark.parametrize("turns", [0.0, 0.1, 0.35, 0.62, 0.9])
def test_hue_of_pure_colours_is_that_of_the_colour_wheel(turns: float) -> None:
    red, green, blue = colorsys.hsv_to_rgb(turns, 1.0, 0.8)
    # An angle in the plane of colours and a hue by sextants differ by a hundredth of a turn at most.
    off = (float(hue(flat(red, green, blue))) - turns + 0.5) % 1 - 0.5
    assert abs(off) < 0.012
    assert_close(hue(flat(red, green, blue) * 0.5), hue(flat(red, green, blue)))  # paler, the same hue


def test_statistics_equal_a_loop_over_pixels() -> None:
    pictures = random_pictures()
    for picture, *found in zip(
        pictures,
        brightness(pictures),
        contrast(pictures),
        saturation(pictures),
        warmth(pictures),
        strict=True,
    ):
        pixels = ((picture + 1) / 2).flatten(1).T.tolist()
        luma = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in pixels]
        mean = sum(luma) / len(luma)
        hsv = [colorsys.rgb_to_hsv(*pixel) for pixel in pixels]
        expected = [
            mean,
            (sum((y - mean) ** 2 for y in luma) / len(luma)) ** 0.5,
            sum(s * v for _, s, v in hsv) / len(hsv),
            sum(r - b for r, _, b in pixels) / len(pixels),
        ]
        # 25 pixels of 3 products each, values below 1.
        assert torch.stack(found).tolist() == pytest.approx(expected, abs=rounding_bound(40))


@pytest.mark.parametrize("name", _STATISTICS)
def test_gradients_against_differences(name: str) -> None:
    pictures = random_pictures().double().requires_grad_()
    assert gradcheck(attribute(name), pictures)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_gradients_are_finite_even_where_nothing_is_to_be_seen(name: str) -> None:
    grey = torch.zeros(2, 3, 64, 64).requires_grad_()
    values = attribute(name)(grey)
    assert values.shape == (2,)
    values.sum().backward()
    assert grey.grad is not None
    assert bool(grey.grad.isfinite().all())


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_picture_has_its_own_value(name: str) -> None:
    pictures = random_pictures(4, 64)
    together = attribute(name)(pictures)
    apart = torch.cat([attribute(name)(picture[None]) for picture in pictures])
    # The oracle sums over 27 to 2,048 products in seven layers: some 5,000 operations.
    assert_rounded(together, apart, terms=5000)
    assert len(set(together.tolist())) == 4


def test_factors_of_scenes_are_those_that_were_drawn() -> None:
    factors = draw(32, torch.Generator().manual_seed(11))
    pictures = render(factors)
    intervals = [factor for factor in FACTORS if factor.kind == "interval"]
    assert {factor.name for factor in intervals} == {"scale", "orientation", "light", "position"}
    for factor in intervals:
        error = attribute(factor.name)(pictures) - factors[factor.name]
        assert error.abs().mean() < 0.05 * (factor.high - factor.low)


def test_a_gradient_through_the_oracle_is_the_change_that_is_seen() -> None:
    factors = draw(8, torch.Generator().manual_seed(11))
    pictures = render(factors).requires_grad_()
    other = render({**factors, "orientation": factors["orientation"] * 0.9})
    seen = attribute("orientation")
    (slope,) = torch.autograd.grad(seen(pictures).sum(), pictures)
    with torch.no_grad():
        step = 0.01 * (other - pictures)
        change = seen(pictures + step) - seen(pictures - step)
        assert_close((slope * 2 * step).sum((1, 2, 3)), change, atol=0.01 * float(change.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("brightnes",),
            r"no attribute 'brightnes' \(did you mean 'brightness'\?\); there are brightness, con",
        ),
        (("xyz",), "no attribute 'xyz'; there are brightness"),
        (("object_hue",), "'object_hue' is no attribute: .* a hue comes round to itself"),
        (("shape",), "'shape' is no attribute"),
        ((), "give at least one attribute"),
        (("warmth", "contrast", "warmth"), "attribute 'warmth' is given twice"),
    ],
)
def test_wrong_names(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        attributes_of(names)
    assert BY_NAME["object_hue"].kind == "circular"


@pytest.mark.parametrize("size", [(16, 16), (64, 32), (32, 64)])
def test_pictures_that_the_oracle_cannot_read(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"'scale' is read by the oracle.*these have {size[0]} x {size[1]}"):
        attribute("scale")(torch.zeros(1, 3, *size))


def test_a_line_has_no_sharpness() -> None:
    with pytest.raises(InputError, match="sharpness needs pictures of 2 x 2"):
        sharpness(torch.zeros(1, 3, 1, 8))

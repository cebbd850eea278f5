"""Attributes: numbers that say how much of something a picture has, with gradients, for supervised methods.

Statistics of the picture need no network and mean the same for every generator; factors of a scene are read
by the oracle and are meaningful for pictures of scenes only.

Pictures are in [-1, 1], and the statistics are computed in [0, 1] (black to white). Values a little outside,
which networks without a last tanh give, are not clamped: a clamp would have no gradient.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError, did_you_mean
from latentclr.generators.base import shrink
from latentclr.scenes.factors import FACTORS
from latentclr.scorers.oracle import SIZE, Oracle, load_oracle

Pictures = Float[Tensor, "n 3 h w"]
Values = Float[Tensor, " n"]
Attribute = Callable[[Pictures], Values]
"""A number for each picture, with a gradient."""

LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in luma (ITU-R BT.709)."""
THUMBNAIL = 32
"""Side in pixels of the pictures in which foreground and background are separated."""
UNLIKE = 0.1
"""Distance in RGB (at most sqrt(3)) from which two colours count as different."""
SMALLEST = SIZE // 2
"""Smallest side in pixels of pictures for the oracle: it was tested on such pictures, enlarged."""


def brightness(pictures: Pictures) -> Values:
    """Mean luma: 0 is black, 1 is white.

    >>> brightness(torch.ones(1, 3, 2, 2))
    tensor([1.])
    """
    return _luma(pictures).mean((1, 2))


def contrast(pictures: Pictures) -> Values:
    """Standard deviation of luma over the pixels (rms contrast): 0 is flat, 0.5 is half black, half white."""
    flat = _luma(pictures).flatten(1)
    # A norm, because its gradient at a flat picture is 0, where that of a square root is infinite.
    length: Values = torch.linalg.vector_norm(flat - flat.mean(1, keepdim=True), dim=1)
    return length / math.sqrt(flat.shape[1])


def saturation(pictures: Pictures) -> Values:
    """Mean chroma, largest minus smallest of red, green and blue: 0 is grey, 1 is pure colour everywhere.

    (Not divided by the largest, as HSV's saturation is: in the dark, that is noise.)
    """
    colours = _unit_range(pictures)
    return (colours.amax(1) - colours.amin(1)).mean((1, 2))


def warmth(pictures: Pictures) -> Values:
    """Mean of red minus blue: -1 is blue, 1 is red or yellow."""
    colours = _unit_range(pictures)
    return (colours[:, 0] - colours[:, 2]).mean((1, 2))


def sharpness(pictures: Pictures) -> Values:
    """Mean length of luma's gradient per pixel; comparable between pictures of one size.

    Raises:
        InputError: pictures of one pixel's height or width, which have no gradient.
    """
    luma = _luma(pictures)
    if min(luma.shape[1:]) < 2:
        raise InputError(f"sharpness needs pictures of 2 x 2 pixels or more, not {tuple(luma.shape[1:])}.")
    down = luma[:, 1:, :-1] - luma[:, :-1, :-1]
    right = luma[:, :-1, 1:] - luma[:, :-1, :-1]
    length: Float[Tensor, "n h w"] = torch.linalg.vector_norm(torch.stack([down, right]), dim=0)
    return length.mean((1, 2))


def foreground(pictures: Pictures) -> Values:
    """Share of the picture whose colour no pixel on its border has: the size of the object in the middle.

    Measured in pictures with a side of `THUMBNAIL` pixels. A pixel whose distance in RGB from the nearest
    border colour is `UNLIKE` counts half; the transition is a few hundredths wide, so that there is a
    gradient. The background may have several colours, as long as the border shows them all; objects that
    touch the border count as background.
    """
    colours = shrink(_unit_range(pictures), THUMBNAIL)
    border = torch.cat(
        [colours[:, :, 0], colours[:, :, -1], colours[:, :, 1:-1, 0], colours[:, :, 1:-1, -1]], dim=2
    )
    distances = torch.cdist(colours.flatten(2).transpose(1, 2), border.transpose(1, 2))
    return ((distances.amin(2) - UNLIKE) / (UNLIKE / 10)).sigmoid().mean(1)


def hue(pictures: Pictures) -> Values:
    """Hue of the picture's mean colour, in turns of the colour wheel: 0 is red, 1/3 green, 2/3 blue.

    Circular, so no direction leads to more of it: it is not in `ATTRIBUTES`.

    >>> hue(torch.tensor([-1.0, 1.0, -1.0]).view(1, 3, 1, 1))
    tensor([0.3333])
    """
    red, green, blue = _unit_range(pictures).mean((2, 3)).unbind(1)
    angle = torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)
    return (angle / (2 * math.pi)) % 1


def scene_factor(pictures: Pictures, name: str) -> Values:
    """A factor of scenes with values in an interval, in its own unit, read by the oracle.

    Args:
        pictures: square, with 32 pixels or more; the oracle scales them to its own 64.
        name: of the factor.

    Raises:
        InputError: pictures of another shape.
    """
    height, width = pictures.shape[-2:]
    if height != width or width < SMALLEST:
        raise InputError(
            f"attribute {name!r} is read by the oracle of scenes, from square pictures of {SMALLEST} x "
            f"{SMALLEST} pixels or more; these have {height} x {width}."
        )
    return _oracle(pictures.device)(pictures)[name]


_STATISTICS: Mapping[str, tuple[Attribute, str]] = {
    "brightness": (brightness, "mean luma, from 0 (black) to 1 (white)"),
    "contrast": (contrast, "standard deviation of luma over the pixels"),
    "saturation": (saturation, "mean chroma, from 0 (grey) to 1 (pure colours)"),
    "warmth": (warmth, "mean of red minus blue"),
    "sharpness": (sharpness, "mean change of luma from one pixel to the next"),
    "foreground": (foreground, "share of the picture whose colours its border lacks"),
}
_SCENE_FACTORS = {factor.name: factor for factor in FACTORS if factor.kind == "interval"}

ATTRIBUTES: Mapping[str, str] = {
    **{name: about for name, (_, about) in _STATISTICS.items()},
    **{name: f"of a scene's object or light: {factor.unit}" for name, factor in _SCENE_FACTORS.items()},
}
"""What each attribute means, by name.

A scene's hues and its shape are left out. Hues are circular: their largest value is next to their smallest,
so there is no boundary between them and no more or less; a shape is one of several, not a number.
"""


def attribute(name: str) -> Attribute:
    """The attribute of that name: a function from pictures (n, 3, h, w) in [-1, 1] to n numbers.

    >>> attribute("warmth")(torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1))
    tensor([1.])

    Raises:
        InputError: there is none of that name.
    """
    if name in _STATISTICS:
        return _STATISTICS[name][0]
    if name in _SCENE_FACTORS:
        return partial(scene_factor, name=name)
    if name in {factor.name for factor in FACTORS}:
        raise InputError(
            f"{name!r} is no attribute: a direction leads to more of something, and a hue comes round to "
            f"itself, while a shape is one of several. Attributes are {', '.join(ATTRIBUTES)}."
        )
    raise InputError(
        f"there is no attribute {name!r}{did_you_mean(name, ATTRIBUTES)}; there are {', '.join(ATTRIBUTES)}."
    )


def attributes_of(names: Sequence[str]) -> tuple[Attribute, ...]:
    """The attributes of those names.

    Raises:
        InputError: none is given, one is given twice, or there is none of a name.
    """
    if not names:
        raise InputError(f"give at least one attribute; there are {', '.join(ATTRIBUTES)}.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"attribute {twice[0]!r} is given twice; each has one direction.")
    return tuple(attribute(name) for name in names)


def check_varies(name: str, values: Float[Tensor, " n"]) -> None:
    """Make sure that pictures differ in an attribute.

    Args:
        name: of the attribute.
        values: of the attribute, one for each picture.

    Raises:
        InputError: all values are the same, or some are not finite.
    """
    if not bool(values.isfinite().all()):
        raise InputError(f"attribute {name!r} is not finite in some of this generator's pictures.")
    # Rounding alone makes grey pictures differ a little in their saturation.
    if float(values.max() - values.min()) <= 1e-6 * max(1.0, float(values.abs().max())):
        raise InputError(
            f"attribute {name!r} is the same, {float(values[0]):g}, in all pictures of this generator: there "
            "is no direction to more of it."
        )


def _unit_range(pictures: Pictures) -> Pictures:
    return (pictures + 1) / 2


def _luma(pictures: Pictures) -> Float[Tensor, "n h w"]:
    weights = pictures.new_tensor(LUMA).view(3, 1, 1)
    return (_unit_range(pictures) * weights).sum(1)


@cache
def _oracle(device: torch.device) -> Oracle:
    return load_oracle().to(device)

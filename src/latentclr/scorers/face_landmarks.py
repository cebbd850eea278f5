"""Measures of a face's landmarks: how far the mouth is open, the yaw of the head, whether they fit a face.

All are ratios of lengths within the face, so they do not depend on its position, size and inclination. They
have gradients.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Points = Float[Tensor, "n 68 2"]
"""Landmarks as (x, y), x to the right, y down, as fractions of a square picture's side; iBUG's order."""
Values = Float[Tensor, " n"]

LEFT_JAW, RIGHT_JAW = slice(0, 4), slice(13, 17)
"""The sides of the head, from the ears down; left and right in the picture."""
NOSE, NOSE_BASE = slice(27, 36), 33
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
UPPER_LIP, LOWER_LIP = slice(61, 64), slice(65, 68)
"""The inner edges of the lips, without the corners of the mouth."""

COLLAPSED = 0.2
"""Smallest spread of landmarks on a face, as a fraction of the picture's side. A face that fills the picture
has 0.25 to 0.33; where a network finds no face, they are close together."""
_TINY = 1e-6


def spread(points: Points) -> Values:
    """Root mean square distance of the landmarks from their mean."""
    away = points - points.mean(1, keepdim=True)
    return away.square().sum(2).mean(1).sqrt()


def collapsed(points: Points) -> Bool[Tensor, " n"]:
    """Whether the landmarks are on no face, or on one that is too small in the picture."""
    return spread(points) < COLLAPSED


def opening(points: Points) -> Values:
    """Distance of the inner lips over that from the eyes to the base of the nose: 0 is shut, 0.5 wide open.

    The distance is taken along the line from the eyes to the nose and averaged over the middle of the mouth.
    It may be a little below 0, where lower and upper lip are found in the wrong order.
    """
    eyes = (points[:, LEFT_EYE].mean(1) + points[:, RIGHT_EYE].mean(1)) / 2
    down = points[:, NOSE_BASE] - eyes
    gap = (points[:, LOWER_LIP] - points[:, UPPER_LIP]).mean(1)
    return (gap * down).sum(1) / down.square().sum(1).clamp_min(_TINY)


def yaw(points: Points) -> Values:
    """Position of the nose between the sides of the head: 0 is the middle, 1 the right side, -1 the left.

    Right and left are those of the picture; above 0 the face looks to the right. Positions are taken along
    the line between the eyes.
    """
    axis = points[:, RIGHT_EYE].mean(1) - points[:, LEFT_EYE].mean(1)
    left, right = points[:, LEFT_JAW].mean(1), points[:, RIGHT_JAW].mean(1)
    off = ((points[:, NOSE].mean(1) - (left + right) / 2) * axis).sum(1)
    half = ((right - left) * axis).sum(1) / 2
    return off / half.clamp_min(_TINY)


def where_found(values: Values, points: Points) -> Values:
    """The values, but NaN, without a gradient, where the landmarks have collapsed.

    Args:
        values: one for each face.
        points: the landmarks of the same faces.
    """
    return torch.where(collapsed(points), torch.full_like(values, torch.nan), values)

"""How the training pictures of a generator were cut out of photographs, as its entry in the zoo says.

A photograph must be cut in the same way before it can be inverted.
"""

from dataclasses import dataclass

Point = tuple[float, float]
"""Coordinates x and y."""


@dataclass(frozen=True)
class Centre:
    """The largest rectangle in the middle that has the shape of the generator's pictures."""


@dataclass(frozen=True)
class FacePoints:
    """A face, rotated, moved and scaled so that eyes and mouth are as close as possible to three points.

    Attributes:
        left_eye: middle of the eye on the left of the picture, as fractions of the sides of the picture.
        right_eye: middle of the eye on the right.
        mouth: middle of the mouth.
    """

    left_eye: Point
    right_eye: Point
    mouth: Point


@dataclass(frozen=True)
class FaceSquare:
    """A face, as FFHQ and CelebA-HQ cut it: a square whose size and position follow from eyes and mouth.

    Attributes:
        upright: whether the square is not rotated (FFHQ-U).
    """

    upright: bool = False


Crop = Centre | FacePoints | FaceSquare

CENTRE = Centre()
FFHQ, FFHQ_UPRIGHT = FaceSquare(), FaceSquare(upright=True)
# Means over the pictures of 512 seeds and their mirrors, by `python -m benchmarks.face_points`.
FACES = FacePoints((0.3494, 0.4584), (0.6506, 0.4584), (0.5, 0.8148))
CELEBS = FacePoints((0.3909, 0.5069), (0.6091, 0.5069), (0.5, 0.7467))

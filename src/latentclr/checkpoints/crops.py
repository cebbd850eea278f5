"""How the training pictures of a generator were cut out of photographs: a property of its entry in the zoo.

A photograph must be cut in the same way before a generator can draw it.
"""

from dataclasses import dataclass

Point = tuple[float, float]
"""x and y."""


@dataclass(frozen=True)
class Centre:
    """The largest part in the middle that has the shape of the generator's pictures."""


@dataclass(frozen=True)
class FacePoints:
    """A face, turned, moved and scaled until eyes and mouth are as near as can be to three places.

    Attributes:
        left_eye: its middle, in shares of the sides of the picture; left as one sees it.
        right_eye: in the same way.
        mouth: in the same way.
    """

    left_eye: Point
    right_eye: Point
    mouth: Point


@dataclass(frozen=True)
class FaceSquare:
    """A face, as FFHQ and CelebA-HQ cut it: a square whose size and place follow from eyes and mouth.

    Attributes:
        upright: the square is not turned (FFHQ-U).
    """

    upright: bool = False


Crop = Centre | FacePoints | FaceSquare

CENTRE = Centre()
FFHQ, FFHQ_UPRIGHT = FaceSquare(), FaceSquare(upright=True)
# Means over the pictures of 512 seeds and their mirrors, by `python -m benchmarks.face_points`.
FACES = FacePoints((0.3494, 0.4584), (0.6506, 0.4584), (0.5, 0.8148))
CELEBS = FacePoints((0.3909, 0.5069), (0.6091, 0.5069), (0.5, 0.7467))

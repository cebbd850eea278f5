"""Faces in photos: where eyes and mouth are, and the frame of a generator's training pictures around them.

A detector finds boxes. In each, the landmarks are read several times, each time from a picture in which eyes
and mouth are nearer to their usual places; the mirrored picture is read too. If that does not converge, there
is no face in the box.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from latentclr.checkpoints.crops import FacePoints, FaceSquare
from latentclr.invert.frames import Frame, cut, similarity
from latentclr.scorers.face_detector import Detector, Face, find_faces
from latentclr.scorers.face_landmarks import LEFT_EYE, RIGHT_EYE, collapsed
from latentclr.scorers.face_networks import Dense, points

MOUTH = slice(48, 68)
MOUTH_LEFT, MOUTH_RIGHT = 48, 54
"""Numbers of the landmarks at the corners of the mouth."""
READ_AT = ((0.328, 0.355), (0.672, 0.355), (0.5, 0.745))
"""Eyes and mouth in the picture from which landmarks are read: as in the crops of `faces` and `celebs`
(`scorers.faces.CROPS`), on which all face networks agree best with themselves."""
ROUNDS = 6
"""Largest number of readings."""
CONVERGED = 0.03
"""Movement of a point, over the distance between the eyes, at which the readings have converged."""
ALIKE = 0.25
"""Largest difference between points of the picture and of its mirror, over the distance between the eyes."""
WIDTH = (0.2, 0.9)
"""Allowed distance between the eyes, over the side of the detector's box."""

# The rule of FFHQ (Karras et al. 2019) and CelebA-HQ (2018, appendix C).
EYES, DEPTH = 2.0, 1.8
"""Half the side of the square is `EYES` times the distance between the eyes, or `DEPTH` times that from the
eyes to the mouth, whichever is larger."""
LOWER = 0.1
"""The centre of the square is below the middle of the eyes by this share of the way to the mouth."""


@dataclass(frozen=True)
class Anchors:
    """Points of a face in pixels of the photo, x and y.

    Attributes:
        left_eye: centre of the eye on the left of the picture.
        right_eye: centre of the other eye.
        mouth_left: corner of the mouth.
        mouth_right: corner of the mouth.
        mouth: mean of the mouth's landmarks.
    """

    left_eye: Float[Tensor, "2"]
    right_eye: Float[Tensor, "2"]
    mouth_left: Float[Tensor, "2"]
    mouth_right: Float[Tensor, "2"]
    mouth: Float[Tensor, "2"]

    @property
    def three(self) -> Float[Tensor, "3 2"]:
        """The points of both eyes and the mouth."""
        return torch.stack((self.left_eye, self.right_eye, self.mouth))

    @property
    def between_eyes(self) -> float:
        """The distance between the eyes in pixels."""
        return float(torch.linalg.vector_norm(self.right_eye - self.left_eye))


@dataclass(frozen=True)
class Networks:
    """The networks that find faces and their landmarks."""

    detector: Detector
    landmarks: Dense


def find_anchors(photo: UInt8[Tensor, "3 h w"], networks: Networks) -> list[Anchors]:
    """Points of every face, from left to right, in pixels of the photo.

    Args:
        photo: its pixels.
        networks: that find faces.
    """
    faces = find_faces(networks.detector, photo.float() / 127.5 - 1)
    found = (read_anchors(photo, face, networks.landmarks) for face in faces)
    return sorted(filter(None, found), key=lambda anchors: float(anchors.three[:, 0].mean()))


def read_anchors(photo: UInt8[Tensor, "3 h w"], face: Face, network: Dense) -> Anchors | None:
    """Points of the face in a box; None: there is no face.

    Args:
        photo: its pixels.
        face: the box.
        network: that finds landmarks.
    """
    side = max(face.width, face.height)
    frame, before = Frame.square(face.centre, (side, 0.0)), None
    for _ in range(ROUNDS):
        read = _read(cut(photo, frame, (network.SIZE, network.SIZE)), network)
        if read is None:
            return None
        found = Anchors(*frame.inside(read))
        if not WIDTH[0] * side < found.between_eyes < WIDTH[1] * side:
            return None
        limit = CONVERGED * found.between_eyes
        if before is not None and float((found.three - before.three).abs().max()) < limit:
            return found
        before, frame = found, similarity(found.three, torch.tensor(READ_AT))
    return None


@torch.no_grad()
def _read(picture: Float[Tensor, "3 h w"], network: Dense) -> Float[Tensor, "5 2"] | None:
    """The points in shares of the picture's sides, as the mean over it and its mirror; None: of no face."""
    landmarks = points(network(torch.stack((picture, picture.flip(2)))))
    if bool(collapsed(landmarks).any()):
        return None
    found = torch.stack(
        [
            landmarks[:, LEFT_EYE].mean(1),
            landmarks[:, RIGHT_EYE].mean(1),
            landmarks[:, MOUTH_LEFT],
            landmarks[:, MOUTH_RIGHT],
            landmarks[:, MOUTH].mean(1),
        ],
        1,
    )
    seen = found[0]
    mirrored = found[1][[1, 0, 3, 2, 4]] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    wide = float(torch.linalg.vector_norm(seen[1] - seen[0]))
    if float((seen - mirrored).abs().max()) > ALIKE * wide:
        return None
    return (seen + mirrored) / 2


def face_frame(anchors: Anchors, rule: FacePoints | FaceSquare) -> Frame:
    """The frame around a face, as in a generator's training pictures.

    Args:
        anchors: points of the face.
        rule: of the generator.
    """
    if isinstance(rule, FacePoints):
        return similarity(anchors.three, torch.tensor((rule.left_eye, rule.right_eye, rule.mouth)))
    eyes = (anchors.left_eye + anchors.right_eye) / 2
    across = anchors.right_eye - anchors.left_eye
    down = (anchors.mouth_left + anchors.mouth_right) / 2 - eyes
    half = max(EYES * float(across.norm()), DEPTH * float(down.norm()))
    # The way from the eyes to the mouth, rotated by a right angle, shows the tilt as well as the eyes do.
    along = torch.tensor([1.0, 0.0]) if rule.upright else across + torch.stack((down[1], -down[0]))
    right = 2 * half * along / along.norm()
    centre = eyes + LOWER * down
    return Frame.square((float(centre[0]), float(centre[1])), (float(right[0]), float(right[1])))

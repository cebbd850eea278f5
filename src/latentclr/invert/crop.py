"""From photos to pictures for a generator: cropped as its training pictures were, and scaled."""

import math
from dataclasses import dataclass
from functools import cache

from jaxtyping import Float
from torch import Tensor

from latentclr.checkpoints.crops import CENTRE, Centre, Crop
from latentclr.checkpoints.zoo import ZOO
from latentclr.errors import InputError, did_you_mean
from latentclr.generators import Generator
from latentclr.invert.align import Anchors, Networks, face_frame, find_anchors
from latentclr.invert.artefact import Photo
from latentclr.invert.frames import Frame, cut
from latentclr.invert.objective import picture_size as picture_size
from latentclr.invert.photo import Decoded
from latentclr.scorers.faces import load_detector, load_landmarks

LEAST = 16
"""Fewest pixels along a side of a crop."""
SHAPE = 0.02
"""Share by which the aspect ratio of a crop by hand may differ from that of the pictures."""


@dataclass(frozen=True)
class Words:
    """What messages call the choices that their reader has; by default the options of the command.

    Attributes:
        box: a crop by hand.
        middle: the crop in the middle.
        face: another face, by its number.
    """

    box: str = "--crop x,y,width,height"
    middle: str = "--centre"
    face: str = "--face"


@dataclass(frozen=True)
class Cropped:
    """A crop of a photo.

    Attributes:
        picture: of the generator's size, in [-1, 1].
        frame: of the crop, in pixels of `photo.pixels`.
        photo: the whole photo.
        notes: what its sender may want to know, each a sentence without its full stop.
    """

    picture: Float[Tensor, "3 h w"]
    frame: Frame
    photo: Decoded
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> Photo:
        """The record for the artefact: name and hash of the photo, and the crop in its own pixels."""
        numbers = self.frame.scaled(float(self.photo.factor)).crop()
        return Photo(self.photo.name, self.photo.sha256, tuple(round(number, 2) for number in numbers))

    def shown(self, height: int) -> Float[Tensor, "3 height w"]:
        """The same crop with another number of pixels."""
        width = round(height * self.picture.shape[2] / self.picture.shape[1])
        return cut(self.photo.pixels, self.frame, (height, width))


def rule_of(generator: Generator, like: str | None = None) -> Crop:
    """How photos are cropped for a generator: as the zoo says; in the middle where it does not know it.

    Args:
        generator: found by its name.
        like: name of another generator whose rule is taken ("ffhq" for one that was trained on FFHQ).

    Raises:
        InputError: the zoo has none of that name.
    """
    name = generator.name if like is None else like
    if like is not None and like not in ZOO:
        raise InputError(
            f"there is no generator {like!r}{did_you_mean(like, ZOO)} in the zoo whose crop could be taken."
        )
    return ZOO[name].crop if name in ZOO else CENTRE


def crop_photo(
    photo: Decoded,
    size: tuple[int, int],
    rule: Crop,
    *,
    box: tuple[float, float, float, float] | None = None,
    face: int | None = None,
    words: Words = Words(),
) -> Cropped:
    """Crop a photo as a generator's training pictures were.

    Args:
        photo: decoded.
        size: height and width of the generator's pictures.
        rule: of the generator.
        box: x, y, width and height of a crop by hand, in the photo's own pixels.
        face: number of the face, from the left; None: the largest.
        words: for messages.

    Raises:
        InputError: no face is found where the rule needs one, or not that many; a box beyond the photo or of
            another shape; fewer pixels than `LEAST`; weights that cannot be fetched.
    """
    notes = [f"{photo.name} {note}" for note in photo.notes]
    if box is not None:
        frame = _by_hand(photo, size, box)
    elif isinstance(rule, Centre):
        frame = _middle(photo, size)
    else:
        faces = _faces(photo, words)
        if face is not None and not 0 <= face < len(faces):
            raise InputError(
                f"{words.face} {face}: {photo.name} shows faces 0 to {len(faces) - 1}, from the left."
            )
        largest = max(range(len(faces)), key=lambda i: faces[i].between_eyes)
        if face is None and len(faces) > 1:
            notes.append(
                f"{photo.name} shows {len(faces)} faces: number {largest} from the left, the largest, is "
                f"taken ({words.face} 0 to {len(faces) - 1} takes another)"
            )
        frame = face_frame(faces[largest if face is None else face], rule)
    wide, high = frame.width * photo.factor, frame.height * photo.factor
    if min(wide, high) < LEAST:
        raise InputError(
            f"what is cut out of {photo.name} has {wide:.0f} x {high:.0f} pixels; it needs at least {LEAST} "
            "on each side, so send a larger photo."
        )
    if high < 0.75 * size[0]:
        notes.append(
            f"what is cut out of {photo.name} has only {wide:.0f} x {high:.0f} pixels and is scaled up to "
            f"{size[1]} x {size[0]}"
        )
    return Cropped(cut(photo.pixels, frame, size), frame, photo, tuple(notes))


def _faces(photo: Decoded, words: Words) -> list[Anchors]:
    found = find_anchors(photo.pixels, _networks())
    if not found:
        raise InputError(
            f"no face is found in {photo.name}: give the place of one with {words.box}, take the middle "
            f"with {words.middle}, or send a photo that shows it larger, upright and from the front."
        )
    return found


def _middle(photo: Decoded, size: tuple[int, int]) -> Frame:
    """The largest frame of that aspect ratio in the middle."""
    scale = min(photo.height / size[0], photo.width / size[1])
    height, width = scale * size[0], scale * size[1]
    box = Frame.box((photo.width - width) / 2, (photo.height - height) / 2, width, height)
    return box.scaled(1 / photo.factor)


def _by_hand(photo: Decoded, size: tuple[int, int], box: tuple[float, float, float, float]) -> Frame:
    given = ",".join(f"{number:g}" for number in box)
    x, y, width, height = box
    inside = 0 <= x < x + width <= photo.width and 0 <= y < y + height <= photo.height
    if not all(math.isfinite(number) for number in box) or not inside:
        raise InputError(
            f"crop {given} is not within {photo.name}, which has {photo.width} x {photo.height} pixels: give "
            "x,y,width,height."
        )
    wanted = size[1] / size[0]
    if abs(width / height / wanted - 1) > SHAPE:
        scale = min(width / wanted, height)
        shape = "square" if wanted == 1 else f"{size[1]} to {size[0]}"
        raise InputError(
            f"crop {given} is {width:g} wide and {height:g} high, but pictures of this generator are "
            f"{shape}: give {x:g},{y:g},{scale * wanted:g},{scale:g}, say."
        )
    return Frame.box(x, y, width, height).scaled(1 / photo.factor)


@cache
def _networks() -> Networks:
    return Networks(load_detector(), load_landmarks())

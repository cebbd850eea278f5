"""Photos of visitors: inverted, in memory only, each as well as it is known so far."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.explorer.cache import Cache
from latentclr.explorer.checks import shown
from latentclr.explorer.entry import ID
from latentclr.generators import Generator, Latents
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import Difference

MOST = 64
"""Photos that are remembered; the one that was seen longest ago is forgotten."""
TUNED = 4
"""Tuned copies of generators that are kept; the others are made again, from what tuning changed."""
FORGOTTEN = 120.0
"""Seconds after which a photo that nobody looks at is refined no further. (Browsers let pages that are in
the background ask once a minute.)"""


@dataclass(frozen=True)
class Photo:
    """A photo as it stands now. A value: whatever is found next makes a new one.

    Attributes:
        id: first digits of a hash over the file, what was cut out of it, and the generator: links to it stay
            valid when it is opened again.
        generator: name of the generator, on the shelf.
        inversion: of this one photo.
        picture: the photo itself, cut and scaled for the generator, in [-1, 1]; None: not known.
        tuning: of the generator, so that the photo comes out as it is; None: there is none.
        doing: what is under way ("waiting", "refining", "tuning"); empty: nothing.
        done: how much of it, 0 to 1.
        note: what its sender may want to know.
        version: another one whenever something of it changes.
    """

    id: str
    generator: str
    inversion: Inversion
    picture: Float[Tensor, "3 h w"] | None = None
    tuning: Difference | None = None
    doing: str = ""
    done: float = 0.0
    note: str = ""
    version: int = 0

    @property
    def name(self) -> str:
        """Name of the file that it was in."""
        return self.inversion.photos[0].name

    @property
    def latents(self) -> Latents:
        """The latents that were found, (1, slots, dim)."""
        return self.inversion.latents

    @property
    def label(self) -> int | None:
        """Number of the class that it was found to be of."""
        return self.inversion.labels[0]


def photo_id(inversion: Inversion, sha256: str) -> str:
    """The id of an inverted photo.

    Args:
        inversion: of this photo alone.
        sha256: fingerprint of the generator.
    """
    source = inversion.photos[0]
    about = f"{sha256}|{source.sha256}|{list(source.crop)}".encode()
    if not source.sha256:  # there was no file: its latents are all that is known
        about += inversion.latents.detach().cpu().contiguous().numpy().tobytes()
    return hashlib.sha256(about).hexdigest()[:ID]


class Photos:
    """Photos by id; may be used by several threads."""

    def __init__(self, *, most: int = MOST, now: Callable[[], float] = time.monotonic) -> None:
        """Remember at most so many, beside the album."""
        self._most, self._now = most, now
        self._photos: OrderedDict[str, Photo] = OrderedDict()
        self._seen: dict[str, float] = {}
        self._versions = 0
        self._lock = threading.Lock()
        self._tuned: Cache[tuple[Difference, Generator]] = Cache(TUNED)
        self._album: tuple[str, ...] = ()

    def album(self, generator: str) -> tuple[Photo, ...]:
        """Photos of a generator that were inverted before: every visitor may choose among them."""
        with self._lock:
            found = [self._photos[name] for name in self._album]
        return tuple(photo for photo in found if photo.generator == generator)

    def get(self, name: str) -> Photo:
        """The photo with that id; somebody looks at it.

        Raises:
            InputError: there is none.
        """
        with self._lock:
            found = self._photos.get(name)
            if found is not None:
                self._photos.move_to_end(name)
                self._seen[name] = self._now()
                return found
        raise InputError(
            f"the photo {shown(name)} is not open here (any more): open its file again, or give what "
            "`latentclr invert` made of it with `latentclr explore --latents`."
        )

    def put(self, photo: Photo, *, album: bool = False) -> Photo:
        """Remember a photo, in the place of what was known of it.

        Args:
            photo: that is there now.
            album: keep it for as long as the program runs, for every visitor.
        """
        with self._lock:
            if album and photo.id not in self._album:
                self._album += (photo.id,)
            self._versions += 1
            photo = replace(photo, version=self._versions)
            self._photos[photo.id] = photo
            self._photos.move_to_end(photo.id)
            self._seen[photo.id] = self._now()
            others = [name for name in self._photos if name not in self._album]
            for name in others[: max(0, len(others) - self._most)]:
                del self._photos[name], self._seen[name]
            return photo

    def change(self, name: str, **what: Any) -> None:
        """Take note of what is new about a photo, if it is still remembered."""
        with self._lock:
            if name in self._photos:
                self._versions += 1
                self._photos[name] = replace(self._photos[name], **what, version=self._versions)

    def watched(self, name: str) -> bool:
        """Whether somebody has looked at it lately."""
        with self._lock:
            return name in self._seen and self._now() - self._seen[name] < FORGOTTEN

    def generator(self, photo: Photo, base: Generator) -> Generator:
        """What draws the photo: its generator, or the tuned copy."""
        tuning = photo.tuning
        if tuning is None:
            return base
        # Kept with the tuning itself: as long as it is, nothing else has its id.
        return self._tuned.get((photo.id, id(tuning)), lambda: (tuning, tuning.apply(base)))[1]

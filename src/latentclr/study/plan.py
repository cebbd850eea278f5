"""The plan of a study: what people are shown and asked, frozen in a folder before the first of them comes.

`study.json` holds everything that answers are read with; the pictures lie beside it under the SHA-256 of
their contents, so that none can be another than the plan says. Consent and instructions are text files, which
may be edited until the study begins; what each participant agreed to is kept with their answers.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from latentclr.errors import InputError
from latentclr.study.questions import Question

FORMAT = 1
"""Number of the layout of study.json; another is refused."""
STUDY = "study.json"
CONSENT = "consent.txt"
INSTRUCTIONS = "instructions.txt"
PICTURES = "pictures"
"""Folder of the pictures."""
MOST = 64 * 2**20
"""Bytes of study.json that are read."""

Unit = Literal["direction", "picture"]
Sides = Literal["random", "fixed"]

_NAME = re.compile(r"[0-9a-f]{64}\.webp")


@dataclass(frozen=True)
class Way:
    """One direction as it is shown.

    Attributes:
        index: its number in the run.
        label: number and name, as people know it.
        alpha: of the edits that are shown, in the run's own units.
        length: of these edits, in latent space.
        too_weak: at no length that was tried do its edits change as much as those of the others.
        minus: files of the pictures at -alpha, one for each picture of the study.
        plus: at +alpha.
    """

    index: int
    label: str
    alpha: float
    length: float
    too_weak: bool
    minus: tuple[str, ...] = field(repr=False)
    plus: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Method:
    """One run of a study.

    Attributes:
        name: what it is called; unique in the study.
        method: what found it.
        sha256: of its directions file as it was then.
        strength: in words, how long its edits are.
        slots: that its edits move.
        ways: its directions.
    """

    name: str
    method: str
    sha256: str
    strength: str
    slots: tuple[int, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Pair:
    """Two directions of two methods, each as (number of the method, place in its `ways`)."""

    first: tuple[int, int]
    second: tuple[int, int]


@dataclass(frozen=True)
class Checks:
    """How many attention checks each participant meets.

    Attributes:
        same: items whose three pictures are one: "obvious" must be "no".
        drastic: items whose outer pictures are wholly other ones: "obvious" must be "yes".
        repeated: items that come again, for self-consistency.
    """

    same: int = 1
    drastic: int = 1
    repeated: int = 2


@dataclass(frozen=True, eq=False)
class Study:
    """A study as it was frozen.

    Attributes:
        folder: where it lies.
        digest: SHA-256 of study.json; answers belong to it.
        title: shown to participants.
        seed: of everything that is random in it.
        unit: what one item is. "direction": one direction on `shown` pictures at once, answered as a whole,
            as in the paper. "picture": one direction on one picture, so `shown` items for each direction.
        shown: pictures of each direction that a participant sees, drawn anew for each.
        per_participant: directions that one participant sees; None: all.
        sides: "fixed": -alpha always left, as in the paper; "random": decided for each participant and item.
        checks: attention checks.
        generator: "name", "sha256", "class", "truncation", "resolution".
        size: height of the pictures in pixels.
        total_bytes: of all pictures.
        seeds: the numbers of the pictures, as `Generator.from_seeds` takes them.
        originals: files of the unedited pictures.
        far: for each picture the two that look least like it (drastic checks).
        questions: those of items, then those of pairs.
        methods: the runs.
        pairs: for the preference question; empty: it is not asked.
    """

    folder: Path
    digest: str
    title: str
    seed: int
    unit: Unit
    shown: int
    per_participant: int | None
    sides: Sides
    checks: Checks
    generator: Mapping[str, Any]
    size: int
    total_bytes: int
    seeds: tuple[int, ...]
    originals: tuple[str, ...] = field(repr=False)
    far: tuple[tuple[int, int], ...] = field(repr=False)
    questions: tuple[Question, ...]
    methods: tuple[Method, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def open(cls, folder: Path | str) -> "Study":
        """Read a study's folder. Nothing but study.json is read; see `verify` for the pictures.

        Raises:
            InputError: there is no study, it is of another format, or it was changed by hand into none.
        """
        folder = Path(folder)
        path = folder / STUDY
        try:
            if path.stat().st_size > MOST:
                raise InputError(f"{path} is larger than any study's; create the study again.")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"there is no study at {folder}: give a folder that `latentclr study create` made."
            ) from error
        return cls.parse(data, folder)

    @classmethod
    def parse(cls, data: bytes, folder: Path) -> "Study":
        """A study from the bytes of its study.json.

        Raises:
            InputError: these are no study's, or another format's.
        """
        from latentclr.study.layout import read  # which builds the classes of this module

        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{folder / STUDY} is damaged; create the study again.") from error
        found = (values.get("kind"), values.get("format")) if isinstance(values, dict) else (None, None)
        if found != ("study", FORMAT):
            raise InputError(
                f"{folder / STUDY} is {found[0]!r} of format {found[1]!r}; this version reads studies "
                f"of format {FORMAT}."
            )
        return read(values, folder, hashlib.sha256(data).hexdigest())

    @cached_property
    def pictures(self) -> frozenset[str]:
        """Every file that may be shown; a server gives out no other."""
        ways = [way for method in self.methods for way in method.ways]
        return frozenset(self.originals).union(*(way.minus + way.plus for way in ways))

    def picture(self, name: str) -> Path:
        """Where a picture is, given its file's name.

        Raises:
            InputError: the study has no such picture.
        """
        if name not in self.pictures or not is_picture(name):
            raise InputError("this study has no such picture.")
        return self.folder / PICTURES / name

    def question(self, which: str) -> Question:
        """The question of that id.

        Raises:
            InputError: it is not asked in this study.
        """
        for question in self.questions:
            if question.id == which:
                return question
        known = ", ".join(question.id for question in self.questions)
        raise InputError(f"this study does not ask {which!r}; it asks {known}.")

    @property
    def consent(self) -> str:
        """The text that participants agree to, as the file has it now; an empty line ends a paragraph."""
        return _text(self.folder / CONSENT)

    @property
    def instructions(self) -> str:
        """What participants are told before the first question, as the file has it now."""
        return _text(self.folder / INSTRUCTIONS)

    def verify(self) -> None:
        """Read every picture and compare it with its checksum.

        Raises:
            InputError: one is missing or is another than it was.
        """
        for name in sorted(self.pictures):
            path = self.picture(name)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InputError(f"the picture {path} is missing; create the study again.") from error
            if hashlib.sha256(data).hexdigest() != path.stem:
                raise InputError(f"the picture {path} is damaged; create the study again.")


def is_picture(name: str) -> bool:
    """Whether this is the name of a picture of some study: a checksum, and so no path.

    >>> is_picture("../study.json"), is_picture("0" * 64 + ".webp")
    (False, True)
    """
    return _NAME.fullmatch(name) is not None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text; write it again, in UTF-8.") from error

"""The plan of a study: what people are shown and asked, frozen in a folder before the first of them comes.

`study.json` holds everything that answers are read with; the pictures lie beside it under the SHA-256 of
their contents, so that none can be another than the plan says. Consent and instructions are text files, which
may be edited until the study begins; what each participant agreed to is kept with their answers.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from latentclr.errors import InputError
from latentclr.study.options import Checks, Sides, Unit
from latentclr.study.questions import STRICT, Question, Several

FORMAT = 1
"""Number of the layout of study.json; another is refused."""
STUDY = "study.json"
CONSENT = "consent.txt"
INSTRUCTIONS = "instructions.txt"
PICTURES = "pictures"
"""Folder of the pictures."""
ANSWERS = "answers.sqlite3"
"""File of the answers, unless another database is given."""
MAX_BYTES = 64 * 2**20
"""Largest study.json that is read."""

Index = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
PictureName = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.webp$")]
"""A checksum, and so no path."""


@dataclass(frozen=True, config=STRICT)
class ShownDirection:
    """One direction as it is shown.

    Attributes:
        index: its number in the run.
        label: its number and name, as people know it.
        alpha: of the edits that are shown, in the run's own units.
        length: of these edits, in latent space.
        too_weak: at no length that was tried do its edits change as much as those of the others.
        minus: files of the pictures at -alpha, one for each picture of the study.
        plus: files of the pictures at +alpha.
    """

    index: int
    label: str
    alpha: FiniteFloat
    length: FiniteFloat
    too_weak: bool
    minus: Several[PictureName]
    plus: Several[PictureName]


@dataclass(frozen=True, config=STRICT)
class Run:
    """One run of a method, of which directions are shown.

    Attributes:
        name: what it is called; unique in the study.
        method: what found its directions.
        sha256: checksum of its directions file at that time.
        strength: how long its edits are, in words.
        slots: that its edits move.
        directions: those that are shown.
    """

    name: str
    method: str
    sha256: str
    strength: str
    slots: Several[int]
    directions: Several[ShownDirection]


class Place(NamedTuple):
    """Where a direction is in a study.

    Attributes:
        run: number of its run.
        direction: its place in the run's `directions`.
    """

    run: Index
    direction: Index


class Pair(NamedTuple):
    """Two directions of two runs, to be compared."""

    first: Place
    second: Place


@dataclass(frozen=True, config=STRICT)
class Pictures:
    """The unedited pictures.

    Attributes:
        size: height of all pictures in pixels.
        total_bytes: size of all files, edited ones included.
        seeds: the numbers of the pictures, as `Generator.from_seeds` takes them.
        originals: their files.
        far: for each picture the two that look least like it (for drastic checks).
    """

    size: int
    total_bytes: Annotated[int, Field(alias="bytes")]
    seeds: Several[int]
    originals: Several[PictureName]
    far: Several[tuple[Index, Index]]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True, config=STRICT)
class Study:
    """A study as it was frozen: the contents of study.json, and where it lies.

    Attributes:
        title: shown to participants.
        seed: of everything that is random in it.
        unit: what one item is.
        shown: pictures of each direction that a participant sees, drawn anew for each.
        per_participant: directions that one participant sees; None: all.
        sides: where -alpha is.
        checks: attention checks.
        generator: "name", "sha256", "class", "truncation", "resolution".
        questions: those of items, then those of pairs.
        runs: whose directions are shown.
        pairs: for the preference question; empty: it is not asked.
        pictures: the unedited pictures.
        folder: where it lies.
        digest: SHA-256 of study.json; answers belong to it.
    """

    format: Literal[1] = 1
    kind: Literal["study"] = "study"
    title: str
    seed: int
    unit: Unit
    shown: Count
    per_participant: Count | None
    sides: Sides
    checks: Checks
    generator: Mapping[str, Any]
    questions: Several[Question]
    runs: Annotated[Several[Run], Field(alias="methods")]
    pairs: Several[Pair]
    pictures: Pictures
    folder: Path = Path()
    digest: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        pictures, runs = self.pictures, self.runs
        n = len(pictures.seeds)
        shown = [direction for run in runs for direction in run.directions]
        lists = [pictures.originals, pictures.far, *(d.minus for d in shown), *(d.plus for d in shown)]
        compared = {place for pair in self.pairs for place in pair}
        with_choices = [question.of for question in self.questions if not question.free]
        rules = (
            (self.shown <= n, "shown must be at most the number of pictures"),
            (min(vars(self.checks).values()) >= 0, "checks must be 0 or more"),
            (shown, "methods must have directions"),
            (_differ(run.name for run in runs), "methods must have names that differ"),
            (_differ(question.id for question in self.questions), "questions must have ids that differ"),
            ("item" in with_choices, "questions must have one about items with choices"),
            (all(len(files) == n for files in lists), "pictures must all be as many as seeds"),
            (all(i < n for two in pictures.far for i in two), "far must have numbers of pictures"),
            (compared <= set(self.places), "pairs must have numbers of methods and of their directions"),
        )
        for holds, rule in rules:
            if not holds:
                raise ValueError(rule)
        return self

    @classmethod
    def open(cls, folder: Path | str) -> "Study":
        """Read a study's folder. Nothing but study.json is read; see `verify` for the pictures.

        Raises:
            InputError: there is no study, it is of another format, or it is damaged.
        """
        folder = Path(folder)
        path = folder / STUDY
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path} is larger than any study's; create the study again.")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"there is no study at {folder}: give a folder that `latentclr study create` made."
            ) from error
        return cls.parse(data, folder)

    @classmethod
    def parse(cls, data: bytes, folder: Path) -> "Study":
        """Read a study from the bytes of its study.json.

        Args:
            data: the bytes.
            folder: where the study lies.

        Raises:
            InputError: it is no study, of another format, or damaged; the message names the first field.
        """
        path = folder / STUDY
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is damaged; create the study again.") from error
        values = values if isinstance(values, dict) else {}
        kind, version = values.get("kind"), values.get("format")
        if (kind, version) != ("study", FORMAT):
            raise InputError(
                f"{path} is {kind!r} of format {version!r}; this version reads studies of format {FORMAT}."
            )
        try:
            study = _FILE.validate_json(data)
        except ValidationError as error:
            raise InputError(f"{path} is damaged: {_first_fault(error)}; create the study again.") from error
        return replace(study, folder=folder, digest=hashlib.sha256(data).hexdigest())

    def to_json(self) -> bytes:
        """The bytes of study.json; equal studies give equal bytes."""
        values = _FILE.dump_python(self, mode="json", by_alias=True, exclude={"folder", "digest"})
        return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @cached_property
    def picture_names(self) -> frozenset[str]:
        """Every file that may be shown; a server gives out no other."""
        shown = [self.direction(place) for place in self.places]
        return frozenset(self.pictures.originals).union(*(one.minus + one.plus for one in shown))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places of all directions, run by run."""
        return tuple(Place(r, d) for r, run in enumerate(self.runs) for d in range(len(run.directions)))

    def direction(self, place: Place) -> ShownDirection:
        """The direction at a place."""
        return self.runs[place.run].directions[place.direction]

    def picture(self, name: str) -> Path:
        """Where a picture is, given its file's name.

        Raises:
            InputError: the study has no such picture.
        """
        if name not in self.picture_names:
            raise InputError("this study has no such picture.")
        return self.folder / PICTURES / name

    def question(self, question_id: str) -> Question:
        """The question with that id.

        Raises:
            InputError: it is not asked in this study.
        """
        for question in self.questions:
            if question.id == question_id:
                return question
        known = ", ".join(question.id for question in self.questions)
        raise InputError(f"this study does not ask {question_id!r}; it asks {known}.")

    @property
    def consent(self) -> str:
        """The text that participants agree to, as the file has it now; an empty line ends a paragraph."""
        return _text(self.folder / CONSENT)

    @property
    def instructions(self) -> str:
        """What participants read before the first question, as the file has it now."""
        return _text(self.folder / INSTRUCTIONS)

    def verify(self) -> None:
        """Read every picture and compare it with its checksum.

        Raises:
            InputError: one is missing or is another than it was.
        """
        for name in sorted(self.picture_names):
            path = self.picture(name)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise InputError(f"the picture {path} is missing; create the study again.") from error
            if hashlib.sha256(data).hexdigest() != path.stem:
                raise InputError(f"the picture {path} is damaged; create the study again.")


_FILE = TypeAdapter(Study)


def _differ(names: Iterable[str]) -> bool:
    every = list(names)
    return len(set(every)) == len(every)


def _first_fault(error: ValidationError) -> str:
    """Which field of a file is wrong, and what it should be."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    expected = fault["msg"].removeprefix("Value error, ")
    return f"{field}: {expected[:1].lower()}{expected[1:]}" if field else expected


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text; write it again, in UTF-8.") from error

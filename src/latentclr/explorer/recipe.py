"""Recipes: all that is needed to draw a picture again, as a value, as JSON and as a link."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from latentclr.errors import InputError
from latentclr.explorer.checks import number, refuse, several, shown, text, whole
from latentclr.generators.base import check_truncation

FORMAT = 1
"""Number of the layout of a recipe's JSON; one with another number is refused."""
MOST_EDITS = MOST_SEEDS = 64
MOST_SLOTS = 256
MOST_STEPS = 100
MOST_DIRECTIONS = 1_000_000
MOST_CLASSES = 1_000_000
LARGEST_ALPHA = 1000.0
LONGEST_NAME = 1000
"""Characters of a generator's name, which may be a path."""
LARGEST_JSON = 256_000
"""Characters; the largest recipe there can be has fewer."""
LARGEST_LINK = 64_000
"""Characters of a link's text."""

_NAME = re.compile(f".{{1,{LONGEST_NAME}}}")
_ID = re.compile(r"[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Edit:
    """One edit of a recipe.

    Attributes:
        run: id of the run that the direction is of (`latentclr.explorer.shelf.Entry.id`).
        direction: its number.
        alpha: how far, either way.
        slots: to move, sorted; None: the run's own.
    """

    run: str
    direction: int
    alpha: float
    slots: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _settle(self, _edit_values(vars(self)))


@dataclass(frozen=True)
class Recipe:
    """How pictures come about. Whatever is not possible is refused when it is made.

    Attributes:
        generator: name of the generator.
        sha256: its fingerprint.
        label: number of the class; None: the generator has none, or draws its own.
        seeds: numbers of the pictures, at least one.
        truncation: of the latents.
        edits: in the order in which they are made.
        steps: of each edit, see `Directions.edit`.
        photo: id of a photo that was inverted, whose picture it is instead of the seeds'; None: of none.
    """

    generator: str
    sha256: str
    label: int | None = None
    seeds: tuple[int, ...] = (0,)
    truncation: float = 1.0
    edits: tuple[Edit, ...] = ()
    steps: int = 1
    photo: str | None = None

    def __post_init__(self) -> None:
        _settle(self, _recipe_values(vars(self)))

    @property
    def titles(self) -> tuple[str, ...]:
        """What each of its pictures is called.

        >>> Recipe("toy", "0" * 64, seeds=(3, 40)).titles
        ('seed 3', 'seed 40')
        """
        return ("your photo",) if self.photo else tuple(f"seed {seed}" for seed in self.seeds)

    def of_seeds(self, seeds: tuple[int, ...]) -> "Recipe":
        """The same edits on generated pictures."""
        return replace(self, seeds=seeds, photo=None)

    def unedited(self) -> "Recipe":
        """The same pictures before any edit."""
        return replace(self, edits=())

    def edit_of(self, run: str, direction: int) -> Edit | None:
        """The (first) edit along a direction; None: there is none."""
        same = (edit for edit in self.edits if (edit.run, edit.direction) == (run, direction))
        return next(same, None)

    def with_edit(self, edit: Edit) -> "Recipe":
        """With this edit in the place of the one along the same direction, or behind all others.

        An edit with alpha 0 stays in its place: its slots are kept, and sliders do not change their order.

        Raises:
            InputError: there are too many.
        """
        old = self.edit_of(edit.run, edit.direction)
        if old is None:
            return replace(self, edits=(*self.edits, edit))
        return replace(self, edits=tuple(edit if one is old else one for one in self.edits))

    def without_edit(self, run: str, direction: int) -> "Recipe":
        """Without the edits along a direction."""
        kept = tuple(edit for edit in self.edits if (edit.run, edit.direction) != (run, direction))
        return replace(self, edits=kept)

    def to_json(self, *, indent: int | None = 2) -> str:
        """As JSON; equal recipes give equal text.

        Args:
            indent: of the lines; None: all in one line.
        """
        value = {"format": FORMAT, **asdict(self)}
        if self.photo is None:
            del value["photo"]
        return json.dumps(value, indent=indent, allow_nan=False)

    @classmethod
    def from_json(cls, given: str | bytes) -> "Recipe":
        """Read what `to_json` wrote.

        Raises:
            InputError: it is no recipe, is of another format, or holds what is not possible.
        """
        if len(given) > LARGEST_JSON:
            raise InputError(f"this is no recipe: it has over {LARGEST_JSON:,} characters.")
        try:
            value = json.loads(given, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise InputError("this is no recipe: it cannot be read as JSON.") from error
        if not isinstance(value, dict):
            raise InputError("this is no recipe: it holds no JSON object.")
        if value.get("format") != FORMAT or isinstance(value["format"], bool):
            raise InputError(f"this recipe has format {shown(value.get('format'))}; only {FORMAT} is known.")
        rest = {name: one for name, one in value.items() if name != "format"}
        found = _recipe_values(_known(cls, rest, "recipe"))
        edits = [_edit_values(_known(Edit, edit, "edit")) for edit in found["edits"]]
        return cls(**{**found, "edits": tuple(Edit(**edit) for edit in edits)})

    def to_link(self) -> str:
        """As one word that may stand in an address: compressed, and made of letters, digits, - and _."""
        packed = zlib.compress(self.to_json(indent=None).encode(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_link(cls, given: str) -> "Recipe":
        """Read what `to_link` wrote.

        Raises:
            InputError: it is no such word, or see `from_json`.
        """
        if len(given) > LARGEST_LINK:
            raise InputError(f"this link is no recipe's: it has over {LARGEST_LINK:,} characters.")
        try:
            packed = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(packed, LARGEST_JSON + 1)
        except (binascii.Error, ValueError, zlib.error) as error:
            raise InputError("this link is damaged, or no recipe's: copy it whole.") from error
        if len(data) > LARGEST_JSON:
            raise InputError(f"this link is no recipe's: unpacked, it has over {LARGEST_JSON:,} characters.")
        if not unpacker.eof or unpacker.unused_data:
            raise InputError("this link is damaged, or no recipe's: copy it whole.")
        return cls.from_json(data)


def _recipe_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe, as they shall be, from those of a recipe or of JSON.

    Raises:
        InputError: one is not possible.
    """
    text("generator", given["generator"], _NAME, f"a name of at most {LONGEST_NAME} characters in one line")
    text("sha256", given["sha256"], _SHA256, "64 digits of 0-9 and a-f")
    if given["label"] is not None:
        whole("label", given["label"], 0, MOST_CLASSES)
    for seed in several("seeds", given["seeds"], MOST_SEEDS):
        whole("seed", seed, 0, 2**32 - 1)
    several("edits", given["edits"], MOST_EDITS, least=0)
    whole("steps", given["steps"], 1, MOST_STEPS)
    if given["photo"] is not None:
        text("photo", given["photo"], _ID, "the id of a photo, 12 digits of 0-9 and a-f")
    truncation = check_truncation(number("truncation", given["truncation"], 1.0))
    lists = {"seeds": tuple(given["seeds"]), "edits": tuple(given["edits"])}
    return {**given, **lists, "truncation": truncation}


def _edit_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an edit, as they shall be, from those of an edit or of JSON.

    Raises:
        InputError: one is not possible.
    """
    text("run", given["run"], _ID, "the id of a run, 12 digits of 0-9 and a-f")
    whole("direction", given["direction"], 0, MOST_DIRECTIONS)
    slots = given["slots"]
    if slots is not None:
        for slot in several("slots", slots, MOST_SLOTS):
            whole("slot", slot, 0, MOST_SLOTS - 1)
        slots = tuple(sorted(set(slots)))
    return {**given, "alpha": number("alpha", given["alpha"], LARGEST_ALPHA), "slots": slots}


def _settle(value: object, fields: Mapping[str, Any]) -> None:
    """Put checked fields into a frozen object that is being made."""
    for name, field in fields.items():
        object.__setattr__(value, name, field)


def _known(kind: type, value: object, what: str) -> dict[str, Any]:
    """The entries of a JSON object, with the defaults of those that are not there."""
    if not isinstance(value, Mapping):
        refuse(what, value, "an object with names and values")
    defaults = {field.name: field.default for field in fields(kind)}
    if unknown := sorted(set(value) - set(defaults)):
        names = ", ".join(sorted(defaults))
        raise InputError(f"the {what} has an unknown entry {shown(unknown[0])}; known are {names}.")
    found = {**defaults, **value}
    if missing := sorted(name for name, one in found.items() if one is MISSING):
        raise InputError(f"the {what} lacks the entry {missing[0]!r}.")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an entry is there twice")
    return found
